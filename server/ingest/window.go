package ingest

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

const (
	firstWindow = 32 << 10
	// A window grows this far beyond the largest record, so that reads stay
	// large.
	windowSlack = 64 << 10
	// A reader that returns nothing so often in a row is broken.
	maxEmptyReads = 100
)

// window is the part of the body in memory: what was read and not yet used up.
// A slice of it is valid until the next call of fill.
type window struct {
	r     io.Reader
	buf   []byte
	start int   // of the unread bytes in buf
	base  int64 // offset of buf[0] in the body
	limit int   // bytes of the largest record
	err   error // of r, final
	s     scanner
}

func newWindow(r io.Reader, limit int) *window {
	return &window{r: r, buf: make([]byte, 0, firstWindow), limit: limit}
}

// bytes are the unread bytes.
func (w *window) bytes() []byte { return w.buf[w.start:] }

// advance uses up n unread bytes. They stay readable until the next fill.
func (w *window) advance(n int) { w.start += n }

// offset is the place of the first unread byte in the body.
func (w *window) offset() int64 { return w.base + int64(w.start) }

// fill reads more bytes behind the unread ones. It returns false at the end of
// the body, clean or not; see ended.
func (w *window) fill() bool {
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

// ended is nil if the body ended cleanly, else why it cannot be read on.
func (w *window) ended() *Error {
	if w.err == nil || isEnd(w.err) {
		return nil
	}
	return readError(w.err, w.base+int64(len(w.buf)))
}

// cut is the error for a body that ends where more is needed.
func (w *window) cut(p place) *Error {
	if e := w.ended(); e != nil {
		e.Line = p.n
		return e
	}
	return &Error{
		code: codeTruncated, Offset: w.base + int64(len(w.buf)), Line: p.n,
		Message: "the body ends within " + p.String(),
	}
}

// place is where in the body a fault is: "line 3", "the wrapper".
type place struct {
	what string
	n    int // 0: what says it all
}

func (p place) String() string {
	if p.n == 0 {
		return p.what
	}
	return p.what + " " + strconv.Itoa(p.n)
}

// isEnd reports whether a reader's error is the clean end of its data. An
// io.EOF wrapped in something is not.
func isEnd(err error) bool {
	return err == io.EOF //nolint:errorlint // See above.
}

// readError says what an error of the reader or the decompressor means.
func readError(err error, at int64) *Error {
	e := &Error{code: codeNotJSON, Offset: at, Message: "the compressed body is corrupt", cause: err}
	_, broken := errors.AsType[*brokenRead](err)
	switch {
	case broken || errors.Is(err, io.ErrNoProgress):
		e.code, e.Message = codeTruncated, "the body could not be read to its end"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.code, e.Message = codeTruncated, "the body ends before its compressed data does"
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.code = codeTooLarge
		e.Message = fmt.Sprintf("the zstd data needs a window of more than %d MiB", maxDecoderMemory>>20)
	}
	if errors.Is(err, io.EOF) {
		e.cause = nil // an end of the file must not pass for the end of the records
	}
	return e
}

// peek skips blanks and returns the byte behind them, without using it up. At
// the end of the body ok is false and err says whether that is a clean one.
func (w *window) peek() (c byte, ok bool, err *Error) {
	for at := w.offset(); ; {
		b := w.bytes()
		n := blanks(b)
		w.advance(n)
		if w.offset()-at > int64(w.limit) {
			return 0, false, w.endless(at)
		}
		if n < len(b) {
			return b[n], true, nil
		}
		if !w.fill() {
			return 0, false, w.ended()
		}
	}
}

// endless is the fault of a body made of blanks from the offset on: they
// compress to nothing, so it is a bomb.
func (w *window) endless(at int64) *Error {
	return &Error{
		code: codeTooLarge, Offset: at,
		Message: fmt.Sprintf("more than %d blank bytes in a row", w.limit),
	}
}

// value reads one JSON value that begins at the next byte and uses it up. A
// value above the limit is skipped, tooLarge is then true and data nil.
func (w *window) value(p place) (data []byte, tooLarge bool, err *Error) {
	w.s.reset()
	return w.rest(w.limit, p)
}

// skip uses up one JSON value of any size. Nobody else will look at it, so
// control characters in strings are faults here.
func (w *window) skip(p place) *Error {
	w.s.reset()
	w.s.strict = true
	_, _, err := w.rest(0, p)
	return err
}

// rest is value for a scanner that is set up and a limit of its own.
func (w *window) rest(limit int, p place) (data []byte, tooLarge bool, err *Error) {
	n := 0 // scanned, not yet used up
	for {
		n += w.s.scan(w.bytes()[n:])
		if w.s.state == stFault {
			return nil, false, w.s.fault(w.bytes()[n:], w.offset()+int64(n), p)
		}
		tooLarge = tooLarge || n > limit
		if w.s.state != stEnd {
			if tooLarge {
				w.advance(n)
				n = 0
			}
			if w.fill() {
				continue
			}
			return nil, false, w.cut(p) // even a number: it stands inside of something
		}
		data = w.bytes()[:n]
		w.advance(n)
		if tooLarge {
			return nil, true, nil
		}
		return data, false, nil
	}
}

// tooLarge is the fault of a record that was skipped for its size; it began at
// the offset.
func (w *window) tooLarge(at int64, line int) *Error {
	return &Error{
		code: codeTooLarge, Offset: at, Line: line,
		Message: fmt.Sprintf("the record is larger than %d bytes", w.limit),
	}
}

// blanks counts the blanks of JSON at the start of b.
func blanks(b []byte) int {
	for i, c := range b {
		if !blank(c) {
			return i
		}
	}
	return len(b)
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
