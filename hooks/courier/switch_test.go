package courier_test

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"dochook/hooks"
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
