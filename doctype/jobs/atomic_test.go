package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
)

// dump is all that a database keeps of jobs, documents and events.
func (h *house) dump(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, table := range []string{
		"documents ORDER BY doctype, name", "jobs ORDER BY name", "job_pages ORDER BY job, page", "sightings ORDER BY doctype, name",
		"absences ORDER BY doctype, name, scraper", "held_updates ORDER BY job, page, name", "events ORDER BY pos", "idempotency ORDER BY key, page",
	} {
		fmt.Fprintln(&out, table)
		rows, err := h.db.Read.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i := range values {
				fmt.Fprintf(&out, "%s=%v ", columns[i], *values[i].(*any)) //nolint:forcetypeassert // see above
			}
			fmt.Fprintln(&out)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// without does something while a table is missing.
func (h *house) without(t *testing.T, table string, do func()) {
	t.Helper()
	rename := func(from, to string) {
		t.Helper()
		if _, err := h.db.Write.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename(table, "gone")
	do()
	rename("gone", table)
}

func TestJob_steps_that_fail_half_way_leave_nothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", `"removal":{"misses":2,"max_removals":1,"min_ratio":null,"max_ratio":null}`)
		h.defineScraper(t, `{"name":"other","feeds":"`+f.docType+`"}`)
		other := &feed{house: h, docType: f.docType, scraper: "other"}
		f.run(t, full, "a=1", "b=1", "c=1", "d=1", "e=1")
		f.run(t, full, "a=1", "b=1") // c, d, e once
		other.run(t, "{}", "a=1")
		j := f.create(t, `{"mode":"full","max_updates":0}`)
		p := pageOf("a=1", "b=2", "new")
		p.IdempotencyKey = "k"

		fails := func(what string, tables []string, do func() error) {
			t.Helper()
			for _, table := range tables {
				before := h.dump(t)
				h.without(t, table, func() {
					if err := do(); doctype.CodeOf(err) != doctype.CodeInternal {
						t.Errorf("%s without %s: %v", what, table, err)
					}
				})
				if after := h.dump(t); after != before {
					t.Errorf("%s without %s left\n%s\nof\n%s", what, table, after, before)
				}
			}
		}
		write := func() error { _, err := f.jobs.WritePage(t.Context(), j.ID, p); return err }
		finish := func() error {
			_, err := f.jobs.Finish(t.Context(), j.ID, jobs.Ending{Status: jobs.Finished})
			return err
		}
		approve := func() error { _, err := f.jobs.Approve(t.Context(), j.ID); return err }

		fails("create", []string{"scrapers"}, func() error { _, err := f.jobs.Create(t.Context(), f.scraper, nil); return err })
		fails("page", []string{"events", "idempotency", "absences", "sightings", "held_updates", "job_pages", "column_ids"}, write)
		if err := write(); err != nil {
			t.Fatal(err)
		}
		fails("finish", []string{"absences", "held_updates", "events", "job_pages", "scrapers"}, finish)
		if err := finish(); err != nil {
			t.Fatal(err)
		}
		if got := f.get(t, j.ID); got.Held != 3 || got.HeldUpdate != 1 || got.Counts.Pages != 1 {
			t.Fatalf("%s", got.JSON())
		}
		fails("approve", []string{"held_updates", "absences", "events"}, approve)
		fails("discard", []string{"held_updates", "absences"}, func() error { _, err := f.jobs.Discard(t.Context(), j.ID); return err })
		f.fresh(t)
		if err := approve(); err != nil {
			t.Fatal(err)
		}
		wantWords(t, "events", f.log(t), "~b -c -d -e")
		wantWords(t, "documents", sorted(f.live(t)), "a b new")
	})
}

func TestPage_whose_caller_goes_away_leaves_nothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", off)
		var cancel context.CancelFunc
		f.on(t, doctype.OnInsert, func(_ context.Context, w *documents.Write) error {
			if w.Doc.Name == "b" && cancel != nil {
				cancel()
			}
			return nil
		})
		f.on(t, doctype.OnTrash, func(_ context.Context, w *documents.Write) error {
			if w.Doc.Name == "b" && cancel != nil {
				cancel()
			}
			return nil
		})
		j := f.create(t, full)
		before := h.dump(t)
		ctx, stop := context.WithCancel(t.Context())
		cancel = stop
		if _, err := f.jobs.WritePage(ctx, j.ID, pageOf("a", "b", "c")); err == nil {
			t.Error("a page was written for nobody")
		}
		if after := h.dump(t); after != before {
			t.Errorf("it left\n%s\nof\n%s", after, before)
		}
		cancel = nil
		f.page(t, j.ID, "a", "b", "c")
		f.finish(t, j.ID)
		wantWords(t, "events", f.log(t), "started +a +b +c data finished")

		j = f.create(t, full)
		f.page(t, j.ID, "x")
		before = h.dump(t)
		ctx, stop = context.WithCancel(t.Context())
		cancel = stop
		if _, err := f.jobs.Finish(ctx, j.ID, jobs.Ending{Status: jobs.Finished}); err == nil {
			t.Error("a job was ended for nobody")
		}
		if after := h.dump(t); after != before {
			t.Errorf("it left\n%s\nof\n%s", after, before)
		}
		cancel = nil
		f.finish(t, j.ID)
		wantWords(t, "events", f.log(t), "started +x data -a -b -c finished")
	})
}

// rowsOf tells document rows apart from rows that were written again.
func (f *feed) rowsOf(t *testing.T) string {
	t.Helper()
	columns := "name, rowid, '', version, modified, data"
	if f.db.Postgres() {
		columns = "name, ctid::text, xmin::text, version, modified, data"
	}
	rows, err := f.db.Read.QueryContext(t.Context(), "SELECT "+columns+" FROM documents WHERE doctype = ? ORDER BY name", f.docType)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		var name, place, by, record string
		var version, modified int64
		if err := rows.Scan(&name, &place, &by, &version, &modified, &record); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, name, place, by, version, modified, record)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSeen_again_a_document_row_is_not_written(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, `"fields":[{"fieldname":"at","fieldtype":"Data","compare":"ignore"},{"fieldname":"price","fieldtype":"Currency","tolerance":"5%"}]`, "")
		h.defineScraper(t, `{"name":"other","feeds":"`+f.docType+`"}`)
		other := &feed{house: h, docType: f.docType, scraper: "other"}
		f.run(t, full, `{"sku":"a","at":"1","price":100}`, `{"sku":"b","at":"1","x":{"p":1.0}}`, `{"sku":"c"}`)
		again := []string{`{"at":"2","sku":"a","price":103.0}`, `{"sku":"b","x":{"p":1},"at":"1"}`, `{"sku":"c"}`}
		before := f.rowsOf(t)
		same := func(what string) {
			t.Helper()
			if after := f.rowsOf(t); after != before {
				t.Errorf("%s wrote\n%s\nover\n%s", what, after, before)
			}
		}
		f.run(t, full, again...)
		same("a full job")
		f.run(t, `{"baseline":true}`, again...)
		same("a baseline")
		f.run(t, `{"max_updates":0}`, again...)
		same("a job that limits updates")
		other.run(t, full, again...)
		same("another scraper")
		f.run(t, full, again...)
		same("the first one again")
		j := f.create(t, full)
		if j = f.finish(t, j.ID); j.Status != jobs.Held {
			t.Errorf("%s", j.JSON())
		}
		same("a job that is held")
		if _, err := f.jobs.Discard(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		same("a discard")
		f.run(t, full, again[:2]...) // c goes
		if after := f.rowsOf(t); !strings.HasPrefix(after, strings.Join(strings.SplitAfter(before, "\n")[:2], "")) || after == before {
			t.Errorf("a removal wrote\n%s\nover\n%s", after, before)
		}
	})
}
