package ingest

import (
	"bytes"
	"io"

	"dochook/server/ingest/body"
)

// lines are the records of NDJSON: one value per line, blank lines between
// them are nothing. A broken line is a fault of its own.
type lines struct {
	w    *body.Window
	line int // the one read last
}

func (l *lines) next() (item, error) {
	start := l.w.Offset()
	for {
		at := l.w.Offset()
		if at-start > int64(l.w.Limit()) {
			return item{}, l.w.Endless(start)
		}
		line, last, tooLarge, err := l.read()
		if err != nil {
			return item{}, err
		}
		it := item{line: l.line}
		if tooLarge {
			it.err = l.w.TooLarge(at, l.line)
			return it, nil
		}
		lead := body.Blanks(line)
		if lead < len(line) {
			it.data, it.err = l.check(line[lead:], at+int64(lead), last)
			if it.err != nil && it.err.Code() == body.Truncated {
				return item{}, it.err
			}
			return it, nil
		}
		if last {
			return item{}, io.EOF
		}
	}
}

// place is the line read last.
func (l *lines) place() body.Place { return body.Place{What: "line", N: l.line} }

// read uses up the next line and returns it without its newline. A line above
// the limit is skipped. The last line is the one without a newline, be it
// empty.
func (l *lines) read() (line []byte, last, tooLarge bool, err error) {
	l.line++
	for seen := 0; ; {
		b := l.w.Bytes()
		if n := bytes.IndexByte(b[seen:], '\n'); n >= 0 {
			l.w.Advance(seen + n + 1)
			return b[:seen+n], false, seen+n > l.w.Limit(), nil
		}
		if seen = len(b); seen > l.w.Limit() {
			return nil, false, true, l.skip()
		}
		if !l.w.Fill() {
			if e := l.w.Ended(); e != nil {
				e.Line = l.line
				return nil, true, false, e
			}
			b = l.w.Bytes()
			l.w.Advance(len(b))
			return b, true, false, nil
		}
	}
}

// skip uses up the rest of an oversized line. It watches the grammar to tell a
// body that was cut off from one whose last line has no newline.
func (l *lines) skip() error {
	s := l.w.Scanner()
	for {
		b := l.w.Bytes()
		n := bytes.IndexByte(b, '\n')
		if n >= 0 {
			l.w.Advance(n + 1)
			return nil
		}
		s.Scan(b)
		l.w.Advance(len(b))
		if l.w.Fill() {
			continue
		}
		if l.w.Ended() != nil || !s.Failed() && !s.EOF() {
			return l.w.Cut(l.place())
		}
		return nil
	}
}

// check returns the one JSON value of a line that begins at the offset, or
// what is wrong with it. If it is the last line and could go on, the fault is
// that it was cut off.
func (l *lines) check(line []byte, at int64, last bool) ([]byte, *Error) {
	s := l.w.Scanner()
	n := s.Scan(line)
	switch {
	case s.Failed():
	case s.Complete() || s.EOF():
		rest := n + body.Blanks(line[n:])
		if rest == len(line) {
			return line[:n], nil
		}
		n = rest
		s.Fail("behind the record: one record per line")
	case last:
		return nil, l.w.Cut(l.place())
	default:
		s.Fail("of the line")
	}
	return nil, s.Fault(line[n:], at+int64(n), l.place())
}
