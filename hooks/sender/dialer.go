package sender

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"dochook/hooks/sender/guard"
)

// dialInfo is what is known about a dial, up to the phase it reached.
type dialInfo struct {
	dns, connect, tls time.Duration
	address           string
	addresses         int // that the name resolved to.
	tlsVersion        string
	expiry            time.Time
	asked             asked
}

// dialError is a dial that failed, in phase.
type dialError struct {
	info  dialInfo
	phase int32
	err   error
}

func (e *dialError) Error() string { return e.err.Error() }

func (e *dialError) Unwrap() error { return e.err }

// dialer opens the connections of one Client.
type dialer struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	custom bool // dial reports no phases.
	tls    *tls.Config
	client *tls.Certificate
}

func newDialer(o ClientOptions) dialer {
	d := dialer{dial: o.DialContext, custom: o.DialContext != nil, client: o.Certificate, tls: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            o.RootCAs,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}}
	if d.dial == nil {
		g := o.Guard
		if g == nil {
			g = &Guard{}
		}
		d.dial = (&net.Dialer{Resolver: o.Resolver, ControlContext: g.Control}).DialContext
	}
	return d
}

// open makes a connection for a flight.
func (d *dialer) open(ctx context.Context, f *flight, t *route) (*conn, error) {
	c, err := d.connect(ctx, f, t)
	if err != nil {
		return nil, err
	}
	if t.url.Scheme == "https" {
		if err := d.secure(ctx, f, t, c); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	c.r, c.w = bufio.NewReader(c), bufio.NewWriter(c)
	return c, nil
}

// connect looks up and connects, within 5 s and never longer than the attempt it is for.
func (d *dialer) connect(ctx context.Context, f *flight, t *route) (*conn, error) {
	start := time.Now()
	limit := start.Add(connectTime)
	if f.deadline.Before(limit) {
		limit = f.deadline
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()

	// Both hooks may run while a slower look-up or connection goes on, so they only move a phase forward.
	var lookedUp, addresses atomic.Int64
	var phase flight
	ctx = httptrace.WithClientTrace(guard.WithHost(ctx, t.host), &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { f.enter(inDNS); phase.enter(inDNS) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			lookedUp.Store(int64(time.Since(start)))
			addresses.Store(int64(len(i.Addrs)))
		},
		ConnectStart: func(_, _ string) { f.enter(inConnect); phase.enter(inConnect) },
	})
	if d.custom {
		f.enter(inConnect)
		phase.enter(inConnect)
	}
	raw, err := d.dial(ctx, "tcp", t.address)
	c := &conn{Conn: raw, raw: raw, key: t.key, info: dialInfo{dns: time.Duration(lookedUp.Load()), addresses: int(addresses.Load())}}
	c.info.connect = time.Since(start) - c.info.dns
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Addr != nil {
			c.info.address = op.Addr.String()
		}
		return nil, &dialError{c.info, phase.phase.Load(), err}
	}
	c.info.address = raw.RemoteAddr().String()
	return c, nil
}

// secure shakes hands, within 5 s and never longer than the attempt it is for.
func (d *dialer) secure(ctx context.Context, f *flight, t *route, c *conn) error {
	f.enter(inTLS)
	start := time.Now()
	limit := start.Add(tlsTime)
	if f.deadline.Before(limit) {
		limit = f.deadline
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	config := d.tls.Clone()
	config.ServerName = t.url.Hostname()
	config.GetClientCertificate = clientCertificate(d.client, &c.info.asked)
	tc := tls.Client(c.Conn, config)
	err := tc.HandshakeContext(ctx)
	c.info.tls = time.Since(start)
	if err != nil {
		if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			c.info.certificate(bad.UnverifiedCertificates)
		}
		return &dialError{c.info, inTLS, err}
	}
	state := tc.ConnectionState()
	c.Conn = tc
	c.info.tlsVersion = tls.VersionName(state.Version)
	c.info.certificate(state.PeerCertificates)
	return nil
}

func (i *dialInfo) certificate(chain []*x509.Certificate) {
	if len(chain) > 0 {
		i.expiry = chain[0].NotAfter
	}
}
