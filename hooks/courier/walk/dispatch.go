package walk

import (
	"context"
	"time"

	"dochook/hooks/courier/queue"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
)

// dispatch starts attempts while there is something to send and room for it.
func (w *Walker) dispatch(stop, ctx context.Context) error {
	now := time.Now()
	if now.Before(w.paused) || len(w.batch.Deliveries) >= maxUnwritten {
		return nil
	}
	// An attempt must not outlast the lease.
	if time.Since(w.base)+w.settings.timeout > time.Duration(w.leaseEnd.Load()) {
		return nil
	}
	most := w.breaker.Limit(now, w.settings.inFlight)
	if w.breaker.Open() && w.flying > 0 {
		return nil
	}
	fresh := w.breaker.Open() && w.breaker.Probes()%2 == 1 && len(w.ready) > 0 // probes take turns
	if !fresh {
		if err := w.dispatchRetries(stop, ctx, most); err != nil {
			return err
		}
	}
	for w.flying < most && len(w.ready) > 0 && w.mayGo(now) {
		sh := w.ready[0]
		w.ready[0] = nil
		w.ready = w.ready[1:]
		w.start(ctx, sh)
	}
	return nil
}

// dispatchRetries starts what is due, with at most half of the room so that
// first attempts do not wait for late ones.
func (w *Walker) dispatchRetries(stop, ctx context.Context, most int) error {
	room := min(most-w.flying, max(1, most/2)-w.retries)
	if room <= 0 {
		return nil
	}
	var due []*queue.Chain[*shipment]
	now := w.nowUS()
	for len(due) < room && w.chains.AnyDue(now) && w.mayGo(time.Now()) {
		due = append(due, w.chains.Next(now))
	}
	if len(due) == 0 {
		return nil
	}
	if err := w.load(ctx, due); err != nil || stop.Err() != nil {
		for _, ch := range due {
			w.chains.Later(ch, ch.Due)
		}
		return err
	}
	for _, ch := range due {
		if ch.Head.event == nil { // its event has left the log
			w.flying, w.retries = w.flying+1, w.retries+1
			w.settle(outcome{shipment: ch.Head, verdict: dead, reason: "expired", detail: ledger.Detail{Error: "the event is no longer in the log"}})
			continue
		}
		w.retries++
		w.start(ctx, ch.Head)
	}
	return nil
}

// load reads the events and stored requests of heads that are due.
func (w *Walker) load(ctx context.Context, due []*queue.Chain[*shipment]) error {
	positions := make([]int64, len(due))
	byPos := make(map[int64]*shipment, len(due))
	for i, ch := range due {
		positions[i] = ch.Head.key.Pos
		byPos[ch.Head.key.Pos] = ch.Head
	}
	ctx, cancel := context.WithTimeout(ctx, StoreLimit)
	defer cancel()
	entries, err := w.feed.At(ctx, positions)
	if err != nil {
		return err
	}
	requests, err := w.store.Requests(ctx, w.name, positions)
	if err != nil {
		return err
	}
	for i := range entries {
		sh := byPos[entries[i].Place]
		sh.event = entries[i].Event
		w.bytes += len(sh.event.Data)
		if sh.request = requests[sh.key]; sh.request == nil {
			sh.request = sh.part // not written down yet
		}
	}
	return nil
}

// mayGo takes an attempt out of what the endpoint may be sent now.
func (w *Walker) mayGo(now time.Time) bool {
	if w.pace.After(now) {
		return false
	}
	t, ok := w.target.(*Webhook)
	if !ok {
		return true
	}
	ok, wait := t.Pace.Take(now, t.Run != nil)
	if !ok {
		w.pace = now.Add(max(wait, time.Millisecond))
	}
	return ok
}

// start hands a shipment to a worker. There are as many as were ever needed at
// once: a goroutine for each attempt would spend its time growing its stack.
func (w *Walker) start(ctx context.Context, sh *shipment) {
	w.breaker.Began()
	if w.flying++; w.flying > w.workers {
		w.workers++
		go w.work(ctx)
	}
	w.outgoing <- sh
}

func (w *Walker) work(ctx context.Context) {
	for sh := range w.outgoing {
		w.results <- w.ship(ctx, sh)
	}
}

// ship makes one attempt, under a traceparent of its own if attempts are traced.
func (w *Walker) ship(ctx context.Context, sh *shipment) outcome {
	if w.trace == nil {
		return safely(ctx, w.target, sh)
	}
	parent := w.trace()
	o := safely(outbound.WithTraceparent(ctx, parent), w.target, sh)
	o.parent = parent
	return o
}
