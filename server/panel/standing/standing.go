package standing

import (
	"context"
	"fmt"
	"time"

	"dochook/hooks"
	"dochook/hooks/activity"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
)

// Webhook is how a webhook stands.
type Webhook struct {
	Name, DocType string
	State, Tone   string // in words
	Text          string // what that means, and what happens next
	Breaker       string // of this process's courier; "" = it does not run here
	Pos           int64  // everything up to here is settled
	Events        int64  // of the log beyond it
	Behind        time.Duration
	Retries       int64 // deliveries that wait to be tried again
	InFlight      int
	Failures      int64 // in a row
	PausedUntil   time.Time
	Last          *activity.Failure // the newest of those that are known, or nil
}

// Working is the State of a webhook that nothing is wrong with.
const Working = "working"

// All are those of the webhooks, in their order. What a courier says of itself is
// known of those of this process alone; the rest comes from the database.
func All(ctx context.Context, set *collection.Set, stored []hooks.Stored, failures []activity.Failure, now time.Time) ([]Webhook, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	lags, err := set.Ledger.Lags(ctx)
	if err != nil {
		return nil, err
	}
	byWalker := make(map[string]*ledger.Lag, len(lags))
	for i := range lags {
		byWalker[lags[i].Walker] = &lags[i]
	}
	last := map[string]*activity.Failure{}
	for i := range failures {
		f := &failures[i]
		if had := last[f.Webhook()]; had == nil || f.At.After(had.At) {
			last[f.Webhook()] = f
		}
	}
	states := map[string]walk.State{}
	for _, s := range set.Couriers.States() {
		states[s.Walker] = s
	}
	out := make([]Webhook, len(stored))
	for i := range stored {
		w := &stored[i]
		walker := hooks.Walker(w.Name)
		out[i] = newWebhook(w, states[walker], now)
		if lag := byWalker[walker]; lag != nil {
			out[i].add(lag, now)
		}
		out[i].Last = last[w.Name]
		out[i].judge(w, now)
	}
	return out, nil
}

func newWebhook(w *hooks.Stored, state walk.State, now time.Time) Webhook {
	s := Webhook{Name: w.Name, DocType: w.WebhookDocType, InFlight: state.InFlight, Failures: state.Failures}
	if w.Enabled {
		s.Breaker = state.Breaker
	}
	if state.PausedUntil.After(now) {
		s.PausedUntil = state.PausedUntil
	}
	return s
}

func (s *Webhook) add(lag *ledger.Lag, now time.Time) {
	s.Pos, s.Events, s.Retries, s.Failures = lag.Pos, lag.Events, lag.Retries, max(s.Failures, lag.Failures)
	if lag.OldestAt > 0 {
		s.Behind = max(now.Sub(time.UnixMicro(lag.OldestAt)), 0).Truncate(time.Millisecond)
	}
	if at := time.UnixMicro(lag.PausedUntil); lag.PausedUntil > 0 && at.After(now) && at.After(s.PausedUntil) {
		s.PausedUntil = at
	}
}

// judge says in words how the webhook does.
func (s *Webhook) judge(w *hooks.Stored, now time.Time) {
	switch {
	case !bool(w.Enabled):
		s.State, s.Tone, s.Text = "disabled", "warn", disabledBecause(w)
	case !s.PausedUntil.IsZero():
		s.State, s.Tone = "paused by its endpoint", "warn"
		s.Text = "The endpoint asked for a pause of " + page.Duration(s.PausedUntil.Sub(now).Truncate(time.Second)) + " more. What happens meanwhile waits."
	case s.Breaker == "open":
		s.State, s.Tone, s.Text = "breaker open", "bad", "Too many requests failed in a row, so that only a probe is sent now and then. What happens meanwhile waits."
	case s.Breaker == "half-open":
		s.State, s.Tone, s.Text = "trying again", "warn", "A probe is on its way; if it succeeds, sending goes on."
	case s.Breaker == "ramping":
		s.State, s.Tone, s.Text = "ramping up", "info", "The endpoint answers again; sending gets faster step by step."
	case s.Failures > 0:
		s.State, s.Tone = fmt.Sprintf("failing, %d in a row", s.Failures), "warn"
		s.Text = "What failed is tried again by the retry policy; the rest goes on in order per document."
	default:
		s.State, s.Tone, s.Text = Working, "good", "Nothing has failed since the last success."
	}
}

func disabledBecause(w *hooks.Stored) string {
	const waits = " It stands still on the log: what happens meanwhile waits for it."
	switch w.DisabledReason {
	case "":
		return "It was switched off by hand, or made so." + waits
	case "gone":
		return "It was switched off because its endpoint answered 410 Gone." + waits
	case "failing":
		return "It was switched off because nothing succeeded for days." + waits
	default:
		return "It was switched off: " + w.DisabledReason + "." + waits
	}
}
