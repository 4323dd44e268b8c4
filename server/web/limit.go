package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
)

// Limits bounds what one request may cost. The zero value suits a short
// request.
type Limits struct {
	// Body is the most bytes a body may have. 0 means 1 MiB, for a stream
	// without bound.
	Body int64
	// Timeout ends the handler's context and the reading of the body; 0 means
	// 30 s. A stream has none.
	Timeout time.Duration
	// Idle is the longest a single read of the body or write of the answer may
	// stand still; 0 means 30 s.
	Idle time.Duration
	// Stream marks a route that may take as long as it moves: bulk input,
	// server-sent events.
	Stream bool
}

const (
	defaultBody    = 1 << 20
	defaultTimeout = 30 * time.Second
	defaultIdle    = 30 * time.Second
	drainTime      = 5 * time.Second // for the rest of a body nobody wanted
)

func (l Limits) withDefaults() Limits {
	if l.Body <= 0 && !l.Stream {
		l.Body = defaultBody
	}
	if l.Timeout <= 0 {
		l.Timeout = defaultTimeout
	}
	if l.Idle <= 0 {
		l.Idle = defaultIdle
	}
	return l
}

// Limit holds a route to its limits. Errors: too_large, request_timeout (the
// client is too slow), timeout (we are).
func Limit(l Limits) Middleware {
	l = l.withDefaults()
	return func(next Handler) Handler {
		return func(c *gin.Context) error {
			in := incomingOf(c.Request.Context())
			if in == nil {
				return errors.New("web: Limit without Handle")
			}
			if err := in.body.limit(c, l); err != nil {
				return err
			}
			if l.Stream {
				c.Writer = &movingWriter{ResponseWriter: c.Writer, ctl: in.body.ctl, idle: l.Idle}
				return next(c)
			}
			// Refused by writers without deadlines, which have no slow reader.
			_ = in.body.ctl.SetWriteDeadline(in.start.Add(l.Timeout + l.Idle))
			return withTimeout(c, l.Timeout, next)
		}
	}
}

// withTimeout runs next with a deadline, and calls an unnamed error after the
// deadline by its name: drivers often report only that they were interrupted.
func withTimeout(c *gin.Context, d time.Duration, next Handler) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), d)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	err := next(c)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && Classify(err).Code == "internal" {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// body is a request's body that counts, and that names what goes wrong.
type body struct {
	src   io.ReadCloser
	none  bool // the request has no body
	ctl   *http.ResponseController
	n     int64
	idle  time.Duration // 0: no read deadlines
	hard  time.Time     // zero: no end
	armed time.Time     // the deadline that is set now
	err   error         // sticky
}

func newBody(c *gin.Context) *body {
	b := &body{src: c.Request.Body, ctl: http.NewResponseController(c.Writer)}
	if b.src == nil {
		b.src = http.NoBody
	}
	b.none = b.src == http.NoBody
	return b
}

// limit sets the bounds; a body that says itself that it is too long is
// refused before a byte of it is read.
func (b *body) limit(c *gin.Context, l Limits) error {
	b.idle = l.Idle
	if !l.Stream {
		b.hard = time.Now().Add(l.Timeout)
	}
	if b.none {
		return nil
	}
	// Also when the handler never reads: the server itself reads on before it
	// writes the answer's head.
	b.arm()
	if l.Body <= 0 {
		return nil
	}
	if c.Request.ContentLength > l.Body {
		b.err = tooLarge(l.Body)
		return b.err
	}
	// The server's own writer has to learn of an overrun, to close the
	// connection in a way that lets the client read the answer.
	var w http.ResponseWriter = c.Writer
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	b.src = http.MaxBytesReader(w, b.src, l.Body)
	return nil
}

// Read reads on, within the deadlines.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.arm()
	n, err := b.src.Read(p)
	b.n += int64(n)
	if err == nil {
		return n, nil
	}
	b.err = named(err) // after the end the server lifts the deadline itself
	return n, b.err
}

// Close closes the body; the server does the same.
func (b *body) Close() error { return b.src.Close() }

// arm moves the read deadline forward, not at each of many small reads.
func (b *body) arm() {
	if b.idle == 0 || b.none {
		return // reading without Limit, or nothing to read
	}
	at := time.Now().Add(b.idle)
	if !b.hard.IsZero() && at.After(b.hard) {
		at = b.hard
	}
	if at.Sub(b.armed) > b.idle/8 || (at.Equal(b.hard) && !b.armed.Equal(b.hard)) {
		b.armed = at
		_ = b.ctl.SetReadDeadline(at)
	}
}

// done bounds the time the server spends on what is left of the body, before
// it answers and after.
func (b *body) done() {
	if !b.none && !errors.Is(b.err, io.EOF) {
		_ = b.ctl.SetReadDeadline(time.Now().Add(drainTime))
	}
}

// named gives the errors of reading a body their codes.
func named(err error) error {
	var max *http.MaxBytesError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &max):
		return tooLarge(max.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{CodeWord: "request_timeout", Message: "the body arrived too slowly", cause: err}
	default:
		return &Error{CodeWord: "truncated", Message: "the body broke off before its end", cause: err}
	}
}

func tooLarge(limit int64) error {
	return Errorf("too_large", "", "the body is larger than %d bytes", limit)
}

// movingWriter gives every write of a stream its own deadline.
type movingWriter struct {
	gin.ResponseWriter

	ctl   *http.ResponseController
	idle  time.Duration
	armed time.Time
}

func (w *movingWriter) arm() {
	if at := time.Now().Add(w.idle); at.Sub(w.armed) > w.idle/8 {
		w.armed = at
		_ = w.ctl.SetWriteDeadline(at)
	}
}

// Write writes within the deadline.
func (w *movingWriter) Write(p []byte) (int, error) {
	w.arm()
	return w.ResponseWriter.Write(p)
}

// WriteString writes within the deadline.
func (w *movingWriter) WriteString(s string) (int, error) {
	w.arm()
	return w.ResponseWriter.WriteString(s)
}

// Flush flushes within the deadline.
func (w *movingWriter) Flush() {
	w.arm()
	w.ResponseWriter.Flush()
}

// Unwrap is for http.ResponseController.
func (w *movingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
