package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"dochook/fixtures/zoo"
)

type session = zoo.Session

// keeper returns a zoo that ends with the test.
func keeper(tb testing.TB) *zoo.Zoo {
	tb.Helper()
	z := zoo.New()
	tb.Cleanup(z.Close)
	return z
}

// serve runs script for each connection.
func serve(tb testing.TB, script zoo.Script) *zoo.Endpoint {
	tb.Helper()
	e, err := keeper(tb).Serve(tb.Context(), script)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// serveTLS is serve behind a certificate.
func serveTLS(tb testing.TB, config *tls.Config, script zoo.Script) *zoo.Endpoint {
	tb.Helper()
	e, err := keeper(tb).ServeTLS(tb.Context(), config, script)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

const noContent = zoo.NoContent

// allowing returns a Guard.
func allowing(t *testing.T, allow ...string) *Guard {
	t.Helper()
	g, err := NewGuard(allow)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// local returns a Client that may call the loopback.
func local(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	if o.Guard == nil {
		o.Guard = allowing(t, "127.0.0.0/8")
	}
	c := NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func post(url, body string) Request {
	return Request{URL: url, Body: []byte(body), Timeout: 30 * time.Second, Header: http.Header{"Content-Type": {"application/json"}}}
}

// issue returns an authority and a certificate of it for hosts and addresses, valid until end.
func issue(t *testing.T, end time.Time, names ...string) (*zoo.Authority, tls.Certificate) {
	t.Helper()
	a, err := zoo.NewAuthority("test authority")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Leaf(end.Add(-48*time.Hour), end, names...)
	if err != nil {
		t.Fatal(err)
	}
	return a, c
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
