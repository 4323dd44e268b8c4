package ingest

import (
	"bytes"
	"io"
)

// lines are the records of NDJSON: one value per line, blank lines between
// them are nothing. A broken line is a fault of its own.
type lines struct {
	w    *window
	line int // the one read last
}

func (l *lines) next() (item, error) {
	start := l.w.offset()
	for {
		at := l.w.offset()
		if at-start > int64(l.w.limit) {
			return item{}, l.w.endless(start)
		}
		line, last, tooLarge, err := l.read()
		if err != nil {
			return item{}, err
		}
		it := item{line: l.line}
		if tooLarge {
			it.err = l.w.tooLarge(at, l.line)
			return it, nil
		}
		lead := blanks(line)
		if lead < len(line) {
			it.data, it.err = l.check(line[lead:], at+int64(lead), last)
			if it.err != nil && it.err.code == codeTruncated {
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
func (l *lines) place() place { return place{"line", l.line} }

// read uses up the next line and returns it without its newline. A line above
// the limit is skipped. The last line is the one without a newline, be it
// empty.
func (l *lines) read() (line []byte, last, tooLarge bool, err error) {
	l.line++
	for seen := 0; ; {
		b := l.w.bytes()
		if n := bytes.IndexByte(b[seen:], '\n'); n >= 0 {
			l.w.advance(seen + n + 1)
			return b[:seen+n], false, seen+n > l.w.limit, nil
		}
		if seen = len(b); seen > l.w.limit {
			return nil, false, true, l.skip()
		}
		if !l.w.fill() {
			if e := l.w.ended(); e != nil {
				e.Line = l.line
				return nil, true, false, e
			}
			b = l.w.bytes()
			l.w.advance(len(b))
			return b, true, false, nil
		}
	}
}

// skip uses up the rest of an oversized line. It watches the grammar to tell a
// body that was cut off from one whose last line has no newline.
func (l *lines) skip() error {
	s := &l.w.s
	s.reset()
	for {
		b := l.w.bytes()
		n := bytes.IndexByte(b, '\n')
		if n >= 0 {
			l.w.advance(n + 1)
			return nil
		}
		s.scan(b)
		l.w.advance(len(b))
		if l.w.fill() {
			continue
		}
		if l.w.ended() != nil || s.state != stFault && !s.eof() {
			return l.w.cut(l.place())
		}
		return nil
	}
}

// check returns the one JSON value of a line that begins at the offset, or
// what is wrong with it. If it is the last line and could go on, the fault is
// that it was cut off.
func (l *lines) check(line []byte, at int64, last bool) ([]byte, *Error) {
	s := &l.w.s
	s.reset()
	n := s.scan(line)
	switch {
	case s.state == stFault:
	case s.state == stEnd || s.eof():
		rest := n + blanks(line[n:])
		if rest == len(line) {
			return line[:n], nil
		}
		n = rest
		s.fail("behind the record: one record per line")
	case last:
		return nil, l.w.cut(l.place())
	default:
		s.fail("of the line")
	}
	return nil, s.fault(line[n:], at+int64(n), l.place())
}
