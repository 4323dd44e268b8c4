package roster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dochook/migrations"
)

const (
	presence = 10 * time.Second // that a server is believed to be there after it was seen
	fresh    = time.Second      // before it is written down again that it was
	forgiven = time.Second      // that it may be seen later than now: clocks are set
	kept     = time.Hour        // that one which is gone is kept
)

// Patience is how long a walker may be without a server before one takes it that has its share already.
const Patience = 5 * time.Second

// Roster is the list of the servers on a database. Its methods may be called from any goroutine.
type Roster struct{ db *migrations.DB }

// New returns the Roster of db, which is PostgreSQL: a file of SQLite's has one server.
func New(db *migrations.DB) *Roster { return &Roster{db} }

// Attend puts a server on the list, for some seconds, and returns how many are on it.
func (r *Roster) Attend(ctx context.Context, server string) (servers int, err error) {
	query := strings.NewReplacer(
		"NOW", r.db.NowMicros(),
		"FRESH", fmt.Sprint(fresh.Microseconds()), "PRESENCE", fmt.Sprint(presence.Microseconds()),
		"FORGIVEN", fmt.Sprint(forgiven.Microseconds()), "KEPT", fmt.Sprint(kept.Microseconds()),
	).Replace(`WITH self AS (INSERT INTO servers (id, seen) VALUES (?, NOW) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen
			WHERE servers.seen NOT BETWEEN excluded.seen - FRESH AND excluded.seen),
		gone AS (DELETE FROM servers WHERE id <> ? AND seen NOT BETWEEN NOW - KEPT AND NOW + KEPT)
		SELECT 1 + count(*) FROM servers WHERE id <> ? AND seen BETWEEN NOW - PRESENCE AND NOW + FORGIVEN`)
	if err := r.db.Write.QueryRowContext(ctx, query, server, server, server).Scan(&servers); err != nil {
		return 0, fmt.Errorf("attend: %w", err)
	}
	return servers, nil
}

// Leave takes a server off the list.
func (r *Roster) Leave(ctx context.Context, server string) error {
	if _, err := r.db.Write.ExecContext(ctx, "DELETE FROM servers WHERE id = ?", server); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// Divide gives one of so many servers its share of all walkers, rounded up: how many it may take to those it has, or how many it has too
// many.
func Divide(servers, all, has int) (room, surplus int) {
	most := (all + servers - 1) / servers
	return max(0, most-has), max(0, has-most)
}
