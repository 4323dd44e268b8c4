package record

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// What a record may be at most.
const (
	MaxSize     = 16 << 20 // bytes of JSON text
	MaxDepth    = 64       // objects and arrays inside each other, the record itself counted
	MaxDigits   = 1000     // bytes of one number
	MaxExponent = 9999     // exponent of one number, either sign
)

// Check reports whether data can be kept as a record: one JSON object (RFC 8259) in valid UTF-8, with no
// name twice in any object, no NUL and no half of a surrogate pair in any string (databases and other JSON
// readers disagree about these), within the limits above. The error says what is wrong and at which byte.
func Check(data []byte) error {
	if len(data) > MaxSize {
		return failf(CodeTooLarge, "", "the record has %d bytes, more than %d", len(data), MaxSize)
	}
	i := skipBlanks(data, 0)
	if i >= len(data) {
		return failf(CodeInvalid, "", "the record is empty")
	}
	if data[i] != '{' {
		return failf(CodeInvalid, "", "a record must be a JSON object (byte %d)", i)
	}
	if err := checkShape(data); err != nil {
		return err
	}
	if !jsontext.Value(data).IsValid() {
		return syntaxError(data)
	}
	return nil
}

// checkShape looks for what JSON allows and a record does not. It trusts no syntax.
func checkShape(data []byte) error {
	mayHaveNUL := bytes.Contains(data, []byte(`\u0000`))
	depth := 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"':
			start := i
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if !mayHaveNUL {
				continue
			}
			if at := nulEscape(data[start:min(i, len(data))]); at >= 0 {
				return failf(CodeInvalid, "", "NUL character in a string (byte %d)", start+at)
			}
		case '{', '[':
			if depth++; depth > MaxDepth {
				return failf(CodeInvalid, "", "nested deeper than %d levels (byte %d)", MaxDepth, i)
			}
		case '}', ']':
			depth--
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			start := i
			for i+1 < len(data) && inNumber(data[i+1]) {
				i++
			}
			if err := checkNumber(data[start:i+1], start); err != nil {
				return err
			}
		}
	}
	return nil
}

func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// nulEscape returns where a quoted string spells NUL as an escape, or -1.
func nulEscape(quoted []byte) int {
	from := 0
	for {
		n := bytes.Index(quoted[from:], []byte(`\u0000`))
		if n < 0 {
			return -1
		}
		at := from + n
		back := at
		for back > 0 && quoted[back-1] == '\\' {
			back--
		}
		if (at-back)%2 == 0 {
			return at
		}
		from = at + 1
	}
}

func checkNumber(text []byte, at int) error {
	if len(text) > MaxDigits {
		return failf(CodeInvalid, "", "a number of %d characters, more than %d (byte %d)", len(text), MaxDigits, at)
	}
	e := len(text) - 1
	for e >= 0 && text[e]|0x20 != 'e' {
		e--
	}
	if e < 0 {
		return nil
	}
	if digits := bytes.TrimLeft(text[e+1:], "+-0"); len(digits) > len("9999") {
		return failf(CodeInvalid, "", "a number with an exponent beyond %d (byte %d)", MaxExponent, at)
	}
	return nil
}

// syntaxError finds out what is wrong with a text that is not valid.
func syntaxError(data []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	_, err := d.ReadValue()
	if err == nil {
		if _, err = d.ReadToken(); err == nil || errors.Is(err, io.EOF) {
			return failf(CodeInvalid, "", "more than one JSON value (byte %d)", d.InputOffset())
		}
	}
	at, what := d.InputOffset(), err.Error()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at, what = syntax.ByteOffset, syntax.Err.Error()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			what = "duplicate name " + string(AppendQuote(nil, string(syntax.JSONPointer.LastToken())))
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		at, what = int64(len(data)), "the JSON text ends early"
	}
	return failf(CodeInvalid, "", "%s (byte %d)", what, at)
}
