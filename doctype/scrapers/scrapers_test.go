package scrapers_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// each runs a test on both databases, with the DocTypes Product and Offer.
func each(t *testing.T, fn func(t *testing.T, db *migrations.DB, s *scrapers.Service)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for _, name := range []string{"Product", "Offer"} {
			exec(t, db, "INSERT INTO doctypes (name, data, owner, creation, modified, modified_by) VALUES (?, ?, '', 1, 1, '')", name, `{"name":"`+name+`"}`)
		}
		fn(t, db, scrapers.New(db, scrapers.Options{}))
	})
}

func exec(t *testing.T, db *migrations.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Write.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

func insert(t *testing.T, s *scrapers.Service, text string) scrapers.Stored {
	t.Helper()
	d, err := scrapers.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Insert(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func wantCode(t *testing.T, what string, err error, code, field string) {
	t.Helper()
	own, ok := errors.AsType[*doctype.Error](err)
	if !ok || own.CodeWord != code || own.Field != field {
		t.Errorf("%s: error %v, want %s in %q", what, err, code, field)
	}
}

func TestParse(t *testing.T) {
	table := []struct{ text, want string }{
		{
			`{"name":"shop","feeds":"Product"}`,
			`{"name":"shop","title":"","description":"","feeds":"Product","table":"","mode":"partial","removal":null}`,
		},
		{
			`{"mode":"full","removal": {"misses" : 2, "max_ratio":null}, "table":"t","description":"<é>","title":"T \"x\"","feeds":"Product","name":"a/b c"}`,
			`{"name":"a/b c","title":"T \"x\"","description":"<é>","feeds":"Product","table":"t","mode":"full","removal":{"misses" : 2, "max_ratio":null}}`,
		},
		{
			`{"name":"shop","feeds":"Product","mode":null,"title":null,"removal":null,"doctype":"Scraper","owner":"x","creation":"y","docstatus":0,"idx":0,"modified":"","modified_by":"","__islocal":1}`,
			`{"name":"shop","title":"","description":"","feeds":"Product","table":"","mode":"partial","removal":null}`,
		},
	}
	for _, row := range table {
		s, err := scrapers.Parse([]byte(row.text))
		if err != nil || string(s.JSON()) != row.want {
			t.Errorf("%s: %s, %v", row.text, s.JSON(), err)
			continue
		}
		again, err := scrapers.Parse(s.JSON())
		if err != nil || string(again.JSON()) != row.want {
			t.Errorf("%s: its own JSON is read as %s, %v", row.text, again.JSON(), err)
		}
	}
}

func TestParse_refuses_by_field(t *testing.T) {
	with := func(members string) string { return `{"name":"s","feeds":"Product",` + members + `}` }
	table := []struct{ text, code, field string }{
		{`{"feeds":"Product"}`, doctype.CodeMandatory, "name"},
		{`{"name":"  ","feeds":"Product"}`, doctype.CodeMandatory, "name"},
		{`{"name":7,"feeds":"Product"}`, doctype.CodeInvalid, "name"},
		{`{"name":"jobs","feeds":"Product"}`, doctype.CodeInvalid, "name"},
		{`{"name":"a\nb","feeds":"Product"}`, doctype.CodeInvalid, "name"},
		{`{"name":"` + strings.Repeat("x", 141) + `","feeds":"Product"}`, doctype.CodeInvalid, "name"},
		{`{"name":"s"}`, doctype.CodeMandatory, "feeds"},
		{`{"name":"s","feeds":null}`, doctype.CodeMandatory, "feeds"},
		{`{"name":"s","feeds":["Product"]}`, doctype.CodeInvalid, "feeds"},
		{with(`"mode":"FULL"`), doctype.CodeInvalid, "mode"},
		{with(`"mode":1`), doctype.CodeInvalid, "mode"},
		{with(`"title":{}`), doctype.CodeInvalid, "title"},
		{with(`"table":5`), doctype.CodeInvalid, "table"},
		{with(`"description":true`), doctype.CodeInvalid, "description"},
		{with(`"colour":"red"`), doctype.CodeInvalid, "colour"},
		{with(`"removal":"hold"`), doctype.CodeInvalid, "removal"},
		{with(`"removal":[]`), doctype.CodeInvalid, "removal"},
		{with(`"removal":{"misses":0}`), doctype.CodeInvalid, "removal.misses"},
		{with(`"removal":{"misses":1001}`), doctype.CodeInvalid, "removal.misses"},
		{with(`"removal":{"misses":1.5}`), doctype.CodeInvalid, "removal.misses"},
		{with(`"removal":{"max_ratio":1.1}`), doctype.CodeInvalid, "removal.max_ratio"},
		{with(`"removal":{"min_ratio":-0.1}`), doctype.CodeInvalid, "removal.min_ratio"},
		{with(`"removal":{"max_removals":-1}`), doctype.CodeInvalid, "removal.max_removals"},
		{with(`"removal":{"max_removals":"3"}`), doctype.CodeInvalid, "removal.max_removals"},
		{with(`"removal":{"on_zero":"remove"}`), doctype.CodeInvalid, "removal.on_zero"},
		{with(`"removal":{"on_nameless":1}`), doctype.CodeInvalid, "removal.on_nameless"},
		{with(`"removal":{"max_percent":3}`), doctype.CodeInvalid, "removal.max_percent"},
	}
	for _, row := range table {
		_, err := scrapers.Parse([]byte(row.text))
		wantCode(t, row.text, err, row.code, row.field)
	}
	for _, text := range []string{"", "[]", `"s"`, `{"name":"s"`, `{"name":"s","name":"t","feeds":"Product"}`} {
		if _, err := scrapers.Parse([]byte(text)); doctype.CodeOf(err) != doctype.CodeInvalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"s","feeds":"Product","removal":{"misses":2},"mode":"full"}`))
	f.Add([]byte(`{"n\u0061me":"\ud83d\ude00","feeds":"\"","removal": null }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scrapers.Parse(data)
		if err != nil {
			if code := doctype.CodeOf(err); code == doctype.CodeInternal || code == "" {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if err := record.Check(s.JSON()); err != nil {
			t.Fatalf("%q leads to %q: %v", data, s.JSON(), err)
		}
		if again, err := scrapers.Parse(s.JSON()); err != nil || string(again.JSON()) != string(s.JSON()) {
			t.Fatalf("%q leads to %q, and that to %q, %v", data, s.JSON(), again.JSON(), err)
		}
	})
}

func TestService_life_of_a_scraper(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *scrapers.Service) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC)
		s := scrapers.New(db, scrapers.Options{Now: func() time.Time { now = now.Add(time.Hour); return now }})
		ctx := doctype.WithUser(t.Context(), doctype.User{Name: "ann"})
		d, err := scrapers.Parse([]byte(`{"name":"it's \\ a {shop}?","feeds":"Product","title":"One"}`))
		if err != nil {
			t.Fatal(err)
		}
		made, err := s.Insert(ctx, d)
		if err != nil || made.Owner != "ann" || !made.Creation.Equal(made.Modified) {
			t.Fatalf("%+v, %v", made, err)
		}
		_, err = s.Insert(ctx, d)
		wantCode(t, "twice", err, doctype.CodeConflict, "name")
		got, err := s.Get(ctx, d.Name)
		if err != nil || string(got.JSON()) != string(made.JSON()) || !got.Creation.Equal(made.Creation) {
			t.Errorf("%+v, %v, want %+v", got, err, made)
		}
		changed, err := s.Update(doctype.WithUser(ctx, doctype.User{Name: "bob"}), d.Name, []byte(`{"mode":"full","removal":{"misses": 3}}`))
		if err != nil || changed.Title != "One" || changed.Mode != "full" || string(changed.Removal) != `{"misses": 3}` ||
			changed.Owner != "ann" || changed.ModifiedBy != "bob" || !changed.Creation.Equal(made.Creation) || !changed.Modified.After(made.Modified) {
			t.Errorf("%+v, %v", changed, err)
		}
		if got, err = s.Get(ctx, d.Name); err != nil || string(got.JSON()) != string(changed.JSON()) || got.ModifiedBy != "bob" || !got.Modified.Equal(changed.Modified) {
			t.Errorf("%+v, %v, want %+v", got, err, changed)
		}

		for patch, want := range map[string][2]string{
			`{"name":"other"}`:         {doctype.CodeImmutable, "name"},
			`{"name":null}`:            {doctype.CodeMandatory, "name"},
			`{"feeds":"Nothing"}`:      {doctype.CodeLink, "feeds"},
			`{"feeds":""}`:             {doctype.CodeMandatory, "feeds"},
			`{"mode":"half"}`:          {doctype.CodeInvalid, "mode"},
			`{"removal":{"misses":0}}`: {doctype.CodeInvalid, "removal.misses"},
			`{"colour":1}`:             {doctype.CodeInvalid, "colour"},
		} {
			_, err := s.Update(ctx, d.Name, []byte(patch))
			wantCode(t, patch, err, want[0], want[1])
		}
		for _, patch := range []string{"", "[]", `"x"`, `{"title":`, `{"title":"a","title":"b"}`} {
			if _, err := s.Update(ctx, d.Name, []byte(patch)); doctype.CodeOf(err) != doctype.CodeInvalid {
				t.Errorf("patch %s: %v", patch, err)
			}
		}
		if again, err := s.Get(ctx, d.Name); err != nil || string(again.JSON()) != string(changed.JSON()) {
			t.Errorf("refused changes left %s, %v", again.JSON(), err)
		}
		if _, err := s.Update(ctx, d.Name, []byte(`{"feeds":"Offer","removal":null}`)); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, d.Name); err != nil {
			t.Error(err)
		}
		for _, name := range []string{d.Name, "nobody", "", "\x00", strings.Repeat("x", 500)} {
			_, err := s.Get(ctx, name)
			wantCode(t, "get "+name, err, doctype.CodeNotFound, "")
			_, err = s.Update(ctx, name, []byte(`{}`))
			wantCode(t, "update "+name, err, doctype.CodeNotFound, "")
			wantCode(t, "delete "+name, s.Delete(ctx, name), doctype.CodeNotFound, "")
		}
		d.Feeds = "Nothing"
		_, err = s.Insert(ctx, d)
		wantCode(t, "feeds nothing", err, doctype.CodeLink, "feeds")
	})
}

func TestService_delete_with_jobs(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *scrapers.Service) {
		insert(t, s, `{"name":"a","feeds":"Product"}`)
		insert(t, s, `{"name":"b","feeds":"Product"}`)
		job := func(scraper, status string) {
			t.Helper()
			exec(t, db, "DELETE FROM jobs")
			exec(t, db, "INSERT INTO jobs (name, scraper, doctype, status, mode, data, owner, creation, modified, modified_by) VALUES ('j', ?, 'Product', ?, 'partial', '{}', '', 1, 1, '')", scraper, status)
		}
		for _, status := range []string{"pending", "in_progress", "held"} {
			job("a", status)
			wantCode(t, status, s.Delete(t.Context(), "a"), doctype.CodeImmutable, "name")
		}
		exec(t, db, "INSERT INTO absences (doctype, name, scraper, misses, held, due) VALUES ('Product', 'x', 'a', 1, NULL, 0), ('Product', 'x', 'b', 1, NULL, 0)")
		job("b", "pending")
		if err := s.Delete(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		var left string
		if err := db.Read.QueryRowContext(t.Context(), "SELECT max(scraper) || count(*) FROM absences").Scan(&left); err != nil || left != "b1" {
			t.Errorf("absences of %s, %v", left, err)
		}
		for _, status := range []string{"finished", "failed", "stopped"} {
			job("a", status)
			insert(t, s, `{"name":"a","feeds":"Product"}`)
			if err := s.Delete(t.Context(), "a"); err != nil {
				t.Errorf("with a job that is %s: %v", status, err)
			}
		}
	})
}

func TestService_updates_at_once_lose_nothing(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *scrapers.Service) {
		insert(t, s, `{"name":"a","feeds":"Product"}`)
		patches := []string{`{"title":"T"}`, `{"description":"D"}`, `{"table":"B"}`, `{"mode":"full"}`, `{"removal":{"misses":2}}`, `{"feeds":"Offer"}`}
		for range 5 {
			var wg sync.WaitGroup
			for _, patch := range patches {
				wg.Go(func() {
					if _, err := s.Update(t.Context(), "a", []byte(patch)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got, err := s.Get(t.Context(), "a")
			if want := `{"name":"a","title":"T","description":"D","feeds":"Offer","table":"B","mode":"full","removal":{"misses":2}}`; err != nil || string(got.JSON()) != want {
				t.Fatalf("%s, %v, want %s", got.JSON(), err, want)
			}
			if _, err := s.Update(t.Context(), "a", []byte(`{"title":"","description":"","table":"","mode":"","removal":null,"feeds":"Product"}`)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestService_list_and_search(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *scrapers.Service) {
		for _, text := range []string{
			`{"name":"books","feeds":"Product","title":"Books of 50% off","mode":"full"}`,
			`{"name":"shoes_1","feeds":"Product","description":"All SHOES"}`,
			`{"name":"shoesX1","feeds":"Offer","title":"Zoë's"}`,
			`{"name":"back\\slash","feeds":"Offer"}`,
		} {
			insert(t, s, text)
		}
		q := query.Query{Limit: query.All, Order: []query.Order{{Field: "name"}}}
		for keyword, want := range map[string]string{
			"":         "back\\slash books shoesX1 shoes_1",
			"shoes":    "shoesX1 shoes_1",
			"SHOES":    "shoesX1 shoes_1",
			"s_1":      "shoes_1",
			"0%":       "books",
			"%":        "books",
			"_":        "shoes_1",
			`\`:        `back\slash`,
			"Zoë":      "shoesX1",
			"'":        "shoesX1",
			"Product":  "", // what it feeds is not searched
			"nothing!": "",
		} {
			found, err := s.List(t.Context(), scrapers.Search(q, keyword))
			var names []string
			for _, f := range found {
				names = append(names, f.Name)
			}
			if err != nil || strings.Join(names, " ") != want {
				t.Errorf("%q finds %v, want %s; %v", keyword, names, want, err)
			}
			if n, err := s.Count(t.Context(), scrapers.Search(q, keyword)); err != nil || n != int64(len(names)) {
				t.Errorf("%q: counted %d of %d, %v", keyword, n, len(names), err)
			}
		}
		offers := q
		offers.Filters = []query.Filter{query.NewFilter("feeds", query.Equal, "Offer")}
		if n, err := s.Count(t.Context(), scrapers.Search(offers, "shoes")); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if len(q.OrFilters) != 0 || len(offers.OrFilters) != 0 {
			t.Error("a search changed the query it was given")
		}
		for _, field := range []string{"title", "description", "feeds", "table", "mode", "removal"} {
			if !scrapers.Known(field) {
				t.Errorf("%s is not known", field)
			}
		}
		_, err := s.List(t.Context(), query.Query{Filters: []query.Filter{query.NewFilter("secret", query.Equal, "x")}})
		if doctype.CodeOf(err) != doctype.CodeInvalid {
			t.Error(err)
		}
		page, err := s.List(t.Context(), query.Query{Limit: 2, Start: 1, Order: q.Order})
		if names := fmt.Sprint(len(page), slices.IndexFunc(page, func(s scrapers.Stored) bool { return s.Name == "books" })); err != nil || names != "2 0" {
			t.Errorf("%s, %v", names, err)
		}
	})
}
