package courier

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
)

// Preview is what a webhook would do with an event, and why.
type Preview struct {
	Fires   bool
	Why     string // in words for people
	Request *hooks.Request
}

// Preview renders an event without sending it: the request is the one a
// delivery would send, signature and all.
func (e *Engine) Preview(ctx context.Context, c *hooks.Compiled, ev *doctype.Event) Preview {
	t := &webhookTarget{webhook: c, userAgent: e.agent, sources: e.sourcesOf(ev)}
	sh := &shipment{event: *ev, loaded: true, id: deliveryID(hooks.Walker(c.Name), ev, 0)}
	p := Preview{Fires: true, Why: "the event and the condition match"}
	if !c.Enabled { // often previewed before it is switched on
		p.Why += "; but the webhook is disabled, and nothing is sent until it is enabled"
	}
	if !c.Wants(ev) {
		p.Fires, p.Why = false, "the webhook does not listen to "+ev.Event+" of "+ev.DocType
		if ev.Event == doctype.OnUpdate && len(c.Fields) > 0 && ev.DocType == c.WebhookDocType {
			p.Why = "none of the monitored fields changed"
		}
	}
	request, _, refused := t.request(ctx, sh)
	switch {
	case refused == nil:
	case refused.verdict == split:
		p.Why += "; it comes in parts, and this is the first"
		request, _ = t.render(ctx, ev, &refused.parts[0])
	case refused.verdict == unwanted:
		p.Fires, p.Why = false, "the condition does not hold"
		if rendered, err := t.render(ctx, ev, nil); err == nil {
			request = rendered
		}
	default:
		p.Fires, p.Why = false, refused.detail.Error
	}
	if request != nil {
		at := time.Now()
		request.Header = t.headers(sh.id, at, request)
		p.Request = request
	}
	return p
}

// Try sends an event to a webhook now, whatever its state, and records nothing.
func (e *Engine) Try(ctx context.Context, c *hooks.Compiled, ev *doctype.Event) (ledger.Attempt, error) {
	t := e.oneOff(c)
	defer t.close()
	t.sources = e.sourcesOf(ev)
	rendered, err := t.render(ctx, ev, nil)
	if err != nil {
		return ledger.Attempt{}, err
	}
	id := deliveryID(hooks.Walker(c.Name), ev, 0)
	a := t.send(ctx, id, rendered)
	return attemptOf(id, 1, &a, rendered), nil
}

// render makes the request of an event whatever the condition says, of a batch that of one part: nil is the first.
func (t *webhookTarget) render(ctx context.Context, ev *doctype.Event, part *hooks.Part) (*hooks.Request, error) {
	r, err := safely(func() (hooks.Request, error) {
		if !t.webhook.Batched() {
			return t.webhook.Render(ev)
		}
		if part == nil {
			parts, err := t.sources.Cut(ctx, t.webhook, ev)
			if err != nil || len(parts) == 0 {
				parts = []hooks.Part{{N: 1, Of: 1}}
			}
			part = &parts[0]
		}
		return t.sources.Render(ctx, t.webhook, ev, *part)
	})
	return &r, err
}

func (e *Engine) oneOff(c *hooks.Compiled) *webhookTarget {
	return &webhookTarget{webhook: c, userAgent: e.agent, sources: e.sources, client: sender.NewClient(sender.ClientOptions{Guard: e.guard, MaxConns: 1})}
}

func attemptOf(id string, n int64, a *sender.Attempt, r *hooks.Request) ledger.Attempt {
	return ledger.Attempt{
		Delivery: id, N: n, At: a.At.UnixMicro(), HTTPStatus: a.Status, Reason: string(a.Reason),
		DurationUS: a.Duration.Microseconds(), Detail: detailOf(a, r),
	}
}

// Resend sends a delivery that has ended once more, under its own id, and
// records the attempt. A delivery that still waits for its next attempt is a
// conflict.
func (e *Engine) Resend(ctx context.Context, id string) (ledger.Attempt, error) {
	l, _, err := e.store.Get(ctx, id)
	if err != nil {
		return ledger.Attempt{}, err
	}
	if l.Status == ledger.Retrying {
		return ledger.Attempt{}, &ledger.Error{CodeWord: ledger.CodeConflict, Message: "the delivery is still being retried; its next attempt is at " +
			time.UnixMicro(l.NextAt).UTC().Format(time.RFC3339)}
	}
	c, err := e.webhooks.Compiled(ctx, l.Webhook())
	if err != nil {
		return ledger.Attempt{}, err
	}
	events, err := e.events.At(ctx, []int64{l.Pos})
	if err != nil {
		return ledger.Attempt{}, err
	}
	if len(events) == 0 || events[0].ID != l.EventID {
		return ledger.Attempt{}, &ledger.Error{CodeWord: ledger.CodeNotFound, Message: "the event of this delivery is no longer in the log"}
	}
	t := e.oneOff(c)
	defer t.close()
	var part *hooks.Part
	if len(l.Detail.Part) > 0 {
		part = new(hooks.Part)
		if err := json.Unmarshal(l.Detail.Part, part); err != nil {
			return ledger.Attempt{}, err
		}
	}
	rendered, err := t.render(ctx, &events[0], part)
	if err != nil {
		return ledger.Attempt{}, err
	}
	sent := t.send(ctx, id, rendered)
	a := attemptOf(id, l.Attempts+1, &sent, rendered)
	// What was sent is recorded even if the caller has gone.
	return a, e.store.Resent(context.WithoutCancel(ctx), id, a, sent.Class() == sender.Delivered)
}

// headers are all headers of one attempt.
func (t *webhookTarget) headers(id string, at time.Time, r *hooks.Request) http.Header {
	h := make(http.Header, len(r.Header)+6)
	maps.Copy(h, r.Header)
	h["User-Agent"] = []string{t.userAgent}
	h["Webhook-Id"] = []string{id}
	h["Webhook-Timestamp"] = []string{formatUnix(at)}
	sender.Sign(h, id, at, r.Body, t.webhook.Secrets(at))
	return h
}
