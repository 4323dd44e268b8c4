package mapping

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/path"
)

const maxHeaders = 1000

// structuredRoots are the root variables that are objects or lists whenever they are there: without a path none of them
// is the text a header needs.
var structuredRoots = [...]string{"doc", "old", "changed", "globals", "eventData", "resource"}

// Pair is one header.
type Pair struct{ Name, Value string }

// Headers is a template that makes all headers at once. It is immutable and safe for concurrent use.
type Headers struct {
	object *Template
	names  []string
}

// ParseHeaders reads a headers template: a JSON template (see [ParseTemplate]) that is one object of texts, as
//
//	{"X-Task": "{{job}}", "X-Note": "{{doc.name}} at {{createdAt}}"}
//
// Names are literal. Besides what no JSON template may have, refused with the position are: anything but an object, a
// name that is no token of RFC 9110, a name that comes twice in whatever case, a value that is no string, a value that
// is only doc, old, changed, globals, eventData or resource without a path, a control character other than a tab, and more
// than 1,000 headers.
func ParseHeaders(text string) (*Headers, error) {
	p := &templateParser{src: text, t: &Template{kind: JSON}}
	if err := p.parse(); err != nil {
		return nil, err.at(text)
	}
	h := &Headers{object: p.t}
	if err := h.read(p); err != nil {
		return nil, err.at(text)
	}
	return h, nil
}

// read checks the skeleton of the object, which is valid JSON, and takes the names out of it.
func (h *Headers) read(p *templateParser) *Error {
	dec := jsontext.NewDecoder(bytes.NewReader(p.skeleton))
	if dec.PeekKind() != '{' {
		start := len(p.skeleton) - len(bytes.TrimLeft(p.skeleton, jsonSpace))
		return p.skeletonError(int64(start), "headers are one JSON object of names and texts")
	}
	if _, err := dec.ReadToken(); err != nil {
		return templateError(0, "no JSON object")
	}
	for dec.PeekKind() == '"' {
		if err := nextValue(p, dec, h.readName); err != nil {
			return err
		}
		if err := nextValue(p, dec, checkHeader); err != nil {
			return err
		}
	}
	return nil
}

// nextValue hands the next value of the skeleton to check, with where it begins.
func nextValue(p *templateParser, dec *jsontext.Decoder, check func(p *templateParser, from int, raw []byte) *Error) *Error {
	raw, err := dec.ReadValue()
	end := dec.InputOffset()
	if err != nil {
		return p.skeletonError(end, "no JSON object")
	}
	return check(p, int(end)-len(raw), raw)
}

// readName takes the quoted name that begins at from in the skeleton.
func (h *Headers) readName(p *templateParser, from int, quoted []byte) *Error {
	at := int64(from)
	if len(h.names) == maxHeaders {
		return p.skeletonError(at, "a template has at most "+strconv.Itoa(maxHeaders)+" headers")
	}
	if p.variableIn(from, from+len(quoted)) >= 0 {
		return p.skeletonError(at, "a header's name holds no variables")
	}
	name := string(appendText(nil, quoted))
	if !isToken(name) {
		return p.skeletonError(at, quote(name)+" is not a header name")
	}
	if i := slices.IndexFunc(h.names, func(other string) bool { return strings.EqualFold(name, other) }); i >= 0 {
		return p.skeletonError(at, "the header "+quote(h.names[i])+" comes twice")
	}
	h.names = append(h.names, name)
	return nil
}

// checkHeader checks the value of a header, which begins at from in the skeleton.
func checkHeader(p *templateParser, from int, raw []byte) *Error {
	if raw[0] == '"' {
		if i := controlIn(raw); i >= 0 {
			return p.skeletonError(int64(from+i), "control character")
		}
		return nil
	}
	i := p.variableIn(from, from+len(raw))
	if i < 0 || raw[0] != 'n' { // a variable in an object or an array does not help
		return p.skeletonError(int64(from), "a header's value is a text in quotes")
	}
	part := &p.t.parts[i]
	if root := p.t.roots[part.root].name; part.expr == "" && slices.Contains(structuredRoots[:], root) {
		return p.skeletonError(int64(from), "{{"+root+"}} is not a text, name a member of it")
	}
	return nil
}

// variableIn returns the number of the first variable whose placeholder ends in the given range of the skeleton, or -1.
func (p *templateParser) variableIn(from, to int) int {
	return slices.IndexFunc(p.marks[1:], func(m mark) bool { return from < m.skeleton && m.skeleton <= to })
}

// controlIn returns where in a quoted JSON string a character stands that no header value may hold, or -1.
func controlIn(quoted []byte) int {
	for i := 0; i < len(quoted); i++ {
		start, c := i, rune(quoted[i])
		if c == '\\' {
			i++
			switch c = rune(quoted[i]); c {
			case 'b', 'f', 'n', 'r':
				return start
			case 'u':
				code, err := strconv.ParseUint(string(quoted[i+1:i+5]), 16, 16)
				if err != nil {
					return start
				}
				c = rune(code)
				i += 4
			}
		}
		if isHeaderControl(c) {
			return start
		}
	}
	return -1
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2, which is what a header's name has to be.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && !isLetter(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// Names returns the names of the headers as written, in their order.
func (h *Headers) Names() []string { return slices.Clone(h.names) }

// Render returns the headers in the order of the template, their names as written. The errors are [CodeRenderFailed] (a
// value that is no string, a control character other than a tab) and [CodeTooLarge] (a value beyond 16 KiB, or all of
// them beyond [MaxBytes]).
func (h *Headers) Render(vars Vars) ([]Pair, error) {
	if len(h.names) == 0 {
		return nil, nil
	}
	var room [1 << 10]byte
	object, err := h.object.Append(room[:0], vars)
	if err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, len(h.names))
	for _, raw := range path.Members(object) {
		name := h.names[len(pairs)]
		value, err := headerValue(raw)
		if err != nil {
			err.Message = "header " + name + ": " + err.Message
			return nil, err
		}
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, nil
}

// headerValue makes the text of a header of a JSON value.
func headerValue(raw []byte) (string, *Error) {
	if raw[0] != '"' {
		return "", renderError("the value is not a string but " + kindOf(raw[0]))
	}
	value := appendText(make([]byte, 0, len(raw)), raw)
	if len(value) > maxLine {
		return "", tooLarge(maxLine)
	}
	for _, c := range value {
		if isHeaderControl(rune(c)) {
			return "", renderError("a value puts a line break or another control character into the text")
		}
	}
	return string(value), nil
}

// kindOf names the kind of a JSON value by its first byte.
func kindOf(first byte) string {
	switch first {
	case 'n':
		return "null, or missing"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "a number"
}
