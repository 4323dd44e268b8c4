package sender

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// beast is a bad endpoint and what must be said of it.
type beast struct {
	name   string
	script func(*session)
	tls    *tls.Config // the endpoint's, if it speaks TLS.
	https  bool        // the URL says https although the endpoint does not speak TLS.
	// timeout is short only where it is what must fire.
	timeout time.Duration
	body    string

	status int
	reason Reason
	class  Class
	limit  string
	text   string // part of Error or BodyNote.
	check  func(*testing.T, Attempt, *endpoint)
}

const soon = 150 * time.Millisecond

// after reads the request and then runs script.
func after(script func(*session)) func(*session) {
	return func(s *session) {
		if s.request() != nil {
			script(s)
		}
	}
}

func says(text string) func(*session) { return after(func(s *session) { s.say(text) }) }

// TestZoo sends to every bad endpoint we know of. Nothing may hang, be repeated, be followed, or leave a goroutine behind.
func TestZoo(t *testing.T) {
	base := runtime.NumGoroutine()
	ca := newAuthority(t)
	groups := map[string][]beast{
		"slow": slow(), "endless": endless(), "broken": broken(), "garbled": garbled(), "status": statuses(), "tls": tlsBeasts(t, ca),
	}
	t.Run("all", func(t *testing.T) {
		for group, beasts := range groups {
			for _, b := range beasts {
				t.Run(group+"/"+b.name, func(t *testing.T) {
					t.Parallel()
					b.meet(t, ca)
				})
			}
		}
	})
	goroutinesBack(t, base)
}

func (b beast) meet(t *testing.T, ca *authority) {
	t.Helper()
	var e *endpoint
	if b.tls != nil {
		e = serveTLS(t, b.tls, b.script)
	} else {
		e = serve(t, b.script)
	}
	c := local(t, ClientOptions{RootCAs: ca.pool})
	r := post(e.url, "{}")
	if b.https {
		r.URL = strings.Replace(e.url, "http:", "https:", 1)
	}
	if b.body != "" {
		r.Body = []byte(b.body)
	}
	if b.timeout > 0 {
		r.Timeout = b.timeout
	}
	a := c.Send(t.Context(), r)
	if a.Status != b.status || a.Reason != b.reason || a.Class() != b.class || a.Limit != b.limit {
		t.Errorf("got status %d, reason %q, class %v, limit %q\nwant     %d, %q, %v, %q\n%+v",
			a.Status, a.Reason, a.Class(), a.Limit, b.status, b.reason, b.class, b.limit, a)
	}
	if (a.Error == "") != (b.reason == ReasonDelivered) {
		t.Errorf("error text %q", a.Error)
	}
	if said := a.Error + "|" + a.BodyNote; !strings.Contains(said, b.text) {
		t.Errorf("%q does not say %q", said, b.text)
	}
	if a.Duration <= 0 || a.At.IsZero() || a.Address != e.addr && a.Reason != ReasonTimeout {
		t.Errorf("duration %v, at %v, address %q", a.Duration, a.At, a.Address)
	}
	printable(t, a)
	if b.check != nil {
		b.check(t, a, e)
	}
	if n := e.requests.Load(); n > 1 {
		t.Errorf("%d requests arrived", n)
	}
}

// printable checks what ends up in a database and on a page.
func printable(t *testing.T, a Attempt) {
	t.Helper()
	if len(a.Error) > maxErrorBytes || !isText([]byte(a.Error)) || strings.ContainsAny(a.Error, "\r\n\t") {
		t.Errorf("error text %q", a.Error)
	}
	if len(a.ResponseBody) > maxBodyKept || !isText(a.ResponseBody) {
		t.Errorf("a body of %d bytes was kept, text: %v", len(a.ResponseBody), isText(a.ResponseBody))
	}
	size := 0
	for name, values := range a.ResponseHeader {
		for _, v := range values {
			size += len(name) + len(v)
			if !utf8.ValidString(v) || !isText([]byte(v)) {
				t.Errorf("header %s: %q", name, v)
			}
		}
	}
	if size > maxHeadersKept {
		t.Errorf("%d bytes of headers were kept", size)
	}
}

func slow() []beast {
	const ok = "HTTP/1.1 200 OK\r\n"
	return []beast{
		{name: "1 silence", script: after((*session).hang), timeout: soon, reason: ReasonTimeout, limit: LimitHeaders},
		{
			name: "2 status line byte by byte", timeout: soon, reason: ReasonTimeout, limit: LimitHeaders,
			script: after(func(s *session) { s.say("HTTP/1.1 200 "); s.drip("O") }),
		},
		{
			name: "2 headers byte by byte", timeout: soon, reason: ReasonTimeout, limit: LimitHeaders,
			script: after(func(s *session) { s.say(ok + "X-A: "); s.drip("a") }),
		},
		{
			name: "3 body byte by byte", timeout: soon, status: 200, class: Delivered, limit: LimitBody, text: "too slowly",
			script: after(func(s *session) { s.say(ok + "Content-Length: 1000000\r\n\r\n"); s.drip("a") }),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if !strings.HasPrefix(string(a.ResponseBody), "a") {
					t.Errorf("body %q", a.ResponseBody)
				}
			},
		},
		{
			name: "3 failed status with a body that never comes", timeout: soon, status: 503, reason: ReasonStatus, limit: LimitBody,
			script: after(func(s *session) { s.say("HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n"); s.hang() }),
		},
		{
			name: "39 does not read", timeout: soon, reason: ReasonTimeout, limit: LimitTotal, text: "sending the request",
			script: func(s *session) { <-s.over }, body: strings.Repeat("x", 32<<20),
		},
		{
			name: "answers before it has read", status: 400, reason: ReasonStatus, body: strings.Repeat("x", 32<<20),
			script: func(s *session) {
				s.head()
				s.say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
				s.hang()
			},
		},
		{name: "13 TLS hang", script: (*session).hang, https: true, timeout: soon, reason: ReasonTimeout, limit: LimitTLS},
	}
}

func endless() []beast {
	bomb := gzipBomb()
	return []beast{
		{
			name: "4 endless body", status: 200, class: Delivered, limit: LimitBodyBytes, text: "the first 16384 bytes; longer than 64 KiB",
			script: after(func(s *session) { s.say("HTTP/1.1 200 OK\r\n\r\n"); s.flood(strings.Repeat("a", 4096)) }),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if len(a.ResponseBody) != maxBodyKept {
					t.Errorf("%d bytes kept", len(a.ResponseBody))
				}
			},
		},
		{
			name: "4 endless chunks", status: 500, reason: ReasonStatus, limit: LimitBodyBytes,
			script: after(func(s *session) {
				s.say("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
				s.flood("400\r\n" + strings.Repeat("b", 1024) + "\r\n")
			}),
		},
		{
			name: "4 endless trailer", status: 200, class: Delivered, text: "broken",
			script: after(func(s *session) {
				s.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
				s.flood("X-T: " + strings.Repeat("t", 1000) + "\r\n")
			}),
		},
		{
			name: "5 endless headers", reason: ReasonProtocol, limit: LimitHeaderBytes, text: "64 KiB",
			script: after(func(s *session) { s.say("HTTP/1.1 200 OK\r\n"); s.flood("X-A: " + strings.Repeat("a", 1000) + "\r\n") }),
		},
		{
			name: "5 headers of 80 KiB", reason: ReasonProtocol, limit: LimitHeaderBytes,
			script: says("HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 80<<10) + "\r\nContent-Length: 0\r\n\r\n"),
		},
		{
			name: "5 headers of 50 KiB", status: 200, class: Delivered,
			script: says("HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 50<<10) + "\r\nContent-Length: 0\r\n\r\n"),
		},
		{
			name: "5 one endless header", reason: ReasonProtocol, limit: LimitHeaderBytes,
			script: after(func(s *session) { s.say("HTTP/1.1 200 OK\r\nX-A: "); s.flood(strings.Repeat("a", 1000)) }),
		},
		{
			name: "6 flood of 100", reason: ReasonProtocol, limit: LimitHeaderBytes,
			script: after(func(s *session) { s.flood("HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n") }),
		},
		{
			name: "6 flood of 103", reason: ReasonProtocol, limit: LimitHeaderBytes,
			script: after(func(s *session) { s.flood("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") }),
		},
		{name: "6 one 103", status: 204, class: Delivered, script: says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + noContent)},
		{
			name: "26 gzip bomb", status: 200, class: Delivered, limit: LimitBodyBytes, text: "not kept: encoded as gzip",
			script: after(func(s *session) {
				s.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(bomb)) + "\r\n\r\n")
				_, _ = s.Write(bomb)
			}),
		},
	}
}

// gzipBomb is more than 64 KiB that unpack to 96 MiB.
func gzipBomb() []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 96 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return b.Bytes()
}

func broken() []beast {
	closed := make(chan struct{})
	return []beast{
		{
			name: "7 101", status: 101, reason: ReasonProtocol, text: "not read",
			script: after(func(s *session) {
				s.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
				s.hang()
				close(closed)
			}),
			check: func(t *testing.T, _ Attempt, _ *endpoint) {
				t.Helper()
				select {
				case <-closed:
				case <-time.After(10 * time.Second):
					t.Error("the connection was not closed")
				}
			},
		},
		{
			name: "7 101 without upgrade", status: 101, reason: ReasonProtocol,
			script: after(func(s *session) { s.say("HTTP/1.1 101 Switching Protocols\r\n\r\n"); s.flood("more") }),
		},
		{
			name: "8 bad chunk size", status: 200, class: Delivered, text: "broken after 2 bytes",
			script: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"),
		},
		{
			name: "9 short body", status: 200, class: Delivered, text: "broken after 2 bytes",
			script: says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if string(a.ResponseBody) != "ok" {
					t.Errorf("body %q", a.ResponseBody)
				}
			},
		},
		{
			name: "9 reset in the body", status: 500, reason: ReasonStatus, text: "broken after",
			script: after(func(s *session) { s.say("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nok"); s.reset() }),
		},
		{name: "10 end before the status", script: after(func(*session) {}), reason: ReasonReset},
		{name: "10 reset before the status", script: after((*session).reset), reason: ReasonReset},
		{name: "10 reset before the request", script: (*session).reset, reason: ReasonReset},
		{name: "10 end inside the headers", script: says("HTTP/1.1 200 OK\r\nX-A: b\r\n"), reason: ReasonReset},
	}
}

func garbled() []beast {
	return []beast{
		{name: "11 garbage", script: says("\x00\xff\x1b[31mgarbage\r\n\r\n"), reason: ReasonProtocol, text: `\x00\xff\x1b[31mgarbage`},
		{name: "11 HTTP/0.9", script: says("<html>hello</html>\n"), reason: ReasonProtocol, text: "<html>hello"},
		{name: "11 SMTP", script: func(s *session) { s.say("220 mail.example ESMTP\r\n"); s.hang() }, reason: ReasonProtocol},
		{
			name: "11 two lengths", script: says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"),
			reason: ReasonProtocol,
		},
		{name: "11 NUL in a header", script: says("HTTP/1.1 200 OK\r\nX-A: a\x00b\r\n\r\n"), reason: ReasonProtocol},
		{name: "11 header without colon", script: says("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), reason: ReasonProtocol},
		{name: "11 TLS on the http port", script: says("\x15\x03\x01\x00\x02\x02\x46"), reason: ReasonProtocol, text: "speaks TLS"},
		{name: "12 status 999", script: says("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), status: 999, reason: ReasonProtocol},
		{name: "12 status 600", script: says("HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n"), status: 600, reason: ReasonProtocol},
		{name: "12 status 000", script: says("HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n"), reason: ReasonProtocol},
		{name: "12 status 42", script: says("HTTP/1.1 42 What\r\nContent-Length: 0\r\n\r\n"), reason: ReasonProtocol},
		{
			name: "24 login page", status: 200, class: Delivered,
			script: says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<html>login</html>"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if a.ResponseHeader.Get("Content-Type") != "text/html" {
					t.Errorf("header %v", a.ResponseHeader)
				}
			},
		},
		{
			name: "37 headers not in ASCII", status: 500, reason: ReasonStatus,
			script: says("HTTP/1.1 500 No\r\nX-A: caf\xe9\r\nX-B: café \u202e\r\nContent-Length: 0\r\n\r\n"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if a.ResponseHeader.Get("X-A") != `caf\xe9` || a.ResponseHeader.Get("X-B") != `café \u202e` {
					t.Errorf("header %q", a.ResponseHeader)
				}
			},
		},
		{
			name: "37 huge headers", status: 500, reason: ReasonStatus,
			script: says("HTTP/1.1 500 No\r\nA: small\r\nX-A: " + strings.Repeat("é", 20000) + "\r\nZ: last\r\nContent-Length: 0\r\n\r\n"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				v := a.ResponseHeader.Get("X-A")
				if a.ResponseHeader.Get("A") != "small" || len(v) < 8000 || !strings.HasSuffix(v, "é…") {
					t.Errorf("%d bytes kept, of %d headers", len(v), len(a.ResponseHeader))
				}
			},
		},
	}
}

func statuses() []beast {
	var all []beast
	for status, reason := range map[int]Reason{
		300: ReasonRedirect, 304: ReasonRedirect, 400: ReasonStatus, 401: ReasonStatus, 404: ReasonStatus, 408: ReasonStatus,
		410: ReasonGone, 413: ReasonTooLarge, 429: ReasonThrottled, 500: ReasonStatus, 502: ReasonStatus, 503: ReasonStatus,
		504: ReasonStatus, 599: ReasonStatus,
	} {
		class := map[int]Class{410: Gone, 413: Final}[status]
		all = append(all, beast{
			name: "status " + strconv.Itoa(status), status: status, reason: reason, class: class, text: "status " + strconv.Itoa(status),
			script: says("HTTP/1.1 " + strconv.Itoa(status) + " X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if a.RetryAfter != 2*time.Minute {
					t.Errorf("Retry-After %v", a.RetryAfter)
				}
			},
		})
	}
	for _, status := range []int{200, 201, 202, 204, 299} {
		all = append(all, beast{
			name: "status " + strconv.Itoa(status), status: status, class: Delivered,
			script: says("HTTP/1.1 " + strconv.Itoa(status) + " X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if a.RetryAfter != 0 || a.ResponseHeader != nil {
					t.Errorf("Retry-After %v, header %v", a.RetryAfter, a.ResponseHeader)
				}
			},
		})
	}
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		n, _ := strconv.Atoi(status)
		all = append(all, beast{ // rows 17–20: to itself, on a private address; the count of requests shows it is not followed.
			name: "17–20 redirect " + status, status: n, reason: ReasonRedirect, text: "to http://10.0.0.1/?…; redirects are not followed",
			script: answer("HTTP/1.1 " + status + " X\r\nLocation: http://u:p@10.0.0.1/?token=t\r\nContent-Length: 0\r\n\r\n"),
		}, beast{
			name: "19 redirect loop " + status, status: n, reason: ReasonRedirect,
			script: answer("HTTP/1.1 " + status + " X\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n"),
		})
	}
	return all
}

func tlsBeasts(t *testing.T, ca *authority) []beast {
	t.Helper()
	day := 24 * time.Hour
	with := func(c tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}
	}
	stranger := newAuthority(t)
	expired := time.Now().Add(-day).Truncate(time.Second)
	old := with(ca.leaf(t, time.Now().Add(day), "127.0.0.1"))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return []beast{
		{
			name: "14 expired", tls: with(ca.leaf(t, expired, "127.0.0.1")), script: answer(noContent), reason: ReasonTLS,
			text: expired.UTC().Format(time.RFC3339),
			check: func(t *testing.T, a Attempt, _ *endpoint) {
				t.Helper()
				if !a.CertificateExpiry.Equal(expired) || a.TLS <= 0 {
					t.Errorf("expiry %v, TLS %v", a.CertificateExpiry, a.TLS)
				}
			},
		},
		{
			name: "14 other host", tls: with(ca.leaf(t, time.Now().Add(day), "other.example")), script: answer(noContent),
			reason: ReasonTLS, text: "certificate: ",
		},
		{
			name: "14 unknown authority", tls: with(stranger.leaf(t, time.Now().Add(day), "127.0.0.1")), script: answer(noContent),
			reason: ReasonTLS, text: "unknown authority",
		},
		{name: "14 TLS 1.1", tls: old, script: answer(noContent), reason: ReasonTLS, text: "protocol version"},
		{
			name: "13 plain HTTP on the https port", https: true, reason: ReasonTLS, text: "speaks plain HTTP",
			script: func(s *session) { s.say("HTTP/1.1 400 Bad Request\r\n\r\n"); s.hang() },
		},
		{name: "13 garbage on the https port", script: func(s *session) { s.say("220 mail\r\n"); s.hang() }, https: true, reason: ReasonTLS},
		{name: "13 end in the handshake", script: func(*session) {}, https: true, reason: ReasonTLS},
		{
			name: "valid", tls: with(ca.leaf(t, time.Now().Add(day), "127.0.0.1")), script: answer(noContent),
			status: 204, class: Delivered,
		},
	}
}

// goroutinesBack waits until no more goroutines run than before.
func goroutinesBack(t *testing.T, base int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for runtime.NumGoroutine() > base {
		select {
		case <-tick.C:
		case <-deadline:
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), base, buf[:runtime.Stack(buf, true)])
		}
	}
}
