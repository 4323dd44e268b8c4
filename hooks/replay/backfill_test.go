package replay_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/hooks/replay"
)

var allEvents = eventlog.Range{Limit: 1000} //nolint:gochecknoglobals // a constant

func page(records ...string) documents.Page {
	var p documents.Page
	for i, r := range records {
		p.Records = append(p.Records, documents.Record{Line: i + 1, Data: []byte(r)})
	}
	return p
}

func TestBackfill_sends_live_documents_as_they_are(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		h.webhook("shop", mapped+`,"scraper":"shop"`)
		h.story() // A and C are live, seen by the shop
		h.put("Z", 1)
		for _, tc := range []struct {
			webhook string
			filter  replay.Filter
			want    string
		}{
			{"w", replay.Filter{}, "on_insert A 2, on_insert C 1, on_insert Z 1"},
			{"shop", replay.Filter{}, "on_insert A 2, on_insert C 1"},
			{"w", replay.Filter{Filters: json.RawMessage(`[["n",">",1]]`)}, "on_insert A 2"},
			{"w", replay.Filter{Filters: json.RawMessage(`{"creation":[">=","2026-01-02"]}`)}, "on_insert C 1, on_insert Z 1"},
			{"w", replay.Filter{Document: "C", Filters: json.RawMessage(`null`)}, "on_insert C 1"},
		} {
			r := replay.Request{Webhook: tc.webhook, Kind: replay.Backfill, Filter: tc.filter}
			p, err := h.runs.Count(h.Context(), r)
			h.no(err)
			run := h.begin(r)
			active := h.active(run.ID)
			got := strings.Join(h.walk(active, 2), ", ")
			if n := int64(strings.Count(tc.want, ",") + 1); got != tc.want || p.Count != n || run.Total != n || !active.Backfill || p.First == nil || p.Last == nil {
				h.Errorf("%s %+v: %+v, %s\nwant %s", tc.webhook, tc.filter, p, got, tc.want)
			}
			_, err = h.runs.Cancel(h.Context(), run.ID)
			h.no(err)
		}

		// What happens meanwhile: one goes, one changes.
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		active := h.active(run.ID)
		first, err := active.Items.After(h.Context(), 0, 1)
		if err != nil || len(first) != 1 {
			h.Fatalf("%v, %v", first, err)
		}
		e := first[0].Event
		d, err := h.docs.Get(h.Context(), "Doc", "A")
		h.no(err)
		if e.Pos != 0 || e.Job != "" || e.Scraper != "shop" || string(e.Data) != string(d.Record) || e.Owner != d.Owner || !e.Creation.Equal(d.Creation) || !e.At.Equal(d.Modified) ||
			e.Version != 2 || e.DocType != "Doc" || e.Restored || e.Changed != nil {
			h.Errorf("%+v of %+v", e, d)
		}
		again, err := active.Items.At(h.Context(), []int64{1, 3})
		if err != nil || len(again) != 2 || again[0].Event.ID != e.ID || again[1].Place != 3 || again[1].Event.Name != "Z" {
			h.Errorf("%+v, %v", again, err)
		}
		_, err = h.docs.Trash(h.Context(), "Doc", "C")
		h.no(err)
		h.put("Z", 5)
		if got := strings.Join(h.walk(active, 10), ", "); got != "on_insert A 2, -, on_insert Z 2" {
			h.Errorf("%s", got)
		}
		_, err = h.runs.Cancel(h.Context(), run.ID)
		h.no(err)
		other := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		first, err = h.active(other.ID).Items.After(h.Context(), 0, 1)
		if err != nil || len(first) != 1 || first[0].Event.ID == e.ID || first[0].Event.Name != "A" {
			h.Errorf("%+v, %v: another run has another id than %s", first, err, e.ID)
		}
	})
}

// TestBackfill_of_many goes in steps, in the order of creation.
func TestBackfill_of_many(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		const many = 20_000
		for from := 0; from < many; from += 5000 {
			h.mu.Lock()
			h.now = time.Date(2026, 1, 1, 0, 0, many-from, 0, time.UTC) // later ones are older
			h.mu.Unlock()
			records := make([]string, 5000)
			for i := range records {
				records[i] = fmt.Sprintf(`{"id":"d%05d"}`, from+i)
			}
			_, err := h.docs.WritePage(h.Context(), "Doc", page(records...))
			h.no(err)
		}
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		got := h.walk(h.active(run.ID), 1999)
		var want []string
		for from := many - 5000; from >= 0; from -= 5000 {
			for i := range 5000 {
				want = append(want, fmt.Sprintf("on_insert d%05d 1", from+i))
			}
		}
		if run.Total != many || !slices.Equal(got, want) {
			h.Errorf("%d of %d items, from %s to %s", len(got), run.Total, got[0], got[len(got)-1])
		}
		h.settle(run, many)
		h.no(h.active(run.ID).Items.Finish(h.Context()))
		if n := h.number("SELECT count(*) FROM replay_items"); n != 0 {
			h.Errorf("%d items are left", n)
		}
	})
}

// TestBackfill_of_large_documents reads no more of them at once than it has to.
func TestBackfill_of_large_documents(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		for i := range 40 {
			_, err := h.docs.Put(h.Context(), "Doc", fmt.Appendf(nil, `{"id":"%02d","text":%q}`, i, strings.Repeat("x", 600_000)))
			h.no(err)
		}
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		active := h.active(run.ID)
		list, err := active.Items.After(h.Context(), 0, 1000)
		if err != nil || len(list) == 0 || len(list) >= 40 {
			h.Errorf("%d at once, %v", len(list), err)
		}
		if got := h.walk(active, 1000); len(got) != 40 {
			h.Errorf("%d in all", len(got))
		}
	})
}
