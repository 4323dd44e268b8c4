package idempotency_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/idempotency"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// use asks for a page's answer at a time, and records one if there is none.
func use(t *testing.T, db *migrations.DB, at time.Time, p idempotency.Page, answer string) (was string, err error) {
	t.Helper()
	err = db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		before, err := idempotency.Answer(ctx, tx, at, p)
		if was = string(before); err != nil || before != nil {
			return err
		}
		return idempotency.Remember(ctx, tx, at, p, []byte(answer))
	})
	return was, err
}

func TestAnswer_and_Remember(t *testing.T) {
	one := idempotency.Page{Key: "k", Number: 1, Hash: []byte("h1")}
	with := func(change func(*idempotency.Page)) idempotency.Page { p := one; change(&p); return p }
	table := []struct {
		name   string
		after  time.Duration
		page   idempotency.Page
		answer string // to be recorded
		want   string // recorded before
		code   string
	}{
		{"new", 0, one, `{"a": 1.0}`, "", ""},
		{"again", time.Second, one, "2", `{"a": 1.0}`, ""},
		{"another page", time.Second, with(func(p *idempotency.Page) { p.Number = 2 }), "3", "", ""},
		{"another key", time.Second, with(func(p *idempotency.Page) { p.Key = "K" }), "4", "", ""},
		{"another body", time.Second, with(func(p *idempotency.Page) { p.Hash = []byte("h2") }), "5", "", idempotency.CodeMismatch},
		{"no body", time.Second, with(func(p *idempotency.Page) { p.Hash = nil }), "5", "", idempotency.CodeMismatch},
		{"just before its end", idempotency.Life - time.Microsecond, one, "6", `{"a": 1.0}`, ""},
		{"at its end", idempotency.Life, one, "7", "", ""},
		{"and from then on", idempotency.Life + time.Hour, one, "8", "7", ""},
		{"another body, later", 3 * idempotency.Life, with(func(p *idempotency.Page) { p.Hash = []byte("h3") }), "9", "", ""},
	}
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for _, row := range table {
			was, err := use(t, db, start.Add(row.after), row.page, row.answer)
			if was != row.want || doctype.CodeOf(err) != row.code {
				t.Errorf("%s: %q, %v, want %q, %q", row.name, was, err, row.want, row.code)
			}
		}
	})
}

func TestRemember_what_is_there_already_is_busy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		p := idempotency.Page{Key: "k", Number: 1, Hash: []byte("h")}
		remember := func(at time.Time) error {
			return db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return idempotency.Remember(ctx, tx, at, p, []byte("1")) })
		}
		if err := remember(start); err != nil {
			t.Fatal(err)
		}
		if err := remember(start.Add(time.Second)); doctype.CodeOf(err) != idempotency.CodeBusy {
			t.Errorf("%v", err)
		}
		if err := remember(start.Add(idempotency.Life)); err != nil {
			t.Errorf("when the first one is over: %v", err)
		}
	})
}

func TestRemember_tidies_in_steps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		count := func() (n int) {
			t.Helper()
			if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM idempotency").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i := range 150 {
			if _, err := use(t, db, start, idempotency.Page{Key: fmt.Sprint("old", i), Number: 1, Hash: []byte("h")}, "1"); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []int{51, 2, 3} { // a hundred at most are removed with each that comes
			if _, err := use(t, db, start.Add(idempotency.Life+time.Hour), idempotency.Page{Key: fmt.Sprint("new", i), Number: 1, Hash: []byte("h")}, "1"); err != nil {
				t.Fatal(err)
			}
			if n := count(); n != want {
				t.Errorf("%d records, want %d", n, want)
			}
		}
	})
}
