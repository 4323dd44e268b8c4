package overview

import (
	"context"
	"sync"
	"time"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/hooks/activity"
)

const (
	keepFor      = 5 * time.Second // so that many open pages cost as much as one
	chartMinutes = 60
	lookBack     = 3 * 24 * time.Hour
	maxFailures  = 500
	maxHeld      = 100
)

// recent is what is counted for everybody together, for a moment.
type recent struct {
	mu   sync.Mutex
	at   time.Time
	last counted
}

type counted struct {
	minutes  []activity.Minute
	failures []activity.Failure
	held     []jobs.Job // wait for a person
}

func (r *recent) get(ctx context.Context, p *Pages, now time.Time) (counted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.at); age >= 0 && age < keepFor && r.last.minutes != nil {
		return r.last, nil
	}
	var c counted
	var err error
	if c.minutes, err = p.activity.Minutes(ctx, now, chartMinutes); err != nil {
		return c, err
	}
	if c.failures, err = p.activity.Failures(ctx, now.Add(-lookBack), maxFailures); err != nil {
		return c, err
	}
	c.held, err = p.set.Jobs.List(ctx, query.Query{
		OrFilters: []query.Filter{query.NewFilter("held", query.Greater, "0"), query.NewFilter("held_updates", query.Greater, "0")},
		Order:     []query.Order{{Field: "modified", Desc: true}}, Limit: maxHeld,
	})
	if err != nil {
		return c, err
	}
	r.at, r.last = now, c
	return c, nil
}
