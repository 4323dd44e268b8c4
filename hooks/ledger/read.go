package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/listing"
	"dochook/doctype/query"
)

// Waiting returns a walker's retries behind a key, by position and at most limit of them, without their requests.
func (s *Store) Waiting(ctx context.Context, walker string, after Key, limit int) ([]Retry, error) {
	rows, err := s.db.Write.QueryContext(ctx, `SELECT pos, part, order_key, coalesce(due_at, 0), attempts, delivery FROM retries
		WHERE walker = ? AND (pos, part) > (?, ?) ORDER BY pos, part LIMIT ?`, walker, after.Pos, after.Part, limit)
	if err != nil {
		return nil, wrap("read retries", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Retry
	for rows.Next() {
		var r Retry
		if err := rows.Scan(&r.Pos, &r.Part, &r.OrderKey, &r.DueAt, &r.Attempts, &r.Delivery); err != nil {
			return nil, wrap("read retries", err)
		}
		out = append(out, r)
	}
	return out, wrap("read retries", rows.Err())
}

// Beyond returns what was tried already of the entries after a position and up to another: after
// a crash these are not sent again.
func (s *Store) Beyond(ctx context.Context, walker string, after, upto int64) (map[Key]bool, error) {
	rows, err := s.db.Write.QueryContext(ctx, `SELECT pos, part FROM deliveries WHERE walker = ? AND pos > ? AND pos <= ?
		UNION SELECT pos, part FROM retries WHERE walker = ? AND pos > ? AND pos <= ?`, walker, after, upto, walker, after, upto)
	if err != nil {
		return nil, wrap("read deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[Key]bool{}
	for rows.Next() {
		var k Key
		if err := rows.Scan(&k.Pos, &k.Part); err != nil {
			return nil, wrap("read deliveries", err)
		}
		out[k] = true
	}
	return out, wrap("read deliveries", rows.Err())
}

// What one statement of TakeUp reads at most.
const (
	takeUpRetries   = 5000
	takeUpPositions = 100_000
)

// TakeUp reads how the holder of a lease before this one left things: it calls waiting with the retries, by position, and returns what was
// tried of the entries after the lease's. There may be more than a database gives in a while, so it reads portions, and each may take up to
// limit.
func (s *Store) TakeUp(ctx context.Context, l Lease, limit time.Duration, waiting func([]Retry)) (tried map[Key]bool, err error) {
	portion := func(read func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return read(ctx)
	}
	var some []Retry
	for after := (Key{}); len(some) == takeUpRetries || after == (Key{}); after = some[len(some)-1].Key {
		err := portion(func(ctx context.Context) (err error) {
			some, err = s.Waiting(ctx, l.Walker, after, takeUpRetries)
			return err
		})
		if err != nil {
			return nil, err
		}
		waiting(some)
		if len(some) == 0 {
			break
		}
	}
	tried = map[Key]bool{}
	span, end := int64(takeUpPositions), l.Ahead
	if end == 0 { // written by a version that did not know
		span, end = math.MaxInt64-l.Pos, math.MaxInt64
	}
	for from := l.Pos; from < end; from += span {
		err := portion(func(ctx context.Context) error {
			beyond, err := s.Beyond(ctx, l.Walker, from, from+min(span, end-from))
			maps.Copy(tried, beyond)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return tried, nil
}

// Logged is a delivery as it is listed.
type Logged struct {
	Delivery
	Walker string
}

// Webhook is the webhook's name, or subscriber:name.
func (l *Logged) Webhook() string {
	if _, name, ok := Run(l.Walker); ok {
		return name
	}
	return strings.TrimPrefix(l.Walker, "webhook:")
}

// EventPos is where the delivery's event stands in the log.
func (l *Logged) EventPos() int64 {
	if l.Detail.EventPos != 0 {
		return l.Detail.EventPos
	}
	return l.Pos
}

// RunPrefix begins the names of the walkers of replays and backfills.
const RunPrefix = "replay:"

const runID = 36 // a UUID

// RunWalker is the walker of a replay or backfill of a webhook.
func RunWalker(id, webhook string) string { return RunPrefix + id + ":" + webhook }

// RunWalkers are the walkers of a webhook's replays and backfills that are not over.
func (s *Store) RunWalkers(ctx context.Context, webhook string) (walkers []string, err error) {
	err = listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		var walker string
		if err := rows.Scan(&walker); err != nil {
			return err
		}
		if _, of, ok := Run(walker); ok && of == webhook {
			walkers = append(walkers, walker)
		}
		return nil
	}, "SELECT walker FROM cursors WHERE walker LIKE '"+RunPrefix+"%'")
	return walkers, wrap("read runs", err)
}

// Run tells the id and the webhook of the walker of a replay or backfill.
func Run(walker string) (id, webhook string, ok bool) {
	rest, ok := strings.CutPrefix(walker, RunPrefix)
	if !ok || len(rest) <= runID || rest[runID] != ':' {
		return "", "", false
	}
	return rest[:runID], rest[runID+1:], true
}

const loggedColumns = "id, walker, pos, part, event_id, event, doctype, name, status, attempts, created_at, coalesce(finished_at, 0), coalesce(next_attempt, 0), http_status, reason, duration_us, detail"

func scanLogged(r interface{ Scan(dest ...any) error }) (Logged, error) {
	var l Logged
	var detail string
	err := r.Scan(&l.ID, &l.Walker, &l.Pos, &l.Part, &l.EventID, &l.Event, &l.DocType, &l.Name, &l.Status, &l.Attempts,
		&l.CreatedAt, &l.FinishedAt, &l.NextAt, &l.HTTPStatus, &l.Reason, &l.DurationUS, &detail)
	if err != nil {
		return l, wrap("read delivery", err)
	}
	return l, wrap("read delivery", json.Unmarshal([]byte(detail), &l.Detail))
}

// source names the columns a caller may list deliveries by, as the fields of
// the Webhook Request Log.
func (s *Store) source() query.Source {
	return query.Source{Postgres: s.db.Postgres(), Columns: map[string]query.Column{
		"name":              {SQL: "id", Kind: query.Text},
		"webhook":           {SQL: "CASE WHEN walker LIKE 'webhook:%' THEN substr(walker, 9) WHEN walker LIKE 'replay:%' THEN substr(walker, 45) ELSE walker END", Kind: query.Text},
		"event_id":          {SQL: "event_id", Kind: query.Text},
		"event":             {SQL: "event", Kind: query.Text},
		"reference_doctype": {SQL: "doctype", Kind: query.Text},
		"reference_name":    {SQL: "name", Kind: query.Text},
		"status":            {SQL: "status", Kind: query.Text},
		"attempts":          {SQL: "attempts", Kind: query.Int},
		"http_status":       {SQL: "http_status", Kind: query.Int},
		"reason":            {SQL: "reason", Kind: query.Text},
		"pos":               {SQL: "pos", Kind: query.Int},
		"creation":          {SQL: "created_at", Kind: query.Time},
		"modified":          {SQL: "coalesce(finished_at, created_at)", Kind: query.Time},
		"next_attempt":      {SQL: "next_attempt", Kind: query.Time},
		"run":               {SQL: "CASE WHEN walker LIKE 'replay:%' THEN substr(walker, 8, 36) END", Kind: query.Text},
		"job":               {SQL: "(SELECT job FROM events WHERE events.pos = deliveries.pos AND events.id = deliveries.event_id)", Kind: query.Text},
	}}
}

// List returns deliveries that pass the query's filters, in its order.
func (s *Store) List(ctx context.Context, q query.Query) ([]Logged, error) {
	text, args, err := s.source().Select(loggedColumns, "deliveries", "", nil, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, wrap("list deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Logged
	for rows.Next() {
		l, err := scanLogged(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, wrap("list deliveries", rows.Err())
}

// Count counts the deliveries that pass the query's filters.
func (s *Store) Count(ctx context.Context, q query.Query) (int64, error) {
	text, args, err := s.source().Count("deliveries", "", nil, q)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.db.Read.QueryRowContext(ctx, text, args...).Scan(&n)
	return n, wrap("count deliveries", err)
}

// Get returns one delivery with its attempts, oldest first; the one that ended
// it is the last.
func (s *Store) Get(ctx context.Context, id string) (Logged, []Attempt, error) {
	l, err := scanLogged(s.db.Read.QueryRowContext(ctx, "SELECT "+loggedColumns+" FROM deliveries WHERE pos = ? AND id = ?", posOf(id), id))
	if errors.Is(err, sql.ErrNoRows) {
		return l, nil, &Error{CodeNotFound, "delivery " + id + " not found"}
	}
	if err != nil {
		return l, nil, err
	}
	rows, err := s.db.Read.QueryContext(ctx, "SELECT n, at, http_status, reason, duration_us, detail FROM attempts WHERE delivery = ? ORDER BY n", id)
	if err != nil {
		return l, nil, wrap("read attempts", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Attempt
	for rows.Next() {
		a := Attempt{Delivery: id}
		var detail string
		if err := rows.Scan(&a.N, &a.At, &a.HTTPStatus, &a.Reason, &a.DurationUS, &detail); err != nil {
			return l, nil, wrap("read attempts", err)
		}
		if err := json.Unmarshal([]byte(detail), &a.Detail); err != nil {
			return l, nil, wrap("read attempts", err)
		}
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return l, nil, wrap("read attempts", err)
	}
	// The attempt that ended a delivery stands in its row alone.
	if !slices.ContainsFunc(out, func(a Attempt) bool { return a.N == l.Attempts }) && l.Attempts > 0 {
		out = append(out, Attempt{id, l.Attempts, l.FinishedAt - l.DurationUS, l.HTTPStatus, l.Reason, l.DurationUS, l.Detail})
	}
	return l, out, nil
}

// Requests returns what was rendered for the first attempt of retries, by key;
// those that were never tried have none.
func (s *Store) Requests(ctx context.Context, walker string, positions []int64) (map[Key][]byte, error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT pos, part, request FROM retries WHERE walker = ? AND pos IN (?) AND request IS NOT NULL", walker, bun.List(positions))
	if err != nil {
		return nil, wrap("read requests", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[Key][]byte{}
	for rows.Next() {
		var k Key
		var request []byte
		if err := rows.Scan(&k.Pos, &k.Part, &request); err != nil {
			return nil, wrap("read requests", err)
		}
		out[k] = request
	}
	return out, wrap("read requests", rows.Err())
}

// Lag is how far a walker is behind the log.
type Lag struct {
	Walker      string
	Pos         int64
	Events      int64 // positions of the log beyond the cursor; on PostgreSQL some of them may have no entry
	OldestAt    int64 // µs of the first of them; 0 = none
	Retries     int64
	Failures    int64
	PausedUntil int64 // µs; 0 = it is not paused
}

// Lags returns how far each walker is behind.
func (s *Store) Lags(ctx context.Context) ([]Lag, error) {
	rows, err := s.db.Read.QueryContext(ctx, `SELECT c.walker, c.pos, CASE WHEN c.pos < h.pos THEN h.pos - c.pos ELSE 0 END,
		coalesce((SELECT e.at FROM events e WHERE e.pos > c.pos ORDER BY e.pos LIMIT 1), 0),
		(SELECT count(*) FROM retries r WHERE r.walker = c.walker), c.failures, CASE WHEN c.paused_until > `+s.db.NowMicros()+` THEN c.paused_until ELSE 0 END
		FROM cursors c CROSS JOIN (SELECT coalesce(max(pos), 0) AS pos FROM events) h ORDER BY c.walker`)
	if err != nil {
		return nil, wrap("read lags", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Lag
	for rows.Next() {
		var l Lag
		if err := rows.Scan(&l.Walker, &l.Pos, &l.Events, &l.OldestAt, &l.Retries, &l.Failures, &l.PausedUntil); err != nil {
			return nil, wrap("read lags", err)
		}
		out = append(out, l)
	}
	return out, wrap("read lags", rows.Err())
}

// Resent records an attempt made by hand. A success ends the delivery as
// delivered; a failure leaves it as it was. Code conflict if it is still being
// retried by itself.
func (s *Store) Resent(ctx context.Context, id string, a Attempt, delivered bool) error {
	status := Dead
	if delivered {
		status = Delivered
	}
	detail, err := a.Detail.encode()
	if err != nil {
		return wrap("encode attempt", err)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// The attempt that ended the delivery so far stood in its row alone.
		_, err := tx.ExecContext(ctx, `INSERT INTO attempts (delivery, n, at, http_status, reason, duration_us, detail)
			SELECT id, attempts, coalesce(finished_at, created_at) - duration_us, http_status, reason, duration_us, detail
			FROM deliveries WHERE pos = ? AND id = ? AND attempts > 0 ON CONFLICT (delivery, n) DO NOTHING`, posOf(id), id)
		if err != nil {
			return wrap("keep attempt", err)
		}
		res, err := tx.ExecContext(ctx, `UPDATE deliveries SET attempts = ?, status = CASE WHEN status = ? THEN status ELSE ? END,
			finished_at = ?, http_status = ?, reason = ?, duration_us = ?, detail = ? WHERE pos = ? AND id = ? AND status <> ? AND attempts = ?`,
			a.N, Delivered, status, a.At+a.DurationUS, a.HTTPStatus, a.Reason, a.DurationUS, detail, posOf(id), id, Retrying, a.N-1)
		if err != nil {
			return wrap("record resend", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errorOr(wrap("record resend", err), &Error{CodeConflict, "the delivery was tried by someone else meanwhile"})
		}
		return nil
	})
}
