package sender

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// session is one accepted connection, given to the script of an endpoint.
type session struct {
	net.Conn

	r        *bufio.Reader
	number   int32           // from 1.
	over     <-chan struct{} // closed when the test ends.
	requests *atomic.Int32
}

// request reads and counts one whole request; nil when the client is gone.
func (s *session) request() *http.Request {
	req, err := http.ReadRequest(s.r)
	if err != nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	s.requests.Add(1)
	return req
}

func (s *session) say(text string) { _, _ = io.WriteString(s, text) }

// drip writes text again and again, one piece every 5 ms, until the client is gone or the test ends.
func (s *session) drip(text string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(s, text); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-s.over:
			return
		}
	}
}

// flood writes text again and again, as fast as it can.
func (s *session) flood(text string) {
	for {
		if _, err := io.WriteString(s, text); err != nil {
			return
		}
	}
}

// reset closes the connection with RST.
func (s *session) reset() {
	if c, ok := s.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = s.Close()
}

// hang waits until the client is gone.
func (s *session) hang() { _, _ = io.Copy(io.Discard, s.r) }

type endpoint struct {
	url      string // http://127.0.0.1:port/in
	addr     string
	conns    atomic.Int32
	requests atomic.Int32
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

// serve runs script for each connection; the connection is closed when the script returns.
func serve(tb testing.TB, script func(*session)) *endpoint {
	tb.Helper()
	ln := listen(tb)
	e := &endpoint{addr: ln.Addr().String(), url: "http://" + ln.Addr().String() + "/in"}
	over := make(chan struct{})
	var open sync.Map
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			open.Store(c, nil)
			s := &session{Conn: c, r: bufio.NewReader(c), number: e.conns.Add(1), over: over, requests: &e.requests}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				script(s)
			})
		}
	})
	tb.Cleanup(func() {
		close(over)
		_ = ln.Close()
		open.Range(func(c, _ any) bool {
			if c, ok := c.(net.Conn); ok {
				_ = c.Close()
			}
			return true
		})
		wg.Wait()
	})
	return e
}

// serveTLS is serve behind a certificate.
func serveTLS(t *testing.T, config *tls.Config, script func(*session)) *endpoint {
	t.Helper()
	e := serve(t, func(s *session) {
		c := tls.Server(s.Conn, config)
		if c.HandshakeContext(t.Context()) != nil {
			return
		}
		inner := *s
		inner.Conn, inner.r = c, bufio.NewReader(c)
		script(&inner)
		_ = c.Close()
	})
	e.url = "https://" + e.addr + "/in"
	return e
}

// answer answers every request of a connection with the same text.
func answer(text string) func(*session) {
	return func(s *session) {
		for s.request() != nil {
			s.say(text)
		}
	}
}

const noContent = "HTTP/1.1 204 No Content\r\n\r\n"

// local returns a Client that may call the loopback.
func local(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	if o.Guard == nil {
		o.Guard = guard(t, "127.0.0.0/8")
	}
	c := NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func post(url, body string) Request {
	return Request{URL: url, Body: []byte(body), Timeout: 30 * time.Second, Header: http.Header{"Content-Type": {"application/json"}}}
}

// authority makes certificates.
type authority struct {
	pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	a.key, der = signed(t, root, root, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// leaf returns a certificate for hosts and addresses, valid until end.
func (a *authority) leaf(t *testing.T, end time.Time, names ...string) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: end.Add(-48 * time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	key, der := signed(t, c, a.cert, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func signed(t *testing.T, c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// nameServer is a DNS server whose A records come from lookup; nil means it never answers, an empty list NXDOMAIN.
func nameServer(t *testing.T, lookup func(name string) [][4]byte) *net.Resolver {
	t.Helper()
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, err := dnsReply(buf[:n], lookup); err == nil && reply != nil {
				_, _ = pc.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() {
		_ = pc.Close()
		wg.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", pc.LocalAddr().String())
		if err == nil { // the resolver itself would wait 5 s for an answer nobody needs any more.
			context.AfterFunc(ctx, func() { _ = c.Close() })
		}
		return c, err
	}}
}

func dnsReply(query []byte, lookup func(string) [][4]byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	if len(m.Questions) != 1 {
		return nil, errors.New("not one question")
	}
	q := m.Questions[0]
	addrs := lookup(q.Name.String())
	if addrs == nil {
		return nil, nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if len(addrs) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addrs {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class},
				Body:   &dnsmessage.AResource{A: a},
			})
		}
	}
	return m.Pack()
}
