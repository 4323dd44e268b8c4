package manual

import (
	"context"
	"encoding/json"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
	"dochook/hooks/sender"
)

// Desk is where people work on webhooks.
type Desk struct {
	events   *eventlog.Log
	webhooks *hooks.Service
	store    *ledger.Store
	guard    *sender.Guard
	agent    string
	sources  batch.Sources
}

// Options of a Desk; the zero value is ready for use.
type Options struct {
	Agent string // User-Agent of what it sends
	// Pages are where batches find the records of jobs' pages. Default: what needs them fails.
	Pages batch.Pages
}

// New returns a Desk.
func New(events *eventlog.Log, webhooks *hooks.Service, store *ledger.Store, guard *sender.Guard, o Options) *Desk {
	return &Desk{events, webhooks, store, guard, o.Agent, batch.Sources{Log: events, Pages: o.Pages}}
}

// Preview is what a webhook would do with an event, and why.
type Preview struct {
	Fires   bool
	Why     string // in words for people
	Request *hooks.Request
}

// Preview renders an event without sending it: the request is the one a
// delivery would send, signature and all.
func (d *Desk) Preview(ctx context.Context, c *hooks.Compiled, ev *doctype.Event) Preview {
	t := outbound.New(c, nil, d.agent, d.sourcesOf(ev))
	p := Preview{Fires: true, Why: "the event and the condition match"}
	if !c.Enabled { // often previewed before it is switched on
		p.Why += "; but the webhook is disabled, and nothing is sent until it is enabled"
	}
	if !c.Wants(ev) {
		p.Fires, p.Why = false, unwantedBecause(c, ev)
	}
	request, _, refusal := t.Make(ctx, ev, nil)
	switch {
	case refusal == nil:
	case refusal.Kind == outbound.Split:
		p.Why += "; it comes in parts, and this is the first"
		request, _ = t.Render(ctx, ev, &refusal.Parts[0])
	case refusal.Kind == outbound.Unwanted:
		if p.Fires {
			p.Fires, p.Why = false, "the condition does not hold"
		}
		if rendered, err := t.Render(ctx, ev, nil); err == nil {
			request = rendered
		}
	default:
		p.Fires, p.Why = false, refusal.Message
	}
	if request != nil {
		request.Header = t.Headers(ledger.DeliveryID(hooks.Walker(c.Name), ev.ID, ledger.Key{Pos: ev.Pos}), time.Now(), request)
		p.Request = request
	}
	return p
}

// unwantedBecause says why a webhook does not want an event, whatever its condition.
func unwantedBecause(c *hooks.Compiled, ev *doctype.Event) string {
	switch {
	case c.Scraper != "" && ev.Scraper != c.Scraper:
		return "the event does not come from a job of Scraper " + c.Scraper
	case ev.Event == doctype.OnUpdate && len(c.Fields) > 0 && ev.DocType == c.WebhookDocType:
		return "none of the monitored fields changed"
	default:
		return "the webhook does not listen to " + ev.Event + " of " + ev.DocType
	}
}

// Try sends an event to a webhook now, whatever its state, and records nothing.
func (d *Desk) Try(ctx context.Context, c *hooks.Compiled, ev *doctype.Event) (ledger.Attempt, error) {
	t := d.oneOff(c, d.sourcesOf(ev))
	defer t.Close()
	rendered, err := t.Render(ctx, ev, nil)
	if err != nil {
		return ledger.Attempt{}, err
	}
	id := ledger.DeliveryID(hooks.Walker(c.Name), ev.ID, ledger.Key{Pos: ev.Pos})
	a := t.Send(ctx, id, rendered)
	return attemptOf(id, 1, &a, rendered), nil
}

func (d *Desk) oneOff(c *hooks.Compiled, sources batch.Sources) *outbound.Target {
	return outbound.New(c, sender.NewClient(sender.ClientOptions{Guard: d.guard, MaxConns: 1, RootCAs: c.CertPool(), Certificate: c.ClientCertificate()}), d.agent, sources)
}

func attemptOf(id string, n int64, a *sender.Attempt, r *hooks.Request) ledger.Attempt {
	return ledger.Attempt{
		Delivery: id, N: n, At: a.At.UnixMicro(), HTTPStatus: a.Status, Reason: string(a.Reason),
		DurationUS: a.Duration.Microseconds(), Detail: outbound.Detail(a, r),
	}
}

// Resend sends a delivery that has ended once more, under its own id, and
// records the attempt. A delivery that still waits for its next attempt is a
// conflict.
func (d *Desk) Resend(ctx context.Context, id string) (ledger.Attempt, error) {
	l, _, err := d.store.Get(ctx, id)
	if err != nil {
		return ledger.Attempt{}, err
	}
	if l.Status == ledger.Retrying {
		return ledger.Attempt{}, &ledger.Error{CodeWord: ledger.CodeConflict, Message: "the delivery is still being retried; its next attempt is at " +
			time.UnixMicro(l.NextAt).UTC().Format(time.RFC3339) + "; its webhook's retry makes it now"}
	}
	c, err := d.webhooks.Compiled(ctx, l.Webhook())
	if err != nil {
		return ledger.Attempt{}, err
	}
	events, err := d.events.At(ctx, []int64{l.EventPos()})
	if err != nil {
		return ledger.Attempt{}, err
	}
	if len(events) == 0 || events[0].ID != l.EventID {
		return ledger.Attempt{}, &ledger.Error{CodeWord: ledger.CodeNotFound, Message: "the event of this delivery is no longer in the log"}
	}
	t := d.oneOff(c, d.sources)
	defer t.Close()
	var part *hooks.Part
	if len(l.Detail.Part) > 0 {
		part = new(hooks.Part)
		if err := json.Unmarshal(l.Detail.Part, part); err != nil {
			return ledger.Attempt{}, err
		}
	}
	var rendered *hooks.Request
	if part == nil {
		rendered, err = t.Whole(ctx, &events[0])
	} else {
		rendered, err = t.Render(ctx, &events[0], part)
	}
	if err != nil {
		return ledger.Attempt{}, err
	}
	sent := t.Send(ctx, id, rendered)
	a := attemptOf(id, l.Attempts+1, &sent, rendered)
	// What was sent is recorded even if the caller has gone.
	return a, d.store.Resent(context.WithoutCancel(ctx), id, a, sent.Class() == sender.Delivered)
}
