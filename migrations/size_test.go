package migrations_test

import (
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestSize(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		n, err := migrations.Size(t.Context(), db)
		if err != nil || n < 10_000 || n > 1<<30 {
			t.Errorf("%d bytes, %v", n, err)
		}
		version, err := migrations.ServerVersion(t.Context(), db)
		want := "SQLite 3."
		if db.Postgres() {
			want = "PostgreSQL 1"
		}
		if err != nil || !strings.HasPrefix(version, want) {
			t.Errorf("%q, %v", version, err)
		}
	})
}
