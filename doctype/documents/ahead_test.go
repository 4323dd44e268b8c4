package documents_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
)

// words names n records in one version.
func words(n int, version string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("p%04d=%s", i, version)
	}
	return out
}

func prepared(t *testing.T, s *documents.Service, p documents.Page) documents.Page {
	t.Helper()
	if err := s.Prepare(t.Context(), "Product", &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func written(t *testing.T, s *documents.Service, p documents.Page) documents.PageResult {
	t.Helper()
	r, err := s.WritePage(t.Context(), "Product", p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tallied(r documents.PageResult) string {
	return fmt.Sprintf("%d new, %d updated, %d unchanged, %d twice, %d rejected", r.Inserted, r.Updated, r.Unchanged, r.Duplicates, r.Rejected)
}

func TestPrepare_answers_as_an_unprepared_page(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records(words(1200, "1")...))
		change := words(1200, "1")
		change[3], change[700], change[701], change[1100] = "p0003=2", "p0699=2", "p0699=1", "{nothing"
		change[900] = `{"sku":"p0900","v":1` // as it is stored, but for its end
		for _, of := range []struct {
			what string
			page documents.Page
			want string
		}{
			{"the same", records(words(1200, "1")...), "0 new, 0 updated, 1200 unchanged, 0 twice, 0 rejected"},
			{"some of it new", records(words(1300, "1")...), "100 new, 0 updated, 1200 unchanged, 0 twice, 0 rejected"},
			{"some of it changed", records(change...), "0 new, 1 updated, 1195 unchanged, 2 twice, 2 rejected"},
			{"all of it changed", records(words(1300, "3")...), "0 new, 1300 updated, 0 unchanged, 0 twice, 0 rejected"},
		} {
			p := prepared(t, s, of.page)
			if got := tallied(written(t, s, p)); got != of.want {
				t.Errorf("%s: %s, want %s", of.what, got, of.want)
			}
		}
	})
}

// A body may bring a document twice, changed and then as it was: the second page was looked up before the first was written.
func TestPrepare_behind_a_page_that_changed_the_same_documents(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records(words(400, "1")...))
		first := prepared(t, s, records("p0005=2", "-p0006", "p0007=1"))
		second := prepared(t, s, records(words(400, "1")...))
		r := written(t, s, first)
		second.Behind(&r)
		if got, want := tallied(written(t, s, second)), "1 new, 1 updated, 398 unchanged, 0 twice, 0 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		var last []string
		for _, line := range logged(t, s)[400:] {
			last = append(last, strings.Join(strings.Fields(line)[:3], " "))
		}
		want := "on_update p0005 v2, on_trash p0006 v2, on_update p0005 v3, on_insert p0006 v3"
		if got := strings.Join(last, ", "); got != want {
			t.Errorf("logged %s, want %s", got, want)
		}
	})
}

// What is stored as it came was checked, but perhaps by a definition that is no longer.
func TestPrepare_judges_by_the_definition_of_now(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records(words(300, "1")...))
		d, err := doctype.ParseDocType([]byte(`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"v","fieldtype":"Select","options":"one"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpdateDocType(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got, want := tallied(written(t, s, prepared(t, s, records(words(300, "1")...)))), "0 new, 0 updated, 0 unchanged, 0 twice, 300 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// What another writes between the look-up and the page counts as written after the page.
func TestPrepare_others_write_after_what_was_looked_up(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records(words(300, "1")...))
		p := prepared(t, s, records(words(300, "1")...))
		if _, err := s.Put(t.Context(), "Product", []byte(`{"sku":"p0001","v":9}`)); err != nil {
			t.Fatal(err)
		}
		if got, want := tallied(written(t, s, p)), "0 new, 0 updated, 300 unchanged, 0 twice, 0 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		doc, err := s.Get(t.Context(), "Product", "p0001")
		if err != nil || string(doc.Record) != `{"sku":"p0001","v":9}` {
			t.Errorf("%s %v", doc.Record, err)
		}
	})
}

// Triggers of the transaction see every record; a document that another scraper saw last is looked up when its page is written.
func TestPrepare_leaves_to_the_transaction_what_is_its_business(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		page := func(scraper string) documents.Page {
			p := records(words(300, "1")...)
			p.Run = documents.Run{Job: "01980000-0000-7000-8000-000000000001", Scraper: scraper, Page: 1}
			return p
		}
		written(t, s, page("one"))
		p := prepared(t, s, page("one"))
		p.Run.Scraper = "two"
		if r := written(t, s, p); r.Unchanged != 300 || r.Lines[0].Scraper != "one" {
			t.Errorf("%s, last seen by %q", tallied(r), r.Lines[0].Scraper)
		}
		seen := 0
		on(t, s, "Product", documents.Validate, func(context.Context, *documents.Write) error { seen++; return nil })
		changed := prepared(t, s, records(append(words(299, "1"), "p0299=2")...))
		if r := written(t, s, changed); r.Updated != 1 || seen != 1 {
			t.Errorf("%s, %d seen by the trigger", tallied(r), seen)
		}
	})
}
