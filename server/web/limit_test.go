package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

// The tests below run a real http.Server on in-memory connections in a bubble
// where time stands still until everybody waits: a stalled client of 30 s
// takes no time.

type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.done)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

type bubble struct {
	*door

	t        *testing.T
	listener *pipes
	stop     context.CancelCauseFunc
}

// inBubble runs fn with a served engine; paths are registered by setup.
func inBubble(t *testing.T, setup func(*door), fn func(*bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		setup(d)
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		b := &bubble{door: d, t: t, listener: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, stop: stop}
		srv := &http.Server{
			Handler:           d.engine,
			ReadHeaderTimeout: time.Minute,
			BaseContext:       func(net.Listener) context.Context { return ctx },
		}
		served := make(chan error)
		go func() { served <- srv.Serve(b.listener) }()
		fn(b)
		_ = srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		<-time.After(time.Second) // net/http lingers after refusing a body
		synctest.Wait()
	})
}

// dial opens a connection and sends text on it. Its other end is closed by the
// server.
func (b *bubble) dial(format string, args ...any) net.Conn {
	b.t.Helper()
	client, server := net.Pipe()
	b.listener.conns <- server
	b.send(client, format, args...)
	return client
}

func (b *bubble) send(c net.Conn, format string, args ...any) {
	b.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		b.t.Errorf("send: %v", err)
	}
}

// answer reads the response and what it took to read it.
func (b *bubble) answer(c net.Conn) (status int, body string, err error) {
	b.t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return res.StatusCode, string(raw), err
}

func (b *bubble) want(c net.Conn, status int, part string) {
	b.t.Helper()
	got, body, err := b.answer(c)
	if err != nil || got != status || !strings.Contains(body, part) {
		b.t.Errorf("answer %d %s (%v), want %d with %q", got, body, err, status, part)
	}
}

func count(c *gin.Context) error {
	n, err := io.Copy(io.Discard, c.Request.Body)
	if err != nil {
		return err
	}
	return web.JSON(c, 200, n)
}

const head = "POST /x HTTP/1.1\r\nHost: h\r\n"

func route(l web.Limits, h web.Handler) func(*door) {
	return func(d *door) { d.engine.Any("/x", d.r.Route(web.Public, l, h)) }
}

func TestStalledBody(t *testing.T) {
	for _, l := range []web.Limits{{}, {Stream: true}} {
		inBubble(t, route(l, count), func(b *bubble) {
			start := time.Now()
			c := b.dial(head + "Content-Length: 100\r\n\r\n0123456789")
			b.want(c, 408, "too slowly")
			if took := time.Since(start); took < 30*time.Second || took > 40*time.Second {
				b.t.Errorf("given up after %v", took)
			}
		})
	}
}

func TestStalledUnreadBody(t *testing.T) {
	large := strings.Repeat("x", 10_000)
	inBubble(t, route(web.Limits{}, func(c *gin.Context) error { return web.JSON(c, 200, large) }), func(b *bubble) {
		c := b.dial(head + "Content-Length: 100\r\n\r\n0123456789")
		b.want(c, 200, large)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			b.t.Errorf("the connection stays: %v", err)
		}
	})
}

// TestStalledRefusedBody: the server reads on before it answers, also where no
// limits were set yet.
func TestStalledRefusedBody(t *testing.T) {
	inBubble(t, func(d *door) { d.engine.POST("/x", d.r.Route(web.Reader, web.Limits{}, ok)) }, func(b *bubble) {
		start := time.Now()
		c := b.dial(head + "Content-Length: 100\r\n\r\n0123456789")
		b.want(c, 403, "needs an API key")
		c = b.dial("%sContent-Length: 100\r\n\r\n0123456789", strings.Replace(head, "/x", "/nothing", 1))
		b.want(c, 404, "nothing at")
		if took := time.Since(start); took > 15*time.Second {
			b.t.Errorf("took %v", took)
		}
	})
}

func TestTricklingBody(t *testing.T) {
	send := func(b *bubble, n int, done chan struct{}) net.Conn {
		c := b.dial(head + "Transfer-Encoding: chunked\r\n\r\n")
		go func() {
			for range n {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Second):
				}
				if _, err := io.WriteString(c, "1\r\nx\r\n"); err != nil {
					return // the server gave up, as one of the tests expects
				}
			}
			_, _ = io.WriteString(c, "0\r\n\r\n")
		}()
		return c
	}
	t.Run("a stream may take long", func(t *testing.T) {
		inBubble(t, route(web.Limits{Stream: true, Timeout: time.Second}, count), func(b *bubble) {
			done := make(chan struct{})
			defer close(done)
			c := send(b, 30, done)
			b.want(c, 200, "30")
		})
	})
	t.Run("another body may not", func(t *testing.T) {
		inBubble(t, route(web.Limits{}, count), func(b *bubble) {
			start := time.Now()
			done := make(chan struct{})
			defer close(done)
			c := send(b, 30, done)
			b.want(c, 408, "too slowly")
			if took := time.Since(start); took > 45*time.Second {
				b.t.Errorf("given up after %v", took)
			}
		})
	})
}

// TestReadDeadlineEndsWithTheBody: the deadline of the last read must not end
// a handler that works on after the body.
func TestReadDeadlineEndsWithTheBody(t *testing.T) {
	inBubble(t, route(web.Limits{Stream: true}, func(c *gin.Context) error {
		n, err := io.Copy(io.Discard, c.Request.Body)
		if err != nil {
			return err
		}
		select {
		case <-c.Request.Context().Done():
			return c.Request.Context().Err()
		case <-time.After(10 * time.Minute):
			return web.JSON(c, 200, n)
		}
	}), func(b *bubble) {
		for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
			c := b.dial("%s", head+body)
			b.want(c, 200, "3")
			_ = c.Close()
		}
	})
}

func TestHandlerTimeout(t *testing.T) {
	for what, h := range map[string]web.Handler{
		"context error": func(c *gin.Context) error {
			<-c.Request.Context().Done()
			return c.Request.Context().Err()
		},
		"a driver's word for it": func(c *gin.Context) error {
			<-c.Request.Context().Done()
			return errors.New("interrupted (9)")
		},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, route(web.Limits{Timeout: 3 * time.Second}, h), func(b *bubble) {
				start := time.Now()
				c := b.dial(head + "\r\n")
				b.want(c, 503, "QueryTimeoutError")
				if took := time.Since(start); took != 3*time.Second {
					b.t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestClientGone(t *testing.T) {
	ended := make(chan struct{}, 1)
	inBubble(t, route(web.Limits{}, func(c *gin.Context) error {
		<-c.Request.Context().Done()
		ended <- struct{}{}
		return c.Request.Context().Err()
	}), func(b *bubble) {
		c := b.dial(head + "\r\n")
		_ = c.Close()
		<-ended
		synctest.Wait()
		lines := b.log.lines(b.t)
		if len(lines) != 1 || lines[0]["status"] != 499.0 || lines[0]["bytes_out"] != 0.0 || lines[0]["level"] != "INFO" {
			b.t.Errorf("log %v", lines)
		}
	})
}

// TestServerStops: the server's own end is not mistaken for the client's.
func TestServerStops(t *testing.T) {
	inBubble(t, route(web.Limits{}, func(c *gin.Context) error {
		<-c.Request.Context().Done()
		return fmt.Errorf("query: %w", c.Request.Context().Err())
	}), func(b *bubble) {
		c := b.dial(head + "\r\n")
		synctest.Wait()
		b.stop(errors.New("stopping"))
		b.want(c, 503, "the service is stopping")
	})
}

// TestLateError: what was written arrives, but not as a whole answer.
func TestLateError(t *testing.T) {
	inBubble(t, route(web.Limits{Stream: true}, func(c *gin.Context) error {
		if _, err := c.Writer.WriteString("{\"line\":1}\n"); err != nil {
			return err
		}
		return &coded{code: "truncated", text: "cut off"}
	}), func(b *bubble) {
		c := b.dial(head + "\r\n")
		status, body, err := b.answer(c)
		if status != 200 || body != "{\"line\":1}\n" || !errors.Is(err, io.ErrUnexpectedEOF) {
			b.t.Errorf("%d %q, %v", status, body, err)
		}
		synctest.Wait()
		lines := b.log.lines(b.t)
		if len(lines) != 1 || lines[0]["answer_cut"] != true || lines[0]["error_code"] != "truncated" {
			b.t.Errorf("log %v", lines)
		}
	})
}

func TestSlowReader(t *testing.T) {
	flood := func(c *gin.Context) error {
		for {
			if _, err := c.Writer.WriteString(strings.Repeat("x", 4096)); err != nil {
				return err
			}
		}
	}
	inBubble(t, route(web.Limits{Stream: true}, flood), func(b *bubble) {
		b.dial(head + "\r\n")
		start := time.Now()
		for len(b.log.lines(b.t)) == 0 { // not a byte is read
			<-time.After(time.Second)
		}
		if took := time.Since(start); took > 40*time.Second {
			b.t.Errorf("the handler hung for %v", took)
		}
	})
}

// TestSlowStream: an event every 20 s for as long as it pleases.
func TestSlowStream(t *testing.T) {
	inBubble(t, route(web.Limits{Stream: true}, func(c *gin.Context) error {
		for range 20 {
			if _, err := c.Writer.Write([]byte("data: 1\n\n")); err != nil {
				return err
			}
			c.Writer.Flush()
			<-time.After(20 * time.Second)
		}
		return nil
	}), func(b *bubble) {
		c := b.dial(head + "\r\n")
		b.want(c, 200, strings.Repeat("data: 1\n\n", 20))
	})
}

func TestTooLarge(t *testing.T) {
	read := 0
	setup := route(web.Limits{Body: 10}, func(c *gin.Context) error {
		read++
		return count(c)
	})
	for _, tc := range []struct {
		what, request string
		status, reads int
	}{
		{"fits", "Content-Length: 10\r\n\r\n0123456789", 200, 1},
		{"fits, chunked", "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", 200, 1},
		{"says so", "Content-Length: 11\r\n\r\n0123456789a", 413, 0},
		{"says so and waits to be asked", "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", 413, 0},
		{"does not say", "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n", 413, 1},
	} {
		t.Run(tc.what, func(t *testing.T) {
			read = 0
			inBubble(t, setup, func(b *bubble) {
				c := b.dial("%s", head+tc.request)
				want := "10"
				if tc.status == 413 {
					want = "larger than 10 bytes"
				}
				b.want(c, tc.status, want)
				if read != tc.reads {
					b.t.Errorf("the handler ran %d times", read)
				}
			})
		})
	}
}

// TestBrokenBody: a body that ends early has a word, and can be told by its
// cause as well.
func TestBrokenBody(t *testing.T) {
	for what, request := range map[string]string{
		"cut off":   "Content-Length: 10\r\n\r\n0123",
		"bad chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			var got error
			inBubble(t, route(web.Limits{}, func(c *gin.Context) error {
				_, got = io.ReadAll(c.Request.Body)
				_, again := c.Request.Body.Read(make([]byte, 1))
				if !errors.Is(again, got) {
					return fmt.Errorf("then %w", again)
				}
				return got
			}), func(b *bubble) {
				c := b.dial("%s", head+request)
				_ = c.Close()
				synctest.Wait()
				if lines := b.log.lines(b.t); len(lines) != 1 || lines[0]["error_code"] != "truncated" {
					b.t.Errorf("log %v", lines)
				}
			})
			if what == "cut off" && !errors.Is(got, io.ErrUnexpectedEOF) {
				t.Errorf("cause %v", errors.Unwrap(got))
			}
		})
	}
}

// TestKeepAlive: limits of one request do not follow to the next one.
func TestKeepAlive(t *testing.T) {
	inBubble(t, route(web.Limits{Timeout: 2 * time.Second, Idle: 2 * time.Second}, count), func(b *bubble) {
		c := b.dial("")
		r := bufio.NewReader(c)
		for range 3 {
			b.send(c, head+"Content-Length: 3\r\n\r\nabc")
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				b.t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != 200 || string(body) != "3" || err != nil {
				b.t.Errorf("%d %s %v", res.StatusCode, body, err)
			}
			<-time.After(50 * time.Second)
		}
	})
}

func TestLimitNeedsHandle(t *testing.T) {
	d := newDoor(t)
	var got error
	d.engine.GET("/x", func(c *gin.Context) { got = web.Limit(web.Limits{})(ok)(c) })
	if d.get("/x", nil); got == nil {
		t.Error("no error")
	}
}
