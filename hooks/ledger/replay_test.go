package ledger_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/listing"
	"dochook/hooks/ledger"
	"dochook/migrations"
)

func TestTally_and_CloseRun(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		const id = "01a1ff41-36df-76df-83a0-387b3a082a7e"
		run, other := ledger.RunWalker(id, "w"), ledger.RunWalker(id, "other")
		tally := func() ledger.Tally {
			t.Helper()
			out, err := s.Tally(ctx, db.Read, run)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := tally(); got != (ledger.Tally{}) {
			t.Errorf("of nothing: %+v", got)
		}
		for _, name := range []string{run, other, run} { // the second time it stays as it is
			if err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.OpenAt(ctx, tx, name, 7) }); err != nil {
				t.Fatal(err)
			}
		}
		if got := tally(); got != (ledger.Tally{Open: true, Pos: 7}) {
			t.Errorf("at its beginning: %+v", got)
		}
		for _, name := range []string{run, other, walker} {
			l, ok, err := s.Claim(ctx, name, "me", time.Minute)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			b := ledger.Batch{Pos: 11}
			for i, status := range []string{ledger.Delivered, ledger.Dead, ledger.Skipped, ledger.Retrying, ledger.Delivered} {
				b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: ledger.Key{Pos: int64(8 + i)}, ID: ledger.ID(name, int64(8+i)), Status: status})
			}
			for pos := range int64(2) { // the second waits for the first
				b.Retries = append(b.Retries, ledger.Retry{Key: ledger.Key{Pos: 11 + pos}, OrderKey: "D/x", Delivery: "x"})
			}
			if err := s.Flush(ctx, l, b); err != nil {
				t.Fatal(err)
			}
		}
		if got := tally(); got != (ledger.Tally{Open: true, Pos: 11, Delivered: 2, Dead: 1, Skipped: 1, Retrying: 2}) {
			t.Errorf("under way: %+v", got)
		}
		for range 2 {
			if err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.CloseRun(ctx, tx, run) }); err != nil {
				t.Fatal(err)
			}
			if got := tally(); got != (ledger.Tally{Delivered: 2, Dead: 2, Skipped: 1}) {
				t.Errorf("closed: %+v", got)
			}
		}
		if got, err := s.Tally(ctx, db.Read, other); err != nil || got.Retrying != 2 || got.Dead != 1 || !got.Open {
			t.Errorf("the other run: %+v, %v", got, err)
		}
	})
}

// TestDeliveries_are_found_by_an_index: those of all webhooks may be many.
func TestDeliveries_are_found_by_an_index(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *ledger.Store) {
		explain := "EXPLAIN QUERY PLAN "
		if db.Postgres() {
			explain = "EXPLAIN "
			db.Write.SetMaxOpenConns(1)
			if _, err := db.Write.ExecContext(t.Context(), "SET enable_seqscan = off"); err != nil { // of an empty table
				t.Fatal(err)
			}
		}
		for index, query := range map[string]string{
			"deliveries_replays": "SELECT status, count(*) FROM deliveries WHERE " + ledger.OfRun + " GROUP BY status",
			"deliveries_walker":  "UPDATE deliveries SET next_attempt = NULL WHERE " + ledger.RetryingOf,
		} {
			plan := ""
			err := listing.Query(t.Context(), db.Write, func(rows *sql.Rows) error {
				columns, err := rows.Columns()
				if err != nil {
					return err
				}
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(string)
				}
				if err := rows.Scan(values...); err != nil {
					return err
				}
				last, _ := values[len(values)-1].(*string)
				plan += *last + "\n"
				return nil
			}, explain+query, "replay:x:w")
			if err != nil || !strings.Contains(plan, index) {
				t.Errorf("%s: %v\n%s", query, err, plan)
			}
		}
	})
}
