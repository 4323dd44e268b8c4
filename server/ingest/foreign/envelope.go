package foreign

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/doctype/record"
	scan "dochook/server/ingest/body"
)

// layout is what a format's body looks like.
type layout struct {
	format  string
	example string
	members []string // what is read of it
}

func (l *layout) String() string { return "format " + l.format + " is " + l.example }

// envelope is the object around the records.
type envelope struct {
	*layout
	values map[string][]byte // exact texts of the layout's members
	names  []string          // the first of all members, for messages
	more   bool              // there are others
}

// maxShown bounds how many names a message lists.
const maxShown = 8

// open checks the grammar of the whole text and takes the envelope apart. What
// the grammar leaves open (names that come twice, invalid UTF-8, nesting) is
// judged where a value is used.
func (l *layout) open(text []byte) (*envelope, error) {
	text, at := trim(text)
	if err := l.begins(text); err != nil {
		return nil, err
	}
	var s scan.Scanner
	n := s.Scan(text)
	switch rest := scan.Blanks(text[n:]); {
	case s.Failed():
		e := s.Fault(text[n:], int64(at+n), scan.Place{What: "the body"})
		return nil, failf(e.Code(), "", "%s", e.Error())
	case !s.Complete():
		return nil, failf(CodeTruncated, "", "the body ends within its JSON object (byte %d)", at+n)
	case n+rest < len(text):
		return nil, failf(CodeNotJSON, "", "more text behind the end of the JSON object (byte %d)", at+n+rest)
	}
	e := &envelope{layout: l, values: make(map[string][]byte, len(l.members))}
	for name, value := range record.Members(text) {
		if len(e.names) < maxShown {
			e.names = append(e.names, name)
		} else {
			e.more = true
		}
		if !slices.Contains(l.members, name) {
			continue
		}
		if _, twice := e.values[name]; twice {
			return nil, failf(CodeInvalid, name, "comes twice in the body")
		}
		e.values[name] = value
	}
	return e, nil
}

// trim takes off a byte order mark and blanks, and says how many bytes.
func trim(text []byte) (rest []byte, at int) {
	rest = bytes.TrimPrefix(text, []byte("\ufeff"))
	rest = rest[scan.Blanks(rest):]
	return rest, len(text) - len(rest)
}

// begins refuses a text that is no object by its first byte.
func (l *layout) begins(text []byte) *Error {
	const shown = 24
	switch {
	case len(text) == 0:
		return failf(CodeNotJSON, "", "the body is empty: %s", l)
	case text[0] == '{':
		return nil
	case text[0] == '<':
		return failf(CodeNotJSON, "", "the body is HTML or XML, not JSON: %s", l)
	case text[0] == '[':
		return failf(CodeInvalid, "", "the body is an array at its top: %s", l)
	}
	var s scan.Scanner
	if n := s.Scan(text); (s.Complete() || s.EOF()) && n+scan.Blanks(text[n:]) == len(text) {
		return failf(CodeInvalid, "", "the body is %s: %s", kind(text), l)
	}
	first, _, _ := bytes.Cut(text[:min(len(text), shown)], []byte{'\n'})
	return failf(CodeNotJSON, "", "the body is not JSON, it begins with %q: %s", first, l)
}

// missing is the error for an absent member, with what is there instead.
func (e *envelope) missing(name string) *Error {
	here := "none"
	if len(e.names) > 0 {
		quoted := make([]string, len(e.names))
		for i, n := range e.names {
			quoted[i] = strconv.Quote(shorten(n))
		}
		here = strings.Join(quoted, ", ")
		if e.more {
			here += ", …"
		}
	}
	return failf(CodeInvalid, name, "is missing: %s; the members here are: %s", e.layout, here)
}

// array is a member that must be there and be an array.
func (e *envelope) array(name string) ([]byte, error) {
	v := e.values[name]
	if v == nil {
		return nil, e.missing(name)
	}
	if v[0] != '[' {
		return nil, failf(CodeInvalid, name, "must be an array, it is %s", kind(v))
	}
	return v, nil
}

// text is a member that must be a string if it is there; null is absent.
func (e *envelope) text(name string) (string, error) {
	v := e.values[name]
	if v == nil || v[0] == 'n' {
		return "", nil
	}
	if v[0] != '"' {
		return "", failf(CodeInvalid, name, "must be a string, it is %s", kind(v))
	}
	s, ok := textOf(v)
	if !ok {
		return "", failf(CodeInvalid, name, "holds invalid Unicode or a control character")
	}
	return s, nil
}

// literal is text for a member that may be a number as well, which comes as it
// is spelled.
func (e *envelope) literal(name string) (string, error) {
	v := e.values[name]
	if v == nil || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		s, err := e.text(name)
		if err != nil && v[0] != '"' {
			err = failf(CodeInvalid, name, "must be a string or a number, it is %s", kind(v))
		}
		return s, err
	}
	if len(v) > record.MaxDigits {
		return "", failf(CodeInvalid, name, "is a number of %d characters, more than %d", len(v), record.MaxDigits)
	}
	return string(v), nil
}

// textOf is the text of a JSON string. What no database could keep as a text,
// NUL included, is refused.
func textOf(quoted []byte) (text string, ok bool) {
	b, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil || bytes.IndexByte(b, 0) >= 0 {
		return "", false
	}
	return string(b), true
}

// kind names the type of a JSON value.
func kind(v []byte) string {
	switch v[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// shorten cuts a name for a message.
func shorten(s string) string {
	const most = 60
	for i := range s {
		if i > most {
			return s[:i] + "…"
		}
	}
	return s
}
