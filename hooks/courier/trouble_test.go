package courier_test

import (
	"net/http"
	"testing"

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
