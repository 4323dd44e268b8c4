package ingest

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// closer reads what follows the records, to the end of the body.
type closer interface {
	// finish returns nil if the rest of the body is in order.
	finish() *Error
}

// elements are the records of an array or, with their keys, of an object map.
type elements struct {
	w       *window
	close   byte // ']' or '}', the end of the container
	objects bool // every record must be an object, or this is no map at all
	end     closer
	what    string // of the records: element or member
	n       int    // of the record read last
}

func newArray(w *window, end closer) *elements {
	return &elements{w: w, close: ']', what: "element", end: end}
}

// newMap reads the members of an object. If objects is set, the object was
// only guessed to be a map.
func newMap(w *window, end closer, objects bool) *elements {
	return &elements{w: w, close: '}', what: "member", end: end, objects: objects}
}

func (e *elements) next() (item, error) {
	first := e.n == 0
	if first {
		e.w.advance(1) // the opening bracket
	}
	e.n++
	p := place{e.what, e.n}
	more, err := e.w.more(e.close, first, p)
	if err != nil {
		return item{}, err
	}
	if !more {
		if err := e.end.finish(); err != nil {
			return item{}, err
		}
		return item{}, io.EOF
	}
	it, err := e.record(p)
	if err != nil {
		return item{}, err
	}
	return it, nil
}

// record reads one element or member.
func (e *elements) record(p place) (item, *Error) {
	it := item{line: e.n}
	if e.close == '}' {
		var err *Error
		if it.key, it.err, err = e.w.name(p); err != nil {
			return it, err
		}
	}
	c, ok, err := e.w.peek()
	if err != nil {
		return it, err
	}
	if !ok {
		return it, e.w.cut(p)
	}
	at := e.w.offset()
	if e.objects && c != '{' {
		return it, &Error{
			code: codeInvalid, Offset: at, Line: e.n,
			Message: p.String() + " is not an object, so the body is neither an object map nor, by its size, one record",
		}
	}
	data, tooLarge, err := e.w.value(p)
	switch {
	case err != nil:
		return it, err
	case tooLarge:
		it.err = e.w.tooLarge(at, e.n)
	case it.err == nil:
		it.data = data
	}
	return it, nil
}

// more reports whether a container has another element, and stands on its
// first byte then. Otherwise it has used up the closing bracket.
func (w *window) more(closing byte, first bool, p place) (bool, *Error) {
	c, ok, err := w.peek()
	if err != nil {
		return false, err
	}
	if !ok {
		return false, w.cut(p)
	}
	if c == closing {
		w.advance(1)
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, w.unexpected("where a comma should be", p)
	}
	w.advance(1)
	if c, ok, err = w.peek(); err != nil {
		return false, err
	}
	if !ok {
		return false, w.cut(p)
	}
	if c == closing {
		return false, w.unexpected("behind a comma", p)
	}
	return true, nil
}

// name reads a member's name and the colon behind it. A name that is not UTF-8
// is a fault of its record alone.
func (w *window) name(p place) (name string, bad, err *Error) {
	at := w.offset()
	if w.bytes()[0] != '"' {
		return "", nil, w.unexpected("where a name should begin", p)
	}
	quoted, tooLarge, err := w.value(p)
	if err != nil {
		return "", nil, err
	}
	if tooLarge {
		return "", nil, &Error{code: codeTooLarge, Offset: at, Line: p.n, Message: p.String() + ": the name is too long"}
	}
	plain, uerr := jsontext.AppendUnquote(nil, quoted)
	if uerr != nil {
		bad = &Error{
			code: codeInvalid, Offset: at, Line: p.n, cause: uerr,
			Message: p.String() + ": the name holds invalid Unicode or a control character",
		}
	}
	c, ok, err := w.peek()
	switch {
	case err != nil:
		return "", nil, err
	case !ok:
		return "", nil, w.cut(p)
	case c != ':':
		return "", nil, w.unexpected("where a colon should be", p)
	}
	w.advance(1)
	return string(plain), bad, nil
}

// unexpected is a fault at the next byte.
func (w *window) unexpected(want string, p place) *Error {
	w.s.fail(want)
	return w.s.fault(w.bytes(), w.offset(), p)
}

// single is a body (or the member of a wrapper) that is one record.
type single struct {
	w    *window
	end  closer
	done bool
}

func (o *single) next() (item, error) {
	if o.done {
		// The end is checked here, not with the record: reading on could
		// overwrite it.
		if err := o.end.finish(); err != nil {
			return item{}, err
		}
		return item{}, io.EOF
	}
	it, at := item{line: 1}, o.w.offset()
	data, tooLarge, err := o.w.value(place{"record", 1})
	if err != nil {
		return item{}, err
	}
	o.done = true
	it.data = data
	if tooLarge {
		it.err = o.w.tooLarge(at, 1)
	}
	return it, nil
}

// nothing is the closer of a body whose records stand at its top: only blanks
// may follow.
type nothing struct{ w *window }

func (n nothing) finish() *Error {
	_, ok, err := n.w.peek()
	if err != nil || !ok {
		return err
	}
	return n.w.unexpected("behind the end of the JSON value (NDJSON has one record per line; "+
		"several records in many lines each must be an array)", place{"the body", 0})
}
