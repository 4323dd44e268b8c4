package courier_test

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dochook/hooks/courier"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// watching keeps what an engine tells its watcher.
type watching struct {
	mu   sync.Mutex
	seen []walk.Seen
}

func (w *watching) Attempted(s walk.Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
}

func (w *watching) count(fits func(s walk.Seen) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		if fits(s) {
			n++
		}
	}
	return n
}

// state is how the walker of webhook w stands.
func (h *house) state() walk.State {
	states := h.engine.States()
	i := slices.IndexFunc(states, func(s walk.State) bool { return s.Walker == "webhook:w" })
	if i < 0 {
		return walk.State{}
	}
	return states[i]
}

func TestEngine_tells_its_watcher_of_every_attempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		seen := &watching{}
		h := buildWith(t, db, courier.Options{Watcher: seen})
		h.doctype(docType)
		r := newReceiver(t, func(a arrived, before int) int {
			switch {
			case a.Name == "d1" && before == 0:
				return http.StatusBadGateway
			case a.Name == "d2":
				return http.StatusRequestEntityTooLarge
			}
			return http.StatusOK
		})
		h.webhook("w", r.URL, `,"retry":{"schedule":[0]}`)
		h.start()
		h.page(0, 4, 1)
		h.until("four deliveries are over", func() bool { return h.count(ledger.Delivered) == 3 && h.count(ledger.Dead) == 1 })
		for _, want := range []struct {
			status, class string
			http          int
			first         bool
			n             int
		}{
			{ledger.Retrying, "retry", http.StatusBadGateway, true, 1},
			{ledger.Delivered, "delivered", http.StatusOK, false, 1},
			{ledger.Delivered, "delivered", http.StatusOK, true, 2},
			{ledger.Dead, "final", http.StatusRequestEntityTooLarge, true, 1},
		} {
			got := seen.count(func(s walk.Seen) bool {
				return s.Walker == "webhook:w" && s.Status == want.status && s.Class == want.class && s.HTTP == want.http && (s.Since > 0) == want.first && s.Took > 0
			})
			if got != want.n {
				t.Errorf("%d of %+v; seen %+v", got, want, seen.seen)
			}
		}
	})
}

func TestEngine_shows_how_it_stands(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	h := build(t, db)
	h.doctype(docType)
	gate := make(chan int)
	var broken atomic.Bool
	r := newReceiver(t, func(arrived, int) int {
		if broken.Load() {
			return http.StatusInternalServerError
		}
		return <-gate
	})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open) // else the receiver would wait for its answers
	h.webhook("w", r.URL, `,"max_in_flight":8,"timeout":20,"retry":{"schedule":[0.001]}`)
	h.start()
	h.page(0, 40, 1)
	h.until("eight attempts are out", func() bool { s := h.state(); return s.InFlight == 8 && s.Ready == 32 && s.Breaker == "closed" })
	if why := h.engine.Stuck(time.Now()); why != "" {
		t.Errorf("stuck: %s", why)
	}
	broken.Store(true)
	for range 8 {
		gate <- http.StatusInternalServerError
	}
	h.until("the breaker is open", func() bool {
		s := h.state()
		return s.Failures >= 10 && s.Breaker == "open" && s.InFlight == 0 && s.Held > 0
	})
	broken.Store(false)
	h.until("one probe is out", func() bool {
		s := h.state()
		return s.Breaker == "half-open" && s.InFlight == 1 && !s.OldestDue.IsZero()
	})
	gate <- http.StatusOK
	h.until("two may be out", func() bool { s := h.state(); return s.Breaker == "ramping" && s.InFlight == 2 && s.Failures == 0 })
	gate <- http.StatusOK
	gate <- http.StatusOK
	h.until("four may be out", func() bool { s := h.state(); return s.Breaker == "ramping" && s.InFlight == 4 })
	open() // status 0 is written as 200
	h.until("all is delivered", func() bool { return h.count(ledger.Delivered) == 40 })
	if s := h.state(); s.Breaker != "closed" && s.Breaker != "ramping" {
		t.Errorf("%+v", s)
	}
	if why := h.engine.Stuck(time.Now().Add(time.Hour)); why == "" {
		t.Error("an engine that was not seen for an hour is not stuck")
	}
}

func TestEngine_keeps_to_the_pace_of_a_webhook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db).start()
		h.doctype(docType)
		r := newReceiver(t, nil)
		h.webhook("w", r.URL, `,"max_per_second":40`)
		h.webhook("free", r.URL+"/free", "")
		// Counted from before the first is sent: on a busy machine that one may be seen late, and the span between two arrivals is
		// then shorter than the one between their beginnings.
		begin := time.Now()
		h.page(0, 50, 1)
		all := r.wait(t, 100)
		var last time.Time
		n := 0
		for _, a := range all {
			if a.Path == "/" {
				n, last = n+1, a.At
			}
		}
		// Four may go at once; the others follow forty a second, never faster.
		if took := last.Sub(begin); n != 50 || took < 46*time.Second/40 {
			t.Errorf("%d requests in %s", n, took)
		}
	})
}
