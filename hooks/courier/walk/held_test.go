package walk

import (
	"log/slog"
	"runtime"
	"testing"

	"dochook/doctype"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/queue"
	"dochook/hooks/ledger"
)

// held is how many bytes more there are after fn than before it.
func held(fn func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fn()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc) //nolint:gosec // far below
}

const mb = 1 << 20

// A document that a thousand webhooks hear of must not cost as much as a thousand batches.
func TestWalker_one_outcome_takes_room_for_one(t *testing.T) {
	walkers := make([]*Walker, 1000)
	for i := range walkers {
		walkers[i] = &Walker{name: "w", log: slog.New(slog.DiscardHandler)}
	}
	e := &doctype.Event{Pos: 1}
	if n := held(func() {
		for _, w := range walkers {
			w.record(&outcome{shipment: &shipment{key: ledger.Key{Pos: 1}, event: e}, verdict: delivered}, ledger.Delivered, 0)
		}
	}); n > 4*mb {
		t.Errorf("1,000 outcomes hold %d MB", n/mb)
	}
	runtime.KeepAlive(walkers)
}

// What waits keeps alive only itself, and not all that was read with it.
func TestWalker_what_waits_stands_alone(t *testing.T) {
	w := &Walker{
		name: "w", target: &Subscriber{SubscribeOptions: SubscribeOptions{Events: []string{doctype.OnTrash}}},
		settings: settings{orderKey: byPosition}, busy: map[string][]*shipment{}, tried: map[ledger.Key]bool{}, window: queue.Window{},
	}
	pos := int64(0)
	if n := held(func() {
		for range 500 {
			b := feed.Batch{Full: true}
			for i := range readMost {
				pos++
				e := doctype.Event{Pos: pos, ID: "e", Event: doctype.OnInsert, Version: 1}
				if i == 7 {
					e.Event = doctype.OnTrash
				}
				b.Entries = append(b.Entries, feed.Entry{Place: pos, Event: &e})
			}
			b.Upto = pos
			w.admit(fetch{Batch: b})
		}
	}); n > 4*mb || len(w.ready) != 500 {
		t.Errorf("%d events without a record hold %d MB", len(w.ready), n/mb)
	}
	runtime.KeepAlive(w)
}
