package ingest

import (
	"io"

	"dochook/server/ingest/body"
)

// closer reads what follows the records, to the end of the body.
type closer interface {
	// finish returns nil if the rest of the body is in order.
	finish() *Error
}

// elements are the records of an array or, with their keys, of an object map.
type elements struct {
	w       *body.Window
	close   byte // ']' or '}', the end of the container
	objects bool // every record must be an object, or this is no map at all
	end     closer
	what    string // of the records: element or member
	n       int    // of the record read last
}

func newArray(w *body.Window, end closer) *elements {
	return &elements{w: w, close: ']', what: "element", end: end}
}

// newMap reads the members of an object. If objects is set, the object was
// only guessed to be a map.
func newMap(w *body.Window, end closer, objects bool) *elements {
	return &elements{w: w, close: '}', what: "member", end: end, objects: objects}
}

func (e *elements) next() (item, error) {
	first := e.n == 0
	if first {
		e.w.Advance(1) // the opening bracket
	}
	e.n++
	p := body.Place{What: e.what, N: e.n}
	more, err := e.w.More(e.close, first, p)
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
func (e *elements) record(p body.Place) (item, *Error) {
	it := item{line: e.n}
	if e.close == '}' {
		var err *Error
		if it.key, it.err, err = e.w.Name(p); err != nil {
			return it, err
		}
	}
	c, ok, err := e.w.Peek()
	if err != nil {
		return it, err
	}
	if !ok {
		return it, e.w.Cut(p)
	}
	at := e.w.Offset()
	if e.objects && c != '{' {
		return it, body.NewError(body.Invalid, at, e.n,
			p.String()+" is not an object, so the body is neither an object map nor, by its size, one record")
	}
	data, tooLarge, err := e.w.Value(p)
	switch {
	case err != nil:
		return it, err
	case tooLarge:
		it.err = e.w.TooLarge(at, e.n)
	case it.err == nil:
		it.data = data
	}
	return it, nil
}

// single is a body (or the member of a wrapper) that is one record.
type single struct {
	w    *body.Window
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
	it, at := item{line: 1}, o.w.Offset()
	data, tooLarge, err := o.w.Value(body.Place{What: "record", N: 1})
	if err != nil {
		return item{}, err
	}
	o.done = true
	it.data = data
	if tooLarge {
		it.err = o.w.TooLarge(at, 1)
	}
	return it, nil
}

// nothing is the closer of a body whose records stand at its top: only blanks
// may follow.
type nothing struct{ w *body.Window }

func (n nothing) finish() *Error {
	_, ok, err := n.w.Peek()
	if err != nil || !ok {
		return err
	}
	return n.w.Unexpected("behind the end of the JSON value (NDJSON has one record per line; "+
		"several records in many lines each must be an array)", body.Place{What: "the body"})
}
