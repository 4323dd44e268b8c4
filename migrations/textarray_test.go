package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// What goes out as an array comes back as it was, whatever is in it and however much.
func TestTexts_travel_as_arrays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		if !db.Postgres() {
			return
		}
		many := make([]string, 3000)
		for i := range many {
			many[i] = strings.Repeat("é{},\"\\\n", i%50)
		}
		for _, texts := range [][]string{nil, {}, {""}, {"a"}, {"NULL", "null", `"`, `\`, "{}", "a,b", "é", "𝄞", " "}, many} {
			var n int
			var joined string
			var null bool
			if err := db.Read.DB.QueryRowContext(t.Context(), "SELECT coalesce(cardinality($1::text[]), -1), coalesce(array_to_string($1::text[], '|'), ''), $1 IS NULL", texts).Scan(&n, &joined, &null); err != nil {
				t.Fatal(err)
			}
			want := len(texts)
			if texts == nil {
				want = -1
			}
			if n != want || joined != strings.Join(texts, "|") || null != (texts == nil) {
				t.Errorf("%d texts came as %d: %.100q", len(texts), n, joined)
			}
			rows, err := db.Read.DB.QueryContext(t.Context(), "SELECT x FROM unnest($1::text[]) WITH ORDINALITY AS u(x, i) ORDER BY i", texts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					t.Fatal(err)
				}
				got = append(got, s)
			}
			if err := rows.Close(); err != nil || !slices.Equal(got, texts) {
				t.Errorf("got %d texts of %d (%v)", len(got), len(texts), err)
			}
		}
	})
}
