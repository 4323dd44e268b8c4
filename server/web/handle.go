package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/access"
)

// Handler answers a request or returns why not. After it has written, an error
// can only be logged and the connection cut, so that the client does not take
// the part for the whole.
type Handler func(c *gin.Context) error

// Middleware wraps a Handler; what it refuses is answered and logged like an
// error of the handler.
type Middleware func(Handler) Handler

// Options of a Responder; the zero value is ready to use.
type Options struct {
	// Logger gets one line per request: "request", at level Error for 5xx, else
	// Info. It never gets a query value, a header, or a byte of a body. nil
	// discards.
	Logger *slog.Logger
	// Now is the clock of the rate limits; nil means time.Now.
	Now func() time.Time
	// PerKey limits the requests of one API key; zero is 10,000 a second.
	PerKey Rate
	// PerAddress limits the requests without credentials from one address;
	// zero is 100 a second.
	PerAddress Rate
	// Failures limits the different wrong tokens from one address; when they
	// are used up no token from there is looked at. Zero is 5 a second, 50 at
	// once. The same wrong token again within two seconds is refused without
	// being counted, so a forgotten scraper with an old key does not lock out
	// its neighbours.
	Failures Rate
	// Typed limits the wrong tokens that people type in from one address; zero
	// is one in five seconds, 10 at once. AllTyped is the same for all addresses
	// together; zero is 10 a second, 100 at once.
	Typed, AllTyped Rate
	// TrustProxy takes the client's address from gin.Context.ClientIP, which
	// believes the proxies the engine trusts; otherwise it is the peer's.
	TrustProxy bool
}

// Responder turns Handlers into Gin handlers.
type Responder struct {
	auth       Authenticator
	log        *slog.Logger
	trustProxy bool
	perKey     *limiter[string]
	perAddress *limiter[addressKey]
	logins     *logins
	typed      *logins // of people, in a form
	allTyped   *limiter[struct{}]
	face       *Face // nil: the JSON API
}

// NewResponder returns a Responder that asks auth for keys. It starts nothing.
func NewResponder(auth Authenticator, o Options) *Responder {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Responder{
		auth:       auth,
		log:        o.Logger,
		trustProxy: o.TrustProxy,
		perKey:     newLimiter[string](o.PerKey.or(Rate{PerSecond: 10_000, Burst: 20_000}), o.Now),
		perAddress: newLimiter[addressKey](o.PerAddress.or(Rate{PerSecond: 100, Burst: 200}), o.Now),
		logins:     newLogins(o.Failures.or(Rate{PerSecond: 5, Burst: 50}), o.Now),
		typed:      newLogins(o.Typed.or(Rate{PerSecond: 0.2, Burst: 10}), o.Now),
		allTyped:   newLimiter[struct{}](o.AllTyped.or(Rate{PerSecond: 10, Burst: 100}), o.Now),
	}
}

// Route is the usual way to make a route: Handle, Require and Limit together,
// so that a route without access level and limits does not exist by accident.
func (r *Responder) Route(a Access, l Limits, h Handler) gin.HandlerFunc {
	return r.Handle(h, r.Require(a), Limit(l))
}

// Handle makes a Gin handler of h, wrapped by the middleware, the first one
// outermost. It gives the request an id (X-Request-Id of the request if it is
// sane, else a new one, answered in the same header), turns panics into
// internal errors, answers errors and writes the log line.
func (r *Responder) Handle(h Handler, with ...Middleware) gin.HandlerFunc {
	for _, wrap := range slices.Backward(with) {
		h = wrap(h)
	}
	return func(c *gin.Context) {
		in := r.begin(c)
		r.finish(c, in, run(c, h))
	}
}

// NoRoute answers requests for which there is no route.
func (r *Responder) NoRoute() gin.HandlerFunc {
	return r.bare(func(c *gin.Context) error {
		return Errorf("not_found", "", "there is nothing at %.200q", c.Request.URL.Path)
	})
}

// NoMethod answers requests whose path exists for other methods only; the
// engine needs HandleMethodNotAllowed.
func (r *Responder) NoMethod() gin.HandlerFunc {
	return r.bare(func(c *gin.Context) error {
		return Errorf("method_not_allowed", "", "%.20s is not possible here", c.Request.Method)
	})
}

// bare is a route without Limits: no body is read, so its length is no reason
// to refuse it. People have to sign in to learn what there is.
func (r *Responder) bare(h Handler) gin.HandlerFunc {
	if r.face != nil {
		return r.Handle(h, r.Require(Reader))
	}
	return r.Handle(h, r.Require(Public))
}

// incoming is what is known about a request while it is handled.
type incoming struct {
	id    string
	start time.Time
	ctx   context.Context // the server's own: ended by a client that hangs up
	body  *body
	key   access.Key // zero for a guest
}

type incomingKey struct{}

func incomingOf(ctx context.Context) *incoming {
	in, _ := ctx.Value(incomingKey{}).(*incoming)
	return in
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if in := incomingOf(ctx); in != nil {
		return in.id
	}
	return ""
}

func (r *Responder) begin(c *gin.Context) *incoming {
	in := &incoming{id: c.GetHeader("X-Request-Id"), start: time.Now(), ctx: c.Request.Context()}
	if !saneID(in.id) {
		in.id = rand.Text()
	}
	in.body = newBody(c)
	c.Request = c.Request.WithContext(context.WithValue(in.ctx, incomingKey{}, in))
	c.Request.Body = in.body
	h := c.Writer.Header()
	h.Set("X-Request-Id", in.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	return in
}

// saneID reports whether a client's request id may stand in our log.
func saneID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// panicked is a panic of a handler; it has no code, so it is internal.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// run calls h and makes an error of a panic.
func run(c *gin.Context, h Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return h(c)
}

// finish answers the error, if any is still to be answered, and logs.
func (r *Responder) finish(c *gin.Context, in *incoming, err error) {
	in.body.done()
	var p Problem
	late := false
	if err != nil {
		p = Classify(err)
		switch {
		case in.clientGone() && p.Status >= http.StatusInternalServerError:
			p.Status = statusClientGone
			c.Status(statusClientGone)
		case c.Writer.Written():
			late = true
			cut(c)
		default:
			// Refused by writers without deadlines.
			_ = in.body.ctl.SetWriteDeadline(time.Now().Add(defaultIdle))
			if werr := r.answer(c, p, in.id); werr != nil {
				err = errors.Join(err, werr)
			}
		}
	}
	r.logRequest(c, in, outcome{err: err, problem: p, late: late})
}

// answer tells the problem in the way of the face.
func (r *Responder) answer(c *gin.Context, p Problem, requestID string) error {
	prepare(c, p)
	if r.face != nil {
		return r.face.Answer(c, p)
	}
	if p.Status == http.StatusUnauthorized {
		// Not Basic: browsers would ask the user of every page that calls us.
		c.Header("WWW-Authenticate", `Bearer realm="dochook"`)
	}
	return Raw(c, p.Status, ErrorBody(p, requestID))
}

// clientGone reports whether the client hung up. A server that ends its
// requests does so with a cause of its own and is not mistaken for it.
func (in *incoming) clientGone() bool {
	return in.ctx.Err() != nil && errors.Is(context.Cause(in.ctx), context.Canceled)
}

// cut ends an answer that broke off in the middle: what was written goes out,
// the end of the body does not.
func cut(c *gin.Context) {
	ctl := http.NewResponseController(c.Writer)
	if ctl.Flush() == nil {
		_ = ctl.SetWriteDeadline(time.Unix(1, 0)) // a recorder in tests has none
	}
}

type outcome struct {
	err     error // nil when the handler answered
	problem Problem
	late    bool // the error came after the answer had begun
}

func (r *Responder) logRequest(c *gin.Context, in *incoming, o outcome) {
	level, status := slog.LevelInfo, c.Writer.Status()
	if o.err != nil && o.problem.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !r.log.Enabled(in.ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 14)
	attrs = append(attrs,
		slog.String("method", c.Request.Method),
		slog.String("route", c.FullPath()),
		slog.Int("status", status),
		slog.Duration("duration", time.Since(in.start)),
		slog.Int64("bytes_in", in.body.n),
		slog.Int("bytes_out", max(c.Writer.Size(), 0)),
		slog.String("key", in.key.Name),
		slog.String("remote", r.remote(c)),
		slog.String("request_id", in.id),
	)
	if o.err != nil {
		attrs = append(attrs, slog.String("error_code", o.problem.Code))
		if o.problem.Field != "" {
			attrs = append(attrs, slog.String("field", o.problem.Field))
		}
		if o.late {
			attrs = append(attrs, slog.Bool("answer_cut", true))
		}
		// The text of a client's mistake may quote the body; ours may not.
		if o.problem.Status >= http.StatusInternalServerError {
			attrs = append(attrs, slog.String("error", shorten(chain(o.err), maxMessage)))
		}
		if p, ok := errors.AsType[*panicked](o.err); ok {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	r.log.LogAttrs(in.ctx, level, "request", attrs...)
}

// chain is the text of an error and of its causes: a coded error hides them
// from the client, not from the log.
func chain(err error) string {
	text := err.Error()
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		if t := err.Error(); !strings.Contains(text, t) {
			text += ": " + t
		}
	}
	return text
}

// remote is the address a request is counted and logged under.
func (r *Responder) remote(c *gin.Context) string {
	if r.trustProxy {
		return c.ClientIP()
	}
	return c.RemoteIP()
}
