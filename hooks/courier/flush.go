package courier

import (
	"context"
	"errors"
	"time"

	"dochook/hooks/ledger"
)

// dispatch starts attempts while there is something to send and room for it.
func (w *walker) dispatch(ctx context.Context) error {
	now := time.Now()
	if now.Before(w.paused) || len(w.batch.Deliveries) >= maxUnwritten {
		return nil
	}
	// An attempt must not outlast the lease.
	if time.Since(w.base)+w.settings.timeout > time.Duration(w.leaseEnd.Load()) {
		return nil
	}
	most := w.settings.inFlight
	if w.breaker.open() {
		if w.flying > 0 || !w.breaker.mayProbe(now) {
			return nil
		}
		most = 1
	}
	fresh := w.breaker.open() && w.breaker.probes%2 == 1 && len(w.ready) > 0 // probes take turns
	if !fresh {
		if err := w.dispatchRetries(ctx, most); err != nil {
			return err
		}
	}
	for w.flying < most && len(w.ready) > 0 {
		sh := w.ready[0]
		w.ready[0] = nil
		w.ready = w.ready[1:]
		w.start(ctx, sh)
	}
	return nil
}

// dispatchRetries starts what is due, with at most half of the room so that
// first attempts do not wait for late ones.
func (w *walker) dispatchRetries(ctx context.Context, most int) error {
	room := min(most-w.flying, max(1, most/2)-w.retries)
	if room <= 0 {
		return nil
	}
	var due []*chain
	now := w.nowUS()
	for len(due) < room {
		ch := w.chains.next(now)
		if ch == nil {
			break
		}
		due = append(due, ch)
	}
	if len(due) == 0 {
		return nil
	}
	if err := w.load(ctx, due); err != nil {
		for _, ch := range due {
			w.chains.later(ch, ch.due)
		}
		return err
	}
	for _, ch := range due {
		if !ch.head.loaded { // its event has left the log
			w.flying, w.retries = w.flying+1, w.retries+1
			w.settle(outcome{shipment: ch.head, verdict: dead, reason: "expired", detail: ledger.Detail{Error: "the event is no longer in the log"}})
			continue
		}
		w.retries++
		w.start(ctx, ch.head)
	}
	return nil
}

// load reads the events and stored requests of heads that are due.
func (w *walker) load(ctx context.Context, due []*chain) error {
	positions := make([]int64, len(due))
	byPos := make(map[int64]*shipment, len(due))
	for i, ch := range due {
		positions[i] = ch.head.key.Pos
		byPos[ch.head.key.Pos] = ch.head
	}
	events, err := w.events.At(ctx, positions)
	if err != nil {
		return err
	}
	requests, err := w.store.Requests(ctx, w.name, positions)
	if err != nil {
		return err
	}
	for i := range events {
		sh := byPos[events[i].Pos]
		sh.event, sh.loaded = events[i], true
		w.bytes += len(sh.event.Data)
		if sh.request = requests[sh.key]; sh.request == nil {
			sh.request = sh.part // not written down yet
		}
	}
	return nil
}

// start hands a shipment to a worker. There are as many as were ever needed at
// once: a goroutine for each attempt would spend its time growing its stack.
func (w *walker) start(ctx context.Context, sh *shipment) {
	if w.flying++; w.flying > w.workers {
		w.workers++
		go w.work(ctx)
	}
	w.outgoing <- sh
}

func (w *walker) work(ctx context.Context) {
	for sh := range w.outgoing {
		w.results <- w.target.ship(ctx, sh)
	}
}

// flush writes what has come together, in the background and one batch at a time.
func (w *walker) flush(ctx context.Context, all bool) {
	now := time.Now()
	if w.flushing || now.Before(w.flushAt) {
		return
	}
	waiting := len(w.batch.Deliveries) + len(w.batch.Retries) + len(w.batch.Settled)
	switch {
	case waiting >= flushSize, waiting > 0 && (all || now.Sub(w.first) >= flushDelay):
	case w.window.low() > w.written && (all || !w.first.IsZero() && now.Sub(w.first) >= cursorDelay):
	default:
		if w.first.IsZero() && w.window.low() > w.written {
			w.first = now
		}
		return
	}
	w.batch.Pos = w.window.low()
	w.batch.Failures, w.batch.FailingFrom = w.breaker.failures, w.breaker.from
	if time.Until(w.paused) <= 0 {
		w.batch.PausedUntil = 0
	}
	w.inFlush, w.flushing = w.batch, true
	w.batch, w.first = ledger.Batch{PausedUntil: w.batch.PausedUntil}, time.Time{}
	b := w.inFlush
	go func() { w.flushed <- w.store.Flush(ctx, w.lease, b) }()
}

// afterFlush takes in how the flush went; lost means another process walks now.
func (w *walker) afterFlush(err error) (lost bool) {
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
	w.log.Error("cannot write deliveries", "walker", w.name, "error", err)
	// Nothing of it was written: it goes first in the next batch.
	f := w.inFlush
	f.Deliveries = append(f.Deliveries, w.batch.Deliveries...)
	f.Attempts = append(f.Attempts, w.batch.Attempts...)
	f.Retries = append(f.Retries, w.batch.Retries...)
	f.Settled = append(f.Settled, w.batch.Settled...)
	f.PausedUntil = max(f.PausedUntil, w.batch.PausedUntil)
	w.batch, w.inFlush = f, ledger.Batch{}
	w.note()
	w.flushAt = time.Now().Add(errorDelay)
	return false
}

// lastFlush writes what is left when the walker stops.
func (w *walker) lastFlush(ctx context.Context) error {
	w.flushAt = time.Time{}
	w.flush(ctx, true)
	if !w.flushing {
		return nil
	}
	select {
	case err := <-w.flushed:
		if w.afterFlush(err) {
			return ledger.ErrLost
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nap is how long the loop may sleep if nothing happens.
func (w *walker) nap() time.Duration {
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
		delay := flushDelay
		if len(w.batch.Deliveries)+len(w.batch.Retries)+len(w.batch.Settled) == 0 {
			delay = cursorDelay
		}
		d = min(d, max(w.first.Add(delay).Sub(now), w.flushAt.Sub(now)))
	}
	if w.paused.After(now) {
		return max(min(d, w.paused.Sub(now)), time.Millisecond)
	}
	if len(w.chains.due) > 0 && !w.breaker.open() && w.retries < max(1, w.settings.inFlight/2) {
		d = min(d, time.Duration(w.chains.due[0].due-w.nowUS())*time.Microsecond)
	}
	if w.breaker.open() && w.flying == 0 {
		d = max(min(d, pollDelay), 0)
		if until := w.breaker.probeAt.Sub(now); until > 0 {
			d = max(d, 0)
			d = min(pollDelay, max(d, time.Millisecond), until)
		}
	}
	if len(w.ready) > 0 && w.flying == 0 || w.readAt.After(now) {
		d = min(d, 50*time.Millisecond)
	}
	return max(d, time.Millisecond)
}
