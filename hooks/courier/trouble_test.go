package courier_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"dochook/hooks/courier/endpoint"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// A walker that ends with an error must not keep its webhook from being walked.
func TestEngine_a_walker_that_failed_is_started_again(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		r := newReceiver(t, nil)
		h.webhook("w", r.URL, "")
		h.put("a", 1)
		rename := func(from, to string) {
			t.Helper()
			if _, err := db.Write.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		rename("retries", "away")
		h.start()
		h.until("the lease was taken", func() bool {
			var n int64
			return db.Read.QueryRowContext(t.Context(), "SELECT lease_until FROM cursors").Scan(&n) == nil && n > 0
		})
		rename("away", "retries")
		r.wait(t, 1)
	})
}

// Documents that the endpoint refuses must not keep good ones waiting for ever.
func TestEngine_probes_try_new_documents_too(t *testing.T) {
	db := dbtest.New(t, "sqlite")
	h := build(t, db)
	h.doctype(docType)
	r := newReceiver(t, func(a arrived, _ int) int {
		if a.N == 0 {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	})
	h.webhook("w", r.URL, `,"retry":{"schedule":[1]}`)
	h.start()
	h.page(0, 12, 0)
	r.wait(t, 12)
	h.put("good", 1)
	h.until("the good one was delivered", func() bool { return h.count(ledger.Delivered) == 1 })
}

// raced tells whether this program was built with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// A thousand endpoints die at once, half of them without a word: another endpoint gets what it should, each dead one has its own
// breaker, and nothing is left behind.
func TestEngine_a_thousand_endpoints_dead_at_once(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		const docs = 12 // more than an endpoint may fail in a row
		dead := 1000
		if raced() { // it makes SQLite, which is translated code, ten times slower
			dead = 200
		}
		silent, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // lives as long as the test
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }() // connections are taken by the system, and never answered
		refusing := httptest.NewServer(nil)
		refusing.Close()
		h := build(t, db)
		h.doctype(docType)
		live := newReceiver(t, nil)
		for i := range dead {
			url := refusing.URL
			if i%2 == 0 {
				url = "http://" + silent.Addr().String()
			}
			h.webhook(fmt.Sprintf("dead%04d", i), url, `,"timeout":1,"max_in_flight":4`)
		}
		h.webhook("live", live.URL, "")
		base := runtime.NumGoroutine()
		h.start()
		h.until("every walker is there", func() bool { return len(h.engine.States()) == dead+1 })
		h.page(0, docs, 1)
		live.wait(t, docs)
		h.until("each dead endpoint was tried, and is given rest", func() bool {
			open := 0
			for _, s := range h.engine.States() {
				if s.Breaker != string(endpoint.Closed) {
					open++
				}
			}
			return open == dead
		})
		h.page(0, docs, 2)
		inOrder(t, live.wait(t, docs))
		h.stop()
		h.until("all goroutines have ended", func() bool { return runtime.NumGoroutine() <= base+10 })
		if n := h.count(ledger.Delivered); n != 2*docs {
			t.Errorf("%d deliveries, want %d", n, 2*docs)
		}
	})
}
