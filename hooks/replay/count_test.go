package replay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"dochook/doctype/jobs"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
)

// tried records deliveries of the webhook w by hand, of the events at positions 1, 2, …: DAY STATUS.
func (h *house) tried(list ...string) {
	h.Helper()
	lease, ok, err := h.ledger.Claim(h.Context(), "webhook:w", "me", time.Minute)
	if err != nil || !ok {
		h.Fatalf("claim: %v, %v", ok, err)
	}
	b := ledger.Batch{Pos: int64(len(list))}
	for i, text := range list {
		day, status, _ := strings.Cut(text, " ")
		if status == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, "2026-01-"+day)
		h.no(err)
		events, err := h.docs.Log().At(h.Context(), []int64{int64(i + 1)})
		if err != nil || len(events) != 1 {
			h.Fatalf("event %d: %v", i+1, err)
		}
		e := events[0]
		for part := range int64(2) { // as a batch in two parts
			b.Deliveries = append(b.Deliveries, ledger.Delivery{
				Key: ledger.Key{Pos: e.Pos, Part: part}, ID: ledger.ID(fmt.Sprint("X", i, part), e.Pos), EventID: e.ID, Event: e.Event, DocType: e.DocType, Name: e.Name,
				Status: status, Attempts: 1, CreatedAt: at.UnixMicro() + part,
			})
		}
	}
	h.no(h.ledger.Flush(h.Context(), lease, b))
	h.no(h.ledger.Release(h.Context(), lease))
}

// story makes eight events: A and B are inserted on the 1st, a job writes A and C on the 2nd and ends, B goes on the 4th.
func (h *house) story() (job string) {
	h.Helper()
	day := func(d int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now = time.Date(2026, 1, d, 12, 0, 0, 0, time.UTC)
	}
	day(1)
	h.put("A", 1)
	h.put("B", 1)
	day(2)
	j, err := h.jobs.Create(h.Context(), "shop", []byte(`{}`))
	h.no(err)
	_, err = h.jobs.Start(h.Context(), j.ID) // job.started
	h.no(err)
	_, err = h.jobs.WritePage(h.Context(), j.ID, page(`{"id":"A","n":2}`, `{"id":"C","n":1}`)) // on_update A, on_insert C, job.data
	h.no(err)
	_, err = h.jobs.Finish(h.Context(), j.ID, jobs.Ending{Status: jobs.Finished}) // job.finished
	h.no(err)
	day(4)
	_, err = h.docs.Trash(h.Context(), "Doc", "B")
	h.no(err)
	return j.ID
}

func TestReplay_of_deliveries(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		h.webhook("other", mapped)
		job := h.story()
		log, err := h.docs.Log().Events(h.Context(), allEvents)
		h.no(err)
		statuses := map[string]string{"on_insert A": "11 delivered", "on_insert B": "12 dead", "on_update A": "13 dead", "on_insert C": "14 skipped", "on_trash B": "15 retrying"}
		tried := make([]string, len(log))
		for i := range log {
			tried[i] = statuses[log[i].Event+" "+log[i].Name]
		}
		h.tried(tried...)
		all := []string{"on_insert A 1", "on_insert B 1", "on_update A 2", "on_insert C 1"}
		for _, tc := range []struct {
			filter      replay.Filter
			want        []string
			first, last int // days
		}{
			{replay.Filter{}, all, 11, 14},
			{replay.Filter{Source: "deliveries", Status: "dead"}, all[1:3], 12, 13},
			{replay.Filter{Status: "delivered"}, all[:1], 11, 11},
			{replay.Filter{Status: "skipped"}, all[3:], 14, 14},
			{replay.Filter{From: "2026-01-12"}, all[1:], 12, 14},
			{replay.Filter{To: "2026-01-12"}, all[:2], 11, 12},
			{replay.Filter{To: "2026-01-12T00:00:00Z"}, all[:1], 11, 11},
			{replay.Filter{From: "2026-01-12 00:00", To: "2026-01-13 23:59:59"}, all[1:3], 12, 13},
			{replay.Filter{From: "2026-01-12T01:00:00+01:00", To: "2026-01-12"}, all[1:2], 12, 12},
			{replay.Filter{Job: job}, all[2:], 13, 14},
			{replay.Filter{Event: "after_insert"}, []string{all[0], all[1], all[3]}, 11, 14},
			{replay.Filter{Event: "on_change"}, all, 11, 14},
			{replay.Filter{Document: "A"}, []string{all[0], all[2]}, 11, 13},
			{replay.Filter{Document: "A", Status: "dead", Event: "on_update", Job: job}, all[2:3], 13, 13},
		} {
			r := replay.Request{Webhook: "w", Filter: tc.filter}
			p, err := h.runs.Count(h.Context(), r)
			if err != nil || p.Count != int64(len(tc.want)) || p.Expired != 0 || p.First.Day() != tc.first || p.Last.Day() != tc.last {
				text, _ := json.Marshal(p)
				h.Errorf("%+v: %s, %v, want %d from the %dth to the %dth", tc.filter, text, err, len(tc.want), tc.first, tc.last)
			}
			r.Expect = &p.Count
			run := h.begin(r)
			if run.Kind != replay.Replay || run.Status != replay.Running || run.Total != p.Count || run.Done != 0 || run.Owner != "Administrator" || run.FinishedAt != nil {
				h.Errorf("%+v: %+v", tc.filter, run)
			}
			if got := h.walk(h.active(run.ID), 3); strings.Join(got, ", ") != strings.Join(tc.want, ", ") {
				h.Errorf("%+v: %s, want %s", tc.filter, got, tc.want)
			}
			_, err = h.runs.Cancel(h.Context(), run.ID)
			h.no(err)
		}
	})
}

func TestReplay_counts_what_has_left_the_log(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		for n := range 4 {
			h.put("A", n)
		}
		h.tried("11 dead", "12 dead", "13 delivered", "14 dead")
		h.exec("DELETE FROM events WHERE pos = 1")
		h.exec("UPDATE events SET id = 'of another past' WHERE pos = 4")
		r := replay.Request{Webhook: "w", Filter: replay.Filter{Status: "dead"}}
		p, err := h.runs.Count(h.Context(), r)
		if err != nil || p.Count != 1 || p.Expired != 2 || p.First.Day() != 12 || p.Last.Day() != 12 {
			h.Errorf("%+v, %v", p, err)
		}
		run := h.begin(r)
		h.exec("DELETE FROM events WHERE pos = 2") // it leaves while it waits to be sent again
		if got := h.walk(h.active(run.ID), 10); len(got) != 1 || got[0] != "-" {
			h.Errorf("%s", got)
		}
		_, err = h.runs.Cancel(h.Context(), run.ID)
		h.no(err)
		_, err = h.runs.Start(h.Context(), r)
		h.refused(err, "invalid", "the events of all 3 have left the log")
		_, err = h.runs.Start(h.Context(), replay.Request{Webhook: "w", Filter: replay.Filter{Status: "skipped"}})
		h.refused(err, "invalid", "nothing to send")
	})
}

func TestReplay_of_the_log(t *testing.T) {
	each(t, func(h *house) {
		h.put("early", 1) // before there was a webhook
		h.webhook("w", mapped)
		h.webhook("inserts", `,"events":["on_insert"]`)
		h.webhook("price", `,"events":["on_update"],"fields":["n"]`)
		h.webhook("name", `,"events":["on_update"],"fields":["title"]`)
		h.webhook("tasks", `,"format":"template","events":["Task Success"],"webhook_json":"{\"e\":\"{{eventType}}\"}"`)
		h.webhook("rows", `,"format":"rows","events":["job.data","on_change"]`)
		h.webhook("feed", `,"format":"changes","events":["on_change"]`)
		job := h.story()
		h.exec("UPDATE cursors SET pos = (SELECT max(pos) FROM events)")
		h.put("late", 1) // they are going to be told of it anyway
		for _, tc := range []struct {
			webhook string
			filter  replay.Filter
			want    string
		}{
			{"w", replay.Filter{}, "on_insert early 1, on_insert A 1, on_insert B 1, on_update A 2, on_insert C 1, on_trash B 2"},
			{"w", replay.Filter{From: "2026-01-02", To: "2026-01-03"}, "on_update A 2, on_insert C 1"},
			{"w", replay.Filter{To: "2026-01-01"}, "on_insert A 1, on_insert B 1"},
			{"w", replay.Filter{Job: job}, "on_update A 2, on_insert C 1"},
			{"w", replay.Filter{Event: "removed"}, "on_trash B 2"},
			{"w", replay.Filter{Document: "A", From: "2026-01-02"}, "on_update A 2"},
			{"inserts", replay.Filter{From: "2026-01-01", To: "2026-01-31"}, "on_insert A 1, on_insert B 1, on_insert C 1"},
			{"price", replay.Filter{}, "on_update A 2"},
			{"name", replay.Filter{}, ""},
			{"tasks", replay.Filter{}, "job.finished " + job + " 0"},
			{"rows", replay.Filter{Job: job}, "on_update A 2, job.data " + job + " 0"}, // the page's documents go together
			{"feed", replay.Filter{From: "2026-01-02", To: "2026-01-31"}, "job.finished " + job + " 0, on_trash B 2"},
		} {
			tc.filter.Source = replay.Log
			r := replay.Request{Webhook: tc.webhook, Filter: tc.filter}
			p, err := h.runs.Count(h.Context(), r)
			h.no(err)
			if tc.want == "" {
				if _, err := h.runs.Start(h.Context(), r); p.Count != 0 || err == nil {
					h.Errorf("%s: %+v, %v", tc.webhook, p, err)
				}
				continue
			}
			run := h.begin(r)
			want := tc.want
			if got := strings.Join(h.walk(h.active(run.ID), 2), ", "); got != want || p.Count != int64(strings.Count(want, ",")+1) || p.First == nil {
				h.Errorf("%s %+v: %d: %s\nwant %s", tc.webhook, tc.filter, p.Count, got, want)
			}
			_, err = h.runs.Cancel(h.Context(), run.ID)
			h.no(err)
		}
	})
}

func TestStart_refuses(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		h.webhook("off", mapped+`,"enabled":0`)
		h.webhook("updates", `,"events":["on_update"]`)
		h.webhook("tasks", `,"format":"template","events":["Task Success"],"webhook_json":"{}"`)
		h.webhook("rows", `,"format":"rows","events":["on_change"]`)
		h.put("A", 1)
		h.put("B", 1)
		h.tried("11 dead", "12 dead")
		three := int64(3)
		filter := func(f replay.Filter) replay.Request { return replay.Request{Webhook: "w", Filter: f} }
		documents := func(webhook string, f replay.Filter) replay.Request {
			return replay.Request{Webhook: webhook, Kind: "backfill", Filter: f}
		}
		for _, tc := range []struct {
			r           replay.Request
			code, words string
		}{
			{replay.Request{}, "mandatory", "webhook"},
			{replay.Request{Webhook: "none"}, "not_found", "none"},
			{replay.Request{Webhook: "off"}, "conflict", "disabled"},
			{documents("off", replay.Filter{}), "conflict", "disabled"},
			{replay.Request{Webhook: "w", Kind: "again"}, "invalid", "kind"},
			{replay.Request{Webhook: "w", Expect: &three}, "conflict", "2 by now, not 3"},
			{replay.Request{Webhook: "w", Max: 1}, "invalid", "2, more than 1"},
			{replay.Request{Webhook: "w", Max: -1}, "invalid", "from 0 on"},
			{filter(replay.Filter{Source: "memory"}), "invalid", "source"},
			{filter(replay.Filter{Status: "retrying"}), "invalid", "by itself"},
			{filter(replay.Filter{Status: "fine"}), "invalid", "status"},
			{filter(replay.Filter{Source: "log", Status: "dead"}), "invalid", "status"},
			{filter(replay.Filter{From: "soon"}), "invalid", "from"},
			{filter(replay.Filter{To: "0001-01-01"}), "invalid", "to"},
			{filter(replay.Filter{From: "2026-01-02", To: "2026-01-01"}), "invalid", "not after"},
			{filter(replay.Filter{Event: "on_fire"}), "invalid", "event"},
			{filter(replay.Filter{Event: "Task Success"}), "invalid", "event"},
			{filter(replay.Filter{Filters: json.RawMessage(`{"n":1}`)}), "invalid", "filters"},
			{filter(replay.Filter{Job: "nobody's"}), "invalid", "nothing to send"},
			{replay.Request{Webhook: "rows", Filter: replay.Filter{Source: "log", Event: "on_insert"}}, "invalid", "batches"},
			{documents("tasks", replay.Filter{}), "invalid", "listens to jobs"},
			{documents("updates", replay.Filter{}), "invalid", "on_insert"},
			{documents("w", replay.Filter{Status: "dead"}), "invalid", "status"},
			{documents("w", replay.Filter{From: "2026-01-01"}), "invalid", "from"},
			{documents("w", replay.Filter{Source: "log"}), "invalid", "source"},
			{documents("w", replay.Filter{Filters: json.RawMessage(`{"n":["?",1]}`)}), "invalid", "filters"},
			{documents("w", replay.Filter{Filters: json.RawMessage(`{"n":7}`)}), "invalid", "nothing to send"},
		} {
			_, err := h.runs.Start(h.Context(), tc.r)
			h.refused(err, tc.code, tc.words)
		}
		if n := h.number("SELECT (SELECT count(*) FROM replays) + (SELECT count(*) FROM replay_items)"); n != 0 {
			h.Errorf("%d rows of what was refused", n)
		}
	})
}
