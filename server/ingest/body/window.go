package body

import (
	"fmt"
	"io"
)

const (
	firstWindow = 32 << 10
	// A window grows this far beyond the largest value, so that reads stay
	// large.
	windowSlack = 64 << 10
	// A reader that returns nothing so often in a row is broken.
	maxEmptyReads = 100
)

// Window is the part of the body in memory: what was read and not yet used up.
// A slice of it is valid until the next call that reads: Fill, Peek, More, Name,
// Value and Skip. It is not safe for concurrent use.
type Window struct {
	r     io.Reader
	buf   []byte
	start int   // of the unread bytes in buf
	base  int64 // offset of buf[0] in the body
	limit int   // bytes of the largest value
	err   error // of r, final
	s     Scanner
	close func() // of the decompressors
}

// Open returns a window on the text of r, at its start. It reads as far as it
// must to tell what the body is packed in, and refuses text that is known not
// to be UTF-8 by its first bytes. The encoding is the Content-Encoding of the
// request; it is only checked for being one we know, for bodies announced as
// gzip arrive plain and the other way round. The limit, in bytes, is that of
// the largest value; the window grows little beyond it.
func Open(r io.Reader, encoding string, limit int) (*Window, *Error) {
	if err := known(encoding); err != nil {
		return nil, err
	}
	text, release, err := unpack(r)
	if err != nil {
		return nil, err
	}
	return &Window{r: text, buf: make([]byte, 0, firstWindow), limit: limit, close: release}, nil
}

// Close gives back what the decompressors hold; the reader given to Open stays
// open. The window must not be used again.
func (w *Window) Close() { w.close() }

// Limit is the limit given to Open.
func (w *Window) Limit() int { return w.limit }

// Scanner is a scanner to read the window with that is ready for a value. There
// is one, which Value, Skip, Name and Unexpected use as well.
func (w *Window) Scanner() *Scanner {
	w.s.Reset()
	return &w.s
}

// Bytes are the unread bytes.
func (w *Window) Bytes() []byte { return w.buf[w.start:] }

// Advance uses up n unread bytes. They stay readable until the next Fill.
func (w *Window) Advance(n int) { w.start += n }

// Offset is the place of the first unread byte in the body.
func (w *Window) Offset() int64 { return w.base + int64(w.start) }

// Fill reads more bytes behind the unread ones. It returns false at the end of
// the body, clean or not; see Ended.
func (w *Window) Fill() bool {
	if w.err != nil {
		return false
	}
	if w.start > 0 && (w.start == len(w.buf) || cap(w.buf)-len(w.buf) < firstWindow/2) {
		w.base += int64(w.start)
		w.buf = w.buf[:copy(w.buf, w.buf[w.start:])]
		w.start = 0
	}
	if len(w.buf) == cap(w.buf) {
		size := min(2*cap(w.buf), max(w.limit, cap(w.buf))+windowSlack)
		w.buf = append(make([]byte, 0, size), w.buf...)
	}
	for range maxEmptyReads {
		n, err := w.r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		w.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// Ended is nil if the body ended cleanly or has not ended yet, else why it
// cannot be read on.
func (w *Window) Ended() *Error {
	if w.err == nil || isEnd(w.err) {
		return nil
	}
	return readError(w.err, w.base+int64(len(w.buf)))
}

// Cut is the fault of a body that ends where more is needed.
func (w *Window) Cut(p Place) *Error {
	if e := w.Ended(); e != nil {
		e.Line = p.N
		return e
	}
	return &Error{
		code: Truncated, Offset: w.base + int64(len(w.buf)), Line: p.N,
		Message: "the body ends within " + p.String(),
	}
}

// Peek skips blanks and returns the byte behind them, without using it up. At
// the end of the body ok is false and err says whether that is a clean one.
func (w *Window) Peek() (c byte, ok bool, err *Error) {
	for at := w.Offset(); ; {
		b := w.Bytes()
		n := Blanks(b)
		w.Advance(n)
		if w.Offset()-at > int64(w.limit) {
			return 0, false, w.Endless(at)
		}
		if n < len(b) {
			return b[n], true, nil
		}
		if !w.Fill() {
			return 0, false, w.Ended()
		}
	}
}

// Endless is the fault of a body made of blanks from the offset on: they
// compress to nothing, so it is a bomb.
func (w *Window) Endless(at int64) *Error {
	return &Error{
		code: TooLarge, Offset: at,
		Message: fmt.Sprintf("more than %d blank bytes in a row", w.limit),
	}
}

// Value reads one JSON value that begins at the next byte and uses it up. A
// value above the limit is skipped, tooLarge is then true and data nil.
func (w *Window) Value(p Place) (data []byte, tooLarge bool, err *Error) {
	w.s.Reset()
	return w.rest(w.limit, p)
}

// Skip uses up one JSON value of any size. Nobody else will look at it, so
// control characters in strings are faults here.
func (w *Window) Skip(p Place) *Error {
	w.s.Reset()
	w.s.strict = true
	_, _, err := w.rest(0, p)
	return err
}

// rest is Value for a scanner that is set up and a limit of its own.
func (w *Window) rest(limit int, p Place) (data []byte, tooLarge bool, err *Error) {
	n := 0 // scanned, not yet used up
	for {
		n += w.s.Scan(w.Bytes()[n:])
		if w.s.Failed() {
			return nil, false, w.s.Fault(w.Bytes()[n:], w.Offset()+int64(n), p)
		}
		tooLarge = tooLarge || n > limit
		if !w.s.Complete() {
			if tooLarge {
				w.Advance(n)
				n = 0
			}
			if w.Fill() {
				continue
			}
			return nil, false, w.Cut(p) // even a number: it stands inside of something
		}
		data = w.Bytes()[:n]
		w.Advance(n)
		if tooLarge {
			return nil, true, nil
		}
		return data, false, nil
	}
}

// TooLarge is the fault of a record that was skipped for its size; it began at
// the offset.
func (w *Window) TooLarge(at int64, line int) *Error {
	return &Error{
		code: TooLarge, Offset: at, Line: line,
		Message: fmt.Sprintf("the record is larger than %d bytes", w.limit),
	}
}

// Blanks counts the blanks of JSON at the start of b.
func Blanks(b []byte) int {
	for i, c := range b {
		if !blank(c) {
			return i
		}
	}
	return len(b)
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
