package activity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"dochook/hooks/ledger"
	"dochook/migrations"
)

// Store reads deliveries from a database.
type Store struct{ db *migrations.DB }

// New returns a Store on db; it starts nothing.
func New(db *migrations.DB) *Store { return &Store{db} }

// Minute is how many deliveries were tried first in one minute, by what has become
// of them since.
type Minute struct {
	At                                 time.Time // its begin
	Delivered, Retrying, Dead, Skipped int64
}

// Failed are those that wait to be tried again or were given up.
func (m Minute) Failed() int64 { return m.Retrying + m.Dead }

const minute = 60_000_000 // µs

// Minutes counts the deliveries of the last n minutes up to now, the current one
// included, each minute once and in order.
func (s *Store) Minutes(ctx context.Context, now time.Time, n int) ([]Minute, error) {
	last := now.UnixMicro() / minute
	first := last - int64(n) + 1
	out := make([]Minute, n)
	for i := range out {
		out[i].At = time.UnixMicro((first + int64(i)) * minute).UTC()
	}
	// The index of the times alone answers the first, the one of what was not delivered the second.
	err := s.count(ctx, "SELECT created_at / ?, 'all', count(*) FROM deliveries WHERE created_at >= ? GROUP BY 1", first, out)
	if err != nil {
		return nil, err
	}
	for _, status := range []string{ledger.Retrying, ledger.Dead, ledger.Skipped} {
		text := "SELECT created_at / ?, status, count(*) FROM deliveries WHERE created_at >= ? AND status = '" + status + "' AND status <> 'delivered' GROUP BY 1, 2"
		if err := s.count(ctx, text, first, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Store) count(ctx context.Context, text string, first int64, out []Minute) error {
	rows, err := s.db.Read.QueryContext(ctx, text, minute, first*minute)
	if err != nil {
		return wrap("count deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var at, n int64
		var status string
		if err := rows.Scan(&at, &status, &n); err != nil {
			return wrap("count deliveries", err)
		}
		if at < first || at-first >= int64(len(out)) {
			continue // of a clock that runs ahead
		}
		m := &out[at-first]
		switch status {
		case ledger.Retrying:
			m.Retrying = n
			m.Delivered -= n
		case ledger.Dead:
			m.Dead = n
			m.Delivered -= n
		case ledger.Skipped:
			m.Skipped = n
			m.Delivered -= n
		default:
			m.Delivered = n
		}
		m.Delivered = max(m.Delivered, 0) // what came between the two questions
	}
	return wrap("count deliveries", rows.Err())
}

// Failure is a delivery that did not arrive.
type Failure struct {
	ID, Walker, Status string
	DocType, Name      string
	At                 time.Time // of the first attempt
	HTTPStatus         int       // of the last answer; 0 = there was none
	Reason             string
	Error              string // what is known besides, or ""
}

// Webhook is the webhook's name.
func (f *Failure) Webhook() string {
	l := ledger.Logged{Walker: f.Walker}
	return l.Webhook()
}

// Failures are the newest deliveries since a time that were given up or wait to be
// tried again, at most limit of each kind, the given up ones first.
func (s *Store) Failures(ctx context.Context, since time.Time, limit int) ([]Failure, error) {
	var out []Failure
	for _, status := range []string{ledger.Dead, ledger.Retrying} {
		rows, err := s.db.Read.QueryContext(ctx, "SELECT id, walker, status, doctype, name, created_at, http_status, reason, detail FROM deliveries"+
			" WHERE status = '"+status+"' AND status <> 'delivered' AND created_at >= ? ORDER BY created_at DESC LIMIT ?", since.UnixMicro(), limit)
		if err != nil {
			return nil, wrap("read failures", err)
		}
		if out, err = appendFailures(out, rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendFailures(out []Failure, rows *sql.Rows) ([]Failure, error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var f Failure
		var at int64
		var detail string
		if err := rows.Scan(&f.ID, &f.Walker, &f.Status, &f.DocType, &f.Name, &at, &f.HTTPStatus, &f.Reason, &detail); err != nil {
			return nil, wrap("read failures", err)
		}
		var d struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal([]byte(detail), &d); err != nil {
			return nil, wrap("read failures", err)
		}
		f.At, f.Error = time.UnixMicro(at).UTC(), d.Error
		out = append(out, f)
	}
	return out, wrap("read failures", rows.Err())
}

// Attempt is a delivery as it goes by.
type Attempt struct {
	ID, Walker, Status, Event, DocType, Name string
	At                                       time.Time
	HTTPStatus                               int
	Duration                                 time.Duration
}

// Webhook is the webhook's name.
func (a *Attempt) Webhook() string {
	l := ledger.Logged{Walker: a.Walker}
	return l.Webhook()
}

// sentMost is how many deliveries Sent looks at.
const sentMost = 2000

// Sent reports whether a walker has tried anything since a time; known is false where so much was tried since then that it is not looked for.
func (s *Store) Sent(ctx context.Context, walker string, since time.Time) (sent, known bool, err error) {
	var all, own int64
	err = s.db.Read.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(CASE WHEN walker = ? THEN 1 ELSE 0 END), 0)"+
		" FROM (SELECT walker FROM deliveries WHERE created_at >= ? ORDER BY created_at DESC LIMIT ?) AS d", walker, since.UnixMicro(), sentMost).Scan(&all, &own)
	return own > 0, own > 0 || all < sentMost, wrap("look for deliveries", err)
}

// Latest are the deliveries that were tried first since a time, newest first.
func (s *Store) Latest(ctx context.Context, since time.Time, limit int) ([]Attempt, error) {
	rows, err := s.db.Read.QueryContext(ctx, "SELECT id, walker, status, event, doctype, name, created_at, http_status, duration_us FROM deliveries"+
		" WHERE created_at >= ? ORDER BY created_at DESC LIMIT ?", since.UnixMicro(), limit)
	if err != nil {
		return nil, wrap("read deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Attempt
	for rows.Next() {
		var a Attempt
		var at, took int64
		if err := rows.Scan(&a.ID, &a.Walker, &a.Status, &a.Event, &a.DocType, &a.Name, &at, &a.HTTPStatus, &took); err != nil {
			return nil, wrap("read deliveries", err)
		}
		a.At, a.Duration = time.UnixMicro(at).UTC(), time.Duration(took)*time.Microsecond
		out = append(out, a)
	}
	return out, wrap("read deliveries", rows.Err())
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("activity: %s: %w", doing, err)
}
