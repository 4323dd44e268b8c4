package outbound

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/sender"
	"dochook/mapping"
)

// Target is the URL of a webhook.
type Target struct {
	Webhook *hooks.Compiled
	client  *sender.Client
	agent   string
	sources batch.Sources
	signer  sender.Signer
}

// New returns a Target. agent is its User-Agent. Without a client it can make requests, but not send them.
func New(c *hooks.Compiled, client *sender.Client, agent string, sources batch.Sources) *Target {
	return &Target{Webhook: c, client: client, agent: agent, sources: sources}
}

// Close lets go of connections.
func (t *Target) Close() { t.client.Close() }

// Kind says why there is no request.
type Kind int

// The kinds of a Refusal.
const (
	Unwanted Kind = iota + 1 // the condition does not hold
	Skipped                  // it failed, or the loop guard cut the chain
	Final                    // it cannot be rendered, now or later
	Canceled                 // the ctx ended
	Split                    // it is a batch that comes in Parts
)

// Refusal is why there is no request.
type Refusal struct {
	Kind    Kind
	Reason  string // as deliveries carry it
	Message string // safe for clients
	Parts   []hooks.Part
}

func refuse(k Kind, reason string, err error) *Refusal {
	return &Refusal{Kind: k, Reason: reason, Message: clientText(err)}
}

// Make makes the request of an event. kept is what was stored of an earlier attempt: the request itself, which is then sent again as
// it was (stored), or which part of a batch it is.
func (t *Target) Make(ctx context.Context, ev *doctype.Event, kept []byte) (r *hooks.Request, stored bool, no *Refusal) {
	var part *hooks.Part
	if kept != nil {
		if restored, err := Safely(func() (hooks.Request, error) { return t.Webhook.Restore(kept, ev) }); err == nil {
			if restored.URL != "" {
				return &restored, true, nil
			}
			part = restored.Part
		}
	}
	if ev.Hops >= hooks.MaxHops {
		return nil, false, refuse(Skipped, "loop", fmt.Errorf("%w: %d webhooks in a row led to this event", errLoop, ev.Hops))
	}
	if t.Webhook.Batched() {
		r, no = t.batch(ctx, ev, part)
		return r, false, no
	}
	holds, err := Safely(func() (bool, error) { return t.Webhook.Holds(ev) })
	if err != nil {
		return nil, false, refuse(Skipped, "condition", err)
	}
	if !holds {
		return nil, false, refuse(Unwanted, "", nil)
	}
	rendered, err := Safely(func() (hooks.Request, error) { return t.Webhook.Render(ev) })
	if err != nil {
		return nil, false, refuse(Final, renderReason(err), err)
	}
	return &rendered, false, nil
}

func renderReason(err error) string {
	if doctype.CodeOf(err) == "too_large" {
		return "render_too_large"
	}
	return "render"
}

// batch makes the request of a batch, or of a part of it. A batch of several parts is split first.
func (t *Target) batch(ctx context.Context, ev *doctype.Event, part *hooks.Part) (*hooks.Request, *Refusal) {
	if part == nil {
		parts, err := Safely(func() ([]hooks.Part, error) { return t.sources.Cut(ctx, t.Webhook, ev) })
		switch {
		case err != nil:
			return nil, batchTrouble(ctx, err)
		case len(parts) == 0:
			return nil, refuse(Unwanted, "", nil)
		case len(parts) > 1:
			return nil, &Refusal{Kind: Split, Parts: parts}
		}
		part = &parts[0]
	}
	r, err := Safely(func() (hooks.Request, error) { return t.sources.Render(ctx, t.Webhook, ev, *part) })
	if err != nil {
		return nil, batchTrouble(ctx, err)
	}
	return &r, nil
}

// batchTrouble tells what no attempt can mend from what stops every attempt.
func batchTrouble(ctx context.Context, err error) *Refusal {
	switch code := doctype.CodeOf(err); {
	case ctx.Err() != nil:
		return refuse(Canceled, "", nil)
	case code == hooks.CodeInvalidCondition:
		return refuse(Skipped, "condition", err)
	case code == doctype.CodeNotFound:
		return refuse(Final, "expired", err)
	default:
		return refuse(Final, renderReason(err), err)
	}
}

// Render makes the request of an event whatever the condition says, of a batch that of one part: nil is the first.
func (t *Target) Render(ctx context.Context, ev *doctype.Event, part *hooks.Part) (*hooks.Request, error) {
	r, err := Safely(func() (hooks.Request, error) {
		if !t.Webhook.Batched() {
			return t.Webhook.Render(ev)
		}
		if part == nil {
			parts, err := t.sources.Cut(ctx, t.Webhook, ev)
			if err != nil || len(parts) == 0 {
				parts = []hooks.Part{{N: 1, Of: 1}}
			}
			part = &parts[0]
		}
		return t.sources.Render(ctx, t.Webhook, ev, *part)
	})
	return &r, err
}

// Kept is how a part of a batch is stored that was not rendered yet.
func Kept(p *hooks.Part) []byte {
	text, _ := json.Marshal(hooks.Request{Part: p}) // numbers always encode
	return text
}

var errLoop = errors.New("loop")

// Safely turns a panic of rendering into an error of its delivery.
func Safely[T any](fn func() (T, error)) (out T, err error) {
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
	if own, ok := errors.AsType[*doctype.Error](err); ok {
		return own.ClientMessage()
	}
	return "the request could not be made"
}

// Send signs and makes one attempt. A traceparent of ctx (WithTraceparent) goes with it.
func (t *Target) Send(ctx context.Context, id string, r *hooks.Request) sender.Attempt {
	h := t.Headers(id, time.Now(), r)
	if parent, ok := ctx.Value(traceparentKey{}).(string); ok {
		h[headerTraceparent] = []string{parent}
	}
	return t.client.Send(ctx, sender.Request{
		Method: r.Method, URL: r.URL, Header: h, Body: r.Body,
		Timeout: time.Duration(t.Webhook.Timeout) * time.Second,
	})
}

// Headers are all headers of one attempt.
func (t *Target) Headers(id string, at time.Time, r *hooks.Request) http.Header {
	h := make(http.Header, len(r.Header)+6)
	maps.Copy(h, r.Header)
	values := [...]string{t.agent, id, strconv.FormatInt(at.Unix(), 10)}
	h["User-Agent"], h["Webhook-Id"], h["Webhook-Timestamp"] = values[0:1:1], values[1:2:2], values[2:3:3]
	t.signer.Sign(h, id, at, r.Body, t.Webhook.Secrets(at))
	return h
}

// PartOf is the part that was stored of a batch, nil if none was.
func PartOf(kept []byte) json.RawMessage {
	var r hooks.Request
	if len(kept) == 0 || json.Unmarshal(kept, &r) != nil {
		return nil
	}
	return partOf(&r)
}

var errParts = &hooks.Error{CodeWord: hooks.CodeConflict, Message: "the batch comes in several parts, and none of them was made: it cannot be sent as one"}

// Whole makes the request of an event for a delivery that is not known to be a part of a batch; a conflict if it
// would have to be one.
func (t *Target) Whole(ctx context.Context, ev *doctype.Event) (*hooks.Request, error) {
	if t.Webhook.Batched() {
		parts, err := t.sources.Cut(ctx, t.Webhook, ev)
		if err != nil {
			return nil, err
		}
		if len(parts) > 1 {
			return nil, errParts
		}
	}
	return t.Render(ctx, ev, nil)
}

// partOf is the part of a batch as a delivery's detail keeps it, to be sent again.
func partOf(r *hooks.Request) json.RawMessage {
	if r.Part == nil {
		return nil
	}
	text, _ := json.Marshal(r.Part) // numbers always encode
	return text
}
