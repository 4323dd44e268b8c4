package walk

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/courier/endpoint"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/queue"
	"dochook/hooks/ledger"
	"dochook/hooks/manual"
	"dochook/hooks/outbound"
	"dochook/hooks/sender"
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
	event    *doctype.Event // nil while it waits: it is read again when it is due
	attempts int64          // made before
	request  []byte         // stored after the first failure; of a part of a batch, before it says which
	part     []byte         // which part of a batch it is, as long as that may not be stored yet
	slot     *queue.Slot    // its place in the window; nil when it comes from the retries
}

// Order implements [queue.Item].
func (sh *shipment) Order() string { return sh.order }

// Place implements [queue.Item].
func (sh *shipment) Place() int64 { return sh.key.Pos }

// outcome is what became of an attempt.
type outcome struct {
	*shipment
	verdict verdict
	attempt sender.Attempt
	reason  string
	detail  ledger.Detail
	request []byte // to be stored if the delivery goes on; nil = it is
	parts   []hooks.Part
	trouble string // for the log alone
	parent  string // the traceparent it was sent with; "" = none
}

// Target is where a walker's events go.
type Target interface {
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
	inFlight  int
	timeout   time.Duration
	policy    sender.Policy
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

// Webhook sends to a webhook's URL.
type Webhook struct {
	*outbound.Target

	Pace    *endpoint.Pace // nil lets everything go
	Run     *feed.Run      // a replay or backfill; nil = what happens
	Sources batch.Sources
}

func (t *Webhook) wants(e, before *doctype.Event) bool {
	switch {
	case t.Webhook.Batched() && t.Run != nil: // which entries lead to a batch was found out when the run was made
		return true
	case t.Webhook.Batched():
		return t.Webhook.Anchors(e, before)
	}
	return t.Webhook.Wants(e)
}

func (t *Webhook) settings() settings {
	attempts, schedule := t.Webhook.Policy()
	key := byDocument
	switch {
	case t.Webhook.Ordering == "none":
		key = byPosition
	case t.Webhook.Batched():
		key = byBatch
	}
	inFlight := t.Webhook.MaxInFlight
	if t.Run != nil { // live deliveries come first
		inFlight = max(1, inFlight/4)
	}
	return settings{
		orderKey: key, batched: t.Webhook.Batched(), jobEvents: t.Webhook.OnlyJobEvents(),
		inFlight: inFlight,
		timeout:  time.Duration(t.Webhook.Timeout) * time.Second,
		policy:   sender.Policy{Attempts: attempts, Schedule: schedule},
	}
}

func (t *Webhook) ship(ctx context.Context, sh *shipment) outcome {
	o := outcome{shipment: sh}
	to := t.Target
	if t.Run != nil && t.Run.Backfill {
		to = outbound.New(t.Webhook, nil, "", manual.Only(sh.event, t.Sources)) // to make the request alone
	}
	request, stored, refusal := to.Make(ctx, sh.event, sh.request)
	if refusal != nil {
		o.verdict, o.reason, o.parts = verdictsOf[refusal.Kind], refusal.Reason, refusal.Parts
		o.attempt.At = time.Now()
		o.detail = ledger.Detail{Error: refusal.Message, Webhook: t.Webhook.Version, Part: outbound.PartOf(sh.request)}
		return o
	}
	o.attempt = t.Send(ctx, sh.id, request)
	o.detail = outbound.Detail(&o.attempt, request)
	o.detail.Webhook = t.Webhook.Version
	o.reason = string(o.attempt.Reason)
	o.verdict = verdictOf(&o.attempt)
	if !stored && (o.verdict == again || o.verdict == gone) {
		o.request, _ = request.Keep() // strings and bytes always encode
	}
	return o
}

// safely makes a panic of a target's an end of its shipment alone.
func safely(ctx context.Context, t Target, sh *shipment) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{shipment: sh, verdict: dead, reason: "internal", trouble: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
			o.attempt.At = time.Now()
			o.detail.Error = "internal error"
		}
	}()
	return t.ship(ctx, sh)
}

// verdictsOf say what a request that was not made means for its delivery.
var verdictsOf = map[outbound.Kind]verdict{
	outbound.Unwanted: unwanted, outbound.Skipped: skipped, outbound.Final: dead, outbound.Canceled: canceled, outbound.Split: split,
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

// Subscriber calls a Go function.
type Subscriber struct {
	SubscribeOptions

	Call Handler
}

// Limit is how long one call may take.
func (t *Subscriber) Limit() time.Duration { return t.settings().timeout }

func (t *Subscriber) wants(e, _ *doctype.Event) bool {
	if t.DocType != "" && t.DocType != e.DocType {
		return false
	}
	if len(t.Events) == 0 {
		return true
	}
	for _, name := range t.Events {
		if name == e.Event || name == doctype.OnChange && !doctype.IsJobEvent(e.Event) {
			return true
		}
	}
	return false
}

func (t *Subscriber) settings() settings {
	s := settings{orderKey: byDocument, inFlight: 8, timeout: 5 * time.Second, policy: sender.Policy{Attempts: t.Attempts, Schedule: t.Schedule}}
	if t.InFlight > 0 {
		s.inFlight = t.InFlight
	}
	if t.Timeout > 0 {
		s.timeout = min(t.Timeout, 20*time.Second)
	}
	return s
}

func (t *Subscriber) ship(ctx context.Context, sh *shipment) outcome {
	o := outcome{shipment: sh}
	o.attempt.At = time.Now()
	callCtx, cancel := context.WithTimeout(ctx, t.settings().timeout)
	defer cancel()
	_, err := outbound.Safely(func() (struct{}, error) { return struct{}{}, t.Call(callCtx, *sh.event) })
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
