package ledger_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const walker = "webhook:w"

func claim(t *testing.T, s *ledger.Store, owner string, ttl time.Duration) ledger.Lease {
	t.Helper()
	l, ok, err := s.Claim(t.Context(), walker, owner, ttl)
	if err != nil || !ok {
		t.Fatalf("claim by %s: %v, %v", owner, ok, err)
	}
	return l
}

func each(t *testing.T, fn func(t *testing.T, db *migrations.DB, s *ledger.Store)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := ledger.New(db)
		if err := s.OpenNow(t.Context(), walker); err != nil {
			t.Fatal(err)
		}
		fn(t, db, s)
	})
}

func TestLease_belongs_to_one_until_it_runs_out_or_is_given_back(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		first := claim(t, s, "a", time.Minute)
		if _, ok, err := s.Claim(ctx, walker, "b", time.Minute); ok || err != nil {
			t.Errorf("a second process has it too: %v, %v", ok, err)
		}
		if held, _, err := s.Renew(ctx, "a"); err != nil || held[walker] != first.Generation {
			t.Errorf("renewed %v, %v", held, err)
		}
		if held, _, err := s.Renew(ctx, "b"); err != nil || len(held) != 0 {
			t.Errorf("b renewed %v, %v", held, err)
		}
		if err := s.Release(ctx, first); err != nil {
			t.Fatal(err)
		}
		second := claim(t, s, "b", time.Minute)
		if second.Generation <= first.Generation {
			t.Errorf("generation %d after %d", second.Generation, first.Generation)
		}
		if err := s.Free(ctx); err != nil {
			t.Fatal(err)
		}
		claim(t, s, "c", time.Minute)
		if _, err := db.Write.ExecContext(ctx, "UPDATE cursors SET lease_until = 1"); err != nil {
			t.Fatal(err)
		}
		claim(t, s, "d", time.Minute)
	})
}

func TestReset_makes_due_all_that_waits(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		const many = 1203 // some pieces, and the last not a whole one
		ctx := t.Context()
		l := claim(t, s, "a", time.Minute)
		later := time.Now().Add(10 * time.Hour).UnixMicro()
		b := ledger.Batch{Pos: many, Failures: 7, FailingFrom: 1, PausedUntil: later}
		for pos := int64(1); pos <= many; pos++ {
			k := ledger.Key{Pos: pos, Part: pos % 2}
			id := ledger.ID("R", pos)
			b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: k, ID: id, Status: ledger.Retrying, Attempts: 1, NextAt: later})
			b.Retries = append(b.Retries, ledger.Retry{Key: k, OrderKey: id, DueAt: later, Attempts: 1, Delivery: id})
		}
		if err := s.Flush(ctx, l, b); err != nil {
			t.Fatal(err)
		}
		// A pause stays, whatever else is written.
		for range 2 {
			if lags, err := s.Lags(ctx); err != nil || lags[0].PausedUntil != later || lags[0].Failures != 7 {
				t.Fatalf("%+v, %v", lags, err)
			}
			if err := s.Flush(ctx, l, ledger.Batch{Pos: many, Failures: 7}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Reset(ctx, walker); err != nil {
			t.Fatal(err)
		}
		var due, next int
		now := time.Now().Add(time.Minute).UnixMicro()
		for query, n := range map[string]*int{"retries WHERE due_at < ?": &due, "deliveries WHERE next_attempt < ?": &next} {
			if err := db.Read.QueryRowContext(ctx, "SELECT count(*) FROM "+query, now).Scan(n); err != nil {
				t.Fatal(err)
			}
		}
		lags, err := s.Lags(ctx)
		if err != nil || due != many || next != many || lags[0].PausedUntil != 0 || lags[0].Failures != 0 {
			t.Errorf("%d and %d are due, %+v, %v", due, next, lags, err)
		}
	})
}

func TestFlush_of_a_lost_lease_writes_nothing(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		old := claim(t, s, "a", time.Minute)
		if err := s.Free(ctx); err != nil {
			t.Fatal(err)
		}
		now := claim(t, s, "b", time.Minute)
		batch := ledger.Batch{Pos: 7, Deliveries: []ledger.Delivery{{Key: ledger.Key{Pos: 7}, ID: ledger.ID("X", 7), Status: ledger.Delivered}}}
		if err := s.Flush(ctx, old, batch); !errors.Is(err, ledger.ErrLost) {
			t.Errorf("%v", err)
		}
		if n, err := s.Count(ctx, query.Query{}); n != 0 || err != nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
		if err := s.Flush(ctx, now, batch); err != nil {
			t.Error(err)
		}
		if n, err := s.Count(ctx, query.Query{}); n != 1 || err != nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
	})
}

func TestSkip_outdates_the_lease_before_it(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		old := claim(t, s, "a", time.Minute)
		if err := s.Skip(ctx, walker); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(ctx, old, ledger.Batch{Pos: 3}); !errors.Is(err, ledger.ErrLost) {
			t.Errorf("before the new lease: %v", err)
		}
		claim(t, s, "b", time.Minute)
		if err := s.Flush(ctx, old, ledger.Batch{Pos: 3}); !errors.Is(err, ledger.ErrLost) {
			t.Errorf("after the new lease: %v", err)
		}
	})
}

func TestFlush_keeps_what_failed_and_forgets_what_is_over(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		l := claim(t, s, "a", time.Minute)
		one, two, three := ledger.Key{Pos: 1}, ledger.Key{Pos: 2}, ledger.Key{Pos: 3}
		id := ledger.ID("ONE", 1)
		failed := ledger.Delivery{Key: one, ID: id, Status: ledger.Retrying, Attempts: 1, CreatedAt: 100, NextAt: 500, HTTPStatus: 503, Reason: "status"}
		err := s.Flush(ctx, l, ledger.Batch{
			Pos: 3, Deliveries: []ledger.Delivery{failed, {Key: three, ID: ledger.ID("THREE", 3), Status: ledger.Delivered, Attempts: 1, CreatedAt: 110, FinishedAt: 120}},
			Attempts: []ledger.Attempt{{Delivery: id, N: 1, At: 100, HTTPStatus: 503, Reason: "status"}},
			Retries: []ledger.Retry{
				{Key: one, OrderKey: "D/x", DueAt: 500, Attempts: 1, Delivery: id, Request: []byte("bytes")},
				{Key: two, OrderKey: "D/x", Delivery: ledger.ID("TWO", 2)},
			},
			Failures: 1, FailingFrom: 100,
		})
		if err != nil {
			t.Fatal(err)
		}
		waiting, err := s.Waiting(ctx, walker, ledger.Key{}, 10)
		if err != nil || len(waiting) != 2 || waiting[0].DueAt != 500 || waiting[1].DueAt != 0 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		// A second failure keeps the bytes of the first; in the same batch it may end.
		failed.Attempts, failed.NextAt = 2, 900
		over := failed
		over.Status, over.Attempts, over.NextAt, over.FinishedAt, over.HTTPStatus, over.CreatedAt = ledger.Delivered, 3, 0, 950, 200, 940
		err = s.Flush(ctx, l, ledger.Batch{Pos: 3, Retries: []ledger.Retry{{Key: one, OrderKey: "D/x", DueAt: 900, Attempts: 2, Delivery: id}}})
		if err != nil {
			t.Fatal(err)
		}
		requests, err := s.Requests(ctx, walker, []int64{1, 2})
		if err != nil || len(requests) != 1 || string(requests[one]) != "bytes" {
			t.Errorf("%v, %v", requests, err)
		}
		if err := s.Flush(ctx, l, ledger.Batch{Pos: 3, Deliveries: []ledger.Delivery{failed, over}, Settled: []ledger.Key{one}}); err != nil {
			t.Fatal(err)
		}
		got, attempts, err := s.Get(ctx, id)
		if err != nil || got.Status != ledger.Delivered || got.Attempts != 3 || got.CreatedAt != 100 || len(attempts) != 2 || attempts[1].HTTPStatus != 200 {
			t.Errorf("%+v %+v %v", got, attempts, err)
		}
		beyond, err := s.Beyond(ctx, walker, 1, 3)
		if err != nil || len(beyond) != 2 || !beyond[two] || !beyond[three] {
			t.Errorf("%v, %v", beyond, err)
		}
	})
}

func TestClose_ends_what_was_waiting(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		l := claim(t, s, "a", time.Minute)
		key := ledger.Key{Pos: 1}
		id := ledger.ID("ONE", 1)
		err := s.Flush(ctx, l, ledger.Batch{Pos: 1, Deliveries: []ledger.Delivery{{Key: key, ID: id, Status: ledger.Retrying, Attempts: 1}}, Retries: []ledger.Retry{{Key: key, OrderKey: "k", DueAt: 1, Delivery: id}}})
		if err != nil {
			t.Fatal(err)
		}
		err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.Close(ctx, tx, walker) })
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Get(ctx, id)
		if err != nil || got.Status != ledger.Dead {
			t.Errorf("%+v, %v", got, err)
		}
		if _, ok, err := s.Claim(ctx, walker, "a", time.Minute); ok || err != nil {
			t.Errorf("a closed walker can be claimed: %v, %v", ok, err)
		}
	})
}

func TestGet_of_what_is_no_id(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		for _, id := range []string{"", "x", "msg_A-", "msg_A-zz", "msg_A-9999999999999999999", "' OR 1=1 --"} {
			_, _, err := s.Get(t.Context(), id)
			var coded interface{ Code() string }
			if !errors.As(err, &coded) || coded.Code() != ledger.CodeNotFound {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

// More waits, and was tried over a longer stretch of the log, than one statement reads.
func TestTakeUp_reads_in_portions(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		l := claim(t, s, "a", time.Minute)
		const n = 12_000
		b := ledger.Batch{Pos: 20, Ahead: 1_000_000}
		for i := range n {
			key := ledger.Key{Pos: int64(i/2 + 1), Part: int64(i % 2)}
			b.Retries = append(b.Retries, ledger.Retry{Key: key, OrderKey: "k", Delivery: ledger.ID("R", key.Pos)})
		}
		want := map[ledger.Key]bool{}
		for _, pos := range []int64{21, 100_020, 100_021, 999_999, 1_000_000} {
			key := ledger.Key{Pos: pos}
			want[key] = true
			b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: key, ID: ledger.ID("D", pos), Status: ledger.Delivered, Attempts: 1, CreatedAt: 1})
		}
		for _, r := range b.Retries {
			if r.Pos > 20 {
				want[r.Key] = true
			}
		}
		if err := s.Flush(ctx, l, b); err != nil {
			t.Fatal(err)
		}
		if err := s.Release(ctx, l); err != nil {
			t.Fatal(err)
		}
		next := claim(t, s, "b", time.Minute)
		if next.Pos != 20 || next.Ahead != 1_000_000 {
			t.Fatalf("%+v", next)
		}
		for _, ahead := range []int64{next.Ahead, 0} { // 0 is what a version before this one wrote
			next.Ahead = ahead
			waits := 0
			last := ledger.Key{}
			tried, err := s.TakeUp(ctx, next, time.Minute, func(some []ledger.Retry) {
				for i := range some {
					if k := some[i].Key; k.Pos < last.Pos || k == last {
						t.Fatalf("%v after %v", k, last)
					}
					last = some[i].Key
				}
				waits += len(some)
			})
			if err != nil || waits != n || !maps.Equal(tried, want) {
				t.Errorf("%d wait, %d were tried, not %d and %d: %v", waits, len(tried), n, len(want), err)
			}
		}
	})
}

// A lease that was given back is free, whatever the clock shows since.
func TestClaim_after_the_clock_was_set_back(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		if err := s.OpenNow(t.Context(), "webhook:w"); err != nil {
			t.Fatal(err)
		}
		for _, owner := range []string{"a", "b"} {
			if _, err := db.Write.ExecContext(t.Context(), "UPDATE cursors SET lease_until = lease_until + 4000000"); err != nil {
				t.Fatal(err)
			}
			l, ok, err := s.Claim(t.Context(), "webhook:w", owner, time.Minute)
			if err != nil || !ok {
				t.Fatalf("%s: claimed %t, %v", owner, ok, err)
			}
			if err := s.Release(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
	})
}
