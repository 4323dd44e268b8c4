package feed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"dochook/doctype"
)

// Type is the media type of a stream.
const Type = "text/event-stream"

const (
	chunk = 100 // events read at once
	// pause lets commits that come close together cost one read for all.
	pause     = 20 * time.Millisecond
	poll      = 2 * time.Second // a wake that got lost delays an event by no more
	keepAlive = 15 * time.Second
)

// Out is where a stream goes.
type Out interface {
	io.Writer
	Flush()
}

// Options of a Stream; the zero value is ready for use.
type Options struct {
	// Allowed is asked at each KeepAlive whether the stream may go on. Default:
	// it may.
	Allowed func(ctx context.Context) bool
	// KeepAlive is the time between comments, which let proxies and both ends
	// see that the other is there. Default 15 s.
	KeepAlive time.Duration
}

// Stream is one client that follows the log.
type Stream struct {
	reader Reader
	wakes  <-chan struct{}
	out    Out
	o      Options
	buf    bytes.Buffer
}

// NewStream returns a Stream of what the reader reads, to out; a closed wakes
// ends it. It starts nothing.
func NewStream(reader Reader, wakes <-chan struct{}, out Out, o Options) *Stream {
	if o.KeepAlive <= 0 {
		o.KeepAlive = keepAlive
	}
	return &Stream{reader: reader, wakes: wakes, out: out, o: o}
}

// Run writes events until ctx or the service ends, or the client may no longer
// read them. The error is that of writing, or of a log that cannot be read; a
// database that is away for a while is waited for.
func (s *Stream) Run(ctx context.Context) error {
	// With an id from the start a client that was cut off before its first event
	// comes back to where it began, not to the log's new end.
	s.buf.WriteString("retry: 1000\nid: " + strconv.FormatInt(s.reader.After, 10) + "\n\n")
	if err := s.send(); err != nil {
		return err
	}
	alive := time.NewTicker(s.o.KeepAlive)
	defer alive.Stop()
	for {
		if err := s.catchUp(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if doctype.CodeOf(err) != doctype.CodeUnavailable {
				return err
			}
		}
		if open, err := s.wait(ctx, alive.C); !open {
			return err
		}
	}
}

// catchUp writes what there is up to the log's end.
func (s *Stream) catchUp(ctx context.Context) error {
	for {
		events, err := s.reader.Next(ctx, chunk)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			appendEvent(&s.buf, &events[i])
		}
		if err := s.send(); err != nil {
			return err
		}
	}
}

// wait returns when there may be more; open is false at the end of the stream.
func (s *Stream) wait(ctx context.Context, alive <-chan time.Time) (open bool, err error) {
	if !sleep(ctx, pause) {
		return false, nil
	}
	again := time.NewTimer(poll)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case _, open := <-s.wakes:
			return open, nil
		case <-again.C:
			return true, nil
		case <-alive:
			if s.o.Allowed != nil && !s.o.Allowed(ctx) {
				return false, nil
			}
			s.buf.WriteString(":\n\n")
			if err := s.send(); err != nil {
				return false, err
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// send writes the buffer out. One that a large record made large is not kept.
func (s *Stream) send() error {
	_, err := s.out.Write(s.buf.Bytes())
	s.out.Flush()
	if s.buf.Cap() > 4*readBytes {
		s.buf = bytes.Buffer{}
	}
	s.buf.Reset()
	if err != nil {
		return fmt.Errorf("write the stream: %w", err)
	}
	return nil
}

// appendEvent writes an event as a block of the stream. A record may be spread
// over lines, with any of the three ends of line that the format knows.
func appendEvent(b *bytes.Buffer, e *doctype.Event) {
	b.WriteString("id: " + strconv.FormatInt(e.Pos, 10) + "\nevent: " + e.Event + "\n")
	text := e.AppendJSON(nil)
	for len(text) > 0 {
		line := text
		if at := bytes.IndexAny(text, "\r\n"); at >= 0 {
			line, text = text[:at], text[at+1:]
		} else {
			text = nil
		}
		b.WriteString("data: ")
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}
