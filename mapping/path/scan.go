package path

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions of this file walk JSON text without building anything. They trust the text to be valid JSON; on any
// other bytes they neither panic nor loop, but what they select is undefined.

// marks tells the bytes that matter while skipping a container.
var marks = [256]byte{'"': 1, '{': 2, '[': 2, '}': 3, ']': 3}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// trimSpace cuts JSON white space at both ends.
func trimSpace(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// stringEnd returns the index after the closing quote of the string whose first content byte is b[i], or len(b) when it
// is not closed.
func stringEnd(b []byte, i int) int {
	// Most strings are short: a plain loop beats the call.
	for stop := min(i+24, len(b)); i < stop; i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	for from := i; from < len(b); {
		j := bytes.IndexByte(b[from:], '"')
		if j < 0 {
			break
		}
		end := from + j
		slashes := 0
		for k := end - 1; k >= i && b[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		from = end + 1
	}
	return len(b)
}

// valueEnd returns the index after the value that begins at b[i].
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i+1)
	case '{', '[':
		return containerEnd(b, i)
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && !isSpace(b[i]) {
		i++
	}
	return i
}

func containerEnd(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch marks[b[i]] {
		case 1:
			i = stringEnd(b, i+1)
			continue
		case 2:
			depth++
		case 3:
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(b)
}

// members walks the members of an object.
type members struct {
	b []byte
	i int
}

// membersOf returns a walk over object, which must begin with its brace.
func membersOf(object []byte) members { return members{b: object, i: 1} }

// name returns the next name as written, quotes included, and stands before its value then. ok is false at the end.
func (m *members) name() (name []byte, ok bool) {
	b, i := m.b, skipSpace(m.b, m.i)
	if i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	if i >= len(b) || b[i] != '"' {
		return nil, false
	}
	end := stringEnd(b, i+1)
	name = b[i:end]
	i = skipSpace(b, end)
	if i >= len(b) || b[i] != ':' {
		return nil, false
	}
	m.i = skipSpace(b, i+1)
	return name, true
}

// value returns the value as written and stands behind it then.
func (m *members) value() []byte {
	start := m.i
	m.i = valueEnd(m.b, start)
	return m.b[start:m.i]
}

// elements walks the elements of an array.
type elements struct {
	b []byte
	i int
}

// elementsOf returns a walk over array, which must begin with its bracket.
func elementsOf(array []byte) elements { return elements{b: array, i: 1} }

// more moves before the next element. It is false at the end.
func (e *elements) more() bool {
	e.i = skipSpace(e.b, e.i)
	if e.i < len(e.b) && e.b[e.i] == ',' {
		e.i = skipSpace(e.b, e.i+1)
	}
	return e.i < len(e.b) && e.b[e.i] != ']'
}

// value returns the element as written and stands behind it then.
func (e *elements) value() []byte {
	start := e.i
	e.i = valueEnd(e.b, start)
	if e.i == start {
		e.i++ // no JSON: never stand still
	}
	return e.b[start:min(e.i, len(e.b))]
}

// nameIs reports whether the quoted name spells key.
func nameIs(name []byte, key string) bool {
	if len(name) < 2 {
		return false
	}
	inner := name[1 : len(name)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == key
	}
	if len(inner) < len(key) {
		return false // an escape is never shorter than what it means
	}
	var space [64]byte
	plain, err := jsontext.AppendUnquote(space[:0], name)
	return err == nil && string(plain) == key
}

// below returns the text from where the value of the step begins, with all that follows it; nil when there is none.
func below(raw []byte, s step) []byte {
	switch {
	case len(raw) == 0:
	case raw[0] == '{':
		for m := membersOf(raw); ; m.value() {
			name, ok := m.name()
			if !ok {
				return nil
			}
			if nameIs(name, s.key) {
				return m.b[m.i:]
			}
		}
	case raw[0] == '[' && s.index >= 0:
		e := elementsOf(raw)
		for i := 0; e.more(); i++ {
			if i == s.index {
				return e.b[e.i:]
			}
			e.value()
		}
	}
	return nil
}
