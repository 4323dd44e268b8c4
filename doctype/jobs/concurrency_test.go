package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
)

// together runs functions at the same time and returns their errors.
func together(fns ...func() error) []error {
	errs := make([]error, len(fns))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			<-start
			errs[i] = fn()
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func TestPages_by_many_clients_and_the_end_among_them(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", off)
		f.run(t, full, "old1", "old2", "p3")
		j := f.create(t, full)
		f.fresh(t)
		const clients, pages, records = 6, 8, 15
		var mu sync.Mutex
		var sum documents.PageResult
		accepted, refused, names := 0, 0, map[string]bool{"old1": true}
		write := func(client, page int) error {
			p := pageOf("old1", `{"no":"key"}`)
			for i := range records { // the same documents in another order, and some of its own
				p.Records = append(p.Records, documents.Record{Line: i + 3, Data: data(fmt.Sprintf("p%d=%d", (i*7+client)%20, page))})
			}
			p.Records = append(p.Records, documents.Record{Line: records + 3, Data: data(fmt.Sprintf("own%d-%d", client, page))})
			r, err := f.jobs.WritePage(t.Context(), j.ID, p)
			mu.Lock()
			defer mu.Unlock()
			switch doctype.CodeOf(err) {
			case "":
				accepted++
				for _, l := range r.Lines {
					if l.Name != "" {
						names[l.Name] = true
					}
				}
				sum.Received, sum.Inserted, sum.Updated = sum.Received+r.Received, sum.Inserted+r.Inserted, sum.Updated+r.Updated
				sum.Unchanged, sum.Rejected = sum.Unchanged+r.Unchanged, sum.Rejected+r.Rejected
			case doctype.CodeConflict:
				refused++
			default:
				return err
			}
			return nil
		}
		var fns []func() error
		for client := range clients {
			fns = append(fns, func() error {
				for page := range pages {
					if err := write(client, page); err != nil {
						return err
					}
				}
				return nil
			})
		}
		fns = append(fns, func() error {
			for page := range pages / 2 {
				if err := write(99, page); err != nil {
					return err
				}
			}
			_, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: jobs.Finished})
			return err
		})
		for _, err := range together(fns...) {
			if err != nil {
				t.Error(err)
			}
		}
		got := f.get(t, j.ID)
		if got.Status != jobs.Finished || accepted+refused != clients*pages+pages/2 {
			t.Errorf("%s: %d pages taken, %d refused", got.Status, accepted, refused)
		}
		want := jobs.Counts{
			Pages: int64(accepted), Received: int64(sum.Received), Inserted: int64(sum.Inserted), Updated: int64(sum.Updated),
			Unchanged: int64(sum.Unchanged), Rejected: int64(sum.Rejected), Removed: got.Counts.Removed,
		}
		if got.Counts != want || got.Rows != int64(accepted*(records+2)) {
			t.Errorf("%d rows, %+v, want %+v", got.Rows, got.Counts, want)
		}
		if rows := f.results(t, j.ID); int64(len(rows)) != got.Rows {
			t.Errorf("%d results of %d rows", len(rows), got.Rows)
		}
		f.checkLog(t, j.ID, accepted)
		live := f.live(t)
		if len(live) != len(names) {
			t.Errorf("%d documents, %d were seen", len(live), len(names))
		}
		for _, name := range live {
			if !names[name] {
				t.Errorf("%s is live and was not seen", name)
			}
		}
	})
}

// checkLog checks that the fresh events are those of one job: its pages numbered without a gap, each behind its documents, its end last.
func (f *feed) checkLog(t *testing.T, id string, pages int) {
	t.Helper()
	page, version := int64(0), map[string]int64{}
	events := f.fresh(t)
	for i, e := range events {
		switch {
		case e.Job != id:
			t.Errorf("%s %s of job %s", e.Event, e.Name, e.Job)
		case e.Event == doctype.JobStarted && i != 0, e.Event == doctype.JobFinished && i != len(events)-1:
			t.Errorf("%s is event %d of %d", e.Event, i, len(events))
		case e.Event == doctype.JobData:
			if page++; e.Page != page {
				t.Errorf("page %d comes as the %dth", e.Page, page)
			}
		case e.Version > 0:
			if was := version[e.Name]; was > 0 && e.Version != was+1 {
				t.Errorf("%s goes from version %d to %d", e.Name, was, e.Version)
			}
			version[e.Name] = e.Version
			if e.Event != doctype.OnTrash && e.Page != page+1 {
				t.Errorf("%s of page %d comes before page %d", e.Name, e.Page, page+1)
			}
		}
	}
	if page != int64(pages) {
		t.Errorf("%d pages in the log, %d were taken", page, pages)
	}
}

func TestFinish_by_many(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		f.run(t, full, "a", "b", "c")
		j := f.create(t, full)
		f.page(t, j.ID, "a", "b")
		f.fresh(t)
		var fns []func() error
		for i := range 8 {
			fns = append(fns, func() error {
				status := []jobs.Status{jobs.Finished, jobs.Failed}[i%2]
				_, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: status})
				if doctype.CodeOf(err) == doctype.CodeConflict {
					return nil
				}
				return err
			}, func() error { _, err := f.jobs.Stop(t.Context(), j.ID); return err })
		}
		for _, err := range together(fns...) {
			if err != nil {
				t.Error(err)
			}
		}
		status := f.get(t, j.ID).Status
		want := map[jobs.Status]string{jobs.Finished: "-c finished", jobs.Failed: "failed", jobs.Stopped: "stopped"}[status]
		wantWords(t, "events", f.log(t), want)
	})
}

func TestDecision_by_many(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for round := range 6 {
			f := h.feed(t, "", "")
			f.run(t, full, "a", "b", "c", "d")
			j := f.run(t, full, "a")
			f.fresh(t)
			decide := func(do func(context.Context, string) (jobs.Job, error)) func() error {
				return func() error { _, err := do(t.Context(), j.ID); return err }
			}
			fns := []func() error{decide(f.jobs.Approve), decide(f.jobs.Discard), decide(f.jobs.Approve), decide(f.jobs.Discard)}
			if round%2 == 1 { // and a newer job
				fns = append(fns, func() error { f.run(t, full, "a", "b", "c"); return nil })
			}
			errs := together(fns...)
			for i, err := range errs {
				if code := doctype.CodeOf(err); code != "" && code != doctype.CodeConflict {
					t.Errorf("%d: %v", i, err)
				}
			}
			got, removed := f.get(t, j.ID), int64(0)
			for _, e := range f.fresh(t) {
				if e.Event == doctype.OnTrash && e.Job == j.ID {
					removed++
				}
			}
			if got.Status != jobs.Finished || got.Held != 0 || removed != got.Counts.Removed {
				t.Errorf("%+v, and %d were removed", got, removed)
			}
			if approved := errs[0] == nil || errs[2] == nil; approved != (got.Decision == jobs.Approved) || !approved && removed > 0 {
				t.Errorf("decided %s, answered %v, removed %d", got.Decision, errs, removed)
			}
		}
	})
}

// rounds are how often a race is run: writers of SQLite come one after the other anyway.
func (h *house) rounds() int {
	if h.db.Postgres() {
		return 20
	}
	return 3
}

// What somebody saw or wrote stays, or is back, whoever comes first: the end of a job that did not see it, or its sight.
func TestRemoval_beside_a_sight_of_it(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", off)
		h.defineScraper(t, `{"name":"other","feeds":"`+f.docType+`"}`)
		other := &feed{house: h, docType: f.docType, scraper: "other"}
		names := []string{"a", "b", "c", "d", "e", "f"}
		kinds := map[string]func(ctx context.Context, round int) error{
			"a page of another scraper": func(ctx context.Context, _ int) error {
				j := other.create(t, "")
				_, err := other.jobs.WritePage(ctx, j.ID, pageOf(names...))
				return err
			},
			"a changed page of no job": func(ctx context.Context, round int) error {
				var p []string
				for _, name := range names {
					p = append(p, fmt.Sprintf("%s=%d", name, round))
				}
				_, err := f.docs.WritePage(ctx, f.docType, pageOf(p...))
				return err
			},
			"writes by hand": func(ctx context.Context, round int) error {
				for _, name := range names {
					if _, err := f.docs.Put(ctx, f.docType, data(fmt.Sprintf("%s=%d", name, round))); err != nil {
						return err
					}
				}
				return nil
			},
		}
		for kind, sight := range kinds {
			for round := range h.rounds() {
				f.run(t, `{"mode":"full"}`, names...)
				j := f.create(t, full)
				f.page(t, j.ID, "x")
				errs := together(
					func() error {
						_, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: jobs.Finished})
						return err
					},
					func() error { return sight(t.Context(), round) },
				)
				if errs[0] != nil || errs[1] != nil {
					t.Fatalf("%s, round %d: %v", kind, round, errs)
				}
				if live := sorted(f.live(t)); live != "a b c d e f x" {
					t.Fatalf("%s, round %d: %s", kind, round, live)
				}
			}
		}
	})
}

func TestApprove_beside_a_sight(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		names := []string{"a", "b", "c", "d", "e", "f"}
		for round := range h.rounds() {
			f.run(t, `{}`, names...)
			held := f.create(t, full)
			if held = f.finish(t, held.ID); held.Status != jobs.Held {
				t.Fatal(held.Status)
			}
			j := f.create(t, "{}")
			errs := together(
				func() error { _, err := f.jobs.Approve(t.Context(), held.ID); return err },
				func() error { _, err := f.jobs.WritePage(t.Context(), j.ID, pageOf(names...)); return err },
			)
			if errs[0] != nil || errs[1] != nil {
				t.Fatalf("round %d: %v", round, errs)
			}
			if live := sorted(f.live(t)); live != "a b c d e f" {
				t.Fatalf("round %d: %s", round, live)
			}
		}
	})
}

func TestJobs_of_many_scrapers_at_once(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", off)
		var fns []func() error
		for s := range 5 {
			name := fmt.Sprintf("%s-%d", f.scraper, s)
			h.defineScraper(t, fmt.Sprintf(`{"name":%q,"feeds":%q,%s}`, name, f.docType, off))
			fns = append(fns, func() error {
				for round := range 6 {
					j, err := f.jobs.Create(t.Context(), name, []byte(full))
					if err != nil {
						return err
					}
					for page := range 2 {
						var p []string
						for i := range 20 {
							p = append(p, fmt.Sprintf("d%02d=%d", (i*(s+3)+page*5+round)%30, (i+round)%3))
						}
						if _, err := f.jobs.WritePage(t.Context(), j.ID, pageOf(p...)); err != nil {
							return err
						}
					}
					if _, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: jobs.Finished}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for _, err := range together(fns...) {
			if err != nil {
				t.Error(err)
			}
		}
		// The log tells how each document came to where it is.
		live, version := map[string]bool{}, map[string]int64{}
		for _, e := range f.fresh(t) {
			if e.Version == 0 {
				continue
			}
			if e.Version != version[e.Name]+1 || live[e.Name] == (e.Event == doctype.OnInsert) {
				t.Errorf("%s of %s: from version %d (live %t) to %d", e.Event, e.Name, version[e.Name], live[e.Name], e.Version)
			}
			version[e.Name], live[e.Name] = e.Version, e.Event != doctype.OnTrash
		}
		n := 0
		for _, is := range live {
			if is {
				n++
			}
		}
		if got := f.live(t); len(got) != n {
			t.Errorf("%d documents, %d by the log", len(got), n)
		}
	})
}

func TestPage_under_one_key_by_many(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		j := f.create(t, full)
		p := pageOf("a", "b", "c")
		p.IdempotencyKey = "k"
		var fns []func() error
		var mu sync.Mutex
		repeated := 0
		for range 8 {
			fns = append(fns, func() error {
				r, err := f.jobs.WritePage(t.Context(), j.ID, p)
				mu.Lock()
				defer mu.Unlock()
				if r.Repeated {
					repeated++
				}
				if err == nil && r.Inserted != 3 {
					return fmt.Errorf("%+v", r)
				}
				return err
			})
		}
		for _, err := range together(fns...) {
			if err != nil {
				t.Error(err)
			}
		}
		if got := f.get(t, j.ID); repeated != 7 || got.Counts.Pages != 1 || got.Rows != 3 {
			t.Errorf("%d repeated, %+v", repeated, got)
		}
		wantWords(t, "events", f.log(t), "started +a +b +c data")
	})
}
