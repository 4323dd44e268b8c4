package sender

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dochook/fixtures/zoo"
)

// An endpoint may close a connection after any answer, without a word before; the next request goes out on another.
func TestSend_after_a_silent_close(t *testing.T) {
	for name, text := range map[string]string{
		"closed":         noContent,
		"announced":      "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
		"HTTP/1.0":       "HTTP/1.0 204 No Content\r\n\r\n",
		"with a body":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"body to close":  "HTTP/1.1 200 OK\r\n\r\nok",
		"chunks":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"chunks, no end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, zoo.Says(text))
			c := local(t, ClientOptions{})
			for i := range 3 {
				if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered || a.Reused {
					t.Fatalf("request %d: %+v", i, a)
				}
				eventually(t, func() string {
					if e.Open() > 0 {
						return "the endpoint does not close"
					}
					return ""
				})
			}
		})
	}
}

// An answer nobody asked for must not become that of the next request.
func TestSend_takes_no_answer_in_advance(t *testing.T) {
	const advance = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
	for name, script := range map[string]zoo.Script{
		"at once": zoo.After(func(s *session) { s.Say(noContent + advance); s.Hang() }),
		"after a body": zoo.After(func(s *session) {
			s.Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + advance)
			s.Hang()
		}),
		"stray line": zoo.After(func(s *session) { s.Say(noContent + "\r\n"); s.Hang() }),
	} {
		e := serve(t, script)
		c := local(t, ClientOptions{})
		for range 3 {
			if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered || a.Reused || string(a.ResponseBody) == "forged" {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	// Nor if it comes when the connection is idle.
	idle := make(chan struct{})
	sent := make(chan struct{})
	e := serve(t, zoo.After(func(s *session) {
		s.Say(noContent)
		<-idle
		s.Say(advance)
		close(sent)
		s.Hang()
	}))
	c := local(t, ClientOptions{})
	c.Send(t.Context(), post(e.URL(), "{}"))
	close(idle)
	<-sent
	if err := e.Become("no-content"); err != nil {
		t.Fatal(err)
	}
	if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered || a.Reused || string(a.ResponseBody) == "forged" {
		t.Errorf("while idle: %+v", a)
	}
}

// Bodies arrive whole, whatever their size, and leave the connection usable.
func TestSend_bodies_of_all_sizes(t *testing.T) {
	script := func(s *session) {
		for {
			req, err := http.ReadRequest(s.Reader)
			if err != nil {
				return
			}
			h := sha256.New()
			n, err := io.Copy(h, req.Body)
			if err != nil {
				return
			}
			text := strconv.FormatInt(n, 10) + " " + hex.EncodeToString(h.Sum(nil))
			s.Say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text)
		}
	}
	ca, cert := issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	plain, secured := serve(t, script), serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, script)
	for _, e := range []*zoo.Endpoint{plain, secured} {
		c := local(t, ClientOptions{RootCAs: ca.Pool()})
		large := true // after one, the connection is given up if the end of writing is noticed too late.
		for _, size := range []int{0, 1, 3900, 4000, 4096, 4097, 8192, smallBody - 1, smallBody, smallBody + 1, 64 << 10, 1 << 20, 5 << 20, 1} {
			body := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			r := post(e.URL(), "")
			r.Body = body
			sum := sha256.Sum256(body)
			a := c.Send(t.Context(), r)
			if want := fmt.Sprintf("%d %x", size, sum); string(a.ResponseBody) != want || a.Class() != Delivered || !a.Reused && !large {
				t.Errorf("%s, %d bytes: %+v, want %s", e.URL(), size, a, want)
			}
			large = size > smallBody
		}
	}
}

// Many at once over few connections: each gets its own answer, and nothing is left.
func TestSend_answers_are_not_mixed_up(t *testing.T) {
	base := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		e := serve(t, func(s *session) {
			for i := 0; ; i++ {
				req := s.Request()
				if req == nil {
					return
				}
				n := req.Header.Get("X-N")
				s.Say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(n)) + "\r\n\r\n" + n)
				if i == 9 { // and closes without a word.
					return
				}
			}
		})
		c := local(t, ClientOptions{MaxConns: 4})
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for k := range 40 {
					n := strconv.Itoa(i*1000 + k)
					r := post(e.URL(), "{}")
					r.Header.Set("X-N", n)
					a := c.Send(t.Context(), r)
					// The close may meet the next request.
					if string(a.ResponseBody) != n && a.Reason != ReasonReset {
						t.Errorf("%s: %+v", n, a)
					}
				}
			})
		}
		wg.Wait()
		if n := e.Busiest(); n > 8 { // each may be closing while the next is opened.
			t.Errorf("%d connections at once", n)
		}
	})
	goroutinesBack(t, base)
}

// The end of ctx ends an attempt in every phase, and its connection with it.
func TestSend_canceled_in_every_phase(t *testing.T) {
	base := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		large := strings.Repeat("x", 32<<20)
		for name, tt := range map[string]struct {
			body string
			run  func(s *session, cancel func())
		}{
			"headers": {"{}", func(s *session, cancel func()) { s.Request(); cancel(); s.Hang() }},
			"writing": {large, func(s *session, cancel func()) { s.Head(); cancel(); s.Ignore() }},
			"head":    {"{}", func(s *session, cancel func()) { s.Request(); s.Say("HTTP/1.1 200 OK\r\n"); cancel(); s.Hang() }},
			"drip":    {"{}", func(s *session, cancel func()) { s.Request(); cancel(); s.Say("HTTP/1.1 200 OK\r\nX: "); s.Drip("a") }},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			e := serve(t, func(s *session) { tt.run(s, cancel) })
			a := local(t, ClientOptions{}).Send(ctx, post(e.URL(), tt.body))
			if a.Reason != ReasonCanceled || a.Status != 0 || a.Duration > 20*time.Second {
				t.Errorf("%s: %+v", name, a)
			}
			cancel()
		}
		// A context that ends after the answer does no harm to the connection's next request.
		e := serve(t, zoo.Answer(noContent))
		c := local(t, ClientOptions{})
		for i := range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			a := c.Send(ctx, post(e.URL(), "{}"))
			cancel()
			if a.Class() != Delivered || a.Reused != (i > 0) {
				t.Fatalf("request %d: %+v", i, a)
			}
		}
	})
	goroutinesBack(t, base)
}

// A large body for an endpoint that hangs up is a reset, and one that is answered before its end is answered.
func TestSend_large_body_cut_short(t *testing.T) {
	large := strings.Repeat("x", 32<<20)
	for name, tt := range map[string]struct {
		run    func(*session)
		reason Reason
		status int
	}{
		"closed":              {func(s *session) { s.Head() }, ReasonReset, 0},
		"reset":               {func(s *session) { s.Head(); s.Reset() }, ReasonReset, 0},
		"answered, then open": {func(s *session) { s.Head(); s.Say("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"); s.Hang() }, ReasonTooLarge, 413},
	} {
		a := local(t, ClientOptions{}).Send(t.Context(), post(serve(t, tt.run).URL(), large))
		if a.Reason != tt.reason || a.Status != tt.status {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// What is idle is closed, not only forgotten, and never more is kept than may be.
func TestPool_is_bounded(t *testing.T) {
	c := local(t, ClientOptions{MaxConns: 3})
	var all []*zoo.Endpoint
	for range 6 {
		e := serve(t, zoo.Answer(noContent))
		all = append(all, e)
		if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered {
			t.Fatalf("%+v", a)
		}
	}
	for i, e := range all {
		eventually(t, func() string {
			if n := e.Open(); (n > 0) != (i >= 3) {
				return fmt.Sprintf("endpoint %d: %d connections", i, n)
			}
			return ""
		})
	}
	c.Close()
	for i, e := range all {
		eventually(t, func() string {
			if n := e.Open(); n > 0 {
				return fmt.Sprintf("endpoint %d: %d connections after Close", i, n)
			}
			return ""
		})
	}
}
