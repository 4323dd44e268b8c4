package courier_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/courier/feed"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestEngine_gone_switches_the_webhook_off_and_keeps_its_queue(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		var mu sync.Mutex
		status := http.StatusGone
		r := newReceiver(t, func(arrived, int) int {
			mu.Lock()
			defer mu.Unlock()
			return status
		})
		h.webhook("w", r.URL, `,"max_in_flight":1`)
		h.start()
		h.put("a", 0)
		r.wait(t, 1)
		h.until("disabled", func() bool {
			w, err := h.hooks.Get(t.Context(), "w")
			return err == nil && !bool(w.Enabled)
		})
		h.put("b", 0)
		h.put("a", 1)
		mu.Lock()
		status = http.StatusOK
		mu.Unlock()
		if _, err := h.hooks.SetEnabled(t.Context(), "w", true); err != nil {
			t.Fatal(err)
		}
		all := r.wait(t, 3)
		inOrder(t, all)
		h.until("all recorded", func() bool { return h.count(ledger.Delivered) == 3 })
	})
}

// What failed waits for hours; somebody who has mended the endpoint does not want to.
func TestEngine_tries_at_once_what_waits_when_it_is_told(t *testing.T) {
	for how, tell := range map[string]func(t *testing.T, h *house) error{
		"retry": func(t *testing.T, h *house) error {
			_, err := h.hooks.Retry(t.Context(), "w")
			return err
		},
		"off and on": func(t *testing.T, h *house) error {
			_, err := h.hooks.SetEnabled(t.Context(), "w", false)
			if err != nil {
				return err
			}
			var e *hooks.Error
			if _, err := h.hooks.Retry(t.Context(), "w"); !errors.As(err, &e) || e.CodeWord != hooks.CodeConflict {
				t.Errorf("a disabled webhook retries: %v", err)
			}
			_, err = h.hooks.SetEnabled(t.Context(), "w", true)
			return err
		},
	} {
		t.Run(how, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
				h := build(t, db)
				h.doctype(docType)
				var mended atomic.Bool
				r := newReceiver(t, func(arrived, int) int {
					if mended.Load() {
						return http.StatusOK
					}
					return http.StatusServiceUnavailable
				})
				h.webhook("w", r.URL, `,"retry":{"attempts":5,"schedule":[36000]}`)
				h.start()
				h.page(0, 10, 1) // the tenth failure opens the breaker
				h.until("all wait", func() bool { s := h.state(); return h.count(ledger.Retrying) == 10 && s.Breaker == "open" })
				h.page(0, 10, 2)
				mended.Store(true)
				if err := tell(t, h); err != nil {
					t.Fatal(err)
				}
				h.until("all is delivered", func() bool { return h.count(ledger.Delivered) == 20 })
				inOrder(t, r.wait(t, 30))
			})
		})
	}
}

// An endpoint that asked for an hour's pause is mended; an attempt that was in flight all the while knows nothing of it.
func TestEngine_retry_ends_a_pause_for_good(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		slow, came := make(chan struct{}), make(chan string, 10)
		var mended atomic.Bool
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			var a arrived
			if err := json.NewDecoder(req.Body).Decode(&a); err != nil {
				t.Error(err)
			}
			switch {
			case a.Name == "slow":
				<-slow
			case !mended.Load():
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusServiceUnavailable)
				fallthrough
			default:
				came <- a.Name
			}
		}))
		t.Cleanup(endpoint.Close)
		h.webhook("w", endpoint.URL, `,"timeout":20`)
		h.start()
		h.put("slow", 0)
		h.until("one is out", func() bool { return h.state().InFlight == 1 })
		h.put("fast", 0)
		<-came
		h.until("it is paused", func() bool { return h.count(ledger.Retrying) == 1 && !h.state().PausedUntil.IsZero() })
		mended.Store(true)
		if _, err := h.hooks.Retry(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		close(slow) // its answer is what is written last
		h.until("all is delivered", func() bool { return h.count(ledger.Delivered) == 2 })
		lags, err := h.ledger.Lags(t.Context())
		if err != nil || len(lags) != 1 || lags[0].PausedUntil != 0 {
			t.Errorf("%+v, %v", lags, err)
		}
	})
}

// gate stops a round that has read the webhooks, once, and lets it go on.
type gate struct {
	holds   atomic.Bool
	in, out chan struct{}
}

func (g *gate) Active(context.Context) ([]feed.Run, error) {
	if g.holds.CompareAndSwap(true, false) {
		g.in <- struct{}{}
		<-g.out
	}
	return nil, nil
}

// A round that has read the webhooks a moment ago must not start again what was switched off meanwhile.
func TestEngine_starts_nothing_by_what_a_webhook_was(t *testing.T) {
	for how, off := range map[string]func(h *house){
		"gone": func(h *house) { h.put("a", 0) },
		"by hand": func(h *house) {
			if _, err := h.hooks.SetEnabled(h.t.Context(), "w", false); err != nil {
				h.t.Fatal(err)
			}
		},
		"edited": func(h *house) {
			if _, err := h.hooks.Update(h.t.Context(), "w", []byte(`{"request_url":"http://127.0.0.1:9/","enabled":0}`)); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
				g := &gate{in: make(chan struct{}), out: make(chan struct{})}
				h := buildWith(t, db, courier.Options{Runs: g})
				h.doctype(docType)
				r := newReceiver(t, func(a arrived, _ int) int { return map[string]int{"/w": http.StatusGone}[a.Path] })
				h.webhook("w", r.URL+"/w", "")
				h.webhook("other", r.URL+"/other", "")
				h.start()
				held := func(walkers int) bool {
					var n int
					err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM cursors WHERE lease_owner <> ''").Scan(&n)
					return err == nil && n == walkers
				}
				h.until("both are walked", func() bool { return held(2) })
				hold := func() {
					g.holds.Store(true)
					h.engine.Review()
					<-g.in
				}
				hold()
				off(h)
				h.until("one is walked", func() bool { return held(1) })
				before := len(r.wait(t, map[string]int{"gone": 2}[how]))
				g.out <- struct{}{}
				hold() // the round before has ended, and this one has stopped nothing yet
				h.put("b", 0)
				for _, a := range r.wait(t, 1) {
					if a.Path != "/other" {
						t.Errorf("%s %s arrived by what the webhook was", a.Path, a.Body)
					}
				}
				g.out <- struct{}{}
				h.stop()
				r.mu.Lock()
				defer r.mu.Unlock()
				if len(r.all) != before+1 {
					t.Errorf("%d requests in all, want %d", len(r.all), before+1)
				}
			})
		})
	}
}
