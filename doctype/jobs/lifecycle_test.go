package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
)

// verbs are what may be done to a job.
func (f *feed) verbs() map[string]func(ctx context.Context, id string) (jobs.Job, error) {
	end := func(s jobs.Status) func(ctx context.Context, id string) (jobs.Job, error) {
		return func(ctx context.Context, id string) (jobs.Job, error) {
			return f.jobs.Finish(ctx, id, jobs.Ending{Status: s, Reason: "as told", Stats: []byte(`{"n": 1.0}`)})
		}
	}
	return map[string]func(ctx context.Context, id string) (jobs.Job, error){
		"start":   f.jobs.Start,
		"finish":  end(jobs.Finished),
		"fail":    end(jobs.Failed),
		"stop":    end(jobs.Stopped),
		"delete":  f.jobs.Stop,
		"approve": f.jobs.Approve,
		"discard": f.jobs.Discard,
		"page": func(ctx context.Context, id string) (jobs.Job, error) {
			if _, err := f.jobs.WritePage(ctx, id, pageOf("new")); err != nil {
				return jobs.Job{}, err
			}
			return f.jobs.Get(ctx, id)
		},
	}
}

// jobThatIs makes a full job of a status, on a feed with two documents.
func (f *feed) jobThatIs(t *testing.T, status jobs.Status) jobs.Job {
	t.Helper()
	f.run(t, full, "a", "b")
	j := f.create(t, full)
	if status == jobs.Pending {
		return j
	}
	if status != jobs.Held {
		f.page(t, j.ID, "a", "b")
	}
	var err error
	switch status {
	case jobs.Finished, jobs.Held:
		j = f.finish(t, j.ID)
	case jobs.Failed, jobs.Stopped:
		j, err = f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: status})
	case jobs.Pending, jobs.InProgress:
		j = f.get(t, j.ID)
	}
	if err != nil || j.Status != status {
		t.Fatalf("made a job that is %s, want %s; %v", j.Status, status, err)
	}
	return j
}

func TestJob_lifecycle_table(t *testing.T) {
	const no = "409"
	verbs := []string{"start", "page", "finish", "fail", "stop", "delete", "approve", "discard"}
	table := []struct {
		status jobs.Status
		// what each verb makes of it: the status that is answered with the events that are logged, or a refusal
		want [8]string
	}{
		{jobs.Pending, [8]string{
			"in_progress started", "in_progress started +new data", "held finished", "failed failed", "stopped stopped", "stopped stopped", no, no,
		}},
		{jobs.InProgress, [8]string{"in_progress", "in_progress +new data", "finished finished", "failed failed", "stopped stopped", "stopped stopped", no, no}},
		{jobs.Finished, [8]string{no, no, "finished", no, no, "finished", no, no}},
		{jobs.Failed, [8]string{no, no, no, "failed", no, "failed", no, no}},
		{jobs.Stopped, [8]string{no, no, no, no, "stopped", "stopped", no, no}},
		{jobs.Held, [8]string{no, no, "held", no, no, "held", "finished -a -b", "finished"}},
	}
	each(t, func(t *testing.T, h *house) {
		for _, row := range table {
			for i, verb := range verbs {
				f := h.feed(t, "", "")
				j := f.jobThatIs(t, row.status)
				f.fresh(t)
				after, err := f.verbs()[verb](t.Context(), j.ID)
				got := string(after.Status)
				if words := f.log(t); words != "" {
					got += " " + words
				}
				if doctype.CodeOf(err) == doctype.CodeConflict {
					got = no
				} else if err != nil {
					got = err.Error()
				}
				if got != row.want[i] {
					t.Errorf("%s, %s: %q, want %q", row.status, verb, got, row.want[i])
				}
				stored := f.get(t, j.ID)
				if row.want[i] == no && (stored.Status != row.status || !stored.Modified.Equal(j.Modified)) {
					t.Errorf("%s, %s was refused, and yet the job was %s and is %s", row.status, verb, row.status, stored.Status)
				}
				if row.want[i] != no && (stored.Status != after.Status || string(stored.JSON()) != string(after.JSON())) {
					t.Errorf("%s, %s: answered\n%s, stored\n%s", row.status, verb, after.JSON(), stored.JSON())
				}
			}
		}
	})
}

func TestJob_end_keeps_what_was_said_first(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		for _, status := range []jobs.Status{jobs.Finished, jobs.Failed, jobs.Stopped} {
			j := f.create(t, full)
			first, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: status, Reason: "first", Stats: []byte(`{"pages": 1.50, "t": "<&>"}`)})
			if err != nil {
				t.Fatal(err)
			}
			again, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: status, Reason: "second", Stats: []byte(`{}`)})
			if err != nil || string(again.JSON()) != string(first.JSON()) {
				t.Errorf("%s again: %s, %v, want %s", status, again.JSON(), err, first.JSON())
			}
			if string(again.Stats) != `{"pages": 1.50, "t": "<&>"}` || again.Reason != "first" {
				t.Errorf("%s: stats %s, reason %s", status, again.Stats, again.Reason)
			}
		}
	})
}

func TestJob_unknown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		for _, id := range []string{uuid.NewString(), "", "x\x00y", "a/b", string(make([]byte, 300))} {
			for verb, do := range f.verbs() {
				_, err := do(t.Context(), id)
				if doctype.CodeOf(err) != doctype.CodeNotFound {
					t.Errorf("%s of job %q: %v", verb, id, err)
				}
			}
			_, _, err := f.jobs.Rows(t.Context(), id, 0, 10)
			wantCode(t, err, doctype.CodeNotFound)
			_, _, err = f.jobs.Removals(t.Context(), id, 0, 10)
			wantCode(t, err, doctype.CodeNotFound)
			wantCode(t, f.jobs.EachRow(t.Context(), id, func(jobs.Row) error { return nil }), doctype.CodeNotFound)
			_, err = f.jobs.Records(t.Context(), id, 1)
			wantCode(t, err, doctype.CodeNotFound)
		}
	})
}

func TestJob_without_a_page_for_too_long_fails(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f, g, k := h.feed(t, "", ""), h.feed(t, "", ""), h.feed(t, "", "")
		f.run(t, full, "a", "b")
		silent, begun, busy := f.create(t, full), g.create(t, full), k.create(t, full)
		g.page(t, begun.ID, "a")
		f.fresh(t)
		expire := func(want int) {
			t.Helper()
			if n, err := h.jobs.Expire(t.Context()); err != nil || n != want {
				t.Errorf("%d expired, want %d; %v", n, want, err)
			}
		}
		expire(0)
		h.clock.advance(idle / 2)
		k.page(t, busy.ID, "a")
		h.clock.advance(idle/2 - time.Second)
		expire(0)
		h.clock.advance(2 * time.Second)
		expire(2)
		expire(0)
		for _, id := range []string{silent.ID, begun.ID} {
			if j := f.get(t, id); j.Status != jobs.Failed || j.Reason == "" || j.FinishedAt == nil {
				t.Errorf("expired: %s", j.JSON())
			}
		}
		if j := f.get(t, busy.ID); j.Status != jobs.InProgress {
			t.Errorf("a job with a page %s ago: %s", idle/2, j.Status)
		}
		wantWords(t, "events", f.log(t), "failed")
		wantWords(t, "documents", sorted(f.live(t)), "a b") // a failed job removes nothing
		if _, err := h.jobs.WritePage(t.Context(), begun.ID, pageOf("late")); doctype.CodeOf(err) != doctype.CodeConflict {
			t.Errorf("a late page: %v", err)
		}
		f.run(t, full, "a", "b") // the scraper may begin anew
		h.clock.advance(2 * idle)
		expire(1)
	})
}

func TestJob_outlives_its_DocType(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		gone, other := h.feed(t, "", ""), h.feed(t, "", "")
		open, expiring := gone.create(t, full), other.create(t, full)
		partial := gone.create(t, `{"mode":"partial","max_updates":0}`)
		if _, err := gone.jobs.Start(t.Context(), open.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.docs.DeleteDocType(t.Context(), gone.docType); err != nil {
			t.Fatal(err)
		}
		_, err := h.jobs.WritePage(t.Context(), open.ID, pageOf("a"))
		wantCode(t, err, doctype.CodeNotFound)
		_, err = h.jobs.Start(t.Context(), partial.ID)
		wantCode(t, err, doctype.CodeNotFound)
		if j, err := h.jobs.Finish(t.Context(), open.ID, jobs.Ending{Status: jobs.Finished}); err != nil || j.Status != jobs.Finished {
			t.Errorf("finish: %s, %v", j.Status, err)
		}
		h.clock.advance(2 * idle)
		if n, err := h.jobs.Expire(t.Context()); n != 2 || err != nil {
			t.Errorf("%d expired, want 2; %v", n, err)
		}
		if j := h.mustGet(t, expiring.ID); j.Status != jobs.Failed {
			t.Errorf("the job behind it: %s", j.Status)
		}
		if err := h.scrapers.Delete(t.Context(), gone.scraper); err != nil {
			t.Error(err)
		}
	})
}

func (h *house) mustGet(t *testing.T, id string) jobs.Job {
	t.Helper()
	j, err := h.jobs.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestDocType_made_anew_begins_anew(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", `"removal":{"misses":2,"max_ratio":null}`)
		h.defineScraper(t, `{"name":"other","feeds":"`+f.docType+`"}`)
		other := &feed{house: h, docType: f.docType, scraper: "other"}
		f.run(t, full, "a", "b", "c")
		f.run(t, full, "a", "b")   // c is missed once
		other.run(t, "", "a", "b") // the other has seen a and b last
		for _, name := range f.live(t) {
			if _, err := h.docs.Trash(t.Context(), f.docType, name); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.docs.DeleteDocType(t.Context(), f.docType); err != nil {
			t.Fatal(err)
		}
		h.defineDocType(t, `{"name":"`+f.docType+`","autoname":"field:sku"}`)
		for _, name := range []string{"a", "c"} { // by hand
			if _, err := h.docs.Insert(t.Context(), f.docType, data(name)); err != nil {
				t.Fatal(err)
			}
		}
		other.run(t, `{"mode":"full"}`, "x") // nobody's a and c are none of its business
		wantWords(t, "documents", sorted(f.live(t)), "a c x")
		f.run(t, "", "c")
		f.run(t, full, "a") // c is missed once, not again
		wantWords(t, "documents", sorted(f.live(t)), "a c x")
	})
}

func TestParseEnding(t *testing.T) {
	table := []struct{ body, want, field string }{
		{"", "finished", ""},
		{" \n", "finished", ""},
		{"{}", "finished", ""},
		{`{"status":null,"reason":null,"stats":null}`, "finished", ""},
		{`{"status":"failed","reason":"out of memory: \"<b>\""}`, `failed out of memory: "<b>"`, ""},
		{`{"stats": {"a" : 1.00 }, "status":"stopped"}`, `stopped {"a" : 1.00 }`, ""},
		{`{"status":"held"}`, "", "status"},
		{`{"status":"pending"}`, "", "status"},
		{`{"status":"FINISHED"}`, "", "status"},
		{`{"status":1}`, "", "status"},
		{`{"status":["finished"]}`, "", "status"},
		{`{"reason":5}`, "", "reason"},
		{`{"stats":[1]}`, "", "stats"},
		{`{"stats":"x"}`, "", "stats"},
		{`{"why":"x"}`, "", "why"},
	}
	for _, row := range table {
		e, err := jobs.ParseEnding([]byte(row.body))
		if row.field != "" {
			wantField(t, row.body, err, row.field)
			continue
		}
		got := string(e.Status)
		if e.Reason != "" {
			got += " " + e.Reason
		}
		if e.Stats != nil {
			got += " " + string(e.Stats)
		}
		if err != nil || got != row.want {
			t.Errorf("%s: %s, %v, want %s", row.body, got, err, row.want)
		}
	}
	for _, body := range []string{"[]", `"finished"`, "<html>", "{", `{"status":"finished"}{}`, `{"status":"failed","status":"finished"}`} {
		if _, err := jobs.ParseEnding([]byte(body)); doctype.CodeOf(err) != doctype.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestJob_page_that_comes_again_under_its_key_counts_once(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		f.run(t, full, "x", "y", "z")
		j := f.create(t, full)
		f.fresh(t)
		p := pageOf("x", "y", `{"no":"name"}`)
		p.IdempotencyKey = "k"
		var first documents.PageResult
		for i := range 3 {
			r, err := f.jobs.WritePage(t.Context(), j.ID, p)
			if err != nil || r.Repeated != (i > 0) || r.Unchanged != 2 || r.Rejected != 1 {
				t.Fatalf("time %d: %+v, %v", i, r, err)
			}
			if i == 0 {
				first = r
			}
			if len(r.Lines) != len(first.Lines) {
				t.Errorf("time %d: %d lines, want %d", i, len(r.Lines), len(first.Lines))
			}
		}
		wantWords(t, "events", f.log(t), "started data")
		if got := f.get(t, j.ID); got.Rows != 2 || got.Counts.Pages != 1 || got.Counts.Received != 3 || len(f.results(t, j.ID)) != 2 {
			t.Errorf("%s", got.JSON())
		}
		other := pageOf("z")
		other.IdempotencyKey = "k"
		_, err := f.jobs.WritePage(t.Context(), j.ID, other)
		wantCode(t, err, "idempotency_mismatch")

		f.finish(t, j.ID)
		r, err := f.jobs.WritePage(t.Context(), j.ID, p) // its answer got lost, and the job has ended since
		if err != nil || !r.Repeated || r.Unchanged != 2 {
			t.Errorf("again behind the end: %+v, %v", r, err)
		}
		_, err = f.jobs.WritePage(t.Context(), j.ID, other)
		wantCode(t, err, "idempotency_mismatch")
		late := pageOf("z")
		late.IdempotencyKey = "late"
		_, err = f.jobs.WritePage(t.Context(), j.ID, late)
		wantCode(t, err, doctype.CodeConflict)

		// Under another job it is another page.
		k := f.create(t, full)
		_, err = f.jobs.WritePage(t.Context(), k.ID, p)
		wantCode(t, err, "idempotency_mismatch")
		if got := f.get(t, k.ID); got.Status != jobs.Pending || got.Counts.Pages != 0 {
			t.Errorf("%s", got.JSON())
		}
	})
}
