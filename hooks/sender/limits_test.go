package sender

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// piped returns a Client whose connections are pipes to script, so that time is the test's.
func piped(script func(net.Conn, *bufio.Reader)) *Client {
	return NewClient(ClientOptions{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			script(theirs, bufio.NewReader(theirs))
		}()
		return ours, nil
	}})
}

func readOne(r *bufio.Reader) {
	if req, err := http.ReadRequest(r); err == nil {
		_, _ = req.Body.Read(make([]byte, 64))
	}
}

func hold(r *bufio.Reader) { _, _ = r.ReadByte() }

// TestSend_limits_in_time measures each limit exactly, on a clock that does not run by itself.
func TestSend_limits_in_time(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	say := func(c net.Conn, text string) { _, _ = c.Write([]byte(text)) }
	tests := []struct {
		name    string
		url     string
		timeout time.Duration
		script  func(net.Conn, *bufio.Reader)
		want    time.Duration
		reason  Reason
		limit   string
	}{
		{"default timeout", "http://x.test/", 0, func(_ net.Conn, r *bufio.Reader) { readOne(r); hold(r) }, 5 * time.Second, ReasonTimeout, LimitHeaders},
		{"headers that trickle", "http://x.test/", 7 * time.Second, func(c net.Conn, r *bufio.Reader) {
			readOne(r)
			say(c, "HTTP/1.1 200 OK\r\nX: ")
			for {
				<-time.After(time.Second)
				if _, err := c.Write([]byte("a")); err != nil {
					return
				}
			}
		}, 7 * time.Second, ReasonTimeout, LimitHeaders},
		{
			"body after the head", "http://x.test/", 30 * time.Second,
			func(c net.Conn, r *bufio.Reader) { readOne(r); say(c, ok); hold(r) },
			2 * time.Second, ReasonDelivered, LimitBody,
		},
		{
			"body, short timeout", "http://x.test/", time.Second,
			func(c net.Conn, r *bufio.Reader) { readOne(r); say(c, ok+"a"); hold(r) },
			time.Second, ReasonDelivered, LimitBody,
		},
		{
			"body after a late head", "http://x.test/", 30 * time.Second,
			func(c net.Conn, r *bufio.Reader) { readOne(r); <-time.After(29 * time.Second); say(c, ok); hold(r) },
			30 * time.Second, ReasonDelivered, LimitBody,
		},
		{
			"request that is not read", "http://x.test/", 30 * time.Second,
			func(net.Conn, *bufio.Reader) { <-time.After(time.Minute) },
			30 * time.Second, ReasonTimeout, LimitTotal,
		},
		{"handshake", "https://x.test/", 30 * time.Second, func(_ net.Conn, r *bufio.Reader) {
			for {
				if _, err := r.ReadByte(); err != nil {
					return
				}
			}
		}, 5 * time.Second, ReasonTimeout, LimitTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := piped(tt.script)
				defer c.Close()
				r := post(tt.url, "{}")
				r.Timeout = tt.timeout
				a := c.Send(t.Context(), r)
				if a.Duration != tt.want || a.Reason != tt.reason || a.Limit != tt.limit {
					t.Errorf("took %v, want %v: %+v", a.Duration, tt.want, a)
				}
				<-time.After(2 * time.Minute) // the clock stops with this function, and scripts wait for it.
			})
		})
	}
}

func TestSend_limit_of_connecting(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{30 * time.Second: connectTime, 3 * time.Second: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := NewClient(ClientOptions{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			defer c.Close()
			r := post("http://x.test/", "{}")
			r.Timeout = timeout
			if a := c.Send(t.Context(), r); a.Duration != want || a.Reason != ReasonTimeout || a.Limit != LimitConnect {
				t.Errorf("took %v, want %v: %+v", a.Duration, want, a)
			}
		})
	}
}

// A connection is given up before common servers close it.
func TestSend_idle_connections(t *testing.T) {
	for wait, reused := range map[time.Duration]bool{3900 * time.Millisecond: true, 4100 * time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			c := piped(func(c net.Conn, r *bufio.Reader) {
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = req.Body.Read(make([]byte, 64))
					_, _ = c.Write([]byte(noContent))
				}
			})
			defer c.Close()
			c.Send(t.Context(), post("http://x.test/", "{}"))
			<-time.After(wait)
			if a := c.Send(t.Context(), post("http://x.test/", "{}")); a.Class() != Delivered || a.Reused != reused {
				t.Errorf("after %v: %+v", wait, a)
			}
		})
	}
}
