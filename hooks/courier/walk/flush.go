package walk

import (
	"context"
	"errors"
	"time"

	"dochook/hooks/ledger"
)

// flush writes what has come together, in the background and one batch at a time.
func (w *Walker) flush(ctx context.Context, all bool) {
	now := time.Now()
	if w.flushing || now.Before(w.flushAt) {
		return
	}
	waiting, delay := w.gather()
	switch {
	case waiting >= flushSize, waiting > 0 && (all || now.Sub(w.first) >= delay):
	case waiting == 0 && w.window.Low() > w.written && (all || !w.first.IsZero() && now.Sub(w.first) >= delay):
	default:
		switch moved := w.window.Low() > w.written; {
		case waiting == 0 && !moved: // what came was not wanted, and something before it is not over
			w.first = time.Time{}
		case w.first.IsZero() && moved:
			w.first = now
		}
		return
	}
	w.batch.Pos, w.batch.Ahead = w.window.Low(), w.window.Read
	w.batch.Failures, w.batch.FailingFrom = w.breaker.Failures()
	w.inFlush, w.flushing = w.batch, true
	w.batch, w.first = ledger.Batch{}, time.Time{}
	b := w.inFlush
	go func() { w.flushed <- w.store.Flush(ctx, w.lease, b) }()
}

// gather is how many outcomes wait to be written, and for how long the first of them does.
func (w *Walker) gather() (waiting int, delay time.Duration) {
	switch waiting = len(w.batch.Deliveries) + len(w.batch.Retries) + len(w.batch.Settled); {
	case waiting == 0: // the cursor alone
		return 0, cursorDelay
	case waiting < flushFew:
		return waiting, flushDelay
	default:
		return waiting, gatherDelay
	}
}

// afterFlush takes in how the flush went; lost means another process walks now.
func (w *Walker) afterFlush(err error) (lost bool) {
	w.flushing = false
	if err == nil {
		w.written = w.inFlush.Pos
		w.inFlush = ledger.Batch{}
		return false
	}
	if errors.Is(err, ledger.ErrLost) {
		w.log.Warn("lease lost", "walker", w.name)
		return true
	}
	delay := busyDelay
	if !errors.Is(err, ledger.ErrLocked) {
		delay = errorDelay
		w.log.Error("cannot write deliveries", "walker", w.name, "error", err)
	}
	// Nothing of it was written: it goes first in the next batch.
	f := w.inFlush
	f.Deliveries = append(f.Deliveries, w.batch.Deliveries...)
	f.Attempts = append(f.Attempts, w.batch.Attempts...)
	f.Retries = append(f.Retries, w.batch.Retries...)
	f.Settled = append(f.Settled, w.batch.Settled...)
	f.PausedUntil = max(f.PausedUntil, w.batch.PausedUntil)
	w.batch, w.inFlush = f, ledger.Batch{}
	w.note()
	w.flushAt = time.Now().Add(delay)
	return false
}

// lastFlush writes what is left when the walker stops.
func (w *Walker) lastFlush(ctx context.Context) error {
	for {
		w.flushAt = time.Time{}
		w.flush(ctx, true)
		if !w.flushing {
			return nil
		}
		select {
		case err := <-w.flushed:
			switch {
			case w.afterFlush(err):
				return ledger.ErrLost
			case !errors.Is(err, ledger.ErrLocked):
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(busyDelay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// nap is how long the loop may sleep if nothing happens.
func (w *Walker) nap() time.Duration {
	now := time.Now()
	d := pollDelay
	if !w.more && !w.reading {
		// The poll is the safety net for a wake that got lost.
		poll := pollDelay
		if w.tail {
			poll = tailDelay
		}
		if since := now.Sub(w.readAt); since >= poll {
			w.more, w.readAt = true, now
			return 0
		}
		d = min(d, w.readAt.Add(poll).Sub(now))
	}
	if !w.first.IsZero() && !w.flushing {
		_, delay := w.gather()
		d = min(d, max(w.first.Add(delay).Sub(now), w.flushAt.Sub(now)))
	}
	if w.stale {
		d = min(d, w.shown.Add(showDelay).Sub(now))
	}
	if w.paused.After(now) {
		return max(min(d, w.paused.Sub(now)), time.Millisecond)
	}
	if due, ok := w.chains.First(); ok && !w.breaker.Open() && w.retries < max(1, w.settings.inFlight/2) {
		d = min(d, time.Duration(due-w.nowUS())*time.Microsecond)
	}
	if until := w.pace.Sub(now); until > 0 { // nothing goes before
		d = max(d, min(until, pollDelay))
	}
	if w.breaker.Open() && w.flying == 0 {
		d = max(min(d, pollDelay), 0)
		if until := w.breaker.ProbeAt().Sub(now); until > 0 {
			d = min(pollDelay, max(d, time.Millisecond), until)
		}
	}
	if len(w.ready) > 0 && w.flying == 0 && !w.pace.After(now) || w.readAt.After(now) {
		d = min(d, 50*time.Millisecond)
	}
	return max(d, time.Millisecond)
}
