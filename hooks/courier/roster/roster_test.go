package roster_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"dochook/hooks/courier/roster"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func TestRoster_counts_who_is_there(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	r := roster.New(db)
	attend := func(server string, want int) {
		t.Helper()
		if n, err := r.Attend(t.Context(), server); err != nil || n != want {
			t.Errorf("%s sees %d servers, %v; want %d", server, n, err, want)
		}
	}
	seen := func(server string, seconds int) {
		t.Helper()
		if _, err := db.Write.ExecContext(t.Context(), "UPDATE servers SET seen = seen + ? WHERE id = ?", seconds*1_000_000, server); err != nil {
			t.Fatal(err)
		}
	}
	attend("a", 1)
	attend("b", 2)
	attend("a", 2)
	seen("b", -11) // was killed
	attend("a", 1)
	attend("b", 2)
	seen("a", 3000) // the clock was set back since
	seen("b", 3000)
	attend("b", 1)
	attend("a", 2)
	seen("b", -3700)
	attend("a", 1)
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM servers").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows are kept, %v", n, err)
	}
	attend("b", 2)
	if err := r.Leave(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	attend("a", 1)
}

// Servers that look at any time, in any order, soon have all walkers, none of them more than its share, and then nothing moves.
func TestDivide_comes_to_rest(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // any numbers do
		walkers, servers := rng.IntN(40), 1+rng.IntN(6)
		free, has := walkers, make([]int, servers)
		for range rng.IntN(walkers + 1) {
			has[rng.IntN(servers)]++
			free--
		}
		moved := 0
		look := func(s int) {
			room, surplus := roster.Divide(servers, walkers, has[s])
			take := min(room, free)
			has[s] += take - surplus
			free += surplus - take
			moved += take + surplus
		}
		for range 2 {
			for _, s := range rng.Perm(servers) {
				look(s)
			}
		}
		moved = 0
		for s, n := range has {
			if look(s); n > (walkers+servers-1)/servers {
				t.Errorf("seed %d: a server of %d has %d of %d walkers", seed, servers, n, walkers)
			}
		}
		if moved > 0 || free > 0 {
			t.Errorf("seed %d: %d walkers of %d still move, %d are nobody's", seed, moved, walkers, free)
		}
	}
}
