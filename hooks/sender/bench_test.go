package sender

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// BenchmarkSend compares Send with a bare http.Client on the same endpoint, keep-alive, 500-byte bodies.
func BenchmarkSend(b *testing.B) {
	const n = 16
	for name, text := range map[string]string{
		"204":  noContent,
		"body": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}",
	} {
		body := []byte(strings.Repeat("x", 500))
		url := serve(b, cheap(text)).URL()
		b.Run(name+"/send", func(b *testing.B) {
			c := NewClient(ClientOptions{MaxConns: n, Guard: loopback(b)})
			defer c.Close()
			b.ReportAllocs()
			b.SetParallelism(n / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if a := c.Send(b.Context(), Request{URL: url, Body: body, Header: benchHeader(), Timeout: 5 * time.Second}); a.Class() != Delivered {
						b.Errorf("%+v", a)
						return
					}
				}
			})
		})
		b.Run(name+"/bare", func(b *testing.B) {
			tr := &http.Transport{MaxIdleConnsPerHost: n, MaxConnsPerHost: n, DisableCompression: true}
			defer tr.CloseIdleConnections()
			c := &http.Client{Transport: tr, Timeout: 5 * time.Second}
			b.ReportAllocs()
			b.SetParallelism(n / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					req.Header = benchHeader()
					resp, err := c.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		})
	}
}

// cheap answers without parsing, so that the endpoint's own work does not hide the difference.
func cheap(text string) func(*session) {
	answer := []byte(text)
	return func(s *session) {
		for {
			for { // to the end of the head.
				line, err := s.Reader.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) <= 2 {
					break
				}
			}
			if _, err := s.Reader.Discard(500); err != nil {
				return
			}
			if _, err := s.Write(answer); err != nil {
				return
			}
		}
	}
}

func loopback(b *testing.B) *Guard {
	b.Helper()
	g, err := NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		b.Fatal(err)
	}
	return g
}

func benchHeader() http.Header {
	return http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"dochook/1"}, "Webhook-Id": {"msg_2b8f0c1e9d7a4c35"},
		"Webhook-Timestamp": {"1767323045"},
	}
}

// BenchmarkSigner signs a body of 500 bytes with one secret.
func BenchmarkSigner(b *testing.B) {
	body, secrets, at := []byte(strings.Repeat("x", 500)), []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, time.Now()
	s := new(Signer)
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		s.Sign(h, "msg_ABCDEFGHIJKLMNOPQRSTUVWX-abc", at, body, secrets)
	}
}
