package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// conn is a connection that remembers how it came about and how much was written to it.
type conn struct {
	net.Conn

	info    dialInfo
	written atomic.Int64 // what the transport wrote, before TLS.
}

// Write counts.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// dialInfo is what is known about a dial, up to the phase it reached.
type dialInfo struct {
	dns, connect, tls time.Duration
	address           string
	tlsVersion        string
	expiry            time.Time
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
}

func newDialer(o ClientOptions) dialer {
	d := dialer{dial: o.DialContext, custom: o.DialContext != nil, tls: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            o.RootCAs,
		Certificates:       o.Certificates,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}}
	if d.dial == nil {
		guard := o.Guard
		if guard == nil {
			guard = &Guard{}
		}
		d.dial = (&net.Dialer{Resolver: o.Resolver, ControlContext: guard.Control}).DialContext
	}
	return d
}

func (d *dialer) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// connect looks up and connects, within 5 s and never longer than the attempt it is for.
func (d *dialer) connect(ctx context.Context, network, address string) (*conn, error) {
	start := time.Now()
	limit := start.Add(connectTime)
	f, _ := ctx.Value(flightKey{}).(*flight)
	if f == nil {
		f = &flight{deadline: limit}
	}
	if f.deadline.Before(limit) {
		limit = f.deadline
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()

	// Both hooks may run while a slower look-up or connection goes on, so they only move a phase forward.
	var lookedUp atomic.Int64
	var phase flight
	ctx = httptrace.WithClientTrace(withHost(ctx, f.host), &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { f.enter(inDNS); phase.enter(inDNS) },
		DNSDone:      func(httptrace.DNSDoneInfo) { lookedUp.Store(int64(time.Since(start))) },
		ConnectStart: func(_, _ string) { f.enter(inConnect); phase.enter(inConnect) },
	})
	if d.custom {
		f.enter(inConnect)
		phase.enter(inConnect)
	}
	raw, err := d.dial(ctx, network, address)
	c := &conn{Conn: raw, info: dialInfo{dns: time.Duration(lookedUp.Load())}}
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

// dialTLS connects and shakes hands, the latter within 5 s and never longer than the attempt it is for.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	limit := start.Add(tlsTime)
	if f, _ := ctx.Value(flightKey{}).(*flight); f != nil {
		f.enter(inTLS)
		if f.deadline.Before(limit) {
			limit = f.deadline
		}
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	config := d.tls.Clone()
	if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
		config.ServerName = address
	}
	tc := tls.Client(c.Conn, config)
	err = tc.HandshakeContext(ctx)
	c.info.tls = time.Since(start)
	if err != nil {
		_ = c.Close()
		if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			c.info.certificate(bad.UnverifiedCertificates)
		}
		return nil, &dialError{c.info, inTLS, err}
	}
	state := tc.ConnectionState()
	c.Conn = tc
	c.info.tlsVersion = tls.VersionName(state.Version)
	c.info.certificate(state.PeerCertificates)
	return c, nil
}

func (i *dialInfo) certificate(chain []*x509.Certificate) {
	if len(chain) > 0 {
		i.expiry = chain[0].NotAfter
	}
}
