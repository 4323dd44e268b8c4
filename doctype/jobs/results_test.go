package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"dochook/doctype/documents"
	"dochook/doctype/jobs"
)

func TestRows_in_pages(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		j := f.create(t, full)
		var all []string
		n := 0
		for _, size := range []int{3, 1, 0, 5, 2} {
			page := []string{`{"no":"key"}`}
			for range size {
				page = append(page, fmt.Sprintf("r%02d", n))
				all = append(all, string(data(fmt.Sprintf("r%02d", n))))
				n++
			}
			f.page(t, j.ID, page...)
		}
		ids := map[string]int64{}
		for start := int64(0); start <= int64(n)+2; start++ {
			for limit := int64(0); limit <= int64(n)+2; limit++ {
				rows, total, err := f.jobs.Rows(t.Context(), j.ID, start, limit)
				if err != nil || total != int64(n) {
					t.Fatalf("%d from %d: of %d, %v", limit, start, total, err)
				}
				want := all[min(start, int64(n)):min(start+limit, int64(n))]
				if len(rows) != len(want) {
					t.Fatalf("%d from %d: %d rows, want %d", limit, start, len(rows), len(want))
				}
				for i, r := range rows {
					if string(r.Data) != want[i] {
						t.Errorf("%d from %d: %s, want %s", limit, start, r.Data, want[i])
					}
					at := start + int64(i)
					if was, known := ids[r.ID]; known && was != at {
						t.Errorf("row %d has the id of row %d", at, was)
					}
					ids[r.ID] = at
					if _, err := uuid.Parse(r.ID); err != nil || r.At.IsZero() {
						t.Errorf("row %d: id %s, at %s", at, r.ID, r.At)
					}
				}
			}
		}
		if len(ids) != n {
			t.Errorf("%d ids of %d rows", len(ids), n)
		}
		other := f.run(t, "{}", "r00")
		rows, _, err := f.jobs.Rows(t.Context(), other.ID, 0, 1)
		if err != nil || len(rows) != 1 {
			t.Fatal(err)
		}
		if _, known := ids[rows[0].ID]; known {
			t.Error("two jobs have rows of one id")
		}
		wantWords(t, "each row", strings.Join(f.results(t, j.ID), "\n"), strings.Join(all, "\n"))
		for number, want := range map[int64]int{1: 3, 2: 1, 3: 0, 4: 5, 5: 2} {
			if records, err := f.jobs.Records(t.Context(), j.ID, number); err != nil || len(records) != want {
				t.Errorf("page %d: %d records, want %d; %v", number, len(records), want, err)
			}
		}
		for _, number := range []int64{0, -1, 6} {
			_, err := f.jobs.Records(t.Context(), j.ID, number)
			wantCode(t, err, "not_found")
		}
		stop := errors.New("enough")
		if err := f.jobs.EachRow(t.Context(), j.ID, func(jobs.Row) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("the caller's own error: %v", err)
		}
	})
}

func TestRows_are_the_records_as_they_came(t *testing.T) {
	records := []string{
		`{"sku":"a","price":2500.0,"big":123456789012345678901234567890,"e":1E+3}`,
		"{ \"sku\" : \"b\",\n\t\"z\": null, \"a\": [ ] }",
		`{"sku":"c","t":"Zoë 東京 \u00e9 <&> \ud83d\ude00","nested":{"b":1,"a":{"c":[1.10,{"x":-0}]}}}`,
		`{"sku":"d","long":"` + strings.Repeat("ab", 40_000) + `"}`,
	}
	each(t, func(t *testing.T, h *house) {
		// The defaults and triggers of a DocType are the document's, not the record's.
		f := h.feed(t, `"fields":[{"fieldname":"stock","fieldtype":"Int","default":"7"}]`, "")
		j := f.create(t, full)
		r := f.page(t, j.ID, append(records, `{"sku":"a","last":true}`, `{"sku":"e"`, "")...)
		if r.Inserted != 4 || r.Duplicates != 1 || r.Rejected != 2 {
			t.Fatalf("%+v", r)
		}
		want := append(records[1:len(records):len(records)], `{"sku":"a","last":true}`)
		wantWords(t, "rows", strings.Join(f.results(t, j.ID), "\n"), strings.Join(want, "\n"))
		kept, err := f.jobs.Records(t.Context(), j.ID, 1)
		if err != nil || string(bytes.Join(kept, []byte("\n"))) != strings.Join(want, "\n") {
			t.Errorf("records of the page: %v", err)
		}
		d, err := f.docs.Get(t.Context(), f.docType, "a")
		if err != nil || string(d.Record) != `{"sku":"a","last":true,"stock":7}` {
			t.Errorf("the document: %s, %v", d.Record, err)
		}
		f.page(t, j.ID, `{"sku":"b","merged":1}`)
		if got := f.results(t, j.ID); len(got) != 5 || got[4] != `{"sku":"b","merged":1}` {
			t.Errorf("%d rows", len(got))
		}
	})
}

func TestRows_of_large_pages(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		j := f.create(t, full)
		const n = 2000
		var p documents.Page
		for i := range n {
			p.Records = append(p.Records, documents.Record{Line: i + 1, Data: fmt.Appendf(nil, `{"sku":"%05d","text":"%s"}`, i, strings.Repeat("x", i%5*1000))})
		}
		for range 2 { // anew, and unchanged
			if _, err := f.jobs.WritePage(t.Context(), j.ID, p); err != nil {
				t.Fatal(err)
			}
		}
		got := f.get(t, j.ID)
		if got.Rows != 2*n || got.Counts.Inserted != n || got.Counts.Unchanged != n {
			t.Errorf("%s", got.JSON())
		}
		i := 0
		err := f.jobs.EachRow(t.Context(), j.ID, func(r jobs.Row) error {
			if !bytes.Equal(r.Data, p.Records[i%n].Data) {
				return fmt.Errorf("row %d is %s", i, r.Data)
			}
			i++
			return nil
		})
		if err != nil || i != 2*n {
			t.Errorf("%d rows, %v", i, err)
		}
		rows, _, err := f.jobs.Rows(t.Context(), j.ID, n-1, 2)
		if err != nil || len(rows) != 2 || !bytes.Equal(rows[0].Data, p.Records[n-1].Data) || !bytes.Equal(rows[1].Data, p.Records[0].Data) {
			t.Errorf("across pages: %d rows, %v", len(rows), err)
		}
		f.finish(t, j.ID)
		small := f.run(t, `{"mode":"full"}`, `{"sku":"00000"}`)
		if small.Held != n-1 {
			t.Errorf("%s", small.JSON())
		}
		approved, err := f.jobs.Approve(t.Context(), small.ID)
		if err != nil || approved.Counts.Removed != n-1 {
			t.Errorf("%s, %v", approved.JSON(), err)
		}
	})
}

func TestEachRow_ends_with_its_context(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		j := f.create(t, full)
		f.page(t, j.ID, "a")
		f.page(t, j.ID, "b")
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		err := f.jobs.EachRow(ctx, j.ID, func(jobs.Row) error {
			seen++
			cancel()
			return nil
		})
		if seen != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d rows, %v", seen, err)
		}
	})
}

func TestColumns(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, `"fields":[{"fieldname":"sku","fieldtype":"Data"},{"fieldname":"price","fieldtype":"Currency","id":"c-own"}]`, "")
		ctx := t.Context()
		is := func(want string) {
			t.Helper()
			columns, err := f.jobs.Columns(ctx, f.docType)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range columns {
				got = append(got, c.ID+"="+c.Name)
			}
			wantWords(t, "columns", strings.Join(got, " "), want)
		}
		learn := func(columns ...jobs.Column) {
			t.Helper()
			if err := f.jobs.LearnColumns(ctx, f.docType, columns); err != nil {
				t.Fatal(err)
			}
		}
		is("cbc7b047a=sku c-own=price")
		learn()
		learn(jobs.Column{ID: "u1", Name: "title"}, jobs.Column{ID: "u2", Name: "stock"}, jobs.Column{ID: "u1", Name: "twice"})
		is("cbc7b047a=sku c-own=price u1=title u2=stock")
		learn(jobs.Column{ID: "u1", Name: "renamed"}, jobs.Column{ID: "u0", Name: "a column"})
		is("cbc7b047a=sku c-own=price u1=title u2=stock u0=a column")

		// Theirs stands for a field whose id is only made of its name; one that was given stays.
		learn(jobs.Column{ID: "u3", Name: "sku"})
		is("u3=sku c-own=price u1=title u2=stock u0=a column")

		// A field that is renamed keeps its id.
		d, err := f.docs.DocType(ctx, f.docType)
		if err != nil {
			t.Fatal(err)
		}
		d.DocType.Fields[1].Fieldname = "cost"
		if _, err := f.docs.UpdateDocType(ctx, d.DocType); err != nil {
			t.Fatal(err)
		}
		is("u3=sku c-own=cost u1=title u2=stock u0=a column")

		wantCode(t, f.jobs.LearnColumns(ctx, "Nothing", []jobs.Column{{ID: "a", Name: "b"}}), "not_found")
		_, err = f.jobs.Columns(ctx, "Nothing")
		wantCode(t, err, "not_found")

		f.fresh(t)
		f.run(t, "{}", `{"sku":"a","cost":1}`)
		for _, e := range f.fresh(t) {
			if e.Event == "job.data" && !strings.Contains(string(e.Data), `"columns":[{"id":"u3","name":"sku"},{"id":"c-own","name":"cost"},{"id":"u1","name":"title"}`) {
				t.Errorf("the page's event: %s", e.Data)
			}
		}
	})
}

func TestColumns_every_id_that_was_sent_leads_to_its_field(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, `"fields":[{"fieldname":"price","fieldtype":"Currency","id":"c-own"}]`, "")
		ctx := t.Context()
		for _, columns := range [][]jobs.Column{{{ID: "one", Name: "price"}, {ID: "x", Name: "size"}}, {{ID: "two", Name: "price"}, {ID: "y", Name: "size"}}} {
			if err := f.jobs.LearnColumns(ctx, f.docType, columns); err != nil {
				t.Fatal(err)
			}
		}
		names, err := f.jobs.ColumnNames(ctx, f.docType)
		if err != nil || fmt.Sprint(names) != "map[c-own:price one:price two:price x:size y:size]" {
			t.Errorf("%v, %v", names, err)
		}
		columns, err := f.jobs.Columns(ctx, f.docType) // one id each
		if err != nil || fmt.Sprint(columns) != "[{c-own price} {x size}]" {
			t.Errorf("%v, %v", columns, err)
		}
	})
}

// Retention removes the pages of a job in steps: what is left then is not its results.
func TestRows_that_have_been_removed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		j := f.create(t, full)
		f.page(t, j.ID, "a")
		f.page(t, j.ID, "b")
		if _, err := h.db.Write.ExecContext(t.Context(), "DELETE FROM job_pages WHERE page = 1"); err != nil {
			t.Fatal(err)
		}
		_, _, err := f.jobs.Rows(t.Context(), j.ID, 0, 10)
		wantCode(t, err, "expired")
		wantCode(t, f.jobs.EachRow(t.Context(), j.ID, func(jobs.Row) error { return nil }), "expired")
	})
}
