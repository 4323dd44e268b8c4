package record

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// skipBlanks returns the first index at or after i that is not JSON whitespace.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the index after the string that starts at i, or len(b) when it does not end.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		end := i + n
		back := end
		for back > i && b[back-1] == '\\' {
			back--
		}
		i = end + 1
		if (end-back)%2 == 0 {
			return i
		}
	}
	return len(b)
}

// skipValue returns the index after the value that starts at i.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(b)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t', ':':
			return i
		}
		i++
	}
	return i
}

// elements walks the content of one array or object.
type elements struct {
	b []byte
	i int
}

// elementsOf returns a walk of the inside of the array or object that v is; with anything else it has no elements.
func elementsOf(v []byte, bracket byte) elements {
	i := skipBlanks(v, 0)
	if i >= len(v) || v[i] != bracket {
		return elements{b: v, i: len(v)}
	}
	return elements{b: v, i: i + 1}
}

// value returns the next value, nil at the end.
func (c *elements) value() []byte {
	i := skipBlanks(c.b, c.i)
	if i < len(c.b) && c.b[i] == ',' {
		i = skipBlanks(c.b, i+1)
	}
	if i >= len(c.b) || c.b[i] == ']' || c.b[i] == '}' {
		c.i = len(c.b)
		return nil
	}
	end := skipValue(c.b, i)
	if end == i { // not JSON: do not stand still
		c.i = len(c.b)
		return nil
	}
	c.i = end
	return c.b[i:end]
}

// member returns the next name (quoted, as it stands) and value, nil at the end.
func (c *elements) member() (name, value []byte) {
	name = c.value()
	if name == nil {
		return nil, nil
	}
	i := skipBlanks(c.b, c.i)
	if i >= len(c.b) || c.b[i] != ':' {
		c.i = len(c.b)
		return nil, nil
	}
	i = skipBlanks(c.b, i+1)
	end := skipValue(c.b, i)
	c.i = end
	return name, c.b[i:end]
}

// Unquote returns the text of a quoted JSON string; anything else comes back as it is.
func Unquote(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return string(quoted)
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return string(quoted[1 : len(quoted)-1])
	}
	return string(text)
}

// AppendQuote appends text as a JSON string, with no escape that JSON does not demand.
func AppendQuote(dst []byte, text string) []byte {
	out, _ := jsontext.AppendQuote(dst, text) // on invalid UTF-8 it is complete too, with U+FFFD in its place
	return out
}

// sameName reports whether two quoted names spell the same text.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	return Unquote(a) == Unquote(b)
}

// Members walks the top-level members of a record, or of any object, in order, with the name unescaped and the
// value's exact text.
func Members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(name string, value []byte) bool) {
		c := elementsOf(object, '{')
		for {
			name, value := c.member()
			if name == nil || !yield(Unquote(name), value) {
				return
			}
		}
	}
}

// QuotedMembers is Members with the names as they are written, quotes and escapes included, for a Writer.
func QuotedMembers(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(quoted, value []byte) bool) {
		c := elementsOf(object, '{')
		for {
			name, value := c.member()
			if name == nil || !yield(name, value) {
				return
			}
		}
	}
}

// Elements walks the values of an array in order; anything else has none.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		c := elementsOf(array, '[')
		for {
			value := c.value()
			if value == nil || !yield(value) {
				return
			}
		}
	}
}

// Member returns the exact text of one top-level member, or nil when the record has none of that name.
func Member(record []byte, name string) []byte {
	c := elementsOf(record, '{')
	for {
		quoted, value := c.member()
		if quoted == nil {
			return nil
		}
		if nameIs(quoted, name) {
			return value
		}
	}
}

// nameIs reports whether a quoted name spells text, without allocating.
func nameIs(quoted []byte, text string) bool {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return Unquote(quoted) == text
	}
	return len(quoted) == len(text)+2 && string(quoted[1:len(quoted)-1]) == text
}
