package overview

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"dochook/hooks"
	"dochook/hooks/activity"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/server/access"
	"dochook/server/panel/page"
)

// standing is how a webhook stands.
type standing struct {
	Name, DocType string
	State, Tone   string // in words
	Events        int64  // behind the log
	Behind        time.Duration
	Retries       int64
	InFlight      int
	Last          *activity.Failure // the newest of the last days, or nil
}

// standings are those of the webhooks. What a courier says of itself is known of
// those of this process alone; the rest comes from the database.
func (p *Pages) standings(ctx context.Context, stored []hooks.Stored, c counted, now time.Time) ([]standing, error) {
	lags, err := p.set.Ledger.Lags(ctx)
	if err != nil {
		return nil, err
	}
	byWalker := make(map[string]*ledger.Lag, len(lags))
	for i := range lags {
		byWalker[lags[i].Walker] = &lags[i]
	}
	states := map[string]courier.State{}
	for _, s := range p.set.Couriers.States() {
		states[s.Walker] = s
	}
	last := map[string]*activity.Failure{}
	for i := range c.failures {
		f := &c.failures[i]
		if had := last[f.Webhook()]; had == nil || f.At.After(had.At) {
			last[f.Webhook()] = f
		}
	}
	out := make([]standing, 0, len(stored))
	for i := range stored {
		w := &stored[i]
		s := standing{Name: w.Name, DocType: w.WebhookDocType, Last: last[w.Name]}
		lag, state := byWalker[hooks.Walker(w.Name)], states[hooks.Walker(w.Name)]
		if lag != nil {
			s.Events, s.Retries = lag.Events, lag.Retries
			if lag.OldestAt > 0 {
				s.Behind = max(now.Sub(time.UnixMicro(lag.OldestAt)), 0).Truncate(time.Millisecond)
			}
		}
		s.InFlight = state.InFlight
		s.State, s.Tone = condition(w, lag, state, now)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b standing) int { // troubles first
		return cmp.Or(cmp.Compare(urgency(a.Tone), urgency(b.Tone)), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func urgency(tone string) int { return slices.Index([]string{"bad", "warn", "info", "good"}, tone) }

// condition says in words how a webhook does.
func condition(w *hooks.Stored, lag *ledger.Lag, state courier.State, now time.Time) (words, tone string) {
	switch {
	case !bool(w.Enabled):
		return "disabled", "warn"
	case state.PausedUntil.After(now), lag != nil && lag.PausedUntil > now.UnixMicro():
		return "paused by its endpoint", "warn"
	case state.Breaker == "open":
		return "breaker open", "bad"
	case state.Breaker == "half-open":
		return "trying again", "warn"
	case state.Breaker == "ramping":
		return "ramping up", "info"
	case state.Failures > 0 || lag != nil && lag.Failures > 0:
		return fmt.Sprintf("failing, %d in a row", max(state.Failures, lagFailures(lag))), "warn"
	}
	return "working", "good"
}

func lagFailures(lag *ledger.Lag) int64 {
	if lag == nil {
		return 0
	}
	return lag.Failures
}

// todo is something that waits for a person.
type todo struct {
	Badge, Tone string
	Name        string // what it is about, foreign text
	Text        string
	URL, Link   string
	Section     string // where it is solved: shown as a link if that has pages
}

// waiting are the jobs that wait for a decision, as far as the key may see them.
func waiting(c counted, key access.Key) []todo {
	var out []todo
	for i := range c.held {
		j := &c.held[i]
		if !key.Covers(j.DocType) {
			continue
		}
		var what []string
		if j.Held > 0 {
			what = append(what, plural(j.Held, "removal"))
		}
		if j.HeldUpdate > 0 {
			what = append(what, plural(j.HeldUpdate, "update"))
		}
		out = append(out, todo{
			"held", "warn", j.Scraper, "a job of " + j.DocType + " holds back " + strings.Join(what, " and "),
			page.Path("scrapers", "job", j.ID), "Decide", "scraping",
		})
	}
	return out
}

// troubles are webhooks that are off and deliveries that were given up.
func troubles(stored []hooks.Stored, c counted) []todo {
	var out []todo
	for i := range stored {
		w := &stored[i]
		if w.Enabled {
			continue
		}
		text := "is disabled"
		if w.DisabledReason != "" {
			text = "was switched off: " + w.DisabledReason
		}
		out = append(out, todo{"disabled", "warn", w.Name, text, page.Path("webhooks", "webhook", w.Name), "Look", "webhooks"})
	}
	var order []string
	dead, all := map[string]int64{}, int64(0)
	for i := range c.failures {
		f := &c.failures[i]
		if f.Status != ledger.Dead {
			continue
		}
		if dead[f.Webhook()] == 0 {
			order = append(order, f.Webhook())
		}
		dead[f.Webhook()]++
		all++
	}
	for _, name := range order {
		text := plural(dead[name], "delivery") + " given up in the last 3 days"
		if all >= maxFailures {
			text = "at least " + text
		}
		out = append(out, todo{"dead", "bad", name, text, page.Path("deliveries") + "?" + url.Values{"status": {"dead"}, "webhook": {name}}.Encode(), "Look", "deliveries"})
	}
	return out
}

func plural(n int64, word string) string {
	text, _ := page.Number(n) // an int64 is one
	if n == 1 {
		return text + " " + word
	}
	if stem, ok := strings.CutSuffix(word, "y"); ok {
		return text + " " + stem + "ies"
	}
	return text + " " + word + "s"
}
