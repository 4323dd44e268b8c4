package body

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// state is what the scanner expects next.
type state uint8

const (
	stValue      state = iota // a value
	stFirstValue              // a value or the end of the array
	stFirstName               // a name or the end of the object
	stName                    // a name
	stColon                   // the colon behind a name
	stAfter                   // a comma or the end of the array or object
	stString                  // inside a string
	stEscape                  // behind a backslash
	stHex                     // inside \uXXXX
	stLiteral                 // inside true, false or null
	stMinus                   // a number's first digit
	stZero                    // a number that is 0 so far
	stInt                     // the digits of the integer part
	stPoint                   // the first digit behind the point
	stFraction                // more digits behind the point
	stExp                     // the sign or first digit of the exponent
	stExpSign                 // the first digit of the exponent
	stExpDigits               // more digits of the exponent
	stEnd                     // nothing: the value is complete
	stFault                   // nothing: this is not JSON
)

// maxDepth bounds the memory of the scanner (a bit per level). Within the
// default limit of a record nothing can nest deeper.
const maxDepth = 1 << 24

// Scanner checks the grammar of one JSON value (RFC 8259) piece by piece and
// finds its end. It holds one bit per level of nesting and nothing else, so
// neither long nor deep values cost anything. It is lenient about control
// characters in strings, except for [Window.Skip], and about invalid UTF-8, lone
// surrogates and duplicate names: they do not make the end uncertain. The zero
// value is ready for a value.
type Scanner struct {
	state  state
	strict bool     // control characters in strings are faults
	name   bool     // the string being read is a name
	object bool     // the innermost level is an object
	hex    uint8    // hex digits still to come
	lit    string   // the rest of the literal
	want   string   // what was expected where the fault is
	depth  int      // levels open
	levels []uint64 // bit n: level n lies inside an object
}

// Reset makes the scanner ready for the next value.
func (s *Scanner) Reset() {
	*s = Scanner{levels: s.levels[:0]}
}

// Scan reads on in b and returns how many bytes belong to the value. It stops
// before the end of b only when the value is Complete or has Failed, in the
// latter case at the byte at fault.
func (s *Scanner) Scan(b []byte) int {
	i := 0
	for i < len(b) {
		switch s.state {
		case stString:
			i = s.inString(b, i)
		case stEscape, stHex:
			i = s.escape(b[i], i)
		case stLiteral:
			if b[i] != s.lit[0] {
				s.Fail("in true, false or null")
				break
			}
			i++
			if s.lit = s.lit[1:]; s.lit == "" {
				s.valueEnd()
			}
		case stMinus, stZero, stInt, stPoint, stFraction, stExp, stExpSign, stExpDigits:
			i = s.number(b, i)
		case stEnd, stFault:
			return i
		case stValue, stFirstValue, stFirstName, stName, stColon, stAfter:
			if c := b[i]; c <= ' ' && blank(c) || s.structure(c) {
				i++
			}
		}
	}
	return i
}

// Complete reports whether the whole value was read.
func (s *Scanner) Complete() bool { return s.state == stEnd }

// Failed reports whether what was read is not JSON; see Fault.
func (s *Scanner) Failed() bool { return s.state == stFault }

// InString reports whether a string was begun and not ended.
func (s *Scanner) InString() bool {
	return s.state == stString || s.state == stEscape || s.state == stHex
}

// EOF tells the scanner that the value ends here and reports whether it is
// complete: a number at the top has no end of its own.
func (s *Scanner) EOF() bool {
	if s.depth == 0 && s.inNumber() {
		s.state = stEnd
	}
	return s.Complete()
}

// Fail makes the scanner fail at the next byte, for it is not what is wanted
// there: "where a comma should be".
func (s *Scanner) Fail(want string) {
	s.state, s.want = stFault, want
}

// Fault describes the fault of a scanner that has Failed, at b[0] and the offset
// at; an empty b is an end that came too early.
func (s *Scanner) Fault(b []byte, at int64, p Place) *Error {
	code := NotJSON
	message := p.String() + ": "
	switch {
	case s.want == "":
		code = TooLarge
		message += fmt.Sprintf("nested deeper than %d levels", maxDepth)
	case len(b) == 0:
		message += "unexpected end " + s.want
	default:
		message += "invalid character " + character(b) + " " + s.want
	}
	return &Error{code: code, Offset: at, Line: p.N, Message: message}
}

// character names the first character of b.
func character(b []byte) string {
	c, n := utf8.DecodeRune(b)
	if c == utf8.RuneError && n <= 1 {
		return fmt.Sprintf("0x%02x", b[0])
	}
	if unicode.IsPrint(c) {
		return "'" + string(c) + "'"
	}
	return fmt.Sprintf("%U", c)
}

// structure takes the byte c outside of strings, numbers and literals. It
// reports whether c was in order.
func (s *Scanner) structure(c byte) bool {
	switch s.state {
	case stValue:
		return s.begin(c)
	case stFirstValue:
		if c == ']' {
			return s.pop()
		}
		return s.begin(c)
	case stFirstName:
		if c == '}' {
			return s.pop()
		}
		return s.beginName(c)
	case stName:
		return s.beginName(c)
	case stColon:
		if c != ':' {
			s.Fail("where a colon should be")
			return false
		}
		s.state = stValue
	default:
		return s.after(c)
	}
	return true
}

// after takes the byte behind a value inside an array or object.
func (s *Scanner) after(c byte) bool {
	switch {
	case s.object && c == ',':
		s.state = stName
	case s.object && c == '}', !s.object && c == ']':
		return s.pop()
	case !s.object && c == ',':
		s.state = stValue
	default:
		s.Fail("behind a value")
		return false
	}
	return true
}

func (s *Scanner) beginName(c byte) bool {
	if c != '"' {
		s.Fail("where a name should begin")
		return false
	}
	s.state, s.name = stString, true
	return true
}

func (s *Scanner) begin(c byte) bool {
	switch {
	case c == '"':
		s.state, s.name = stString, false
	case c == '{':
		return s.push(true)
	case c == '[':
		return s.push(false)
	case c == '-':
		s.state = stMinus
	case c == '0':
		s.state = stZero
	case '1' <= c && c <= '9':
		s.state = stInt
	case c == 't':
		s.state, s.lit = stLiteral, "true"[1:]
	case c == 'f':
		s.state, s.lit = stLiteral, "false"[1:]
	case c == 'n':
		s.state, s.lit = stLiteral, "null"[1:]
	case c == 'N' || c == 'I':
		s.Fail("where a value should begin (NaN and Infinity are not JSON)")
		return false
	default:
		s.Fail("where a value should begin")
		return false
	}
	return true
}

// push opens a level.
func (s *Scanner) push(object bool) bool {
	if s.depth == maxDepth {
		s.Fail("")
		return false
	}
	if s.depth%64 == 0 {
		s.levels = append(s.levels, 0)
	}
	if s.object {
		s.levels[s.depth/64] |= 1 << (s.depth % 64)
	}
	s.depth++
	s.object = object
	s.state = stFirstValue
	if object {
		s.state = stFirstName
	}
	return true
}

// pop closes a level.
func (s *Scanner) pop() bool {
	s.depth--
	bit := uint64(1) << (s.depth % 64)
	word := &s.levels[s.depth/64]
	s.object = *word&bit != 0
	*word &^= bit
	if s.depth%64 == 0 {
		s.levels = s.levels[:s.depth/64]
	}
	s.valueEnd()
	return true
}

func (s *Scanner) valueEnd() {
	s.state = stAfter
	if s.depth == 0 {
		s.state = stEnd
	}
}

// inString reads on inside a string from b[i]. Names and strings mostly come
// one behind the other with no blanks between; such a chain is read in one go.
func (s *Scanner) inString(b []byte, i int) int {
	for {
		i += plain(b[i:])
		if i == len(b) {
			return i
		}
		switch c := b[i]; {
		case c == '\\':
			s.state = stEscape
			return i + 1
		case c != '"' && s.strict:
			s.Fail("in a string")
			return i
		case c != '"':
			i++
			continue
		}
		i++
		switch {
		case !s.name:
			s.valueEnd()
			if !s.object || len(b)-i < 2 || b[i] != ',' || b[i+1] != '"' {
				return i
			}
		case len(b)-i < 2 || b[i] != ':':
			s.state = stColon
			return i
		case b[i+1] != '"':
			s.state = stValue
			return i + 1
		}
		s.state, s.name = stString, !s.name
		i += 2
	}
}

// escape reads a byte of an escape in a string.
func (s *Scanner) escape(c byte, i int) int {
	switch {
	case s.state == stEscape && c == 'u':
		s.state, s.hex = stHex, 4
	case s.state == stEscape:
		switch c {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.state = stString
		default:
			s.Fail("in an escape")
			return i
		}
	case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'f':
		if s.hex--; s.hex == 0 {
			s.state = stString
		}
	default:
		s.Fail("in an escape")
		return i
	}
	return i + 1
}

// inNumber reports whether a number is being read that may end here.
func (s *Scanner) inNumber() bool {
	return s.state == stZero || s.state == stInt || s.state == stFraction || s.state == stExpDigits
}

// number reads on inside a number from b[i].
func (s *Scanner) number(b []byte, i int) int {
	for ; i < len(b); i++ {
		c := b[i]
		digit := '0' <= c && c <= '9'
		switch {
		case digit && s.state == stMinus && c == '0':
			s.state = stZero
		case digit && (s.state == stMinus || s.state == stInt):
			s.state = stInt
		case digit && (s.state == stPoint || s.state == stFraction):
			s.state = stFraction
		case digit && s.state != stZero:
			s.state = stExpDigits
		case c == '.' && (s.state == stZero || s.state == stInt):
			s.state = stPoint
		case c|0x20 == 'e' && s.inNumber() && s.state != stExpDigits:
			s.state = stExp
		case (c == '+' || c == '-') && s.state == stExp:
			s.state = stExpSign
		case digit || !s.inNumber():
			s.Fail("in a number")
			return i
		default:
			s.valueEnd()
			return i
		}
	}
	return i
}

// plain counts the bytes at the start of b that mean nothing inside a string:
// all but the quote, the backslash and control characters.
func plain(b []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		// Eight bytes at once. Each term sets the high bit of the bytes it
		// looks for; carries can set others, but only above the lowest.
		x := binary.LittleEndian.Uint64(b[i:])
		quote := x ^ ones*'"'
		slash := x ^ ones*'\\'
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}
