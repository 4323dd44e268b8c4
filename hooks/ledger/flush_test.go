package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/migrations"
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
	leases, err := s.ClaimAll(t.Context(), "a", append(claims, ledger.Claim{Walker: "webhook:gone", TTL: time.Minute}))
	if err != nil || len(leases) != n {
		t.Fatalf("%d leases of %d, %v", len(leases), n, err)
	}
	if again, err := s.ClaimAll(t.Context(), "b", claims); err != nil || len(again) != 0 {
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
				for round := range int64(rounds) {
					err = errors.Join(err, s.Flush(t.Context(), leases[i], ledger.Batch{Pos: round, Deliveries: []ledger.Delivery{{Key: ledger.Key{Pos: round + 1}, ID: ledger.ID(leases[i].Walker, round+1), Status: ledger.Delivered}}}))
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
