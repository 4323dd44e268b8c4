package query_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dochook/doctype/query"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// records are the rows that all cases are asked of, by name.
var records = []struct{ name, data string }{
	{"a", `{"price":100,"brand":"Äcme","flag":true,"odd \"k'e?y\\.x":1,"date":"2024-01-31","name":"own"}`},
	{"b", `{"price":100.0,"brand":"acme","flag":false,"date":"2024-01-31 23:10:00"}`},
	{"c", `{"price":"100","brand":"ACME","flag":1,"date":"2024-02-01"}`},
	{"d", `{"price":"$490.00","brand":null,"flag":0,"id":9007199254740993}`},
	{"e", `{"price":null,"brand":"","flag":"true","id":9007199254740992}`},
	{"f", `{"brand":"50% off_x","price":1e2,"id":9223372036854775807}`},
	{"g", `{"brand":["acme"],"price":{"a":100},"flag":null}`},
	{"h", `{"price":-3.5,"brand":"zz\u0041","id":-0}`},
	{"i", `{"price":2500.0,"brand":"a!b\\c","price ":7}`},
	{"j", `{}`},
}

var columns = map[string]query.Column{
	"name":     {SQL: "name", Kind: query.Text},
	"owner":    {SQL: "owner", Kind: query.Text},
	"creation": {SQL: "creation", Kind: query.Time},
	"modified": {SQL: "modified", Kind: query.Time},
	"version":  {SQL: "version", Kind: query.Int},
	"idx":      {SQL: "0", Kind: query.Int},
	"trashed":  {SQL: "trashed_at", Kind: query.Time},
}

func source(db *migrations.DB) query.Source {
	return query.Source{Postgres: db.Postgres(), Columns: columns, JSON: "documents.data"}
}

// fill writes the records; the n-th is created n days and n microseconds after 2024-01-01.
func fill(t *testing.T, db *migrations.DB) {
	t.Helper()
	for i, r := range records {
		at := time.Date(2024, 1, 1+i, 0, 0, 0, i*1000, time.UTC).UnixMicro()
		owner := "Administrator"
		if i%2 == 1 {
			owner = "guest"
		}
		_, err := db.Write.ExecContext(t.Context(), "INSERT INTO documents (doctype, name, data, hash, version, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"T", r.name, r.data, []byte{1}, i, owner, at, -at, "x")
		if err != nil {
			t.Fatal(err)
		}
	}
}

func run(ctx context.Context, db *migrations.DB, q query.Query) (string, error) {
	src := source(db)
	where, args, err := src.Where(q)
	if err != nil {
		return "", err
	}
	order, orderArgs, err := src.OrderBy(q)
	if err != nil {
		return "", err
	}
	if where == "" {
		where = "TRUE"
	}
	rows, err := db.Read.QueryContext(ctx, "SELECT name FROM documents WHERE doctype = 'T' AND ("+where+")"+order, append(args, orderArgs...)...)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where+order, err)
	}
	defer func() { _ = rows.Close() }()
	var names strings.Builder
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		names.WriteString(name)
	}
	return names.String(), rows.Err()
}

var filterCases = []struct{ filters, want string }{
	// Numbers by value, whatever their spelling; bare numbers equal text that spells them.
	{`{"price": 100}`, "abcf"},
	{`{"price": "100"}`, "abcf"},
	{`{"price": 100.0}`, "abf"},
	{`{"price": "1E2"}`, "abf"},
	{`{"price": ["!=", 100]}`, "deghij"},
	{`{"price": ["in", [100, "$490.00", -3.5]]}`, "abcdfh"},
	{`{"price": ["in", "100,2500"]}`, "abcfi"},
	{`{"price": ["not in", [100, "$490.00"]]}`, "eghij"},
	{`{"price": [">", 99]}`, "abfi"},
	{`{"price": [">", "99"]}`, "abfi"}, // "$490.00" and "100" sort before "99"
	{`{"price": ["<", 100]}`, "h"},
	{`{"price": ["<=", 100]}`, "abfh"},
	{`{"price": [">=", "100"]}`, "abcfi"},
	{`{"price": ["between", [-4, 100]]}`, "abfh"},
	{`{"price": [">", true]}`, "abfi"},
	{`{"price": [">", null]}`, ""},
	{`{"price": 1e9999}`, ""},
	{`{"price": "1e99999"}`, ""},
	{`{"id": 9007199254740993}`, "d"},
	{`{"id": [">", 9007199254740992]}`, "df"},
	{`{"id": 0}`, "h"},
	{`{"id": ["<=", 9223372036854775806]}`, "deh"},
	// Text byte by byte.
	{`{"brand": "acme"}`, "b"},
	{`{"brand": "zzA"}`, "h"},
	{`{"brand": [">", "a"]}`, "abhi"},
	{`{"brand": ["<", "B"]}`, "cef"},
	{`{"brand": [">", 5]}`, ""},
	{`{"brand": "[\"acme\"]"}`, ""},
	{`{"brand": ["in", []]}`, ""},
	{`{"brand": ["not in", []]}`, "abcdefghij"},
	{`{"brand": "x' OR 1=1 --"}`, ""},
	{`{"brand": ["!=", "acme"]}`, "acdefghij"},
	// Not set is absent, null and empty.
	{`{"brand": ""}`, "dej"},
	{`{"brand": null}`, "dej"},
	{`{"brand": ["!=", ""]}`, "abcfghi"},
	{`{"brand": ["is", "set"]}`, "abcfghi"},
	{`{"brand": ["is", "Not Set"]}`, "dej"},
	{`{"brand": ["in", ["", "acme"]]}`, "bdej"},
	{`{"brand": ["not in", [null, "acme"]]}`, "acfghi"},
	{`{"trashed": ["is", "not set"]}`, "abcdefghij"},
	{`{"trashed": ["!=", "2024-01-01"]}`, "abcdefghij"},
	{`{"nosuch": ["is", "set"]}`, ""},
	// Flags.
	{`{"flag": 1}`, "ac"},
	{`{"flag": true}`, "ac"},
	{`{"flag": "true"}`, "ae"},
	{`{"flag": ["in", ["false", "0"]]}`, "bd"},
	{`{"flag": 0}`, "bd"},
	{`{"flag": ["!=", 1]}`, "bdefghij"},
	// Patterns: ASCII case does not count, escapes hold, numbers as they are spelled.
	{`{"brand": ["like", "%ACME%"]}`, "bc"},
	{`{"brand": ["LIKE", "äcme"]}`, ""},
	{`{"brand": ["like", "Äc%"]}`, "a"},
	{`{"brand": ["like", "_cme"]}`, "abc"},
	{`{"brand": ["like", "50\\% off\\_x"]}`, "f"},
	{`{"brand": ["like", "5_% off%"]}`, "f"},
	{`{"brand": ["like", "a!b\\\\c"]}`, "i"},
	{`{"brand": ["like", "a!b\\c"]}`, "i"},
	{`{"brand": ["like", "%\\"]}`, ""},
	{`{"brand": ["not  like", "%acme%"]}`, "adefghij"},
	{`{"price": ["like", "100%"]}`, "abc"},
	{`{"price": ["like", "%.0"]}`, "bi"},
	{`{"price": ["like", "%"]}`, "abcdfhi"},
	// Days and times in a record are text; the last day of a between is whole.
	{`{"date": ["between", ["2024-01-31", "2024-01-31"]]}`, "ab"},
	{`{"date": ["between", ["2024-01-31", "2024-02-01"]]}`, "abc"},
	{`{"date": [">", "2024-01-31"]}`, "bc"},
	// Columns.
	{`{"name": "c"}`, "c"},
	{`"c"`, "c"},
	{`{"name": ["in", "a, b"]}`, "ab"},
	{`{"name": [">=", "i"]}`, "ij"},
	{`{"name": ["like", "A%"]}`, "a"},
	{`{"name": 5}`, ""},
	{`{"owner": ["!=", "guest"]}`, "acegi"},
	{`{"version": ["between", [2, "3"]]}`, "cd"},
	{`{"version": 2.0}`, "c"},
	{`{"version": ["like", "2"]}`, "c"},
	{`{"idx": 0}`, "abcdefghij"},
	{`{"idx": true}`, ""},
	{`{"creation": ["<", "2024-01-02"]}`, "a"},
	{`{"creation": [">", "2024-01-10T00:00:00Z"]}`, "j"},
	{`{"creation": "2024-01-03 00:00:00.000002"}`, "c"},
	{`{"creation": "2024-01-03T01:00:00.000002+01:00"}`, "c"},
	{`{"creation": ["between", ["2024-01-02", "2024-01-03"]]}`, "bc"},
	{`{"creation": ["like", "2024-01-0_ %:00.000002"]}`, "c"},
	{`{"creation": ["in", ["2024-01-01", "2024-01-03 00:00:00.000002"]]}`, "ac"},
	// Names.
	{`{"odd \"k'e?y\\.x": 1}`, "a"},
	{`{"record.name": "own"}`, "a"},
	{`{"price ": 7}`, ""}, // blanks around a name are not part of it
	{`{"$.price": ["is", "set"]}`, ""},
	{`{"x') OR 1=1 --": 1}`, ""},
	{`{"x\" OR 1=1 --": 1}`, ""},
	// Shapes.
	{`[["price", "=", 100], ["brand", "=", "acme"]]`, "b"},
	{`[["T", "price", "=", 100], {"brand": "acme"}]`, "b"},
	{`["price", "=", 2500]`, "i"},
	{`[["price", 2500]]`, "i"},
	{`[["T", "price", "=", 2500, false]]`, "i"},
	{`[]`, "abcdefghij"},
	{`null`, "abcdefghij"},
	{``, "abcdefghij"},
}

func TestFilters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		fill(t, db)
		for _, c := range filterCases {
			filters, err := query.ParseFilters([]byte(c.filters))
			if err != nil {
				t.Errorf("%s: %v", c.filters, err)
				continue
			}
			q := query.Query{Filters: filters, Order: []query.Order{{Field: "name"}}}
			got, err := run(t.Context(), db, q)
			if err != nil || got != c.want {
				t.Errorf("%s: got %s, want %s (%v)", c.filters, got, c.want, err)
			}
			// What a filter finds and what its opposite finds is everything, once.
			if n := len(filters); n != 1 {
				continue
			}
			if op, ok := map[query.Operator]query.Operator{query.Equal: query.NotEqual, query.In: query.NotIn, query.Like: query.NotLike}[filters[0].Op]; ok {
				q.Filters[0].Op = op
				rest, err := run(t.Context(), db, q)
				both := strings.Split(got+rest, "")
				slices.Sort(both)
				if err != nil || strings.Join(both, "") != "abcdefghij" {
					t.Errorf("%s: finds %s and its opposite %s (%v)", c.filters, got, rest, err)
				}
			}
		}
	})
}

func TestOrFilters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		fill(t, db)
		q := query.Query{
			Filters:   []query.Filter{query.NewFilter("price", query.Is, "set"), query.NewFilter("owner", query.Equal, "Administrator")},
			OrFilters: []query.Filter{query.NewFilter("brand", query.Equal, "ACME"), {Field: "price", Op: query.Less, Values: []query.Value{{Kind: query.NumberValue, Text: "0"}}}, query.NewFilter("name", query.Equal, "a")},
			Order:     []query.Order{{Field: "name", Desc: true}},
		}
		if got, err := run(t.Context(), db, q); got != "ca" || err != nil {
			t.Errorf("got %s (%v), want ca", got, err)
		}
		q.Filters = nil
		if got, err := run(t.Context(), db, q); got != "hca" || err != nil {
			t.Errorf("got %s (%v), want hca", got, err)
		}
	})
}

func TestOrder(t *testing.T) {
	cases := []struct {
		order string
		want  string
	}{
		{"", "abcdefghij"}, // newest modified first, and modified falls with each
		{"name desc", "jihgfedcba"},
		{"price", "egjhabfidc"}, // not set, numbers by value, text
		{"price desc", "cdiabfhegj"},
		{"price asc, name desc", "jgehfbaidc"},
		{"flag", "fghijbdace"},
		{"id desc, name", "fdehabcgij"},
		{"brand", "dgjefcibha"},
		{"owner desc, creation desc", "jhfdbigeca"},
		{"idx, version DESC", "jihgfedcba"},
		{"`tabT`.`version` desc", "jihgfedcba"},
		{"nosuch desc", "abcdefghij"},
	}
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		fill(t, db)
		for _, c := range cases {
			q, err := query.Parse(map[string][]string{"order_by": {c.order}})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := run(t.Context(), db, q); got != c.want || err != nil {
				t.Errorf("%q: got %s (%v), want %s", c.order, got, err, c.want)
			}
		}
	})
}

// Every character may stand in a member's name, and finds that member and no other.
func TestNames(t *testing.T) {
	names := []string{"a.b", `a"b`, `a\b`, `a\\"b`, "a?b", "?", "?0", "a'b", "''", "$", "[0]", "#", "a b", "ü", "😀", "a/b", `\u0061`, "0", "%", `\`, `"`, "e\u0301"}
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for i, name := range names {
			quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
			if _, err := db.Write.ExecContext(t.Context(), "INSERT INTO documents (doctype, name, data, hash, version, owner, creation, modified, modified_by) VALUES ('T', ?, ?, ?, 0, '', 0, 0, '')",
				string(rune('A'+i)), "{"+quoted+":1}", []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range names {
			q := query.Query{Filters: []query.Filter{query.NewFilter(name, query.Equal, "1")}, Order: []query.Order{{Field: name}}}
			if got, err := run(t.Context(), db, q); got != string(rune('A'+i)) || err != nil {
				t.Errorf("%q finds %q (%v), want %q", name, got, err, string(rune('A'+i)))
			}
		}
	})
}

func TestLargeIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		fill(t, db)
		values := make([]string, query.MaxValues)
		for i := range values {
			values[i] = fmt.Sprint(i + 99)
		}
		var filters []query.Filter
		for range 5 {
			filters = append(filters, query.NewFilter("price", query.In, values...))
		}
		got, err := run(t.Context(), db, query.Query{Filters: filters})
		if got != "abcf" || err != nil {
			t.Errorf("got %s (%v)", got, err)
		}
		_, err = run(t.Context(), db, query.Query{Filters: append(filters, filters[0])})
		if _, ok := errors.AsType[*query.Error](err); !ok {
			t.Errorf("6,000 values: %v", err)
		}
	})
}

func TestRefused(t *testing.T) {
	closed := query.Source{Columns: columns, JSON: "data", Known: func(f string) bool { return f == "price" }}
	cases := []struct {
		q    query.Query
		want string
	}{
		{query.Query{Filters: []query.Filter{query.NewFilter("secret", query.Equal, "x")}}, "filters: Field not permitted in query: secret"},
		{query.Query{OrFilters: []query.Filter{query.NewFilter("secret", query.Equal, "x")}}, "or_filters: Field not permitted in query: secret"},
		{query.Query{Order: []query.Order{{Field: "secret"}}}, "order_by: Field not permitted in query: secret"},
		{query.Query{Fields: []string{"*", "price", "name", "secret"}}, "fields: Field not permitted in query: secret"},
		{query.Query{Filters: []query.Filter{query.NewFilter("price", "regexp", "x")}}, `filters: price: unknown operator "regexp"`},
		{query.Query{Filters: []query.Filter{query.NewFilter("price", query.Between, "x")}}, "filters: price: between takes 2 values, not 1"},
		{query.Query{Filters: []query.Filter{query.NewFilter("creation", query.Equal, "soon")}}, `filters: creation: "soon" is not a time such as 2026-01-31 or 2026-01-31 23:59:59`},
		{query.Query{Filters: []query.Filter{query.NewFilter("version", query.Less, "x")}}, `filters: version: "x" is not a number`},
		{query.Query{Filters: []query.Filter{query.NewFilter("price", query.Equal, "a\x00b")}}, "filters: price: a value is not usable text of at most 10000 bytes"},
		{query.Query{Filters: []query.Filter{query.NewFilter("price", query.Equal, "\xff")}}, "filters: price: a value is not usable text of at most 10000 bytes"},
		{query.Query{Filters: []query.Filter{query.NewFilter("price", query.Is, "x")}}, "filters: price: is takes set or not set"},
		{query.Query{Filters: slices.Repeat([]query.Filter{query.NewFilter("price", query.Equal, "1")}, 101)}, "filters: more than 100"},
	}
	for _, c := range cases {
		err := closed.Check(c.q)
		var coded interface{ Code() string }
		if err == nil || err.Error() != c.want || !errors.As(err, &coded) || coded.Code() != "invalid" {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if err := closed.Check(query.Query{Fields: []string{"record.name"}}); err == nil {
		t.Error("record.name of a closed DocType without such a field is permitted")
	}
	none := query.Source{Columns: columns}
	if err := none.Check(query.Query{Fields: []string{"price"}}); err == nil {
		t.Error("a source without JSON has members")
	}
}
