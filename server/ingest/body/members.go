package body

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// More reports whether a container, of which the opening bracket is used up, has
// another element, and stands on the element's first byte then. Otherwise it has
// used up the closing bracket. The first element has no comma in front of it.
func (w *Window) More(closing byte, first bool, p Place) (bool, *Error) {
	c, ok, err := w.Peek()
	if err != nil {
		return false, err
	}
	if !ok {
		return false, w.Cut(p)
	}
	if c == closing {
		w.Advance(1)
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, w.Unexpected("where a comma should be", p)
	}
	w.Advance(1)
	if c, ok, err = w.Peek(); err != nil {
		return false, err
	}
	if !ok {
		return false, w.Cut(p)
	}
	if c == closing {
		return false, w.Unexpected("behind a comma", p)
	}
	return true, nil
}

// Name reads a member's name, at which More left the window, and the colon
// behind it. A name that is not UTF-8 is bad, but the window can be read on; err
// ends it.
func (w *Window) Name(p Place) (name string, bad, err *Error) {
	at := w.Offset()
	if w.Bytes()[0] != '"' {
		return "", nil, w.Unexpected("where a name should begin", p)
	}
	quoted, tooLarge, err := w.Value(p)
	if err != nil {
		return "", nil, err
	}
	if tooLarge {
		return "", nil, &Error{code: TooLarge, Offset: at, Line: p.N, Message: p.String() + ": the name is too long"}
	}
	plain, uerr := jsontext.AppendUnquote(nil, quoted)
	if uerr != nil {
		bad = &Error{
			code: Invalid, Offset: at, Line: p.N, cause: uerr,
			Message: p.String() + ": the name holds invalid Unicode or a control character",
		}
	}
	c, ok, err := w.Peek()
	switch {
	case err != nil:
		return "", nil, err
	case !ok:
		return "", nil, w.Cut(p)
	case c != ':':
		return "", nil, w.Unexpected("where a colon should be", p)
	}
	w.Advance(1)
	return string(plain), bad, nil
}

// Unexpected is the fault of a next byte that is not what is wanted there, as in
// [Scanner.Fail].
func (w *Window) Unexpected(want string, p Place) *Error {
	for !utf8.FullRune(w.Bytes()) && w.Fill() { // so that the character is named alike however the body arrives
	}
	w.s.Fail(want)
	return w.s.Fault(w.Bytes(), w.Offset(), p)
}
