package listing_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// each runs a test on both databases, with documents of two DocTypes.
func each(t *testing.T, fn func(t *testing.T, db *migrations.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for _, row := range [][3]string{{"P", "a", `{"v":1}`}, {"P", "b", `{"v":10}`}, {"P", "c", `{"v":2,"t":"x"}`}, {"Q", "a", `{"v":1}`}} {
			_, err := db.Write.ExecContext(t.Context(),
				"INSERT INTO documents (doctype, name, data, hash, version, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, 1, '', 1, 1, '')",
				row[0], row[1], row[2], []byte{1})
			if err != nil {
				t.Fatal(err)
			}
		}
		fn(t, db)
	})
}

func name(r *sql.Rows) (string, error) {
	var name string
	return name, r.Scan(&name)
}

func TestList_and_Count(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB) {
		table := listing.New(db.Postgres(), "documents", "name", func(field string) bool { return field == "v" })
		table.Restrict, table.Args = "doctype = ?", []any{"P"}
		for _, row := range []struct {
			filters string
			q       query.Query
			want    string
			count   int64
		}{
			{`{}`, query.Query{Limit: query.All, Order: []query.Order{{Field: "name"}}}, "a b c", 3},
			{`{}`, query.Query{Limit: query.All, Order: []query.Order{{Field: "v", Desc: true}}}, "b c a", 3},
			{`{"v":[">",1]}`, query.Query{Limit: query.All, Order: []query.Order{{Field: "v"}}}, "c b", 2},
			{`{}`, query.Query{Limit: 1, Start: 1, Order: []query.Order{{Field: "name"}}}, "b", 3},
			{`{"name":["like","%C%"]}`, query.Query{Limit: query.All}, "c", 1},
			{`{"v":99}`, query.Query{Limit: query.All}, "", 0},
			{`{}`, query.Query{}, "", 3},
		} {
			filters, err := query.ParseFilters([]byte(row.filters))
			if err != nil {
				t.Fatal(err)
			}
			row.q.Filters = filters
			got, err := listing.List(t.Context(), db.Read, table, row.q, name)
			if err != nil || strings.Join(got, " ") != row.want {
				t.Errorf("%s: %v, %v, want %s", row.filters, got, err, row.want)
			}
			if n, err := listing.Count(t.Context(), db.Read, table, row.q); err != nil || n != row.count {
				t.Errorf("%s: %d, %v, want %d", row.filters, n, err, row.count)
			}
		}
		unknown := query.Query{Filters: []query.Filter{query.NewFilter("t", query.Equal, "x")}}
		if _, err := listing.List(t.Context(), db.Read, table, unknown, name); doctype.CodeOf(err) != "invalid" {
			t.Errorf("a member that may not be named: %v", err)
		}
		if _, err := listing.Count(t.Context(), db.Read, table, unknown); doctype.CodeOf(err) != "invalid" {
			t.Errorf("a member that may not be named: %v", err)
		}
	})
}

func TestQuery(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB) {
		enough := errors.New("enough")
		seen := 0
		for range 50 { // more often than there are connections: each must be given back
			seen = 0
			err := listing.Query(t.Context(), db.Read, func(*sql.Rows) error {
				if seen++; seen == 2 {
					return enough
				}
				return nil
			}, "SELECT name FROM documents WHERE doctype = ? ORDER BY name", "P")
			if !errors.Is(err, enough) || seen != 2 {
				t.Fatalf("%d rows, %v", seen, err)
			}
			if err := listing.Query(t.Context(), db.Read, func(*sql.Rows) error { return nil }, "SELECT nothing FROM nowhere"); err == nil {
				t.Fatal("no error of a wrong statement")
			}
			if _, err := listing.List(t.Context(), db.Read, listing.New(db.Postgres(), "documents", "name", nil), query.Query{Limit: 5}, func(r *sql.Rows) (int, error) {
				var n int
				return n, r.Scan(&n, &n)
			}); err == nil {
				t.Fatal("no error of a wrong scan")
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := listing.Query(ctx, db.Read, func(*sql.Rows) error { return nil }, "SELECT name FROM documents"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
