package ledger

import (
	"context"
	"database/sql"
	"math"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/group"
	"dochook/doctype/listing"
	"dochook/migrations"
)

// Store keeps the ledger in a database. Its methods may be called from any
// goroutine.
type Store struct {
	db       *migrations.DB
	flushes  *group.Committer[part]
	releases *group.Committer[Lease]
	limit    time.Duration // of one transaction for several walkers
}

// New returns a Store on db; it starts nothing.
func New(db *migrations.DB) *Store {
	s := &Store{db: db, limit: flushLimit}
	s.flushes, s.releases = group.New(flushWalkers, s.flushAll), group.New(flushWalkers, s.releaseAll)
	return s
}

// Lease is the right to walk the log for a walker, and where it stands.
type Lease struct {
	Walker      string
	Owner       string
	Generation  int64
	Pos         int64
	Ahead       int64 // nothing was tried beyond; 0 = not known
	Failures    int64 // in a row, of the endpoint
	FailingFrom int64 // when the row of failures began, µs; 0 = none
	PausedUntil int64 // µs; 0 = not paused
	Now         int64 // the database's clock when the lease was taken, µs
	TTL         time.Duration
	Since       time.Time // of our own clock, no later than Now
}

// Open gives a walker a cursor at the log's end, if it has none.
func (s *Store) Open(ctx context.Context, tx bun.IDB, walker string) error {
	// Generations begin at the time, so that a lease on a cursor that was closed
	// and opened again is not taken for one on the new cursor.
	_, err := tx.ExecContext(ctx, `INSERT INTO cursors (walker, pos, generation, lease_owner, lease_until, lease_ttl, failures)
		SELECT ?, (SELECT coalesce(max(pos), 0) FROM events), `+s.db.NowMicros()+`, '', `+s.db.NowMicros()+`, 0, 0 WHERE 1 = 1 ON CONFLICT (walker) DO NOTHING`, walker)
	return wrap("open cursor", err)
}

// OpenNow is Open in a transaction of its own.
func (s *Store) OpenNow(ctx context.Context, walker string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.Open(ctx, tx, walker) })
}

// retryingOf are the deliveries that a walker tries again. SQLite has to be told that the index of those that were not delivered has them.
const retryingOf = "walker = ? AND status = '" + Retrying + "' AND status <> '" + Delivered + "'"

// Close forgets a walker: its cursor and what it had to try again. What was
// tried stays until it is removed by age.
func (s *Store) Close(ctx context.Context, tx bun.IDB, walker string) error {
	// The cursor first, as in Flush: the two must not wait for each other.
	for _, table := range []string{"cursors", "retries"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE walker = ?", walker); err != nil {
			return wrap("close cursor", err)
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE deliveries SET status = ?, next_attempt = NULL WHERE "+retryingOf, Dead, walker)
	return wrap("close cursor", err)
}

// resetMost is how many places on the log are changed in one transaction.
const resetMost = 500

// Reset forgets a walker's failures and pause, and makes due now what it tries again: piece by piece, so that nobody waits for its
// cursor for long. A walker that runs does not see it.
func (s *Store) Reset(ctx context.Context, walker string) error {
	now, err := s.db.Clock(ctx)
	for from := int64(-1); err == nil && from < math.MaxInt64; {
		err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			from, err = resetFrom(ctx, tx, walker, from, now.UnixMicro())
			return err
		})
	}
	return wrap("reset cursor", err)
}

// resetFrom changes what lies beyond a place, and returns up to where it has; the largest number if that is all.
func resetFrom(ctx context.Context, tx bun.Tx, walker string, from, now int64) (int64, error) {
	// The cursor first, as in Flush.
	if _, err := tx.ExecContext(ctx, "UPDATE cursors SET failures = 0, failing_since = NULL, paused_until = NULL WHERE walker = ?", walker); err != nil {
		return from, err
	}
	var places []int64
	err := listing.Query(ctx, tx, func(rows *sql.Rows) error {
		var pos int64
		err := rows.Scan(&pos)
		places = append(places, pos)
		return err
	}, "SELECT DISTINCT pos FROM retries WHERE walker = ? AND pos > ? AND due_at > ? ORDER BY pos LIMIT ?", walker, from, now, resetMost)
	if err != nil || len(places) == 0 {
		return math.MaxInt64, err
	}
	for _, query := range []string{
		"UPDATE retries SET due_at = ? WHERE walker = ? AND pos IN (?) AND due_at > ?",
		"UPDATE deliveries SET next_attempt = ? WHERE walker = ? AND pos IN (?) AND status = '" + Retrying + "' AND next_attempt > ?",
	} {
		if _, err := tx.ExecContext(ctx, query, now, walker, bun.List(places), now); err != nil {
			return from, err
		}
	}
	if len(places) < resetMost {
		return math.MaxInt64, nil
	}
	return places[len(places)-1], nil
}

// Skip moves a walker to the log's end and drops what it had to try again.
func (s *Store) Skip(ctx context.Context, walker string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.Close(ctx, tx, walker); err != nil {
			return err
		}
		return s.Open(ctx, tx, walker)
	})
}

// Claim is ClaimAll for one walker.
func (s *Store) Claim(ctx context.Context, walker, owner string, ttl time.Duration) (l Lease, ok bool, err error) {
	got, err := s.ClaimAll(ctx, owner, []Claim{{walker, ttl}}, 1, 0)
	if err != nil || len(got) != 1 {
		return Lease{Walker: walker, Owner: owner, TTL: ttl}, false, err
	}
	return got[0], true, nil
}

// Claim is a lease that is wanted.
type Claim struct {
	Walker string
	TTL    time.Duration
}

// ClaimAll takes, in one transaction, the leases of those walkers that nobody has held for a while, that are not gone and are not being
// changed; most of them at most.
func (s *Store) ClaimAll(ctx context.Context, owner string, claims []Claim, most int, while time.Duration) ([]Lease, error) {
	if len(claims) == 0 || most <= 0 {
		return nil, nil
	}
	ttls := make(map[string]time.Duration, len(claims))
	args := make([]any, 0, 2*len(claims)+4)
	for _, c := range claims {
		ttls[c.Walker] = c.TTL
		args = append(args, c.Walker, c.TTL.Microseconds())
	}
	now := s.db.NowMicros()
	free := "c.lease_until + ? <= " + now + " OR c.lease_until > " + now + " + c.lease_ttl + 5000000"
	args = append(args, while.Microseconds())
	if while == 0 {
		free += " OR c.lease_owner IN ('', ?)"
		args = append(args, owner)
	}
	first, rest := "(?, ?)", ", (?, ?)"
	if s.db.Postgres() {
		first = "(?::text, ?::bigint)"
	}
	query := "WITH w(walker, ttl) AS (VALUES " + first + strings.Repeat(rest, len(claims)-1) + "), u AS (SELECT c.walker, w.ttl FROM w JOIN cursors c ON c.walker = w.walker WHERE " +
		"(" + free + ")" + s.locking(" SKIP LOCKED") + " LIMIT ?) UPDATE cursors SET lease_owner = ?, generation = generation + 1, lease_ttl = u.ttl, lease_until = " + now +
		" + u.ttl FROM u WHERE cursors.walker = u.walker RETURNING cursors.walker, generation, pos, ahead, failures, failing_since, paused_until, " + now
	args = append(args, most, owner)
	since := time.Now()
	rows, err := s.db.Write.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, wrap("claim leases", err)
	}
	defer func() { _ = rows.Close() }()
	var got []Lease
	for rows.Next() {
		l := Lease{Owner: owner, Since: since}
		var from, paused, ahead sql.NullInt64
		if err := rows.Scan(&l.Walker, &l.Generation, &l.Pos, &ahead, &l.Failures, &from, &paused, &l.Now); err != nil {
			return nil, wrap("claim leases", err)
		}
		l.TTL, l.Ahead, l.FailingFrom, l.PausedUntil = ttls[l.Walker], ahead.Int64, from.Int64, paused.Int64
		got = append(got, l)
	}
	return got, wrap("claim leases", rows.Err())
}

// locking ends a reading of cursors c that are about to be written. Whoever writes several of them locks them in the order of their
// names, or leaves out those that others hold, so that none waits for another that waits for it.
func (s *Store) locking(others string) string {
	if s.db.Postgres() {
		return " ORDER BY c.walker FOR UPDATE OF c" + others
	}
	return ""
}

// Lock locks the cursors of walkers that are about to be changed together.
func (s *Store) Lock(ctx context.Context, tx bun.IDB, walkers []string) error {
	if !s.db.Postgres() || len(walkers) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT c.walker FROM cursors c WHERE c.walker IN (?)"+s.locking(""), bun.List(walkers))
	return wrap("lock cursors", err)
}

// Renew prolongs all leases of an owner by their own time to live, also those
// that ran out but were not taken, and returns which it holds, as walker → generation, with the database's clock.
func (s *Store) Renew(ctx context.Context, owner string) (held map[string]int64, now int64, err error) {
	clock := s.db.NowMicros()
	rows, err := s.db.Write.QueryContext(ctx, "WITH u AS (SELECT c.walker FROM cursors c WHERE c.lease_owner = ?"+s.locking("")+
		") UPDATE cursors SET lease_until = "+clock+" + lease_ttl WHERE walker IN (SELECT walker FROM u) RETURNING walker, generation, "+clock, owner)
	if err != nil {
		return nil, 0, wrap("renew leases", err)
	}
	defer func() { _ = rows.Close() }()
	held = map[string]int64{}
	for rows.Next() {
		var walker string
		var generation int64
		if err := rows.Scan(&walker, &generation, &now); err != nil {
			return nil, 0, wrap("renew leases", err)
		}
		held[walker] = generation
	}
	return held, now, wrap("renew leases", rows.Err())
}

// Release gives a lease back, together with others that are given back meanwhile, so that another process can go on at once; one whose
// cursor is being changed runs out.
func (s *Store) Release(ctx context.Context, l Lease) error { return s.releases.Submit(ctx, l) }

func (s *Store) releaseAll(ctx context.Context, leases []Lease) ([]error, func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit)
	defer cancel()
	args := make([]any, 0, 2*len(leases))
	for i := range leases {
		args = append(args, leases[i].Walker, leases[i].Generation)
	}
	_, err := s.db.Write.ExecContext(ctx, "WITH u AS (SELECT c.walker FROM cursors c WHERE (c.walker, c.generation) IN (VALUES (?, ?)"+strings.Repeat(", (?, ?)", len(leases)-1)+
		")"+s.locking(" SKIP LOCKED")+") UPDATE cursors SET lease_owner = '', lease_until = "+s.db.NowMicros()+" WHERE walker IN (SELECT walker FROM u)", args...)
	if err == nil {
		return nil, nil
	}
	errs := make([]error, len(leases))
	for i := range errs {
		errs[i] = wrap("release lease", err)
	}
	return errs, nil
}

// Free takes all leases away from whoever held them. For a database that only
// one process can have open, at its start.
func (s *Store) Free(ctx context.Context) error {
	_, err := s.db.Write.ExecContext(ctx, "UPDATE cursors SET lease_owner = '', lease_until = 0")
	return wrap("free leases", err)
}
