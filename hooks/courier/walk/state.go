package walk

import (
	"time"

	"dochook/hooks/courier/endpoint"
	"dochook/hooks/sender"
)

// Watcher hears of every attempt on the walker's own goroutine; it must not block.
type Watcher interface{ Attempted(s Seen) }

// Seen is one attempt as a [Watcher] hears of it.
type Seen struct {
	Walker string        // "webhook:NAME", "subscriber:NAME", "replay:ID:NAME"
	Status string        // of the delivery after it: retrying, delivered, dead, skipped
	Class  string        // delivered, retry, final or gone; none where nothing was sent
	Reason string        // stable word; "" = none
	HTTP   int           // status; 0 = no answer
	Took   time.Duration // of the attempt
	Since  time.Duration // from the event's commit to the attempt's begin; 0 = not a first attempt

	Traceparent string // that it was sent with; "" = none
}

// State is how a walker stands.
type State struct {
	Walker   string
	Breaker  string // closed, open, half-open or ramping
	InFlight int    // attempts going on
	Held     int    // deliveries waiting to be tried again, or behind such
	Ready    int    // read, and not yet begun
	Failures int64  // of the endpoint, in a row
	// OldestDue is since when the most overdue delivery could have been tried again; zero: none is.
	OldestDue   time.Time
	PausedUntil time.Time // by the endpoint's wish; zero: it is not
	Unwritten   time.Time // since when the oldest outcome waits to be written; zero: none does
	Progress    time.Time // when the walker last came round
}

const showDelay = 100 * time.Millisecond

var classes = map[verdict]string{delivered: "delivered", again: "retry", gone: "gone", dead: "final"}

// watch tells of an attempt.
func (w *Walker) watch(o *outcome, status string) {
	if w.watcher == nil {
		return
	}
	s := Seen{Walker: w.name, Status: status, Class: "none", Reason: o.reason, HTTP: o.attempt.Status, Took: o.attempt.Duration, Traceparent: o.parent}
	if o.attempt.Class() != sender.Delivered || o.attempt.Status != 0 || o.verdict == delivered {
		s.Class = classes[o.verdict]
	}
	if s.Class == "" {
		s.Class = "none"
	}
	if o.attempts == 0 && o.event != nil && !o.event.At.IsZero() && !o.attempt.At.IsZero() {
		s.Since = max(0, o.attempt.At.Sub(o.event.At))
	}
	w.watcher.Attempted(s)
}

// show makes known how the walker stands, now and then.
func (w *Walker) show() {
	now := time.Now()
	if w.stale = now.Sub(w.shown) < showDelay; w.stale {
		return
	}
	w.shown = now
	failures, _ := w.breaker.Failures()
	s := &State{
		Walker: w.name, Breaker: string(w.breaker.State()), InFlight: w.flying, Held: w.chains.Held(), Ready: len(w.ready), Failures: failures, Progress: now,
	}
	if w.breaker.State() == endpoint.Open && w.flying > 0 {
		s.Breaker = string(endpoint.HalfOpen)
	}
	if us := w.nowUS(); w.chains.AnyDue(us) {
		s.OldestDue = now
		if due, _ := w.chains.First(); due > 0 {
			s.OldestDue = now.Add(-time.Duration(us-due) * time.Microsecond)
		}
	}
	if w.paused.After(now) {
		s.PausedUntil = w.paused
	}
	if waiting, _ := w.gather(); waiting > 0 && !w.first.IsZero() {
		s.Unwritten = w.first
	}
	w.seen.Store(s)
}

// over reports whether all there ever will be is settled.
func (w *Walker) over() bool {
	return w.last > 0 && w.off == "" && w.flying == 0 && w.chains.Held() == 0 && !w.reading && w.window.Low() >= w.last
}

// State is how the walker stands, as of some moment ago; nil if it has not begun.
func (w *Walker) State() *State { return w.seen.Load() }
