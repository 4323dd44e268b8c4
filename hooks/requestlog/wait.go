package requestlog

import (
	"context"
	"strings"

	"dochook/hooks/ledger"
)

// Wait is what waits of one webhook, or of a run of one.
type Wait struct {
	Walker      string
	Behind      int64 // positions of the log that it has not come to
	Retries     int64 // deliveries that wait to be tried again; never more than RetriesMost
	PausedUntil int64 // µs; 0 = it is not paused
}

// RetriesMost is up to where retries are counted.
const RetriesMost = 1000

// Webhook is the webhook's name.
func (w *Wait) Webhook() string {
	l := ledger.Logged{Walker: w.Walker}
	return l.Webhook()
}

// Waits tells of what waits, by walker; those for which nothing waits are left out. Replays and backfills count their own items.
func (s *Store) Waits(ctx context.Context) ([]Wait, error) {
	rows, err := s.db.Read.QueryContext(ctx, `SELECT c.walker, CASE WHEN c.pos < h.pos THEN h.pos - c.pos ELSE 0 END,
		(SELECT count(*) FROM (SELECT 1 FROM retries r WHERE r.walker = c.walker LIMIT ?) AS t),
		CASE WHEN c.paused_until > `+s.db.NowMicros()+` THEN c.paused_until ELSE 0 END
		FROM cursors c CROSS JOIN (SELECT coalesce(max(pos), 0) AS pos FROM events) h ORDER BY c.walker`, RetriesMost)
	if err != nil {
		return nil, wrap("read what waits", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Wait
	for rows.Next() {
		var w Wait
		if err := rows.Scan(&w.Walker, &w.Behind, &w.Retries, &w.PausedUntil); err != nil {
			return nil, wrap("read what waits", err)
		}
		if strings.HasPrefix(w.Walker, "replay:") { // its cursor counts items
			w.Behind = 0
		}
		if w.Behind > 0 || w.Retries > 0 {
			out = append(out, w)
		}
	}
	return out, wrap("read what waits", rows.Err())
}
