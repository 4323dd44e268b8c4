package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// claimMany opens n walkers and takes their leases at once.
func claimMany(t *testing.T, s *ledger.Store, n int) []ledger.Lease {
	t.Helper()
	claims := make([]ledger.Claim, n)
	for i := range claims {
		claims[i] = ledger.Claim{Walker: fmt.Sprintf("webhook:many%03d", n-i), TTL: time.Minute}
		if err := s.OpenNow(t.Context(), claims[i].Walker); err != nil {
			t.Fatal(err)
		}
	}
	if none, err := s.ClaimAll(t.Context(), "a", claims, n, time.Hour); err != nil || len(none) != 0 {
		t.Fatalf("%d leases that nobody has had for a moment, %v", len(none), err)
	}
	leases, err := s.ClaimAll(t.Context(), "a", append(claims, ledger.Claim{Walker: "webhook:gone", TTL: time.Minute}), 2, 0)
	if err != nil || len(leases) != 2 {
		t.Fatalf("%d leases of 2, %v", len(leases), err)
	}
	leases, err = s.ClaimAll(t.Context(), "a", append(claims, ledger.Claim{Walker: "webhook:gone", TTL: time.Minute}), n+1, 0)
	if err != nil || len(leases) != n {
		t.Fatalf("%d leases of %d, %v", len(leases), n, err)
	}
	if again, err := s.ClaimAll(t.Context(), "b", claims, n, 0); err != nil || len(again) != 0 {
		t.Fatalf("a second process has %d of them, %v", len(again), err)
	}
	return leases
}

func TestFlush_together_keeps_the_lost_and_the_broken_apart(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		const walkers, each = 40, 200 // more than one transaction has
		leases := claimMany(t, s, walkers)
		batches := make([]ledger.Batch, walkers)
		for i := range batches {
			for pos := range int64(each) {
				batches[i].Deliveries = append(batches[i].Deliveries, ledger.Delivery{
					Key: ledger.Key{Pos: pos + 1}, ID: ledger.ID(leases[i].Walker, pos+1), Name: fmt.Sprint(pos), Status: ledger.Delivered, CreatedAt: 1, FinishedAt: 2,
				})
			}
			batches[i].Pos, batches[i].Retries = each, []ledger.Retry{{Key: ledger.Key{Pos: 3}, OrderKey: "k", DueAt: 5, Delivery: "d"}}
		}
		const lost, broken = 5, 12
		leases[lost].Generation--
		batches[broken].Deliveries[7].Name = "broken"
		refuse := "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.name = 'broken' BEGIN SELECT RAISE(ABORT, 'no'); END"
		if db.Postgres() {
			refuse = "ALTER TABLE deliveries ADD CONSTRAINT refuse CHECK (name <> 'broken')"
		}
		if _, err := db.Write.ExecContext(t.Context(), refuse); err != nil {
			t.Fatal(err)
		}
		for i, err := range s.FlushAll(t.Context(), leases, batches) {
			switch {
			case i == lost && !errors.Is(err, ledger.ErrLost), i == broken && (err == nil || errors.Is(err, ledger.ErrLost)), i != lost && i != broken && err != nil:
				t.Errorf("walker %d: %v", i, err)
			}
		}
		if n, err := s.Count(t.Context(), query.Query{}); n != (walkers-2)*each || err != nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
		for i := range leases {
			waiting, err := s.Waiting(t.Context(), leases[i].Walker, ledger.Key{}, 10)
			if want := i != lost && i != broken; err != nil || len(waiting) == 1 != want {
				t.Errorf("walker %d: %d wait, %v", i, len(waiting), err)
			}
		}
		for i := range batches { // they are over, each for its own walker
			batches[i] = ledger.Batch{Pos: each, Settled: []ledger.Key{{Pos: 3}}}
		}
		if errs := s.FlushAll(t.Context(), leases[:lost], batches[:lost]); errors.Join(errs...) != nil {
			t.Error(errs)
		}
		for i := range leases {
			waiting, err := s.Waiting(t.Context(), leases[i].Walker, ledger.Key{}, 10)
			if want := i > lost && i != broken; err != nil || len(waiting) == 1 != want {
				t.Errorf("walker %d: %d wait, %v", i, len(waiting), err)
			}
		}
	})
}

// Walkers that are claimed, renewed, written down and released at the same time must not wait for each other in a circle.
func TestFlush_of_many_beside_renewals(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		const walkers, rounds = 30, 20
		leases := claimMany(t, s, walkers)
		errs := make(chan error, walkers+1)
		for i := range leases {
			go func() {
				var err error
				for round := int64(0); round < rounds && err == nil; {
					switch flushed := s.Flush(t.Context(), leases[i], ledger.Batch{Pos: round, Deliveries: delivered(leases[i], round+1).Deliveries[round:]}); {
					case flushed == nil:
						round++
					case !errors.Is(flushed, ledger.ErrLocked): // by a renewal
						err = flushed
					}
				}
				errs <- errors.Join(err, s.Release(t.Context(), leases[i]))
			}()
		}
		go func() {
			var err error
			for range rounds {
				_, _, renewed := s.Renew(t.Context(), "a")
				err = errors.Join(err, renewed)
			}
			errs <- err
		}()
		for range walkers + 1 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n, err := s.Count(t.Context(), query.Query{}); n != walkers*rounds || err != nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
		if _, ok, err := s.Claim(t.Context(), leases[0].Walker, "b", time.Minute); !ok || err != nil {
			t.Errorf("not released: %v, %v", ok, err)
		}
	})
}

// onCursors calls fn with several walkers on PostgreSQL, where several can write at once.
func onCursors(t *testing.T, walkers int, fn func(db *migrations.DB, s *ledger.Store, leases []ledger.Lease)) {
	t.Helper()
	db := dbtest.New(t, dbtest.Postgres)
	s := ledger.New(db)
	fn(db, s, claimMany(t, s, walkers))
}

func delivered(l ledger.Lease, n int64) ledger.Batch {
	b := ledger.Batch{Pos: n}
	for pos := int64(1); pos <= n; pos++ {
		b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: ledger.Key{Pos: pos}, ID: ledger.ID(l.Walker, pos), Status: ledger.Delivered, CreatedAt: 1, FinishedAt: 2})
	}
	return b
}

// A webhook that is being deleted, which takes a while with many retries, must not hold up what others write down.
func TestFlush_passes_by_a_cursor_that_is_being_changed(t *testing.T) {
	onCursors(t, 10, func(db *migrations.DB, s *ledger.Store, leases []ledger.Lease) {
		const locked, gone = 4, 7
		batches := make([]ledger.Batch, len(leases))
		for i := range batches {
			batches[i] = delivered(leases[i], 3)
		}
		leases[gone].Generation--
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := s.Close(ctx, tx, leases[locked].Walker); err != nil {
				return err
			}
			for i, err := range s.FlushAll(ctx, leases, batches) {
				switch {
				case i == locked && !errors.Is(err, ledger.ErrLocked), i == gone && !errors.Is(err, ledger.ErrLost), i != locked && i != gone && err != nil:
					t.Errorf("walker %d: %v", i, err)
				}
			}
			if more, err := s.ClaimAll(ctx, "a", []ledger.Claim{{Walker: leases[locked].Walker, TTL: time.Minute}, {Walker: leases[0].Walker, TTL: time.Minute}}, 2, 0); err != nil || len(more) != 1 {
				t.Errorf("claimed %+v, %v", more, err)
			}
			return errors.New("undone")
		})
		if err == nil || err.Error() != "undone" {
			t.Error(err)
		}
		if errs := s.FlushAll(t.Context(), leases[locked:locked+1], batches[locked:locked+1]); errs[0] != nil {
			t.Error(errs)
		}
	})
}

// What is too much together is written part by part.
func TestFlush_of_too_much_at_once(t *testing.T) {
	onCursors(t, 20, func(db *migrations.DB, s *ledger.Store, leases []ledger.Lease) {
		for _, q := range []string{
			"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.004); RETURN NEW; END $$",
			"CREATE TRIGGER slow BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION slow()",
		} {
			if _, err := db.Write.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		s.Limit(2 * time.Second) // together they take 4 at least
		batches := make([]ledger.Batch, len(leases))
		for i := range batches {
			batches[i] = delivered(leases[i], 50)
		}
		if err := errors.Join(s.FlushAll(t.Context(), leases, batches)...); err != nil {
			t.Error(err)
		}
	})
}

// A batch that its walker's successor comes together with is lost all the same.
func TestFlush_of_two_generations_at_once(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		old := claim(t, s, "a", time.Minute)
		if err := s.Free(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := claim(t, s, "b", time.Minute)
		errs := s.FlushAll(t.Context(), []ledger.Lease{old, now, old}, []ledger.Batch{delivered(old, 1), delivered(now, 2), delivered(old, 3)})
		if !errors.Is(errs[0], ledger.ErrLost) || errs[1] != nil || !errors.Is(errs[2], ledger.ErrLost) {
			t.Error(errs)
		}
		if n, err := s.Count(t.Context(), query.Query{}); n != 2 || err != nil {
			t.Errorf("%d deliveries, %v", n, err)
		}
	})
}

// Whoever does not hear that his transaction was committed writes its outcomes again, and more with them.
func TestFlush_again_of_what_was_written(t *testing.T) {
	each(t, func(t *testing.T, _ *migrations.DB, s *ledger.Store) {
		leases := claimMany(t, s, 2)
		of := func(l ledger.Lease, pos, attempts int64, status string) ledger.Delivery {
			return ledger.Delivery{Key: ledger.Key{Pos: pos}, ID: ledger.ID(l.Walker, pos), Status: status, Attempts: attempts, CreatedAt: 1, FinishedAt: 2}
		}
		one, two := leases[0], leases[1]
		batches := []ledger.Batch{
			{Pos: 2, Deliveries: []ledger.Delivery{of(one, 1, 1, ledger.Delivered), of(one, 2, 0, ledger.Skipped), of(one, 3, 1, ledger.Retrying)}},
			{Pos: 1, Deliveries: []ledger.Delivery{of(two, 1, 1, ledger.Delivered)}},
		}
		if err := errors.Join(s.FlushAll(t.Context(), leases, batches)...); err != nil {
			t.Fatal(err)
		}
		batches[0].Pos = 4
		batches[0].Deliveries = append(batches[0].Deliveries, of(one, 3, 2, ledger.Dead), of(one, 4, 1, ledger.Delivered))
		batches[1].Deliveries = append(batches[1].Deliveries, of(two, 2, 1, ledger.Delivered))
		if err := errors.Join(s.FlushAll(t.Context(), leases, batches)...); err != nil {
			t.Fatal(err)
		}
		all, err := s.List(t.Context(), query.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range all {
			got = append(got, fmt.Sprintf("%s %d %s %d", l.Walker, l.Pos, l.Status, l.Attempts))
		}
		slices.Sort(got)
		want := []string{
			one.Walker + " 1 delivered 1", one.Walker + " 2 skipped 0", one.Walker + " 3 dead 2", one.Walker + " 4 delivered 1",
			two.Walker + " 1 delivered 1", two.Walker + " 2 delivered 1",
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		// Skipped after an attempt, as when its condition fails by then: the row is there, and this is no mistake.
		batches = []ledger.Batch{{Pos: 5, Deliveries: []ledger.Delivery{of(one, 5, 1, ledger.Retrying)}}, {Pos: 1}}
		if err := errors.Join(s.FlushAll(t.Context(), leases, batches)...); err != nil {
			t.Fatal(err)
		}
		batches[0].Deliveries[0].Status = ledger.Skipped
		if err := errors.Join(s.FlushAll(t.Context(), leases, batches)...); err != nil {
			t.Fatal(err)
		}
		if l, _, err := s.Get(t.Context(), ledger.ID(one.Walker, 5)); err != nil || l.Status != ledger.Skipped {
			t.Errorf("%+v, %v", l, err)
		}
	})
}
