package sender

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// smallBody is what is written before the answer is looked for; a larger body is written while it is. The buffers of
	// two sockets take that much from an endpoint that does not read.
	smallBody = 16 << 10
	// answerTime is how long an answer may take that was sent before the request broke off.
	answerTime = time.Second
	// farewellTime is how long the end of writing may take to be noticed when the answer is there.
	farewellTime = 10 * time.Millisecond
)

var (
	errHeadTooLong = errors.New("sender: the answer's head is too long")
	past           = time.Unix(1, 0)
)

// conn is a connection that remembers how it came about and how much was written to it. But for written, only the goroutine of the
// attempt it serves touches it.
type conn struct {
	net.Conn

	raw  net.Conn // below TLS.
	key  string
	info dialInfo
	r    *bufio.Reader
	w    *bufio.Writer

	flight    *flight
	inHead    bool
	timedOut  bool         // a read did.
	unwritten error        // of the last write, which net/http wraps beyond recognition.
	left      int          // of the head's limit.
	written   atomic.Int64 // before TLS.
	writing   chan error   // of a large body; nil when nothing is being written.
	broken    bool         // not to be used again.
	idleSince time.Time    // in the pool.
}

// Close is at once; the farewell of TLS could wait for an endpoint that does not read.
func (c *conn) Close() error { return c.raw.Close() }

// Write counts.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	c.unwritten = err
	return n, err
}

// ReadFrom spares a body that stands in memory a copy in pieces; net/http hands it over in such a wrapping.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if b, ok := l.R.(*bytes.Reader); ok && int64(b.Len()) <= l.N {
			n, err := b.WriteTo(c)
			l.N -= n
			return n, err
		}
	}
	return io.Copy(struct{ io.Writer }{c}, r)
}

// Read notes the first byte of an answer and keeps its head short.
func (c *conn) Read(p []byte) (int, error) {
	if c.inHead {
		if c.left <= 0 {
			return 0, errHeadTooLong
		}
		p = p[:min(len(p), c.left)]
	}
	n, err := c.Conn.Read(p)
	c.left -= n
	if err != nil {
		c.timedOut = isTimeout(err)
	}
	if n > 0 && c.flight.firstByte == 0 {
		c.flight.firstByte = max(time.Since(c.flight.start), 1)
	}
	return n, err
}

// interrupt ends what goes on over the connection when ctx ends. stop reports that it has not, and will not.
func (c *conn) interrupt(ctx context.Context) (stop func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
}

// exchange writes a request and reads the head of its answer.
func (c *conn) exchange(f *flight, o *outgoing) (*http.Response, error) {
	f.enter(inWrite)
	if len(o.body) > smallBody {
		return c.exchangeLarge(f, o)
	}
	if err := c.send(o); err != nil {
		if f.untouched() {
			return nil, err
		}
		return c.answerAfter(o, err)
	}
	f.enter(inHeaders)
	return c.head(o)
}

// answerAfter looks for the answer of an endpoint that has stopped listening.
func (c *conn) answerAfter(o *outgoing, broken error) (*http.Response, error) {
	c.broken = true
	if isTimeout(broken) {
		return nil, broken
	}
	c.hurry()
	resp, err := c.head(o)
	if err != nil {
		return nil, broken
	}
	return resp, nil
}

// hurry leaves an answer one second.
func (c *conn) hurry() {
	if limit := time.Now().Add(answerTime); limit.Before(c.flight.deadline) {
		_ = c.SetReadDeadline(limit)
	}
}

// exchangeLarge writes the request while it waits for the answer, which may come early.
func (c *conn) exchangeLarge(f *flight, o *outgoing) (*http.Response, error) {
	writing := make(chan error, 1)
	c.writing = writing
	var broken atomic.Pointer[error]
	go func() {
		err := c.send(o)
		if err == nil {
			f.enter(inHeaders)
		} else if !isTimeout(err) {
			broken.Store(&err)
			c.hurry()
		}
		writing <- err
	}()
	resp, err := c.head(o)
	if err == nil {
		return resp, nil
	}
	if cause := broken.Load(); cause != nil && isTimeout(err) {
		err = *cause
	}
	return nil, err
}

// settle waits until nothing is being written any more; if the answer came well before the end of the request, it closes the connection
// for that. It reports whether the connection may be used again, as far as writing goes.
func (c *conn) settle() bool {
	if c.writing == nil {
		return !c.broken
	}
	timer := time.NewTimer(farewellTime)
	defer timer.Stop()
	select {
	case err := <-c.writing:
		c.broken = err != nil
	case <-timer.C:
		c.broken = true
		_ = c.Close()
		<-c.writing //nolint:errcheck // cut short: it says nothing
	}
	c.writing = nil
	return !c.broken
}

func (c *conn) send(o *outgoing) error {
	if len(o.body) > 0 {
		o.Body = io.NopCloser(bytes.NewReader(o.body))
	}
	err := o.Write(c.w)
	if err == nil {
		err = c.w.Flush()
	}
	if c.unwritten != nil {
		return c.unwritten
	}
	return err
}

// head reads the answer's status and headers, passing over those that only announce it.
func (c *conn) head(o *outgoing) (*http.Response, error) {
	c.inHead, c.left = true, maxHeaderBytes
	for {
		resp, err := http.ReadResponse(c.r, &o.Request)
		switch {
		case err == nil:
		case c.timedOut: // and not the half line that had come by then.
			return nil, os.ErrDeadlineExceeded
		default:
			return nil, err
		}
		if resp.StatusCode < 100 || resp.StatusCode > 199 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.inHead = false
			return resp, nil
		}
	}
}
