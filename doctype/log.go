package doctype

import (
	"context"
	"database/sql"
	"strings"

	"github.com/uptrace/bun"
)

const eventColumns = "pos, id, at, doctype, name, event, version, data, changed, job, page, restored, owner, creation, modified_by, key_id, hops"

// Head is the position of the last event, 0 for an empty log.
func (s *Service) Head(ctx context.Context) (int64, error) {
	var head int64
	err := s.db.Read.QueryRowContext(ctx, "SELECT coalesce(max(pos), 0) FROM events").Scan(&head)
	return head, unavailable(wrap("read the log's end", err))
}

// Range selects events: after < pos <= upto (0 = the end), of one DocType ("" =
// all), at most limit.
type Range struct {
	After, Upto int64
	DocType     string
	Limit       int
}

// Events reads the log in order.
func (s *Service) Events(ctx context.Context, r Range) ([]Event, error) {
	where, args := []string{"pos > ?"}, []any{r.After}
	if r.Upto > 0 {
		where, args = append(where, "pos <= ?"), append(args, r.Upto)
	}
	if r.DocType != "" {
		where, args = append(where, "doctype = ?"), append(args, r.DocType)
	}
	return s.selectEvents(ctx, s.db.Read, strings.Join(where, " AND ")+" ORDER BY pos LIMIT ?", append(args, r.Limit)...)
}

// EventsAt returns the events at the given positions, in order; those no longer
// in the log are missing.
func (s *Service) EventsAt(ctx context.Context, pos []int64) ([]Event, error) {
	if len(pos) == 0 {
		return nil, nil
	}
	return s.selectEvents(ctx, s.db.Read, "pos IN (?) ORDER BY pos", bun.In(pos))
}

// History lists the events of one document that are still in the log, newest
// first, at most limit.
func (s *Service) History(ctx context.Context, doctype, name string, limit int) ([]Event, error) {
	return s.selectEvents(ctx, s.db.Read, "doctype = ? AND name = ? ORDER BY pos DESC LIMIT ?", doctype, name, limit)
}

func (s *Service) selectEvents(ctx context.Context, db bun.IDB, where string, args ...any) ([]Event, error) {
	rows, err := db.QueryContext(ctx, "SELECT "+eventColumns+" FROM events WHERE "+where, args...)
	if err != nil {
		return nil, unavailable(wrap("read the log", err))
	}
	defer func() { _ = rows.Close() }()
	var out []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, unavailable(wrap("read the log", rows.Err()))
}

func scanEvent(rows *sql.Rows) (Event, error) {
	var e Event
	var at, creation int64
	var page sql.NullInt64
	var job sql.NullString
	err := rows.Scan(&e.Pos, &e.ID, &at, &e.DocType, &e.Name, &e.Event, &e.Version, &e.Data, &e.Changed, &job, &page,
		&e.Restored, &e.Owner, &creation, &e.ModifiedBy, &e.KeyID, &e.Hops)
	e.At, e.Creation, e.Job, e.Page = fromMicros(at), fromMicros(creation), job.String, page.Int64
	return e, wrap("read event", err)
}
