package browse_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/documents/browse"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// TestWindows looks for documents that lie windows apart.
func TestWindows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC)
		s := documents.New(db, documents.Options{Now: func() time.Time { return now }})
		ctx := t.Context()
		if _, err := s.InsertDocType(ctx, doctype.DocType{Name: "P", Autoname: "field:k", Open: true}); err != nil {
			t.Fatal(err)
		}
		const all = 4500
		n := 0
		for range 3 { // each of these times is more than a window
			var p documents.Page
			for range all / 3 {
				n++
				p.Records = append(p.Records, documents.Record{Line: n, Data: fmt.Appendf(nil, `{"k":"%05d","rare":%t,"text":"Nº %d"}`, n, n%1400 == 0, n)})
			}
			if _, err := s.WritePage(ctx, "P", p); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Second)
		}
		live := func(ctx context.Context, q query.Query) ([]doctype.Document, error) { return s.List(ctx, "P", q) }
		some := func(sel documents.Selection) browse.Lister {
			return func(ctx context.Context, q query.Query) ([]doctype.Document, error) {
				return s.Select(ctx, "P", sel, q)
			}
		}
		rare, err := query.ParseFilters([]byte(`[["rare","=",true]]`))
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			what string
			list browse.Lister
			ask  browse.Ask
			want string // names, with a bar where a window ended
		}{
			{"filter, newest first", live, browse.Ask{Filters: rare}, " | 04200 02800 01400"},
			{"filter, oldest first", live, browse.Ask{Filters: rare, Sort: query.Order{Field: "modified"}}, "01400 | 02800 04200"},
			{"filter, by name", live, browse.Ask{Filters: rare, Sort: query.Order{Field: "name"}}, " | 01400 02800 04200"},
			{"filter, by name downwards", live, browse.Ask{Filters: rare, Sort: query.Order{Field: "name", Desc: true}}, "04200 | 02800 01400"},
			{"text", some(documents.Selection{Text: "nº 4200"}), browse.Ask{All: live}, " | 04200"},
			{"everything", live, browse.Ask{Filters: rare, Everything: true}, "04200 02800 01400"},
			{"none is deleted", some(documents.Selection{Trashed: true}), browse.Ask{All: live}, " | "},
		} {
			tc.ask.Size = 10
			got, steps := "", 0
			for {
				p, err := browse.List(ctx, tc.list, tc.ask)
				if err != nil {
					t.Fatal(tc.what, err)
				}
				for i := range p.Documents {
					if got != "" && got[len(got)-1] != ' ' {
						got += " "
					}
					got += p.Documents[i].Name
				}
				if steps++; p.Further == "" || steps > 5 {
					break
				}
				got, tc.ask.At = got+" | ", p.Further
			}
			if got != tc.want {
				t.Errorf("%s: %q, want %q", tc.what, got, tc.want)
			}
		}
		p, err := browse.List(ctx, live, browse.Ask{Sort: query.Order{Field: "k"}, Size: 1})
		if err != nil || !p.Windowed || p.Documents[0].Name != "03001" {
			t.Errorf("the least of the newest: %v %v", p.Documents, err)
		}
		count, more, err := browse.Count(ctx, live, func(ctx context.Context, q query.Query) (int64, error) { return s.Count(ctx, "P", q) })
		if err != nil || count != browse.Most || !more {
			t.Errorf("count: %d %t %v", count, more, err)
		}
	})
}
