package ledger

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
)

// OpenAt gives a walker a cursor at a position, if it has none.
func (s *Store) OpenAt(ctx context.Context, tx bun.IDB, walker string, pos int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO cursors (walker, pos, generation, lease_owner, lease_until, lease_ttl, failures)
		VALUES (?, ?, `+s.db.NowMicros()+`, '', 0, 0, 0) ON CONFLICT (walker) DO NOTHING`, walker, pos)
	return wrap("open cursor", err)
}

// ofRun finds the deliveries of a run's walker by their own index, which holds those of runs alone.
const ofRun = "walker = ? AND substr(walker, 1, 7) = '" + RunPrefix + "'"

// CloseRun is Close for the walker of a run.
func (s *Store) CloseRun(ctx context.Context, tx bun.IDB, walker string) error {
	for _, table := range []string{"cursors", "retries"} { // in the order of Flush
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE walker = ?", walker); err != nil {
			return wrap("close cursor", err)
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE deliveries SET status = ?, next_attempt = NULL WHERE "+ofRun+" AND status = ?", Dead, walker, Retrying)
	return wrap("close cursor", err)
}

// Tally is how far a run's walker has come.
type Tally struct {
	Open                     bool  // it has a cursor
	Pos                      int64 // of the cursor: what lies before it is over, or waits
	Retrying                 int64 // deliveries that wait for another attempt, or behind one that does
	Delivered, Dead, Skipped int64
}

// Tally counts what became of a run's items so far.
func (s *Store) Tally(ctx context.Context, db bun.IDB, walker string) (Tally, error) {
	var t Tally
	var pos sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT (SELECT pos FROM cursors WHERE walker = ?), (SELECT count(*) FROM retries WHERE walker = ?)", walker, walker).Scan(&pos, &t.Retrying)
	if err != nil {
		return t, wrap("read cursor", err)
	}
	t.Open, t.Pos = pos.Valid, pos.Int64
	rows, err := db.QueryContext(ctx, "SELECT status, count(*) FROM deliveries WHERE "+ofRun+" GROUP BY status", walker)
	if err != nil {
		return t, wrap("count deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var status string
		var n int64
		if err := rows.Scan(&status, &n); err != nil {
			return t, wrap("count deliveries", err)
		}
		switch status {
		case Delivered:
			t.Delivered = n
		case Dead:
			t.Dead = n
		case Skipped:
			t.Skipped = n
		}
	}
	return t, wrap("count deliveries", rows.Err())
}
