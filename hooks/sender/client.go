package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"dochook/hooks/sender/mask"
)

const (
	defaultTimeout  = 5 * time.Second
	defaultMaxConns = 16
	connectTime     = 5 * time.Second
	tlsTime         = 5 * time.Second
	// bodyTime is how long a response body is read after its head.
	bodyTime = 2 * time.Second
	// idleTime is below the 5 s after which common servers close an idle connection, so that
	// a request rarely meets a connection that is being closed.
	idleTime       = 4 * time.Second
	maxHeaderBytes = 64 << 10
)

// ClientOptions configures a [Client]; the zero value is usable.
type ClientOptions struct {
	// Guard judges each dialled address. Nil allows public addresses only.
	Guard *Guard
	// MaxConns is how many attempts may be under way, and how many connections may be idle; 0 means 16. More
	// concurrent calls of Send wait for their turn, within their timeout.
	MaxConns int
	// RootCAs replaces the certificate authorities of the system: who names the authority of an endpoint trusts no other one for it.
	// Nil keeps those of the system.
	RootCAs *x509.CertPool
	// Certificate is shown to endpoints that ask for one, whatever authorities they list. Nil is none.
	Certificate *tls.Certificate
	// Resolver looks up names. Nil is the one of the system.
	Resolver *net.Resolver
	// DialContext replaces dialling, and with it Guard and Resolver; it is meant for tests without a network.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends the requests of one webhook over HTTP/1.1. It may be used by many goroutines.
//
// net/http writes the requests and reads the answers. Connections are kept here and not in its Transport, so that an attempt is one
// goroutine that writes, reads and goes: the Transport's two for each connection cost as much as all the rest.
type Client struct {
	dialer  dialer
	pool    pool
	slots   chan struct{}         // one for each attempt under way.
	last    atomic.Pointer[route] // most webhooks have one URL; it is parsed once.
	buffers sync.Pool
}

// NewClient returns a Client. It starts nothing; Close it after its last Send has returned.
func NewClient(o ClientOptions) *Client {
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns
	}
	c := &Client{dialer: newDialer(o), slots: make(chan struct{}, o.MaxConns)}
	c.pool.most = o.MaxConns
	c.buffers.New = func() any { return new(bodyBuffer) }
	return c
}

// Close closes idle connections.
func (c *Client) Close() { c.pool.close() }

// Request is what is sent. Header and Body belong to Send and to its Attempt from the call on and must not be changed afterwards.
type Request struct {
	// Method is POST, PUT, PATCH or DELETE; empty means POST.
	Method string
	// URL is as Guard.CheckURL wants it. The Host header comes from it.
	URL string
	// Header is sent as it is, but for Host, Content-Length, Transfer-Encoding and Trailer, which are ignored.
	// Nothing is added but Host, Content-Length and, where Header has none, net/http's own User-Agent.
	Header http.Header
	// Body is sent with its Content-Length; empty means no body.
	Body []byte
	// Timeout is for the whole attempt, from the look-up of the name to the end of the body; 0 or less means 5 s.
	Timeout time.Duration
}

// Send makes one attempt. It reaches the endpoint at most once: a request is written again only when the reused connection it
// was given had died before a single byte of it was written. The end of ctx ends the attempt as ReasonCanceled.
//
// At most 64 KiB of response body are read, for at most 2 s after the head; the status decides even if the body breaks.
func (c *Client) Send(ctx context.Context, r Request) Attempt {
	a := Attempt{At: time.Now(), RequestHeader: r.Header}
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	var o outgoing
	if reason, err := c.prepare(&o, r); err != nil {
		a.fail(reason, err.Error())
		return a
	}
	a.URL = o.route.shown
	f := &flight{start: a.At, deadline: a.At.Add(r.Timeout)}
	if err := c.enter(ctx, f); err != nil {
		f.explain(ctx, &a, o.route.host, err)
	} else {
		c.attempt(ctx, &a, f, &o)
		<-c.slots
	}
	a.Duration = time.Since(a.At)
	return a
}

// enter waits for a slot.
func (c *Client) enter(ctx context.Context, f *flight) error {
	select {
	case c.slots <- struct{}{}:
		return ctx.Err()
	default:
	}
	timer := time.NewTimer(time.Until(f.deadline))
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return os.ErrDeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt sends the request, and once more for each idle connection that turns out to be dead before anything was written to it.
func (c *Client) attempt(ctx context.Context, a *Attempt, f *flight, o *outgoing) {
	for {
		err := c.connect(ctx, f, o.route)
		if err != nil {
			f.explain(ctx, a, o.route.host, err)
			return
		}
		stop := f.conn.interrupt(ctx)
		resp, err := f.conn.exchange(f, o) //nolint:bodyclose // receive reads the body; to close it would be to read on without limit
		if err == nil {
			f.describe(a)
		}
		whole := err == nil && c.receive(a, f, resp)
		settled := f.conn.settle()
		// What ctx may still do to the connection must not meet the next attempt on it.
		if stop() && settled && whole {
			c.pool.put(f.conn)
			return
		}
		_ = f.conn.Close()
		if err == nil {
			return
		}
		if !f.untouched() || ctx.Err() != nil {
			f.describe(a)
			f.explain(ctx, a, o.route.host, err)
			return
		}
		f.again()
	}
}

// connect gives the flight an idle connection, or a new one.
func (c *Client) connect(ctx context.Context, f *flight, t *route) error {
	if f.conn = c.pool.get(t.key, f.deadline); f.conn != nil {
		f.reused = true
		f.conn.flight = f
		f.mark = f.conn.written.Load()
		return nil
	}
	cn, err := c.dialer.open(ctx, f, t)
	if err != nil {
		return err
	}
	cn.flight, f.conn = f, cn
	_ = cn.SetDeadline(f.deadline) // one that is closed already says so when it is written to.
	return nil
}

// outgoing is a checked request.
type outgoing struct {
	http.Request

	body  []byte
	route *route
}

// prepare fills in o and checks what net/http does not, or would repair.
func (c *Client) prepare(o *outgoing, r Request) (Reason, error) {
	t := c.last.Load()
	if t == nil || t.raw != r.URL {
		var err error
		if t, err = newRoute(r.URL); err != nil {
			return ReasonInvalidURL, err
		}
		c.last.Store(t)
	}
	switch r.Method {
	case "":
		r.Method = http.MethodPost
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return ReasonInvalidRequest, invalid("method " + mask.Text(r.Method, 20) + " is not POST, PUT, PATCH or DELETE")
	}
	o.body, o.route = r.Body, t
	o.Method, o.URL, o.Host = r.Method, t.url, t.url.Host
	o.Header = r.Header
	if len(r.Body) == 0 {
		o.Body = http.NoBody
		// Without it, DELETE would go out with no Content-Length at all.
		o.TransferEncoding = []string{"identity"}
	} else {
		o.ContentLength = int64(len(r.Body))
	}
	return ReasonInvalidRequest, checkHeader(r.Header)
}

// checkHeader refuses what net/http would leave out or change.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return invalid("the header name " + mask.Text(strconv.Quote(name), 100) + " can not be sent")
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return invalid("the value of header " + mask.Text(name, 100) + " holds a line break or another control character")
			}
		}
	}
	return nil
}

// The phases of an attempt, in order.
const (
	inQueue int32 = iota
	inDNS
	inConnect
	inTLS
	inWrite
	inHeaders
)

// flight is an attempt under way. Look-ups and dials that outlive it write only the phase.
type flight struct {
	start    time.Time
	deadline time.Time

	phase     atomic.Int32
	firstByte time.Duration // since start; 0 is none yet.

	conn   *conn // the connection given, if any.
	reused bool
	mark   int64 // bytes conn had written before.
}

// enter moves on to a phase; a dial that goes on behind an attempt already served does not move it back.
func (f *flight) enter(phase int32) {
	for {
		now := f.phase.Load()
		if now >= phase || f.phase.CompareAndSwap(now, phase) {
			return
		}
	}
}

// untouched reports that the connection had been used before and took no byte of this request.
func (f *flight) untouched() bool {
	return f.reused && f.conn.written.Load() == f.mark && f.firstByte == 0
}

func (f *flight) again() {
	f.conn, f.reused, f.mark = nil, false, 0
	f.phase.Store(inQueue)
}

// describe copies what is known of the connection.
func (f *flight) describe(a *Attempt) {
	a.FirstByte = f.firstByte
	i := &f.conn.info
	a.Reused, a.Address, a.TLSVersion, a.CertificateExpiry = f.reused, i.address, i.tlsVersion, i.expiry
	if !f.reused {
		a.DNS, a.Connect, a.TLS, a.Addresses = i.dns, i.connect, i.tls, i.addresses
	}
}

// asked is what the endpoint wanted when the connection was made for this attempt.
func (f *flight) asked() asked {
	if f.conn == nil || f.reused {
		return certificateNotAsked
	}
	return f.conn.info.asked
}
