package replay_test

import (
	"net/http"
	"sync"
	"testing"

	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
)

const oneAttempt = mapped + `,"retry":{"attempts":1}`

func (h *house) ledgerCount(status string) int64 {
	h.Helper()
	n, err := h.ledger.Count(h.Context(), query.Query{Filters: []query.Filter{query.NewFilter("status", query.Equal, status)}})
	h.no(err)
	return n
}

// ids are the Webhook-Ids of requests, each once.
func ids(list []arrived) map[string]bool {
	out := map[string]bool{}
	for _, a := range list {
		out[a.ID] = true
	}
	return out
}

func TestReplay_is_delivered_in_order_under_ids_of_its_own(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", oneAttempt)
		h.answers(func(arrived) int { return http.StatusInternalServerError })
		h.start()
		for n := range 3 {
			h.put("A", n)
			h.put("B", n)
		}
		first := ids(h.wait(6))
		h.until("all are dead", func() bool { return h.ledgerCount(ledger.Dead) == 6 })

		h.answers(nil)
		seen := first
		for range 2 {
			run := h.begin(replay.Request{Webhook: "w", Filter: replay.Filter{Status: "dead"}})
			got := h.wait(6)
			next := map[string]int{}
			for _, a := range got {
				if a.N != next[a.Name] {
					h.Errorf("%s: %d came where %d was to come", a.Name, a.N, next[a.Name])
				}
				next[a.Name]++
				if seen[a.ID] {
					h.Errorf("%s had been there", a.ID)
				}
				seen[a.ID] = true
			}
			if run = h.ended(run.ID); run.Status != replay.Finished || run.Done != 6 || run.Delivered != 6 || run.Dead != 0 || h.items() != 0 {
				h.Errorf("%+v", run)
			}
		}
		if n := h.ledgerCount(ledger.Dead); n != 6 { // what was is not rewritten
			h.Errorf("%d dead", n)
		}
		for id := range seen { // of a replay or not, it is sent once more under its id
			_, err := h.engine.Resend(h.Context(), id)
			h.no(err)
			if got := h.wait(1); got[0].ID != id {
				h.Errorf("%s was sent again as %s", id, got[0].ID)
			}
		}
	})
}

func TestBackfill_is_retried_under_the_same_id(t *testing.T) {
	each(t, func(h *house) {
		h.put("A", 1)
		h.put("B", 2)
		h.webhook("w", mapped+`,"retry":{"schedule":[0.05]}`)
		var mu sync.Mutex
		failed := map[string]string{} // id by name
		h.answers(func(a arrived) int {
			mu.Lock()
			defer mu.Unlock()
			if failed[a.Name] == "" {
				failed[a.Name] = a.ID
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		h.start()
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		got := h.wait(4)
		if len(ids(got)) != 2 || ids(got)[failed["A"]] != true || ids(got)[failed["B"]] != true {
			h.Errorf("%+v", got)
		}
		if run = h.ended(run.ID); run.Status != replay.Finished || run.Delivered != 2 || run.Done != 2 {
			h.Errorf("%+v", run)
		}
	})
}

// TestReplay_does_not_delay_what_happens: none of its requests is answered, and live ones go on.
func TestBackfill_is_tried_at_once_when_its_webhook_is_told_to_retry(t *testing.T) {
	each(t, func(h *house) {
		h.put("A", 1)
		h.webhook("w", mapped+`,"retry":{"schedule":[36000]}`)
		h.answers(func(arrived) int { return http.StatusInternalServerError })
		h.start()
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		first := h.wait(1)[0]
		h.until("it waits", func() bool { return h.ledgerCount(ledger.Retrying) == 1 })
		h.answers(nil)
		_, err := h.hooks.Retry(h.Context(), "w")
		h.no(err)
		if again := h.wait(1)[0]; again.ID != first.ID {
			h.Errorf("%s came for %s", again.ID, first.ID)
		}
		if run = h.ended(run.ID); run.Delivered != 1 {
			h.Errorf("%+v", run)
		}
	})
}

func TestReplay_does_not_delay_what_happens_and_is_canceled(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped+`,"max_in_flight":8,"timeout":20`)
		h.start()
		for n := range 40 {
			h.put(string(rune('a'+n%20)), n)
		}
		old := ids(h.wait(40))
		h.until("all are delivered", func() bool { return h.ledgerCount(ledger.Delivered) == 40 })

		hold := make(chan struct{})
		letGo := sync.OnceFunc(func() { close(hold) })
		h.Cleanup(letGo)
		entered := make(chan struct{}, 100)
		h.answers(func(a arrived) int {
			if a.N < 1000 {
				entered <- struct{}{}
				<-hold
			}
			return http.StatusOK
		})
		run := h.begin(replay.Request{Webhook: "w"})
		<-entered
		for n := range 10 {
			h.put(string(rune('a'+n)), 1000+n)
		}
		for _, a := range h.wait(10) {
			if a.N < 1000 || old[a.ID] {
				h.Errorf("%+v came first", a)
			}
		}
		h.until("they are recorded", func() bool { return h.ledgerCount(ledger.Delivered) == 50 })
		got, err := h.runs.Cancel(h.Context(), run.ID)
		if err != nil || got.Status != replay.Canceled || got.Done >= 40 {
			h.Errorf("%+v, %v", got, err)
		}
		letGo()
		h.stop() // all it had begun is over
		h.mu.Lock()
		sent := len(h.all) - 50
		h.mu.Unlock()
		if sent == 0 || sent >= 40 {
			h.Errorf("%d of 40 were sent again in spite of it", sent)
		}
		if got := h.get(run.ID); got.Status != replay.Canceled || got.Delivered > 0 || h.items() != 0 {
			h.Errorf("%+v", got)
		}
	})
}

// TestRun_goes_on_where_it_stood when its process has gone, and stands still while its webhook is disabled.
func TestRun_goes_on_where_it_stood(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		h.put("A", 1)
		h.put("B", 1)
		h.put("C", 1)
		run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill})
		h.settle(run, 2, ledger.Delivered, ledger.Delivered)
		_, err := h.hooks.SetEnabled(h.Context(), "w", false)
		h.no(err)
		h.exec("UPDATE cursors SET pos = (SELECT max(pos) FROM events) WHERE walker = 'webhook:w'")
		h.start()
		if got := h.get(run.ID); got.Status != replay.Running || got.Done != 2 {
			h.Errorf("%+v", got)
		}
		_, err = h.hooks.SetEnabled(h.Context(), "w", true)
		h.no(err)
		if got := h.wait(1); got[0].Name != "C" {
			h.Errorf("%+v", got)
		}
		if run = h.ended(run.ID); run.Status != replay.Finished || run.Delivered != 3 || run.Done != 3 {
			h.Errorf("%+v", run)
		}
	})
}

// TestBackfill_of_a_batched_format sends each document in the shape of its format.
func TestBackfill_of_a_batched_format(t *testing.T) {
	each(t, func(h *house) {
		h.put("A", 1)
		h.put("B", 2)
		h.webhook("feed", `,"format":"changes","events":["on_change"]`)
		h.start()
		run := h.begin(replay.Request{Webhook: "feed", Kind: replay.Backfill})
		run = h.ended(run.ID)
		list, err := h.ledger.List(h.Context(), query.Query{Limit: query.All})
		h.no(err)
		if run.Status != replay.Finished || run.Delivered != 2 {
			h.Errorf("%+v: %+v", run, list)
		}
		h.wait(2)
	})
}
