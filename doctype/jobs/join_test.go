package jobs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
)

func TestJoin_a_job_of_another_system(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f, g := h.feed(t, "", `"mode":"full"`), h.feed(t, "", "")
		ctx := t.Context()
		foreign := []string{"42", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "it's \\ a \"job\" ? é {1}", strings.Repeat("x", 140)}
		ids := map[string]string{}
		for _, id := range foreign {
			j, err := f.jobs.Join(ctx, f.docType, id)
			if err != nil || j.Scraper != f.scraper || j.Mode != "partial" || j.Status != jobs.Pending || j.Foreign != id || j.ID == id {
				t.Fatalf("%q: %+v, %v", id, j, err)
			}
			ids[id] = j.ID
		}
		for _, id := range foreign {
			again, err := f.jobs.Join(ctx, f.docType, id)
			if err != nil || again.ID != ids[id] {
				t.Errorf("%q again: %s, %v, want %s", id, again.ID, err, ids[id])
			}
			elsewhere, err := g.jobs.Join(ctx, g.docType, id) // another system may count alike
			if err != nil || elsewhere.DocType != g.docType || elsewhere.ID == ids[id] {
				t.Errorf("%q elsewhere: %+v, %v", id, elsewhere, err)
			}
		}
		f.page(t, ids["42"], "a")
		f.finish(t, ids["42"])
		over, err := f.jobs.Join(ctx, f.docType, "42") // a late page goes to the job that is over, and is refused there
		if err != nil || over.ID != ids["42"] || over.Status != jobs.Finished {
			t.Errorf("%+v, %v", over, err)
		}
		_, err = f.jobs.WritePage(ctx, over.ID, pageOf("late"))
		wantCode(t, err, doctype.CodeConflict)

		own, err := f.jobs.Join(ctx, f.docType, ids["42"])
		if err != nil || own.ID != ids["42"] {
			t.Errorf("by our own id: %+v, %v", own, err)
		}
		_, err = g.jobs.Join(ctx, g.docType, ids["42"])
		wantField(t, "our own id, of another DocType", err, "job")
		for _, id := range []string{"", "  ", "a\nb", "\xff", "\x00", strings.Repeat("x", 141)} {
			_, err := f.jobs.Join(ctx, f.docType, id)
			wantField(t, fmt.Sprintf("%q", id), err, "jobId")
		}
		_, err = f.jobs.Join(ctx, "Nothing", "1")
		wantCode(t, err, doctype.CodeNotFound)
	})
}

func TestJoin_whose_job_it_is(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.defineDocType(t, `{"name":"Nobody","autoname":"field:sku"}`)
		_, err := h.jobs.Join(ctx, "Nobody", "1")
		wantCode(t, err, doctype.CodeLink)

		h.defineDocType(t, `{"name":"Both","autoname":"field:sku"}`)
		h.defineScraper(t, `{"name":"b1","feeds":"Both"}`)
		h.defineScraper(t, `{"name":"b2","feeds":"Both"}`)
		_, err = h.jobs.Join(ctx, "Both", "1")
		wantCode(t, err, doctype.CodeLink)

		h.defineDocType(t, `{"name":"Named","autoname":"field:sku","scraper":"n2"}`)
		_, err = h.jobs.Join(ctx, "Named", "1")
		wantCode(t, err, doctype.CodeNotFound)
		h.defineScraper(t, `{"name":"n1","feeds":"Named"}`)
		h.defineScraper(t, `{"name":"n2","feeds":"Named"}`)
		j, err := h.jobs.Join(ctx, "Named", "1")
		if err != nil || j.Scraper != "n2" || j.DocType != "Named" {
			t.Errorf("%+v, %v", j, err)
		}
		// The scraper goes elsewhere: its records must not follow it into another DocType.
		if _, err := h.scrapers.Update(ctx, "n2", []byte(`{"feeds":"Both"}`)); err != nil {
			t.Fatal(err)
		}
		if late, err := h.jobs.Join(ctx, "Named", "1"); err != nil || late.ID != j.ID { // begun before
			t.Errorf("%+v, %v", late, err)
		}
		_, err = h.jobs.Join(ctx, "Named", "2")
		wantCode(t, err, doctype.CodeLink)
		if n, err := h.jobs.Count(ctx, query.Query{}); n != 1 || err != nil {
			t.Errorf("%d jobs, want 1; %v", n, err)
		}
	})
}

func TestJoin_at_once(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		var wg sync.WaitGroup
		ids := make([]string, 16)
		for i := range ids {
			wg.Go(func() {
				j, err := f.jobs.Join(t.Context(), f.docType, fmt.Sprint("run-", i%2))
				if err == nil {
					_, err = f.jobs.WritePage(t.Context(), j.ID, pageOf(fmt.Sprint("d", i)))
				}
				if err != nil {
					t.Error(err)
				}
				ids[i] = j.ID
			})
		}
		wg.Wait()
		for i := range ids {
			if ids[i] != ids[i%2] {
				t.Errorf("run-%d is %s and %s", i%2, ids[i], ids[i%2])
			}
		}
		if ids[0] == ids[1] || f.get(t, ids[0]).Rows != 8 || f.get(t, ids[1]).Rows != 8 {
			t.Errorf("%+v %+v", f.get(t, ids[0]), f.get(t, ids[1]))
		}
	})
}
