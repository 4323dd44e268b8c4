package documents_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/idempotency"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// each runs a test on both databases with a Service and the given DocTypes.
func each(t *testing.T, doctypes []string, fn func(t *testing.T, s *documents.Service)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := documents.New(db, documents.Options{})
		for _, text := range doctypes {
			d, err := doctype.ParseDocType([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.InsertDocType(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		fn(t, s)
	})
}

const product = `{"name":"Product","autoname":"field:sku"}`

func logged(t *testing.T, s *documents.Service) []string {
	t.Helper()
	events, err := s.Log().Events(t.Context(), eventlog.Range{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		line := fmt.Sprintf("%s %s v%d %s", e.Event, e.Name, e.Version, e.Data)
		if e.Changed != nil {
			line += " " + string(e.Changed)
		}
		if e.Restored {
			line += " restored"
		}
		out = append(out, line)
	}
	return out
}

func wantLog(t *testing.T, s *documents.Service, want ...string) {
	t.Helper()
	got := logged(t, s)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if doctype.CodeOf(err) != code {
		t.Errorf("error %v (%s), want code %s", err, doctype.CodeOf(err), code)
	}
}

func TestService_life_of_a_document(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		first := `{"sku":"A/1","price":2500.0,"big":123456789012345678901234567890,"note":"Zoë 東京"}`
		d, err := s.Insert(ctx, "Product", []byte(first))
		if err != nil || string(d.Record) != first || d.Name != "A/1" || d.Version != 1 {
			t.Fatalf("inserted %+v, %v", d, err)
		}
		_, err = s.Insert(ctx, "Product", []byte(first))
		wantCode(t, err, doctype.CodeConflict)
		if _, err := s.Put(ctx, "Product", []byte(`{"price":2500,"sku":"A/1","note":"Zoë 東京","big":123456789012345678901234567890}`)); err != nil {
			t.Fatal(err)
		}
		if d, err = s.Get(ctx, "Product", "A/1"); err != nil || string(d.Record) != first {
			t.Errorf("an equal record replaced the stored one: %s, %v", d.Record, err)
		}
		if _, err = s.Update(ctx, "Product", "A/1", []byte(`{"price":2499.5}`), documents.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err = s.Update(ctx, "Product", "A/1", []byte(`{"sku":"B"}`), documents.UpdateOptions{})
		wantCode(t, err, doctype.CodeImmutable)
		if _, err = s.Trash(ctx, "Product", "A/1"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Get(ctx, "Product", "A/1")
		wantCode(t, err, doctype.CodeNotFound)
		_, err = s.Trash(ctx, "Product", "A/1")
		wantCode(t, err, doctype.CodeNotFound)
		if _, err = s.Restore(ctx, "Product", "A/1"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Insert(ctx, "Nothing", []byte(first))
		wantCode(t, err, doctype.CodeNotFound)
		second := `{"sku":"A/1","price":2499.5,"big":123456789012345678901234567890,"note":"Zoë 東京"}`
		wantLog(t, s,
			"on_insert A/1 v1 "+first,
			`on_update A/1 v2 `+second+` [{"name":"price","from":2500.0,"to":2499.5}]`,
			"on_trash A/1 v3 "+second,
			"on_insert A/1 v4 "+second+" restored",
		)
	})
}

func TestService_page_is_one_transaction_with_an_answer_per_line(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		page := func(lines ...string) documents.PageResult {
			t.Helper()
			p := documents.Page{Number: 1}
			for i, l := range lines {
				p.Records = append(p.Records, documents.Record{Line: i + 1, Data: []byte(l)})
			}
			r, err := s.WritePage(ctx, "Product", p)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := page(`{"sku":"a","n":1}`, `{"sku":"b","n":1}`, `{"n":2}`, `{"sku":"a","n":3}`, `{"sku":"c","sku":"c"}`)
		if got := fmt.Sprint(r.Received, r.Inserted, r.Updated, r.Unchanged, r.Duplicates, r.Rejected); got != "5 2 0 0 1 2" {
			t.Errorf("first page: %s, %+v", got, r.Lines)
		}
		r = page(`{"sku":"b","n":1.0}`, `{"sku":"a","n":4}`)
		if got := fmt.Sprint(r.Received, r.Inserted, r.Updated, r.Unchanged, r.Duplicates, r.Rejected); got != "2 0 1 1 0 0" {
			t.Errorf("second page: %s, %+v", got, r.Lines)
		}
		wantLog(t, s, `on_insert b v1 {"sku":"b","n":1}`, `on_insert a v1 {"sku":"a","n":3}`,
			`on_update a v2 {"sku":"a","n":4} [{"name":"n","from":3,"to":4}]`)
	})
}

func TestService_idempotency_key(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		p := documents.Page{Number: 1, IdempotencyKey: "k", Records: []documents.Record{{Line: 1, Data: []byte(`{"sku":"a"}`)}}}
		for i := range 3 {
			r, err := s.WritePage(ctx, "Product", p)
			if err != nil || r.Inserted != 1 || r.Repeated != (i > 0) {
				t.Fatalf("try %d: %+v, %v", i, r, err)
			}
		}
		p.Records[0].Data = []byte(`{"sku":"b"}`)
		_, err := s.WritePage(ctx, "Product", p)
		wantCode(t, err, idempotency.CodeMismatch)
		if n := len(logged(t, s)); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
	})
}

func TestService_concurrent_writers_lose_nothing(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		const writers, rounds = 16, 20
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range rounds {
					var err error
					switch w % 3 {
					case 0: // its own documents, singly
						_, err = s.Insert(ctx, "Product", fmt.Appendf(nil, `{"sku":"w%d-%d"}`, w, i))
					case 1: // one document everybody writes
						_, err = s.Put(ctx, "Product", fmt.Appendf(nil, `{"sku":"shared","by":%d,"i":%d}`, w, i))
					default: // the same page of documents
						p := documents.Page{}
						for k := range 20 {
							p.Records = append(p.Records, documents.Record{Line: k, Data: fmt.Appendf(nil, `{"sku":"p%d","by":%d,"i":%d}`, (k*7+w)%20, w, i)})
						}
						_, err = s.WritePage(ctx, "Product", p)
					}
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		events, err := s.Log().Events(ctx, eventlog.Range{Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		version := map[string]int64{}
		var pos int64
		for _, e := range events {
			if e.Version != version[e.Name]+1 {
				t.Errorf("%s goes from version %d to %d", e.Name, version[e.Name], e.Version)
			}
			if e.Pos <= pos {
				t.Errorf("position %d after %d", e.Pos, pos)
			}
			version[e.Name], pos = e.Version, e.Pos
		}
		docs, err := s.List(ctx, "Product", query.Query{Limit: query.All})
		if err != nil || len(docs) != len(version) {
			t.Errorf("%d documents, %d in the log, %v", len(docs), len(version), err)
		}
		for _, d := range docs {
			if d.Version != version[d.Name] {
				t.Errorf("%s is version %d, the log says %d", d.Name, d.Version, version[d.Name])
			}
		}
	})
}

func TestService_unique_fields(t *testing.T) {
	each(t, []string{`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"ean","fieldtype":"Data","unique":1}]}`},
		func(t *testing.T, s *documents.Service) {
			ctx := t.Context()
			p := documents.Page{Records: []documents.Record{{Line: 1, Data: []byte(`{"sku":"a","ean":"1"}`)}, {Line: 2, Data: []byte(`{"sku":"b","ean":"1"}`)}, {Line: 3, Data: []byte(`{"sku":"c","ean":""}`)}, {Line: 4, Data: []byte(`{"sku":"d"}`)}}}
			r, err := s.WritePage(ctx, "Product", p)
			if err != nil || r.Inserted != 3 || r.Rejected != 1 || r.Lines[1].Code != doctype.CodeUnique {
				t.Fatalf("%+v, %v", r, err)
			}
			_, err = s.Put(ctx, "Product", []byte(`{"sku":"d","ean":"1"}`))
			wantCode(t, err, doctype.CodeUnique)
			if _, err = s.Trash(ctx, "Product", "a"); err != nil {
				t.Fatal(err)
			}
			if _, err = s.Put(ctx, "Product", []byte(`{"sku":"d","ean":"1"}`)); err != nil {
				t.Errorf("a trashed document still holds its value: %v", err)
			}
			_, err = s.Restore(ctx, "Product", "a")
			wantCode(t, err, doctype.CodeUnique)
			if n := len(logged(t, s)); n != 5 {
				t.Errorf("%d events, want 5: %v", n, logged(t, s))
			}
		})
}

func TestTriggers(t *testing.T) {
	each(t, []string{product, `{"name":"Count","autoname":"field:of"}`}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		var order []string
		on := func(doctypeName, moment, name string, fn documents.Trigger) {
			t.Helper()
			err := s.On(doctypeName, moment, name, func(ctx context.Context, w *documents.Write) error {
				order = append(order, name)
				return fn(ctx, w)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		pass := func(context.Context, *documents.Write) error { return nil }
		on("*", documents.BeforeInsert, "all-before", pass)
		on("Product", documents.BeforeInsert, "before", pass)
		on("Product", documents.Validate, "price", func(_ context.Context, w *documents.Write) error {
			if strings.Contains(string(w.Doc.Record), `"price":-`) {
				return errors.New("a price cannot be negative")
			}
			if strings.Contains(string(w.Doc.Record), "boom") {
				panic("boom") //nolint:forbidigo // a trigger of others may do it
			}
			return nil
		})
		on("Product", documents.BeforeSave, "stamp", func(_ context.Context, w *documents.Write) error {
			w.Doc.Record = record.Merge(w.Doc.Record, []byte(`{"seen":true}`))
			return nil
		})
		on("Product", doctype.OnInsert, "count", func(ctx context.Context, w *documents.Write) error {
			_, err := s.Put(ctx, "Count", fmt.Appendf(nil, `{"of":%q}`, w.Doc.Name))
			if err == nil && strings.Contains(string(w.Doc.Record), "late") {
				err = errors.New("too late")
			}
			return err
		})
		on("Product", documents.AfterCommit, "after", pass)

		p := documents.Page{Records: []documents.Record{
			{Line: 1, Data: []byte(`{"sku":"a"}`)},
			{Line: 2, Data: []byte(`{"sku":"b","price":-1}`)},
			{Line: 3, Data: []byte(`{"sku":"c","x":"boom"}`)},
			{Line: 4, Data: []byte(`{"sku":"d","x":"late"}`)},
			{Line: 5, Data: []byte(`{"sku":"e"}`)},
		}}
		r, err := s.WritePage(ctx, "Product", p)
		if err != nil || r.Inserted != 2 || r.Rejected != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := r.Lines[1].Message; got != `validate trigger "price": a price cannot be negative` {
			t.Errorf("rejected with %q", got)
		}
		if got := r.Lines[2].Message; got != `validate trigger "price" panicked` {
			t.Errorf("rejected with %q", got)
		}
		wantLog(t, s, `on_insert a v1 {"sku":"a","seen":true}`, `on_insert a v1 {"of":"a"}`, `on_insert e v1 {"sku":"e","seen":true}`, `on_insert e v1 {"of":"e"}`)
		if got := strings.Join(order[:6], " "); got != "before all-before price stamp count all-before" {
			t.Errorf("order %s", got)
		}
		if got := strings.Join(order[len(order)-2:], " "); got != "after after" {
			t.Errorf("the last to run are %s", got)
		}
	})
}

func TestService_naming_rule_is_fixed_while_there_are_documents(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		if _, err := s.Insert(ctx, "Product", []byte(`{"sku":"a"}`)); err != nil {
			t.Fatal(err)
		}
		d, err := s.DocType(ctx, "Product")
		if err != nil {
			t.Fatal(err)
		}
		changed := d.DocType
		changed.Autoname = "field:ean"
		_, err = s.UpdateDocType(ctx, changed)
		wantCode(t, err, doctype.CodeImmutable)
		wantCode(t, s.DeleteDocType(ctx, "Product"), doctype.CodeImmutable)
		if _, err := s.Trash(ctx, "Product", "a"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteDocType(ctx, "Product"); err != nil {
			t.Error(err)
		}
	})
}

func TestService_full_database_says_so_and_keeps_nothing(t *testing.T) {
	db := dbtest.New(t, "sqlite")
	s := documents.New(db, documents.Options{})
	d, err := doctype.ParseDocType([]byte(product))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.InsertDocType(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := db.Write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+2)); err != nil {
		t.Fatal(err)
	}
	p := documents.Page{}
	for i := range 2000 {
		p.Records = append(p.Records, documents.Record{Line: i, Data: fmt.Appendf(nil, `{"sku":"%d","text":%q}`, i, strings.Repeat("x", 200))})
	}
	_, err = s.WritePage(t.Context(), "Product", p)
	wantCode(t, err, doctype.CodeUnavailable)
	if _, err := db.Write.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	wantLog(t, s)
	if n, err := s.Count(t.Context(), "Product", query.Query{}); n != 0 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
	if r, err := s.WritePage(t.Context(), "Product", p); err != nil || r.Inserted != 2000 {
		t.Errorf("after there is room again: %+v, %v", r.Inserted, err)
	}
}
