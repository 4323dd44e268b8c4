package ingest

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"dochook/server/ingest/body"
)

// hint is what the Content-Type says about the shape.
type hint uint8

const (
	hintNone hint = iota
	hintLines
	hintCSV
	hintJSON
)

// typeHint reads a Content-Type. A wrong one is no fault.
func typeHint(contentType string) hint {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines",
		"text/x-ndjson", "text/ndjson", "text/jsonl":
		return hintLines
	case "text/csv", "application/csv", "text/x-csv", "application/x-csv",
		"text/tab-separated-values", "text/comma-separated-values":
		return hintCSV
	case "application/json", "text/json":
		return hintJSON
	}
	return hintNone
}

// opening is what is known while the shape is being found.
type opening struct {
	*body.Window
	o    Options
	hint hint
	line int // the line on which the content begins
	lead int // blanks in front of it on that line, not yet used up
}

// open recognises the shape and sets up its splitter.
func (r *Reader) open() error {
	if r.o.Shape != "" && r.o.Shape != formatMap {
		return body.NewError(body.Invalid, 0, 0, fmt.Sprintf("unknown shape %q: it is \"map\" or left out", r.o.Shape))
	}
	window, err := body.Open(r.src, r.o.ContentEncoding, r.o.MaxRecord)
	if err != nil {
		return err
	}
	r.window = window
	o := &opening{Window: window, o: r.o, hint: typeHint(r.o.ContentType)}
	if r.split, r.format, err = o.recognise(); err != nil {
		return err
	}
	return nil
}

// recognise finds the shape of the body.
func (o *opening) recognise() (splitter, string, *Error) {
	c, ok, err := o.begin()
	switch {
	case err != nil:
		return nil, "", err
	case !ok && o.hint == hintLines:
		return o.lines()
	case !ok:
		return nil, "", body.NewError(body.NotJSON, 0, 0, "the body is empty; no records at all are []")
	case c == '{' || c == '[':
		if o.hint == hintCSV && o.o.Records == "" && o.o.Shape == "" {
			return o.csv()
		}
		o.Advance(o.lead)
		return o.json(c)
	case c == '<':
		return nil, "", body.NewError(body.NotJSON, o.Offset(), 0, "the body is HTML or XML, not JSON")
	case o.o.Records != "" || o.o.Shape == formatMap || o.hint == hintJSON:
		return nil, "", o.neither()
	case o.hint == hintCSV:
		return o.csv()
	case o.hint == hintLines:
		return o.lines()
	}
	yes, err := o.looksLikeCSV()
	if err != nil {
		return nil, "", err
	}
	if yes {
		return o.csv()
	}
	return nil, "", o.neither()
}

// json tells the shapes apart that begin with a bracket or brace c.
func (o *opening) json(c byte) (splitter, string, *Error) {
	end := nothing{o.Window}
	switch {
	case o.o.Records != "":
		return o.wrapped()
	case c == '[' && o.o.Shape == formatMap:
		return nil, "", body.NewError(body.Invalid, o.Offset(), 0, "the body is an array, but shape=map asks for an object")
	case c == '[':
		return newArray(o.Window, end), formatArray, nil
	case o.o.Shape == formatMap:
		return newMap(o.Window, end, false), formatMap, nil
	}
	return o.braced()
}

// begin skips a byte order mark and blank lines, counts the lines skipped and
// returns the first byte of the content.
func (o *opening) begin() (c byte, ok bool, err *Error) {
	for len(o.Bytes()) < 3 && o.Fill() {
	}
	if bytes.HasPrefix(o.Bytes(), []byte("\ufeff")) {
		o.Advance(3)
	}
	at, found := o.content(0)
	switch {
	case !found && at > o.Limit():
		return 0, false, o.Endless(o.Offset())
	case !found:
		return 0, false, o.Ended()
	}
	skipped := o.Bytes()[:at]
	o.line = 1 + bytes.Count(skipped, []byte{'\n'})
	o.lead = at - (1 + bytes.LastIndexByte(skipped, '\n'))
	o.Advance(at - o.lead)
	return o.Bytes()[o.lead], true, nil
}

// neither is the error for a body of no known shape.
func (o *opening) neither() *Error {
	const shown = 24
	for len(o.Bytes()) < shown && o.Fill() {
	}
	if err := o.Ended(); err != nil {
		return err
	}
	b := o.Bytes()
	b, _, _ = bytes.Cut(b[:min(len(b), shown)], []byte{'\n'})
	return body.NewError(body.NotJSON, o.Offset(), 0, fmt.Sprintf(
		"the body is neither JSON records nor CSV: it begins with %q (for CSV with one column send Content-Type: text/csv)", b))
}

func (o *opening) lines() (splitter, string, *Error) {
	return &lines{w: o.Window, line: o.line - 1}, formatNDJSON, nil
}

func (o *opening) object(end closer) (splitter, string, *Error) {
	return &single{w: o.Window, end: end}, formatObject, nil
}

// wrapped finds the records inside a wrapper.
func (o *opening) wrapped() (splitter, string, *Error) {
	steps, err := parsePath(o.o.Records)
	if err != nil {
		return nil, "", err
	}
	around := &wrapper{w: o.Window, path: o.o.Records, steps: steps}
	c, err := around.descend()
	switch {
	case err != nil:
		return nil, "", err
	case c == '[' && o.o.Shape == "":
		return newArray(o.Window, around), formatArray, nil
	case c == '{' && o.o.Shape == formatMap:
		return newMap(o.Window, around, false), formatMap, nil
	case c == '{':
		return o.mapOrObject(around)
	}
	wanted := "an array or object"
	if o.o.Shape == formatMap {
		wanted = "the object shape=map asks for"
	}
	return nil, "", body.NewError(body.Invalid, o.Offset(), 0, fmt.Sprintf("records path %q: what is there is not %s", o.o.Records, wanted))
}

// braced tells NDJSON, an object map and one object apart. All of them begin
// with a brace; the first line decides.
func (o *opening) braced() (splitter, string, *Error) {
	end, found := o.newline()
	s := o.Scanner()
	n := s.Scan(o.Bytes()[:end])
	if !found {
		// One line, or a line above the limit of which only the start is known.
		if o.hint == hintLines || end > o.Limit() && !s.Failed() && !o.startsMap() {
			return o.lines()
		}
		return o.mapOrObject(nothing{o.Window})
	}
	next, more := o.content(end)
	braceNext := more && o.Bytes()[next] == '{'
	switch {
	case s.Complete() && more:
		// Another value follows; or rubbish does, of which NDJSON can skip lines.
		if body.Blanks(o.Bytes()[n:end]) == end-n || braceNext || o.hint == hintLines {
			return o.lines()
		}
	case s.Complete() || s.Failed():
		if braceNext || o.hint == hintLines {
			return o.lines()
		}
	case braceNext:
		// The first line stops in the middle of a value. If that may not go on
		// with a brace, the line was broken and the next one begins afresh.
		if s.InString() {
			return o.lines()
		}
		if s.Scan(o.Bytes()[end : next+1]); s.Failed() {
			return o.lines()
		}
	}
	return o.mapOrObject(nothing{o.Window})
}

// newline looks ahead for the first newline; end is its place, or that of the
// end of what may be looked at. All looking ahead stops at the same byte, just
// behind the limit, whatever pieces the body arrives in.
func (o *opening) newline() (end int, found bool) {
	for at := 0; ; {
		b := o.ahead()
		if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
			return at + n, true
		}
		if at = len(b); at > o.Limit() || !o.Fill() {
			return at, false
		}
	}
}

// content looks ahead for the first byte that is not blank, from the unread
// byte at on.
func (o *opening) content(at int) (next int, found bool) {
	for {
		b := o.ahead()
		if at += body.Blanks(b[at:]); at < len(b) {
			return at, true
		}
		if at > o.Limit() || !o.Fill() {
			return at, false
		}
	}
}

// ahead are the unread bytes that may be looked at before the shape is known.
func (o *opening) ahead() []byte {
	b := o.Bytes()
	return b[:min(len(b), o.Limit()+1)]
}

// mapOrObject tells an object map from one object, looking no further ahead
// than a record may be large.
func (o *opening) mapOrObject(end closer) (splitter, string, *Error) {
	if !o.startsMap() {
		return o.object(end)
	}
	return newMap(o.Window, end, true), formatMap, nil
}

// startsMap reports whether the object that begins at the next byte is a map,
// as far as one may look ahead: its members are objects, and it has no key.
func (o *opening) startsMap() bool {
	if o.o.Key == nil {
		return false
	}
	s := o.Scanner()
	n := 0
	for {
		n += s.Scan(o.ahead()[n:])
		if s.Complete() || s.Failed() || n > o.Limit() || !o.Fill() {
			break
		}
	}
	b := o.Bytes()[:n]
	whole, ok := objectsOnly(b)
	if !ok {
		return false
	}
	if !s.Complete() {
		b = append(append([]byte(nil), b[:whole]...), '}')
	}
	return !o.o.Key(b)
}

// objectsOnly reports whether all members of the object in b, of which the end
// may be missing, are objects, and at least one is whole; end is where the
// last whole one ends.
func objectsOnly(b []byte) (end int, ok bool) {
	var s body.Scanner
	at := 1 // behind the brace
	for {
		at += body.Blanks(b[at:])
		if at == len(b) || b[at] != '"' {
			return end, end > 0
		}
		// A name, its colon, the first byte of its value.
		s.Reset()
		at += s.Scan(b[at:])
		at += body.Blanks(b[at:])
		if at == len(b) || b[at] != ':' {
			return end, end > 0
		}
		at++
		at += body.Blanks(b[at:])
		if at == len(b) {
			return end, end > 0
		}
		if b[at] != '{' {
			return end, false
		}
		s.Reset()
		at += s.Scan(b[at:])
		if !s.Complete() {
			return end, end > 0
		}
		end = at
		at += body.Blanks(b[at:])
		if at == len(b) || b[at] != ',' {
			return end, true
		}
		at++
	}
}
