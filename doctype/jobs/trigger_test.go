package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/migrations/dbtest"
)

func (f *feed) on(t *testing.T, moment string, fn documents.Trigger) {
	t.Helper()
	if err := f.docs.On(f.docType, moment, "of the test", fn); err != nil {
		t.Fatal(err)
	}
}

func TestTrigger_in_the_transaction_of_a_page(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f, audit := h.feed(t, "", off), h.feed(t, "", "")
		note := func(ctx context.Context, w *documents.Write) error {
			_, err := f.docs.Put(ctx, audit.docType, fmt.Appendf(nil, `{"sku":%q,"v":%d}`, w.Doc.Name, w.Doc.Version))
			if err == nil && strings.Contains(string(w.Doc.Record), "13") {
				err = errors.New("unlucky")
			}
			return err
		}
		f.on(t, doctype.OnInsert, note)
		f.on(t, doctype.OnUpdate, note)
		f.on(t, documents.Validate, func(_ context.Context, w *documents.Write) error {
			if strings.Contains(string(w.Doc.Record), "-") {
				return errors.New("below zero")
			}
			return nil
		})
		f.on(t, doctype.OnTrash, func(_ context.Context, w *documents.Write) error {
			if w.Doc.Name == "keep" {
				return errors.New("must not go")
			}
			return nil
		})

		f.run(t, full, "a=1", "b=1", "c=1", "keep")
		f.fresh(t)
		audit.fresh(t)
		j := f.create(t, full)
		r := f.page(t, j.ID, "a=1", "b=2", "c=-1", "new=13", "new2=14", "a2=-4", "b=3")
		if r.Inserted != 1 || r.Updated != 1 || r.Unchanged != 1 || r.Rejected != 3 || r.Duplicates != 1 {
			t.Errorf("%+v", r)
		}
		wantWords(t, "results", strings.Join(f.results(t, j.ID), ""), `{"sku":"a","v":1}{"sku":"new2","v":14}{"sku":"b","v":3}`)
		wantWords(t, "documents", sorted(f.live(t)), "a b c keep new2")
		wantWords(t, "nested", audit.log(t), "+new2 ~b")
		got := f.finish(t, j.ID) // c was there, though it was refused; keep was not, and may not go
		if got.Status != jobs.Finished || got.Counts.Removed != 0 || got.Rows != 3 {
			t.Errorf("%s", got.JSON())
		}
		wantWords(t, "events", f.log(t), "started +new2 ~b data finished")
		for _, name := range []string{"new", "a2"} {
			if _, err := f.docs.Get(t.Context(), audit.docType, name); doctype.CodeOf(err) != doctype.CodeNotFound {
				t.Errorf("the nested write of %s, which was refused: %v", name, err)
			}
		}
	})
}

// A job of another scraper, fed by a trigger on the documents of the first one.
func TestTrigger_that_runs_a_job(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f, g := h.feed(t, "", off), h.feed(t, "", off)
		g.run(t, full, "a=0", "b=0", "c=0")
		inner := g.create(t, `{"max_updates":1}`)
		f.run(t, full, "a=1", "b=1", "c=1")
		f.on(t, doctype.OnUpdate, func(ctx context.Context, w *documents.Write) error {
			if _, err := g.jobs.WritePage(ctx, inner.ID, pageOf(w.Doc.Name+"=9")); err != nil {
				return err
			}
			made, err := g.jobs.Create(ctx, g.scraper, nil)
			if err == nil {
				_, err = g.jobs.WritePage(ctx, made.ID, pageOf("of-"+w.Doc.Name))
			}
			if err == nil {
				_, err = g.jobs.Finish(ctx, made.ID, jobs.Ending{Status: jobs.Finished})
			}
			if err == nil && w.Doc.Name == "b" {
				err = errors.New("not this one")
			}
			return err
		})
		f.fresh(t)
		g.fresh(t)
		outer := f.create(t, `{"max_updates":0}`)
		if r := f.page(t, outer.ID, "a=2", "b=2", "c=2"); r.Updated != 2 || r.Rejected != 1 {
			t.Fatalf("%+v", r)
		}
		f.finish(t, outer.ID)
		g.finish(t, inner.ID)
		wantWords(t, "inside", g.log(t), "started data started +of-a data finished data started +of-c data finished ~a ~c finished")
		if got := f.get(t, outer.ID); got.HeldUpdate != 2 || got.Status != jobs.Held {
			t.Errorf("%s", got.JSON())
		}
		if _, err := f.jobs.Approve(t.Context(), outer.ID); err != nil {
			t.Fatal(err)
		}
		wantWords(t, "outside", f.log(t), "started data finished ~a ~c")
	})
}

// Another process writes a document of the page between its reading and its writing: the page is tried again, from the beginning.
func TestPage_that_is_tried_again(t *testing.T) {
	h := newHouse(dbtest.New(t, dbtest.Postgres))
	f := h.feed(t, "", off)
	f.run(t, full, "a=1", "b=1", "c=1", "d=1")
	elsewhere := documents.New(h.db, documents.Options{Now: h.clock.now})
	var tries atomic.Int32
	f.on(t, documents.BeforeSave, func(ctx context.Context, w *documents.Write) error {
		if w.Doc.Name == "c" && tries.Add(1) == 1 {
			_, err := elsewhere.Put(ctx, f.docType, data("c=99"))
			return err
		}
		return nil
	})
	f.fresh(t)
	j := f.create(t, `{"mode":"full","max_updates":1}`)
	p := pageOf("a=2", "new", "c=2", "b=1")
	p.IdempotencyKey = "k"
	r, err := f.jobs.WritePage(t.Context(), j.ID, p)
	if err != nil || tries.Load() != 2 || r.Updated != 2 || r.Inserted != 1 || r.Unchanged != 1 {
		t.Fatalf("%d tries, %+v, %v", tries.Load(), r, err)
	}
	got := f.finish(t, j.ID)
	if got.Counts.Pages != 1 || got.Rows != 4 || got.Counts.Updated != 2 || got.Counts.Removed != 1 {
		t.Errorf("%s", got.JSON())
	}
	wantWords(t, "events", f.log(t), "~c started +new data -d ~a ~c finished")
	wantWords(t, "results", strings.Join(f.results(t, j.ID), ""), `{"sku":"a","v":2}{"sku":"new"}{"sku":"c","v":2}{"sku":"b","v":1}`)
}

// And the same of removals.
func TestFinish_that_is_tried_again(t *testing.T) {
	h := newHouse(dbtest.New(t, dbtest.Postgres))
	f := h.feed(t, "", off)
	f.run(t, full, "a", "b", "c")
	var tries atomic.Int32
	f.on(t, doctype.OnTrash, func(ctx context.Context, w *documents.Write) error {
		if w.Doc.Name == "c" && tries.Add(1) == 1 { // 40001
			return h.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
				_, err := tx.ExecContext(ctx, "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
				return err
			})
		}
		return nil
	})
	f.fresh(t)
	j := f.create(t, full)
	f.page(t, j.ID, "a")
	if got := f.finish(t, j.ID); got.Counts.Removed != 2 || tries.Load() != 2 {
		t.Errorf("%d tries, %s", tries.Load(), got.JSON())
	}
	wantWords(t, "events", f.log(t), "started data -b -c finished")
	wantWords(t, "documents", sorted(f.live(t)), "a")
}
