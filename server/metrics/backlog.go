package metrics

import (
	"context"
	"errors"
	"sync"
	"time"

	"dochook/doctype/eventlog"
	"dochook/doctype/query"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
)

const (
	freshFor = 5 * time.Second // how old what was read of the database may be
	readTime = 3 * time.Second // the longest a scrape waits for it
)

// backlog tells how deliveries and the log stand.
type backlog struct {
	sources Sources
	now     func() time.Time
	keep    func(webhooks map[string]bool)

	mu   sync.Mutex
	at   time.Time // of the last read, successful or not
	seen *seen     // nil: the database did not answer
}

// seen is what was read of the database.
type seen struct {
	enabled     map[string]bool // webhooks, but for those of jobs
	lags        []ledger.Lag
	first, last int64     // positions of the log; 0 = it is empty
	oldest      time.Time // when its first entry was made
}

func newBacklog(s Sources, now func() time.Time, keep func(map[string]bool)) *backlog {
	return &backlog{sources: s, now: now, keep: keep}
}

// refresh reads the database anew unless that was done a moment ago. Scrapes that
// come together wait for one read.
func (b *backlog) refresh(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.at.IsZero() && time.Since(b.at) < freshFor && b.seen != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	found, err := b.read(ctx)
	if errors.Is(ctx.Err(), context.Canceled) { // the client went away: says nothing of the database
		return
	}
	b.at = time.Now()
	if b.seen = found; err != nil {
		b.seen = nil
		return
	}
	b.keep(found.enabled)
}

func (b *backlog) read(ctx context.Context) (*seen, error) {
	s := &seen{enabled: map[string]bool{}}
	webhooks, err := b.sources.Webhooks.List(ctx, query.Query{Limit: query.All})
	if err != nil {
		return nil, err
	}
	for i := range webhooks {
		s.enabled[webhooks[i].Name] = bool(webhooks[i].Enabled)
	}
	if s.lags, err = b.sources.Ledger.Lags(ctx); err != nil {
		return nil, err
	}
	if s.last, err = b.sources.Log.Head(ctx); err != nil {
		return nil, err
	}
	first, err := b.sources.Log.Events(ctx, eventlog.Range{Bare: true, Limit: 1})
	if err == nil && len(first) > 0 {
		s.first, s.oldest = first[0].Pos, first[0].At
	}
	return s, err
}

// standing is how the walkers of one target stand.
type standing struct {
	lag                   time.Duration
	hasLag                bool // not of a disabled webhook: nobody waits for it
	behind                int64
	hasBehind             bool
	walking               int // in this process
	inFlight, held, ready int
	failures              int64
	paused                int
	breaker               map[string]int
	progress              time.Time
}

// standings joins what the database says with what the walkers of this process do.
func (b *backlog) standings(s *seen, states []walk.State) map[target]*standing {
	out, now := map[target]*standing{}, b.now()
	at := func(t target) *standing {
		if out[t] == nil {
			out[t] = &standing{breaker: map[string]int{}}
		}
		return out[t]
	}
	walked := map[string]bool{}
	for i := range states {
		walked[states[i].Walker] = true
		at(targetOf(states[i].Walker)).add(&states[i], now)
	}
	if s == nil {
		return out
	}
	for i := range s.lags {
		l := &s.lags[i]
		t := targetOf(l.Walker)
		if t.kind == kindReplay { // its cursor stands on a list of its own
			continue
		}
		st := at(t)
		st.behind, st.hasBehind = st.behind+l.Events, true
		if !walked[l.Walker] {
			st.held += int(l.Retries)
			st.failures = max(st.failures, l.Failures)
		}
		if on, known := s.enabled[t.webhook]; t.kind == kindWebhook && known && !on {
			continue
		}
		st.hasLag = true
		if l.OldestAt > 0 {
			st.lag = max(st.lag, now.Sub(time.UnixMicro(l.OldestAt)))
		}
	}
	return out
}

// add adds what one walker does.
func (st *standing) add(w *walk.State, now time.Time) {
	st.walking++
	st.inFlight, st.held, st.ready = st.inFlight+w.InFlight, st.held+w.Held, st.ready+w.Ready
	st.failures = max(st.failures, w.Failures)
	st.breaker[w.Breaker]++
	if w.PausedUntil.After(now) {
		st.paused++
	}
	if st.progress.IsZero() || w.Progress.Before(st.progress) {
		st.progress = w.Progress
	}
	st.hasLag = true
	if !w.OldestDue.IsZero() {
		st.lag = max(st.lag, now.Sub(w.OldestDue))
	}
}
