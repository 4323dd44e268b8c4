package courier_test

import (
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// TestPreview_says_why_a_batched_webhook_would_not_fire asks with an update of a field that is not monitored, a record that the
// condition leaves out and one that no job brought.
func TestPreview_says_why_a_batched_webhook_would_not_fire(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.scraper("shop")
		h.job("shop", records(0, 1))
		if _, err := h.docs.Put(t.Context(), "Doc", []byte(`{"name":"d0000","n":1}`)); err != nil {
			t.Fatal(err)
		}
		events, err := h.docs.Log().History(t.Context(), "Doc", "d0000", 10) // newest first
		if err != nil || len(events) != 2 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		byHand, brought := &events[0], &events[1]
		for _, tt := range []struct {
			members string
			fires   bool
			why     string
			hand    bool
		}{
			{`"webhook_doctype":"Doc","fields":["other"]`, false, "none of the monitored fields changed", true},
			{`"webhook_doctype":"Doc","condition":"doc.n > 1"`, false, "the condition does not hold", true},
			{`"webhook_doctype":"Doc","fields":["other"],"condition":"doc.n > 1"`, false, "none of the monitored fields changed", true},
			{`"webhook_doctype":"Doc","events":["on_trash"]`, false, "the webhook does not listen to on_update of Doc", true},
			{`"scraper":"shop"`, false, "the event does not come from a job of Scraper shop", true},
			{`"scraper":"shop"`, true, "the event and the condition match", false},
		} {
			h.insertWebhook(`{"name":"w","format":"changes","request_url":"http://127.0.0.1:9/",` + tt.members + `}`)
			c, err := h.hooks.Compiled(t.Context(), "w")
			if err != nil {
				t.Fatal(err)
			}
			ev := brought
			if tt.hand {
				ev = byHand
			}
			if p := h.engine.Preview(t.Context(), c, ev); p.Fires != tt.fires || p.Why != tt.why || p.Request == nil {
				t.Errorf("%s: fires %v because %q", tt.members, p.Fires, p.Why)
			}
			if err := h.hooks.Delete(t.Context(), "w"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
