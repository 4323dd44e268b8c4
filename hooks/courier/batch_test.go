package courier_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// scraper makes a DocType Doc and a scraper that feeds it.
func (h *house) scraper(name string) {
	h.t.Helper()
	h.doctype(`{"name":"Doc","autoname":"field:name"}`)
	if _, err := scrapers.New(h.db, scrapers.Options{}).Insert(h.t.Context(), scrapers.Scraper{Name: name, Feeds: "Doc", Mode: scrapers.Partial}); err != nil {
		h.t.Fatal(err)
	}
}

func records(from, to int) documents.Page {
	var p documents.Page
	for i := from; i < to; i++ {
		p.Records = append(p.Records, documents.Record{Line: i + 1, Data: fmt.Appendf(nil, `{"name":"d%04d","n":%d}`, i, i)})
	}
	return p
}

// job runs a job of one page from its beginning to its end.
func (h *house) job(scraper string, p documents.Page) string {
	h.t.Helper()
	j, err := h.jobs.Create(h.t.Context(), scraper, nil)
	if err == nil {
		_, err = h.jobs.WritePage(h.t.Context(), j.ID, p)
	}
	if err == nil {
		j, err = h.jobs.Finish(h.t.Context(), j.ID, jobs.Ending{Status: jobs.Finished})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return j.ID
}

func (h *house) insertWebhook(text string) {
	h.t.Helper()
	if _, err := h.hooks.Insert(h.t.Context(), []byte(text)); err != nil {
		h.t.Fatal(err)
	}
}

// productNames are the names of the products in a body of format changes.
func productNames(t *testing.T, body string) []string {
	t.Helper()
	var got struct {
		Products []struct {
			ProductData struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range got.Products {
		out = append(out, p.ProductData.Name)
	}
	return out
}

func TestBatch_parts_go_in_order_and_a_failing_one_holds_the_others_back(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		failed := 0
		r := newReceiver(t, func(a arrived, seen int) int {
			if strings.Contains(a.Body, "d0002") && seen < 2 {
				failed++
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		h := build(t, db)
		h.scraper("shop")
		h.insertWebhook(fmt.Sprintf(`{"name":"w","scraper":"shop","format":"changes","request_url":%q,"batch":{"max_records":2},"retry":{"schedule":[0]}}`, r.URL))
		h.start()
		h.job("shop", records(0, 7))
		var bodies, order []string
		for _, a := range r.wait(t, 6) {
			order = append(order, strings.Join(productNames(t, a.Body), " "))
			bodies = append(bodies, a.ID+" "+a.Body)
		}
		want := []string{"d0000 d0001", "d0002 d0003", "d0002 d0003", "d0002 d0003", "d0004 d0005", "d0006"}
		if !slices.Equal(order, want) {
			t.Errorf("arrived %q, want %q", order, want)
		}
		if bodies[1] != bodies[2] || bodies[2] != bodies[3] {
			t.Errorf("a repeated part differs: %q", bodies[1:4])
		}
		h.stop()
	})
}

func TestBatch_survives_a_restart_and_an_edit_in_its_middle(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		stuck := make(chan struct{})
		r := newReceiver(t, func(a arrived, seen int) int {
			if strings.Contains(a.Body, "d0004") && seen == 0 {
				close(stuck)
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		h := build(t, db)
		h.scraper("shop")
		h.insertWebhook(fmt.Sprintf(`{"name":"w","scraper":"shop","format":"changes","request_url":%q,"batch":{"max_records":2},"retry":{"schedule":[0]}}`, r.URL))
		h.start()
		h.job("shop", records(0, 9))
		<-stuck
		h.stop()
		again := build(t, db)
		if _, err := again.hooks.Update(t.Context(), "w", []byte(`{"batch":{"max_records":3}}`)); err != nil {
			t.Fatal(err)
		}
		again.start()
		last := again.job("shop", records(100, 101))
		byID := map[string]string{}
		var names []string
		for len(names) < 10 { // different jobs overtake each other
			a := r.wait(t, 1)[0]
			if before, repeated := byID[a.ID]; repeated {
				if before != a.Body {
					t.Errorf("%s came with two bodies", a.ID)
				}
				continue
			}
			byID[a.ID] = a.Body
			names = append(names, productNames(t, a.Body)...)
		}
		var want []string
		for i := range 9 {
			want = append(want, fmt.Sprintf("d%04d", i))
		}
		if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, append(want, "d0100")) {
			t.Errorf("products %q (job %s)", got, last)
		}
		again.stop()
	})
}

func TestBatch_of_a_page_outside_jobs_is_one_however_it_is_read(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		r := newReceiver(t, nil)
		h := build(t, db)
		h.scraper("shop")
		h.insertWebhook(fmt.Sprintf(`{"name":"w","webhook_doctype":"Doc","format":"changes","request_url":%q,"batch":{"max_records":1000}}`, r.URL))
		h.start()
		for _, span := range [][2]int{{0, 1200}, {1200, 1203}} { // one read of the log is 500 entries
			if _, err := h.docs.WritePage(t.Context(), "Doc", records(span[0], span[1])); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.docs.Put(t.Context(), "Doc", []byte(`{"name":"single"}`)); err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, a := range r.wait(t, 4) {
			sizes = append(sizes, len(productNames(t, a.Body)))
		}
		if want := []int{1000, 200, 3, 1}; !slices.Equal(sizes, want) {
			t.Errorf("products per request %v, want %v", sizes, want)
		}
		h.stop()
		again := build(t, db).start() // begins in the middle of nothing
		if _, err := again.docs.Put(t.Context(), "Doc", []byte(`{"name":"last"}`)); err != nil {
			t.Fatal(err)
		}
		if a := r.wait(t, 1)[0]; !strings.Contains(a.Body, `"last"`) {
			t.Errorf("after a restart came %s", a.Body)
		}
		again.stop()
	})
}

// A condition that fails on some records leaves them out, and the delivery says so, also after it was tried again.
func TestBatch_tells_of_records_its_condition_failed_on(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for format, data := range map[string]string{"changes": `"enabled":1`, "rows": `"events":["on_change"]`} {
			t.Run(format, func(t *testing.T) {
				r := newReceiver(t, func(_ arrived, seen int) int {
					if seen == 0 {
						return http.StatusServiceUnavailable
					}
					return http.StatusOK
				})
				h := build(t, db)
				docType := "Doc" + format
				h.doctype(`{"name":"` + docType + `","autoname":"field:name"}`)
				h.insertWebhook(fmt.Sprintf(`{"name":"w%s","webhook_doctype":%q,"format":%q,"condition":"doc.n > 1","retry":{"schedule":[0.1]},"request_url":%q,%s}`, format, docType, format, r.URL, data))
				h.start()
				var p documents.Page
				for i, text := range []string{`{"name":"a","n":"x"}`, `{"name":"b","n":2}`, `{"name":"c","n":1}`, `{"name":"d","n":"y"}`} {
					p.Records = append(p.Records, documents.Record{Line: i + 1, Data: []byte(text)})
				}
				if _, err := h.docs.WritePage(t.Context(), docType, p); err != nil {
					t.Fatal(err)
				}
				all := r.wait(t, 2)
				for _, a := range all {
					if !strings.Contains(a.Body, `2`) || strings.Contains(a.Body, `"x"`) {
						t.Errorf("sent %s", a.Body)
					}
				}
				h.until("it is written down", func() bool {
					l, _, err := h.ledger.Get(t.Context(), all[0].ID)
					return err == nil && l.Status == ledger.Delivered && strings.Contains(l.Detail.LeftOut, "2 of 4 records")
				})
				h.stop()
			})
		}
	})
}
