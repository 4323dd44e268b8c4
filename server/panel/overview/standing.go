package overview

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/server/access"
	"dochook/server/panel/page"
	"dochook/server/panel/standing"
)

// standings are how the webhooks stand, those in trouble first.
func (p *Pages) standings(ctx context.Context, stored []hooks.Stored, c counted, now time.Time) ([]standing.Webhook, error) {
	out, err := standing.All(ctx, p.set, stored, c.failures, now)
	slices.SortFunc(out, func(a, b standing.Webhook) int {
		return cmp.Or(cmp.Compare(urgency(a.Tone), urgency(b.Tone)), cmp.Compare(a.Name, b.Name))
	})
	return out, err
}

func urgency(tone string) int { return slices.Index([]string{"bad", "warn", "info", "good"}, tone) }

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
