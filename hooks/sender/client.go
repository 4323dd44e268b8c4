package sender

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
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

// errTimeUp is the cause of an attempt's context when its own timer ended it.
var errTimeUp = errors.New("sender: time is up")

// ClientOptions configures a [Client]; the zero value is usable.
type ClientOptions struct {
	// Guard judges each dialled address. Nil allows public addresses only.
	Guard *Guard
	// MaxConns is how many connections to one host may be open, and how many may be idle in all; 0 means 16. More
	// concurrent calls of Send wait for a connection, within their timeout.
	MaxConns int
	// RootCAs replaces the certificate authorities of the system. Nil keeps them.
	RootCAs *x509.CertPool
	// Certificates are shown to endpoints that ask for one.
	Certificates []tls.Certificate
	// Resolver looks up names. Nil is the one of the system.
	Resolver *net.Resolver
	// DialContext replaces dialling, and with it Guard and Resolver; it is meant for tests without a network.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends the requests of one webhook over HTTP/1.1. It may be used by many goroutines.
type Client struct {
	transport *http.Transport
	dialer    dialer
	maxConns  int
	last      atomic.Pointer[target] // most webhooks have one URL; it is parsed once.
	buffers   sync.Pool
}

// NewClient returns a Client. It starts nothing; Close it after its last Send has returned.
func NewClient(o ClientOptions) *Client {
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns
	}
	c := &Client{maxConns: o.MaxConns, dialer: newDialer(o)}
	c.buffers.New = func() any { return new(bodyBuffer) }
	c.transport = &http.Transport{
		DialContext:            c.dialer.dialPlain,
		DialTLSContext:         c.dialer.dialTLS,
		DisableCompression:     true,
		MaxIdleConns:           o.MaxConns,
		MaxIdleConnsPerHost:    o.MaxConns,
		MaxConnsPerHost:        o.MaxConns,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	return c
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Request is what is sent. Header and Body belong to Send from the call on and must not be changed afterwards.
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
	a := Attempt{At: time.Now()}
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	var o outgoing
	if reason, err := c.prepare(&o, r); err != nil {
		a.fail(reason, err.Error())
		return a
	}
	f := &flight{start: a.At, deadline: a.At.Add(r.Timeout), host: o.host}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(r.Timeout, func() { cancel(errTimeUp) })
	resp, err := c.roundTrip(f.context(ctx), f, &o)
	f.describe(&a)
	if err != nil {
		f.explain(ctx, &a, err)
	} else {
		c.receive(&a, f, resp, timer)
	}
	timer.Stop()
	cancel(nil)
	a.Duration = time.Since(a.At)
	return a
}

// outgoing is a checked request; http.Request is made from it for each try.
type outgoing struct {
	http.Request

	body []byte
	host string
}

// prepare fills in o and checks what net/http does not, or would repair.
func (c *Client) prepare(o *outgoing, r Request) (Reason, error) {
	t := c.last.Load()
	if t == nil || t.raw != r.URL {
		var err error
		if t, err = parseTarget(r.URL); err != nil {
			return ReasonInvalidURL, err
		}
		c.last.Store(t)
	}
	switch r.Method {
	case "":
		r.Method = http.MethodPost
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return ReasonInvalidRequest, invalid("method " + safeText(r.Method, 20) + " is not POST, PUT, PATCH or DELETE")
	}
	o.body, o.host = r.Body, t.host
	o.Method, o.URL, o.Host = r.Method, t.url, t.url.Host
	o.Proto, o.ProtoMajor, o.ProtoMinor = "HTTP/1.1", 1, 1
	o.Header = r.Header
	if o.Header == nil {
		o.Header = http.Header{}
	}
	if len(r.Body) == 0 {
		o.Header = hideIdempotency(o.Header)
		o.Body = http.NoBody
		// Without it, DELETE would go out with no Content-Length at all.
		o.TransferEncoding = []string{"identity"}
	} else {
		o.ContentLength = int64(len(r.Body))
	}
	return ReasonDelivered, nil
}

// hideIdempotency keeps net/http from repeating a request: with a header of these names and no body it silently sends a request again
// when the connection breaks. It looks for the canonical spelling only; on the wire the spelling makes no difference.
// A request with a body is not repeated because it has no GetBody.
func hideIdempotency(h http.Header) http.Header {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		values, ok := h[name]
		if !ok {
			continue
		}
		h = h.Clone()
		delete(h, name)
		h[strings.ToLower(name)] = values
	}
	return h
}

// roundTrip sends the request, and once more for each pooled connection that turns out to be dead before anything was written to it.
func (c *Client) roundTrip(ctx context.Context, f *flight, o *outgoing) (*http.Response, error) {
	for try := 0; ; try++ {
		req := o.WithContext(ctx)
		if len(o.body) > 0 {
			req.Body = io.NopCloser(bytes.NewReader(o.body))
		}
		resp, err := c.transport.RoundTrip(req)
		if err == nil || try > c.maxConns || ctx.Err() != nil || !f.untouched() {
			return resp, err
		}
		f.again()
	}
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

// flight is an attempt under way. The transport's goroutines, which may outlive the attempt, write only the atomic fields.
type flight struct {
	start    time.Time
	deadline time.Time
	host     string

	phase     atomic.Int32
	firstByte atomic.Int64 // nanoseconds since start; 0 is none yet.

	conn   *conn // the connection given, if any.
	reused bool
	mark   int64 // bytes conn had written before.
}

type flightKey struct{}

// context returns ctx with what the dialer and the transport need of the attempt.
func (f *flight) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, flightKey{}, f), &httptrace.ClientTrace{
		GotConn:              f.gotConn,
		WroteRequest:         f.wroteRequest,
		GotFirstResponseByte: f.gotFirstByte,
	})
}

func (f *flight) gotConn(info httptrace.GotConnInfo) {
	f.conn, _ = info.Conn.(*conn)
	f.reused = info.Reused
	if f.conn != nil {
		f.mark = f.conn.written.Load()
	}
	f.enter(inWrite)
}

func (f *flight) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err == nil {
		f.enter(inHeaders)
	}
}

func (f *flight) gotFirstByte() { f.firstByte.CompareAndSwap(0, max(int64(time.Since(f.start)), 1)) }

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
	return f.reused && f.conn != nil && f.conn.written.Load() == f.mark && f.firstByte.Load() == 0
}

func (f *flight) again() {
	f.conn, f.reused = nil, false
	f.phase.Store(inQueue)
}

// describe copies what is known of the connection.
func (f *flight) describe(a *Attempt) {
	a.FirstByte = time.Duration(f.firstByte.Load())
	if f.conn == nil {
		return
	}
	i := &f.conn.info
	a.Reused, a.Address, a.TLSVersion, a.CertificateExpiry = f.reused, i.address, i.tlsVersion, i.expiry
	if !f.reused {
		a.DNS, a.Connect, a.TLS = i.dns, i.connect, i.tls
	}
}
