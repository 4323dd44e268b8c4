package courier

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/mapping"
)

// verdict is what one attempt means for its delivery.
type verdict int

const (
	delivered verdict = iota
	unwanted          // the condition does not hold: nothing to record
	again             // failed; to be tried again if attempts are left
	dead              // failed for good
	skipped           // not sent, and recorded why
	gone              // the endpoint asks to be left alone for ever
	canceled          // says nothing: the walker is stopping
	split             // nothing was sent: it is a batch that comes in parts
)

// shipment is one event on its way to one target.
type shipment struct {
	key      ledger.Key
	order    string // events with the same one go one after the other
	id       string
	event    doctype.Event
	loaded   bool   // event is there
	attempts int64  // made before
	request  []byte // stored after the first failure; of a part of a batch, before it says which
	part     []byte // which part of a batch it is, as long as that may not be stored yet
	slot     *slot  // its place in the window; nil when it comes from the retries
}

// outcome is what became of an attempt.
type outcome struct {
	*shipment
	verdict verdict
	attempt sender.Attempt
	reason  string
	detail  ledger.Detail
	request []byte // to be stored if the delivery goes on; nil = it is
	parts   []hooks.Part
}

// target is where a walker's events go.
type target interface {
	// wants reports whether an entry leads to a shipment. before is the one before it, if the target is batched.
	wants(e, before *doctype.Event) bool
	ship(ctx context.Context, sh *shipment) outcome
	settings() settings
}

// settings are the limits of a target.
type settings struct {
	orderKey  func(e *doctype.Event) string // what events must not overtake each other under
	batched   bool                          // shipments can be about several entries
	jobEvents bool                          // no other entries are wanted
	inFlight int
	timeout  time.Duration
	policy   sender.Policy
}

// Keys of order.
func byPosition(e *doctype.Event) string { return "#" + strconv.FormatInt(e.Pos, 10) }

func byDocument(e *doctype.Event) string { return e.DocType + "/" + e.Name } // of a job event, the job

func byBatch(e *doctype.Event) string {
	if e.Job != "" {
		return e.DocType + "/" + e.Job
	}
	return e.DocType
}

func formatUnix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// deliveryID is the same for every attempt at one event by one walker, also
// after a crash: a hash, and the position by which the ledger finds it. It holds
// no dot, as Standard Webhooks demands.
func deliveryID(walker string, e *doctype.Event, part int64) string {
	sum := sha256.Sum256([]byte(walker + "\x00" + e.ID + "\x00" + strconv.FormatInt(part, 10)))
	return ledger.ID(idEncoding.EncodeToString(sum[:15]), e.Pos)
}

// webhookTarget sends to a webhook's URL.
type webhookTarget struct {
	webhook   *hooks.Compiled
	client    *sender.Client
	userAgent string
	sources   batch.Sources
}

func (t *webhookTarget) wants(e, before *doctype.Event) bool {
	if t.webhook.Batched() {
		return t.webhook.Anchors(e, before)
	}
	return t.webhook.Wants(e)
}

func (t *webhookTarget) close() { t.client.Close() }

func (t *webhookTarget) settings() settings {
	attempts, schedule := t.webhook.Policy()
	key := byDocument
	switch {
	case t.webhook.Ordering == "none":
		key = byPosition
	case t.webhook.Batched():
		key = byBatch
	}
	return settings{
		orderKey: key, batched: t.webhook.Batched(), jobEvents: t.webhook.JobEventsOnly(),
		inFlight: t.webhook.MaxInFlight,
		timeout:  time.Duration(t.webhook.Timeout) * time.Second,
		policy:   sender.Policy{Attempts: attempts, Schedule: schedule},
	}
}

func (t *webhookTarget) ship(ctx context.Context, sh *shipment) outcome {
	o := outcome{shipment: sh}
	request, stored, refused := t.request(ctx, sh)
	if refused != nil {
		refused.shipment = sh
		return *refused
	}
	o.attempt = t.send(ctx, sh.id, request)
	o.detail = detailOf(&o.attempt, request)
	o.detail.Webhook = t.webhook.Version
	o.reason = string(o.attempt.Reason)
	o.verdict = verdictOf(&o.attempt)
	if o.verdict == again || o.verdict == gone {
		if !stored {
			o.request, _ = json.Marshal(request) // strings and bytes always encode
		}
	}
	return o
}

func verdictOf(a *sender.Attempt) verdict {
	if a.Reason == sender.ReasonCanceled {
		return canceled
	}
	switch a.Class() {
	case sender.Delivered:
		return delivered
	case sender.Gone:
		return gone
	case sender.Final:
		return dead
	case sender.Retry:
		return again
	default:
		return again
	}
}

// request renders the shipment, or takes what was rendered for its first
// attempt. What cannot be rendered is refused for good.
func (t *webhookTarget) request(ctx context.Context, sh *shipment) (r *hooks.Request, stored bool, refused *outcome) {
	var part *hooks.Part
	if sh.request != nil {
		r = new(hooks.Request)
		if err := json.Unmarshal(sh.request, r); err == nil {
			if r.URL != "" {
				return r, true, nil
			}
			part = r.Part
		}
	}
	now := sender.Attempt{At: time.Now()}
	refuse := func(v verdict, reason string, err error) *outcome {
		return &outcome{verdict: v, attempt: now, reason: reason, detail: ledger.Detail{Error: clientText(err), Webhook: t.webhook.Version}}
	}
	if sh.event.Hops >= hooks.MaxHops {
		return nil, false, refuse(skipped, "loop", fmt.Errorf("%w: %d webhooks in a row led to this event", errLoop, sh.event.Hops))
	}
	if t.webhook.Batched() {
		r, refused = t.batch(ctx, sh, part, refuse)
		return r, false, refused
	}
	holds, err := safely(func() (bool, error) { return t.webhook.Holds(&sh.event) })
	if err != nil {
		return nil, false, refuse(skipped, "condition", err)
	}
	if !holds {
		return nil, false, refuse(unwanted, "", nil)
	}
	rendered, err := safely(func() (hooks.Request, error) { return t.webhook.Render(&sh.event) })
	if err != nil {
		return nil, false, refuse(dead, renderReason(err), err)
	}
	return &rendered, false, nil
}

func renderReason(err error) string {
	if doctype.CodeOf(err) == "too_large" {
		return "render_too_large"
	}
	return "render"
}

// batch makes the request of a batch, or of the part of it that the shipment is. A batch of several parts is split first.
func (t *webhookTarget) batch(ctx context.Context, sh *shipment, part *hooks.Part, refuse func(verdict, string, error) *outcome) (*hooks.Request, *outcome) {
	if part == nil {
		parts, err := t.sources.Cut(ctx, t.webhook, &sh.event)
		switch {
		case err != nil:
			return nil, t.batchTrouble(ctx, err, refuse)
		case len(parts) == 0:
			return nil, refuse(unwanted, "", nil)
		case len(parts) > 1:
			return nil, &outcome{verdict: split, parts: parts}
		}
		part = &parts[0]
	}
	r, err := t.sources.Render(ctx, t.webhook, &sh.event, *part)
	if err != nil {
		return nil, t.batchTrouble(ctx, err, refuse)
	}
	return &r, nil
}

// batchTrouble tells what no attempt can mend from what stops every attempt.
func (t *webhookTarget) batchTrouble(ctx context.Context, err error, refuse func(verdict, string, error) *outcome) *outcome {
	switch code := doctype.CodeOf(err); {
	case ctx.Err() != nil:
		return refuse(canceled, "", nil)
	case code == hooks.CodeInvalidCondition:
		return refuse(skipped, "condition", err)
	case code == doctype.CodeNotFound:
		return refuse(dead, "expired", err)
	default:
		return refuse(dead, renderReason(err), err)
	}
}

// requestOf is how a part is stored that was not rendered yet.
func requestOf(p *hooks.Part) []byte {
	text, _ := json.Marshal(hooks.Request{Part: p}) // numbers always encode
	return text
}

var errLoop = errors.New("loop")

// safely turns a panic of rendering into an error of its delivery.
func safely[T any](fn func() (T, error)) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

func clientText(err error) string {
	switch coded := (*hooks.Error)(nil); {
	case err == nil:
		return ""
	case errors.As(err, &coded):
		return coded.Error()
	case errors.Is(err, errLoop):
		return err.Error()
	}
	if mapped, ok := errors.AsType[*mapping.Error](err); ok {
		return mapped.Error()
	}
	return "the request could not be made"
}

// send signs and makes one attempt.
func (t *webhookTarget) send(ctx context.Context, id string, r *hooks.Request) sender.Attempt {
	at := time.Now()
	h := t.headers(id, at, r)
	return t.client.Send(ctx, sender.Request{
		Method: r.Method, URL: r.URL, Header: h, Body: r.Body,
		Timeout: time.Duration(t.webhook.Timeout) * time.Second,
	})
}

func detailOf(a *sender.Attempt, r *hooks.Request) ledger.Detail {
	d := ledger.Detail{
		Part: partOf(r), Method: r.Method, URL: r.Host(), Bytes: len(r.Body), Address: a.Address, TLSVersion: a.TLSVersion, Reused: a.Reused,
		DNSUS: a.DNS.Microseconds(), ConnectUS: a.Connect.Microseconds(), TLSUS: a.TLS.Microseconds(), FirstByteUS: a.FirstByte.Microseconds(),
		Limit: a.Limit, Error: a.Error, RetryAfterUS: a.RetryAfter.Microseconds(), Note: a.BodyNote, Body: string(a.ResponseBody),
	}
	if len(a.ResponseHeader) > 0 {
		d.Headers = a.ResponseHeader
	}
	return d
}

// partOf is the part of a batch as a delivery's detail keeps it, to be sent again.
func partOf(r *hooks.Request) json.RawMessage {
	if r.Part == nil {
		return nil
	}
	text, _ := json.Marshal(r.Part) // numbers always encode
	return text
}

// Handler is a durable subscriber's function. An error, or a panic, makes the
// event come again after a delay; the event's ID tells repeats apart.
type Handler func(ctx context.Context, e doctype.Event) error

// SubscribeOptions of a durable subscriber; the zero value listens to everything.
type SubscribeOptions struct {
	DocType  string          // "" = all
	Events   []string        // nil = all
	Timeout  time.Duration   // of one call; 0 = 5 s, at most 20 s
	InFlight int             // calls at once, of different documents; 0 = 8
	Attempts int             // 0 = 10
	Schedule []time.Duration // nil = as for webhooks
}

// subscriberTarget calls a Go function.
type subscriberTarget struct {
	options SubscribeOptions
	fn      Handler
}

func (t *subscriberTarget) wants(e, _ *doctype.Event) bool {
	if t.options.DocType != "" && t.options.DocType != e.DocType {
		return false
	}
	if len(t.options.Events) == 0 {
		return true
	}
	for _, name := range t.options.Events {
		if name == e.Event || name == doctype.OnChange && !doctype.IsJobEvent(e.Event) {
			return true
		}
	}
	return false
}

func (t *subscriberTarget) settings() settings {
	s := settings{orderKey: byDocument, inFlight: 8, timeout: 5 * time.Second, policy: sender.Policy{Attempts: t.options.Attempts, Schedule: t.options.Schedule}}
	if t.options.InFlight > 0 {
		s.inFlight = t.options.InFlight
	}
	if t.options.Timeout > 0 {
		s.timeout = min(t.options.Timeout, 20*time.Second)
	}
	return s
}

func (t *subscriberTarget) ship(ctx context.Context, sh *shipment) outcome {
	o := outcome{shipment: sh}
	o.attempt.At = time.Now()
	callCtx, cancel := context.WithTimeout(ctx, t.settings().timeout)
	defer cancel()
	_, err := safely(func() (struct{}, error) { return struct{}{}, t.fn(callCtx, sh.event) })
	o.attempt.Duration = time.Since(o.attempt.At)
	switch {
	case err == nil:
		o.verdict = delivered
	case ctx.Err() != nil:
		o.verdict = canceled
	default:
		// The function is the embedding program's own: its text may be kept.
		o.verdict, o.reason, o.detail.Error = again, "handler", err.Error()
	}
	return o
}
