package jobs_test

import (
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/jobs"
)

// TestJob_events_tell_how_many_webhooks_led_to_them: two services that send each other pages would else never stop.
func TestJob_events_tell_how_many_webhooks_led_to_them(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		ctx := doctype.WithUser(t.Context(), doctype.User{Name: "loop", Hops: 7})
		j, err := h.jobs.Create(ctx, f.scraper, nil)
		if err == nil {
			_, err = h.jobs.WritePage(ctx, j.ID, documents.Page{Records: []documents.Record{{Line: 1, Data: []byte(`{"sku":"a"}`)}}})
		}
		if err == nil {
			_, err = h.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: jobs.Finished})
		}
		if err != nil {
			t.Fatal(err)
		}
		events, err := h.docs.Log().Events(t.Context(), eventlog.Range{DocType: f.docType, JobEvents: true, Limit: 10})
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			if e.Hops != 7 {
				t.Errorf("%s has %d hops, its cause 7", e.Event, e.Hops)
			}
		}
	})
}
