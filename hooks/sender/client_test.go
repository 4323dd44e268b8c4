package sender

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dochook/fixtures/zoo"
)

func TestSend_bytes_on_the_wire(t *testing.T) {
	tests := []struct {
		name string
		r    Request
		want string // the request, with HOST for the address.
	}{
		{
			"default method",
			Request{Header: http.Header{"User-Agent": {"dochook/1"}, "Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`)},
			"POST /in?a=b HTTP/1.1\r\nHost: HOST\r\nUser-Agent: dochook/1\r\nContent-Length: 7\r\nContent-Type: application/json\r\n\r\n" + `{"a":1}`,
		},
		{
			"empty body",
			Request{Method: "PUT", Header: http.Header{"User-Agent": {"dochook/1"}}},
			"PUT /in?a=b HTTP/1.1\r\nHost: HOST\r\nUser-Agent: dochook/1\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"empty DELETE",
			Request{Method: "DELETE", Header: http.Header{"User-Agent": {"dochook/1"}}},
			"DELETE /in?a=b HTTP/1.1\r\nHost: HOST\r\nUser-Agent: dochook/1\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"Host and framing come from us",
			Request{Method: "PATCH", Body: []byte("xy"), Header: http.Header{
				"User-Agent": {"u"}, "Host": {"evil"}, "Content-Length": {"99"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"X"},
			}},
			"PATCH /in?a=b HTTP/1.1\r\nHost: HOST\r\nUser-Agent: u\r\nContent-Length: 2\r\n\r\nxy",
		},
		{
			"key without body",
			Request{Header: http.Header{"User-Agent": {"u"}, "Idempotency-Key": {"k"}}},
			"POST /in?a=b HTTP/1.1\r\nHost: HOST\r\nUser-Agent: u\r\nContent-Length: 0\r\nIdempotency-Key: k\r\n\r\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			e := serve(t, func(s *session) {
				head := s.Head()
				body := make([]byte, len(tt.r.Body))
				_, _ = io.ReadFull(s.Reader, body)
				got <- head + string(body)
				s.Say(noContent)
			})
			tt.r.URL = e.URL() + "?a=b"
			a := local(t, ClientOptions{}).Send(t.Context(), tt.r)
			if a.Class() != Delivered {
				t.Fatalf("%+v", a)
			}
			if want := strings.Replace(tt.want, "HOST", e.Address(), 1); <-got != want {
				t.Errorf("want %q", want)
			}
		})
	}
}

func TestSend_reuses_a_connection(t *testing.T) {
	for name, text := range map[string]string{
		"without body": noContent,
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"chunked":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"large":        "HTTP/1.1 500 No\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("x", 65536),
		"encoded":      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: br\r\n\r\n\x01\x02\x03\x04",
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, zoo.Answer(text))
			c := local(t, ClientOptions{})
			for i := range 5 {
				a := c.Send(t.Context(), post(e.URL(), "{}"))
				if a.Reused != (i > 0) || a.Status == 0 || a.Address != e.Address() || a.FirstByte <= 0 || a.Duration < a.FirstByte {
					t.Fatalf("attempt %d: %+v", i, a)
				}
				if (a.Connect > 0) != (i == 0) {
					t.Fatalf("attempt %d: connect %v", i, a.Connect)
				}
			}
			if n := e.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestSend_keeps_what_was_answered(t *testing.T) {
	long := strings.Repeat("a", maxBodyKept-1) + "é" + strings.Repeat("b", 100)
	tests := []struct {
		name, answer, body, note string
		header                   http.Header
	}{
		{"no body, delivered", "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n", "", "", nil},
		{
			"no body, failed", "HTTP/1.1 500 No\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n", "", "",
			http.Header{"X-A": {"1"}, "Content-Length": {"0"}},
		},
		{
			"text", "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nok\n\t", "ok\n\t", "",
			http.Header{"X-A": {"1", "2"}, "Content-Length": {"4"}},
		},
		{
			"binary", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\x00b", "", "not kept: not text",
			http.Header{"Content-Length": {"3"}},
		},
		{
			"Latin-1", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xe9b", "", "not kept: not text",
			http.Header{"Content-Length": {"3"}},
		},
		{
			"identity", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Encoding: identity\r\n\r\na", "a", "",
			http.Header{"Content-Length": {"1"}, "Content-Encoding": {"identity"}},
		},
		{
			"longer than kept, cut inside a rune", "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(long)) + "\r\n\r\n" + long,
			strings.Repeat("a", maxBodyKept-1), "the first 16384 bytes",
			http.Header{"Content-Length": {strconv.Itoa(len(long))}},
		},
		{
			"until close", "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nbye", "bye", "",
			http.Header{"X-A": {"1"}},
		},
		{
			"masked", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nSet-Cookie: s=secret\r\nLocation: http://u:p@h/a?token=secret#f\r\n\r\na", "a", "",
			http.Header{"Content-Length": {"1"}, "Set-Cookie": {"***"}, "Location": {"http://h/a?…"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := serve(t, func(s *session) {
				s.Request()
				s.Say(tt.answer)
			})
			a := local(t, ClientOptions{}).Send(t.Context(), post(e.URL(), "{}"))
			if string(a.ResponseBody) != tt.body || a.BodyNote != tt.note {
				t.Errorf("body %q, note %q", a.ResponseBody, a.BodyNote)
			}
			if len(a.ResponseHeader) != len(tt.header) {
				t.Errorf("header %v, want %v", a.ResponseHeader, tt.header)
			}
			for k, v := range tt.header {
				if strings.Join(a.ResponseHeader[k], "|") != strings.Join(v, "|") {
					t.Errorf("header %s: %q, want %q", k, a.ResponseHeader[k], v)
				}
			}
		})
	}
}

// A connection that ends under a request is told as it is; the request is not sent again, whatever headers it has.
func TestSend_is_not_repeated(t *testing.T) {
	for _, header := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
		for _, body := range []string{"", `{"a":1}`} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				t.Run(method+" "+header+" "+body, func(t *testing.T) {
					e := serve(t, func(s *session) {
						if s.Request() == nil {
							return
						}
						s.Say(noContent)
						s.Request() // and drops the connection.
					})
					c := local(t, ClientOptions{})
					r := Request{Method: method, URL: e.URL(), Body: []byte(body), Timeout: 30 * time.Second, Header: http.Header{}}
					if header != "" {
						r.Header.Set(header, "k")
					}
					if a := c.Send(t.Context(), r); a.Class() != Delivered {
						t.Fatalf("first: %+v", a)
					}
					a := c.Send(t.Context(), r)
					if a.Reason != ReasonReset || !a.Reused || a.Class() != Retry || a.Status != 0 {
						t.Errorf("second: %+v", a)
					}
					if n := e.Requests(); n != 2 {
						t.Errorf("%d requests arrived for 2 sent", n)
					}
					if header != "" && r.Header.Get(header) != "k" {
						t.Error("the caller's header was changed")
					}
				})
			}
		}
	}
}

// deadWrite is a connection whose end the reader has not noticed when the next request is written.
type deadWrite struct {
	net.Conn

	writes atomic.Int32
	broken atomic.Bool
}

func (d *deadWrite) Write(p []byte) (int, error) {
	if d.broken.Load() {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	d.writes.Add(1)
	return d.Conn.Write(p)
}

// An idle connection that died before a byte was written to it is not the endpoint's failure: the request goes out on another.
func TestSend_passes_over_a_dead_idle_connection(t *testing.T) {
	for _, body := range []string{"", `{"a":1}`} {
		e := serve(t, zoo.Answer(noContent))
		var mu sync.Mutex
		var dialled []*deadWrite
		c := local(t, ClientOptions{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			raw, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, &deadWrite{Conn: raw})
			return dialled[len(dialled)-1], nil
		}})
		if a := c.Send(t.Context(), post(e.URL(), body)); a.Class() != Delivered {
			t.Fatalf("first: %+v", a)
		}
		dialled[0].broken.Store(true)
		a := c.Send(t.Context(), post(e.URL(), body))
		if a.Class() != Delivered || a.Reused {
			t.Errorf("second: %+v", a)
		}
		if n := e.Requests(); n != 2 || len(dialled) != 2 {
			t.Errorf("%d requests, %d connections", n, len(dialled))
		}
		// A fresh connection that takes nothing is the endpoint's failure.
		dialled[1].broken.Store(true)
		if a := c.Send(t.Context(), post(e.URL(), body)); a.Class() != Delivered || len(dialled) != 3 {
			t.Errorf("third: %+v after %d connections", a, len(dialled))
		}
	}
}

func TestSend_reports_TLS(t *testing.T) {
	end := time.Now().Add(24 * time.Hour).Truncate(time.Second).UTC()
	ca, cert := issue(t, end, "127.0.0.1")
	e := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MinVersion: tls.VersionTLS13,
	}, zoo.Answer(noContent))

	c := local(t, ClientOptions{RootCAs: ca.Pool(), Certificate: &cert})
	for i := range 2 {
		a := c.Send(t.Context(), post(e.URL(), "{}"))
		if a.Class() != Delivered || a.TLSVersion != "TLS 1.3" || !a.CertificateExpiry.Equal(end) || a.Reused != (i > 0) || (a.TLS > 0) != (i == 0) {
			t.Fatalf("attempt %d: %+v", i, a)
		}
	}
	// The refusal arrives as an alert, unless the closed connection swallows it; either tells.
	a := local(t, ClientOptions{RootCAs: ca.Pool()}).Send(t.Context(), post(e.URL(), "{}"))
	if a.Reason != ReasonTLSClient || a.Class() != Retry {
		t.Errorf("without a certificate: %+v", a)
	}
}

func TestSend_MaxConns(t *testing.T) {
	gate := make(chan struct{})
	var arrived atomic.Int32
	e := serve(t, func(s *session) {
		for s.Request() != nil {
			if arrived.Add(1) == 2 {
				close(gate) // both connections are busy at once.
			}
			<-gate
			s.Say(noContent)
		}
	})
	c := local(t, ClientOptions{MaxConns: 2})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered {
				t.Errorf("%+v", a)
			}
		})
	}
	wg.Wait()
	if n := e.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestSend_waiting_for_a_connection_runs_out_of_time(t *testing.T) {
	arrived := make(chan struct{}, 1)
	e := serve(t, func(s *session) {
		s.Request()
		arrived <- struct{}{}
		s.Hang()
	})
	c := local(t, ClientOptions{MaxConns: 1})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { c.Send(ctx, post(e.URL(), "{}")) })
	<-arrived
	r := post(e.URL(), "{}")
	r.Timeout = 100 * time.Millisecond
	if a := c.Send(t.Context(), r); a.Reason != ReasonTimeout || a.Limit != LimitTotal || !strings.Contains(a.Error, "free connection") {
		t.Errorf("%+v", a)
	}
	cancel()
	wg.Wait()
}

func TestSend_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := serve(t, func(s *session) {
		s.Request()
		cancel()
		s.Hang()
	})
	a := local(t, ClientOptions{}).Send(ctx, post(e.URL(), "{}"))
	if a.Reason != ReasonCanceled || a.Limit != "" || a.Class() != Retry {
		t.Errorf("%+v", a)
	}
	if a := local(t, ClientOptions{}).Send(ctx, post(e.URL(), "{}")); a.Reason != ReasonCanceled {
		t.Errorf("with a context that has ended: %+v", a)
	}
}

func TestSend_refuses_what_can_not_be_sent(t *testing.T) {
	e := serve(t, zoo.Answer(noContent))
	good := func() Request { return post(e.URL(), "{}") }
	tests := []struct {
		name   string
		change func(*Request)
		reason Reason
		class  Class
	}{
		{"line break in a header", func(r *Request) { r.Header.Set("X-A", "a\r\nX-B: b") }, ReasonInvalidRequest, Final},
		{"NUL in a header", func(r *Request) { r.Header.Set("X-A", "a\x00") }, ReasonInvalidRequest, Final},
		{"blank in a header name", func(r *Request) { r.Header["X A"] = []string{"a"} }, ReasonInvalidRequest, Final},
		{"line break in a header name", func(r *Request) { r.Header["X\r\nA"] = []string{"a"} }, ReasonInvalidRequest, Final},
		{"GET", func(r *Request) { r.Method = "GET" }, ReasonInvalidRequest, Final},
		{"CONNECT", func(r *Request) { r.Method = "CONNECT" }, ReasonInvalidRequest, Final},
		{"method with a line break", func(r *Request) { r.Method = "POST / HTTP/1.1\r\nX: y" }, ReasonInvalidRequest, Final},
		{"no URL", func(r *Request) { r.URL = "" }, ReasonInvalidURL, Final},
		{"template left in the URL", func(r *Request) { r.URL = "http://{{ doc.host }}/" }, ReasonInvalidURL, Final},
		{"other scheme", func(r *Request) { r.URL = "ftp://" + e.Address() }, ReasonInvalidURL, Final},
		{"password", func(r *Request) { r.URL = "http://u:hidden@" + e.Address() }, ReasonInvalidURL, Final},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.change(&r)
			a := local(t, ClientOptions{}).Send(t.Context(), r)
			if a.Reason != tt.reason || a.Class() != tt.class || a.Error == "" || strings.ContainsAny(a.Error, "\r\n\x00") {
				t.Errorf("%+v", a)
			}
			if strings.Contains(a.Error, "hidden") {
				t.Errorf("the text tells a password: %s", a.Error)
			}
		})
	}
	if n := e.Requests(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestSend_without_header_and_timeout(t *testing.T) {
	e := serve(t, zoo.Answer(noContent))
	if a := local(t, ClientOptions{}).Send(t.Context(), Request{URL: e.URL()}); a.Class() != Delivered {
		t.Errorf("%+v", a)
	}
}
