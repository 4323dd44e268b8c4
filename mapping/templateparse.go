package mapping

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/path"
)

const (
	maxTemplate  = 1 << 20 // bytes of a template
	maxVariables = 1000
)

// ParseTemplate reads a template of the given kind: fixed text and variables {{ path }}. A path begins with one of
// [Roots], alone or followed by a dot or a pipe and the rest in gjson's syntax (see [path.Parse]); {{doc.{a,b} }} therefore
// works and {{ {doc.a,doc.b} }} does not. Blanks inside the braces do not count; braces that close nothing are fixed text.
//
// In a JSON template a string that is only one variable, and a variable outside of strings, becomes the value itself; in
// any other place of a string, and in a member's name, it becomes text. A path in a string is read as the rest of the
// string is, with \" for ", or as written if it is no valid JSON string.
//
// Everything is checked here, so rendering can only fail for what a value does. Errors carry offset, line and column.
// Refused are: an empty JSON template and one that is no JSON around its variables, unknown root variables, open braces, a
// variable inside an escape sequence; control characters in Text and URL; a URL that does not begin with a literal
// http:// or https://, has credentials, no host, blanks, a backslash, an incomplete %XX or a dot segment; more than 1 MiB
// or 1,000 variables.
func ParseTemplate(src string, k Kind) (*Template, error) {
	p := &templateParser{src: src, t: &Template{kind: k}}
	if err := p.parse(); err != nil {
		return nil, err.at(src)
	}
	return p.t, nil
}

type templateParser struct {
	src      string
	t        *Template
	from     int    // where the fixed text that is being read began
	skeleton []byte // src with a harmless value for each variable, in the form the check of the kind needs
	marks    []mark
}

// mark ties an offset in the skeleton to one in src.
type mark struct{ skeleton, src int }

func (p *templateParser) parse() *Error {
	if len(p.src) > maxTemplate {
		return &Error{Kind: CodeTooLarge, Pos: maxTemplate, Message: "a template is at most " + strconv.Itoa(maxTemplate) + " bytes long"}
	}
	if !utf8.ValidString(p.src) {
		return templateError(0, "a template is UTF-8 text")
	}
	p.marks = append(p.marks, mark{})
	if p.t.kind == JSON {
		if err := p.jsonVariables(); err != nil {
			return err
		}
		return p.checkJSON()
	}
	if i := strings.IndexFunc(p.src, isHeaderControl); i >= 0 {
		return templateError(i, "control character")
	}
	for i := 0; ; {
		open := strings.Index(p.src[i:], "{{")
		if open < 0 {
			break
		}
		v, err := p.variable(i+open, false)
		if err != nil {
			return err
		}
		if err := p.put(v, i+open, v.end, "0"); err != nil {
			return err
		}
		i = v.end
	}
	p.finish()
	if p.t.kind == URL {
		return p.checkURL()
	}
	return nil
}

// put closes the fixed text at start and adds the variable, which reaches to end in src.
func (p *templateParser) put(v variable, start, end int, placeholder string) *Error {
	if len(p.t.parts) == maxVariables {
		return templateError(start, "a template has at most "+strconv.Itoa(maxVariables)+" variables")
	}
	v.text = p.src[p.from:start]
	v.root = p.rootIndex(v.name)
	v.path = p.t.roots[v.root].paths.Add(v.selected)
	p.t.parts = append(p.t.parts, v.part)
	p.skeleton = append(p.skeleton, v.text...)
	p.skeleton = append(p.skeleton, placeholder...)
	p.from = end
	p.marks = append(p.marks, mark{len(p.skeleton), end})
	return nil
}

// rootIndex returns the index of the root among those the template names.
func (p *templateParser) rootIndex(name string) int {
	i := slices.IndexFunc(p.t.roots, func(r root) bool { return r.name == name })
	if i < 0 {
		i = len(p.t.roots)
		p.t.roots = append(p.t.roots, root{name: name})
	}
	return i
}

func (p *templateParser) finish() {
	for i := range p.t.roots {
		p.t.roots[i].from = p.t.room
		p.t.room += p.t.roots[i].paths.Places()
	}
	p.t.tail = p.src[p.from:]
	p.skeleton = append(p.skeleton, p.t.tail...)
}

// jsonVariables finds the variables of a JSON template, knowing what is inside a string.
func (p *templateParser) jsonVariables() *Error {
	inString := false
	for i := 0; i < len(p.src); {
		var err *Error
		switch {
		case p.src[i] == '\\' && inString:
			i += 2 // what follows a backslash never opens braces or closes a string
		case p.src[i] == '"':
			next := 0
			if !inString {
				if next, err = p.lone(i); err != nil {
					return err
				}
			}
			if next > 0 {
				i = next
				continue
			}
			inString = !inString
			i++
		case strings.HasPrefix(p.src[i:], "{{"):
			if i, err = p.jsonVariable(i, inString); err != nil {
				return err
			}
		default:
			i++
		}
	}
	p.finish()
	return nil
}

// jsonVariable adds the variable at i and returns where it ends.
func (p *templateParser) jsonVariable(i int, inString bool) (int, *Error) {
	v, err := p.variable(i, inString)
	if err != nil {
		return 0, err
	}
	// The placeholders can neither complete nor continue the token they touch; the one for text is different each time,
	// so that names made of variables do not look like the same name twice.
	placeholder := "null"
	if v.raw = !inString; inString {
		placeholder = "-{{" + strconv.Itoa(len(p.t.parts)) + "}}"
	}
	return v.end, p.put(v, i, v.end, placeholder)
}

// lone adds the string at i if it is a value and nothing but one variable, and returns where it ends; else 0.
func (p *templateParser) lone(i int) (int, *Error) {
	if !strings.HasPrefix(p.src[i+1:], "{{") {
		return 0, nil
	}
	v, err := p.variable(i+1, true)
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(p.src[v.end:], `"`) {
		return 0, nil
	}
	end := v.end + 1
	if after := strings.TrimLeft(p.src[end:], jsonSpace); strings.HasPrefix(after, ":") {
		return 0, nil // the name of a member
	}
	v.raw = true
	return end, p.put(v, i, end, "null")
}

// checkJSON reads the skeleton strictly.
func (p *templateParser) checkJSON() *Error {
	if len(bytes.TrimSpace(p.skeleton)) == 0 {
		return templateError(0, "empty template")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(p.skeleton))
	_, err := dec.ReadValue()
	if err == nil {
		rest := bytes.TrimLeft(p.skeleton[dec.InputOffset():], jsonSpace)
		if len(rest) == 0 {
			return nil
		}
		return p.skeletonError(int64(len(p.skeleton)-len(rest)), "something follows the JSON value")
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return p.skeletonError(int64(len(p.skeleton)), "the JSON ends early")
	}
	return p.skeletonError(syntax.ByteOffset, "no JSON around the variables: "+syntax.Err.Error())
}

// skeletonError is an error at an offset of the skeleton.
func (p *templateParser) skeletonError(offset int64, message string) *Error {
	at := p.marks[0]
	for _, m := range p.marks {
		if int64(m.skeleton) <= offset {
			at = m
		}
	}
	pos := at.src + int(offset) - at.skeleton
	return templateError(min(max(pos, 0), len(p.src)), message)
}

// checkURL checks the fixed parts of a URL and notes where the variables stand.
func (p *templateParser) checkURL() *Error {
	for i := 0; i < len(p.skeleton); i++ {
		switch c := p.skeleton[i]; {
		case strings.IndexByte(" \t\\\"<>", c) >= 0:
			return p.skeletonError(int64(i), "unexpected "+quote(string(c))+" in a URL, write it as %XX")
		case c == '%' && !p.isEscape(i):
			return p.skeletonError(int64(i), "after % stand two hexadecimal digits")
		}
	}
	s := string(p.skeleton)
	scheme, rest, _ := strings.Cut(s, "://")
	if lower := strings.ToLower(scheme); lower != "http" && lower != "https" {
		return templateError(0, "a URL begins with http:// or https://, which no variable can make")
	}
	parsed, err := url.Parse(s)
	if err != nil || !isHost(parsed.Hostname()) {
		return templateError(len(scheme)+len("://"), "no valid host, port and path around the variables")
	}
	if parsed.User != nil {
		return templateError(len(scheme)+len("://"), "a URL holds no credentials, send them in a header")
	}
	if hasDotSegment(urlPath(s)) {
		return templateError(0, "a URL has no path segment . or ..")
	}
	authority := len(s)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = len(s) - len(rest) + i
	}
	query := len(s)
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		query = len(s) - len(rest) + i
	}
	for _, m := range p.marks[1:] {
		at := m.skeleton - 1 // the placeholder
		p.t.url.host = p.t.url.host || at < authority
		p.t.url.path = p.t.url.path || (at >= authority && at < query)
	}
	return nil
}

// isEscape reports whether two digits of the fixed text follow the percent sign at i.
func (p *templateParser) isEscape(i int) bool {
	if i+2 >= len(p.skeleton) || !isHex(p.skeleton[i+1]) || !isHex(p.skeleton[i+2]) {
		return false
	}
	return !slices.ContainsFunc(p.marks[1:], func(m mark) bool { return m.skeleton == i+2 || m.skeleton == i+3 })
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// variable is a part, the name of its root, its path and where it ends in src.
type variable struct {
	part
	name     string
	selected path.Path
	end      int
}

// variable reads {{ path }} at i.
func (p *templateParser) variable(i int, inString bool) (variable, *Error) {
	end := closing(p.src, i+2, inString)
	if end < 0 {
		return variable{}, templateError(i, "{{ is not closed by }}, or brackets or quotes between them are not")
	}
	start := i + 2
	text := strings.TrimLeft(p.src[start:end], " \t")
	start = end - len(text)
	text = strings.TrimRight(text, " \t")
	if inString {
		// Offsets inside a path with escapes are those of the unescaped path: close enough.
		if plain, err := jsontext.AppendUnquote(nil, `"`+text+`"`); err == nil {
			text = string(plain)
		}
	}
	size := 0
	for size < len(text) && isLetter(text[size]) {
		size++
	}
	name, rest := text[:size], text[size:]
	switch {
	case text == "":
		return variable{}, templateError(i, "empty variable")
	case !slices.Contains(rootNames[:], name):
		return variable{}, templateError(start, "unknown variable "+quote(text)+", there are: "+strings.Join(rootNames[:], ", "))
	case rest != "" && rest[0] != '.' && rest[0] != '|':
		return variable{}, templateError(start+size, "a dot or a pipe goes between "+name+" and the rest of its path")
	case slices.Contains(scalarRoots[:], name) && strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, ".@"):
		return variable{}, templateError(start+size, name+" is a text and has no members; the whole event is eventData")
	}
	v := variable{name: name, end: end + 2}
	if rest == "" {
		return v, nil
	}
	v.expr = rest[1:]
	var err error
	if v.selected, err = path.Parse(v.expr); err != nil {
		failed := pathError(err)
		return variable{}, templateError(min(start+size+1+failed.Pos, end), failed.Message)
	}
	return v, nil
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// closing finds the }} that closes the variable whose path begins at i: the first outside of brackets and quotes. Inside
// a JSON string \" is a quote as well. It returns -1 when the line or the text ends before.
func closing(s string, i int, inString bool) int {
	depth, quoted := 0, false
	for ; i < len(s) && s[i] != '\n' && s[i] != '\r'; i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i < len(s) && s[i] == '"' && inString {
				quoted = !quoted
			}
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == '}' && depth == 0:
			if strings.HasPrefix(s[i:], "}}") {
				return i
			}
			return -1
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return -1
}
