package eventlog

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/migrations"
)

const eventColumns = "pos, id, at, doctype, name, event, version, " + eventTexts + ", job, page, restored, owner, creation, modified_by, key_id, hops, scraper"

const (
	eventTexts = "data, changed"
	// bareTexts leave the records out.
	bareTexts = "CASE WHEN version > 0 THEN '' ELSE data END, NULL"
)

// Channel is the PostgreSQL notification channel told of new events; [Log.Own] knows which notifications are its own.
const Channel = "dochook_events"

// Log reads and extends the log. Its methods may be called from any goroutine.
type Log struct {
	db *migrations.DB
	id string
}

// New returns the Log of db.
func New(db *migrations.DB) *Log { return &Log{db, uuid.NewString()} }

// Own reports whether a notification tells of what this Log appended.
func (l *Log) Own(notification string) bool { return notification == l.id }

// Head is the position of the last event, 0 for an empty log.
func (l *Log) Head(ctx context.Context) (int64, error) {
	var head int64
	err := l.db.Read.QueryRowContext(ctx, "SELECT coalesce(max(pos), 0) FROM events").Scan(&head)
	return head, Unavailable(wrap("read the log's end", err))
}

// First is the position of the first event that is kept, 0 for an empty log.
func (l *Log) First(ctx context.Context) (int64, error) {
	var first int64
	err := l.db.Read.QueryRowContext(ctx, "SELECT coalesce(min(pos), 0) FROM events").Scan(&first)
	return first, Unavailable(wrap("read the log's beginning", err))
}

// Range selects events: after < pos <= upto (0 = the end), of one DocType ("" =
// all), at most limit of them, and none after Bytes of records were read (0 = no
// bound).
type Range struct {
	After, Upto int64
	DocType     string
	JobEvents   bool   // only those about jobs
	Job         string // only those about documents that this job wrote
	Bare        bool   // documents' events come without their records and changes
	Limit       int
	Bytes       int
}

// near is how many positions per wanted event are looked at first: PostgreSQL, which counts a table's rows now and then only, would
// read and sort all that a DocType has of which it does not know how much that is, as after a bulk import.
const near = 4

// Events reads the log in order of positions.
func (l *Log) Events(ctx context.Context, r Range) ([]doctype.Event, error) {
	if !l.db.Postgres() || r.DocType == "" || r.JobEvents || r.Job != "" {
		return l.events(ctx, r)
	}
	first := r
	if first.Upto = r.After + near*int64(r.Limit); r.Upto > 0 {
		first.Upto = min(first.Upto, r.Upto)
	}
	found, err := l.events(ctx, first)
	if r.Limit -= len(found); err != nil || r.Limit == 0 || first.Upto == r.Upto {
		return found, err
	}
	for i := range found {
		r.After = found[i].Pos // and not first.Upto, below which more may have come by now
		if r.Bytes > 0 {
			if r.Bytes -= size(&found[i]); r.Bytes <= 0 {
				return found, nil
			}
		}
	}
	rest, err := l.events(ctx, r)
	return append(found, rest...), err
}

func (l *Log) events(ctx context.Context, r Range) ([]doctype.Event, error) {
	where, args := []string{"pos > ?"}, []any{r.After}
	if r.Upto > 0 {
		where, args = append(where, "pos <= ?"), append(args, r.Upto)
	}
	if r.DocType != "" {
		where, args = append(where, "doctype = ?"), append(args, r.DocType)
	}
	if r.JobEvents {
		where = append(where, "version = 0")
	}
	if r.Job != "" {
		where, args = append(where, "version > 0 AND job = ?"), append(args, r.Job)
	}
	columns := eventColumns
	if r.Bare {
		columns = strings.Replace(columns, eventTexts, bareTexts, 1)
	}
	return l.selected(ctx, columns, r.Bytes, strings.Join(where, " AND ")+" ORDER BY pos LIMIT ?", append(args, r.Limit)...)
}

func size(e *doctype.Event) int { return len(e.Data) + len(e.Changed) }

// Before returns the last event at or before a position, of a DocType ("" = all); nil if there is none.
func (l *Log) Before(ctx context.Context, pos int64, docType string) (*doctype.Event, error) {
	where, args := "pos <= ?", []any{pos}
	if docType != "" {
		where, args = where+" AND doctype = ?", append(args, docType)
	}
	events, err := l.read(ctx, 0, where+" ORDER BY pos DESC LIMIT 1", args...)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return &events[0], nil
}

// Changed returns which of the documents have events after a position.
func (l *Log) Changed(ctx context.Context, db bun.IDB, docType string, names []string, after int64) (map[string]bool, error) {
	out := map[string]bool{}
	for chunk := range slices.Chunk(names, 500) {
		rows, err := db.QueryContext(ctx, "SELECT DISTINCT name FROM events WHERE doctype = ? AND name IN (?) AND pos > ? AND version > 0", docType, bun.List(chunk), after)
		if err == nil {
			err = addNames(rows, out)
		}
		if err != nil {
			return nil, Unavailable(wrap("look for events", err))
		}
	}
	return out, nil
}

func addNames(rows *sql.Rows, out map[string]bool) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		out[name] = true
	}
	return rows.Err()
}

// At returns the events at the given positions, in order; those no longer
// in the log are missing.
func (l *Log) At(ctx context.Context, pos []int64) ([]doctype.Event, error) {
	if len(pos) == 0 {
		return nil, nil
	}
	return l.read(ctx, 0, "pos IN (?) ORDER BY pos", bun.List(pos))
}

// History lists the events of one document that are still in the log, newest
// first, at most limit.
func (l *Log) History(ctx context.Context, docType, name string, limit int) ([]doctype.Event, error) {
	return l.HistoryBefore(ctx, docType, name, math.MaxInt64, limit)
}

// HistoryBefore is History up to a position, which is not in it.
func (l *Log) HistoryBefore(ctx context.Context, docType, name string, pos int64, limit int) ([]doctype.Event, error) {
	return l.read(ctx, 0, "doctype = ? AND name = ? AND pos < ? ORDER BY pos DESC LIMIT ?", docType, name, pos, limit)
}

func (l *Log) read(ctx context.Context, most int, where string, args ...any) ([]doctype.Event, error) {
	return l.selected(ctx, eventColumns, most, where, args...)
}

func (l *Log) selected(ctx context.Context, columns string, most int, where string, args ...any) ([]doctype.Event, error) {
	rows, err := l.db.Read.QueryContext(ctx, "SELECT "+columns+" FROM events WHERE "+where, args...)
	if err != nil {
		return nil, Unavailable(wrap("read the log", err))
	}
	defer func() { _ = rows.Close() }()
	var out []doctype.Event
	total := 0
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		if total += size(&e); most > 0 && total >= most {
			return out, nil
		}
	}
	return out, Unavailable(wrap("read the log", rows.Err()))
}

func scanEvent(rows *sql.Rows) (doctype.Event, error) {
	var e doctype.Event
	var at, creation int64
	var page sql.NullInt64
	var job, scraper sql.NullString
	err := rows.Scan(&e.Pos, &e.ID, &at, &e.DocType, &e.Name, &e.Event, &e.Version, &e.Data, &e.Changed, &job, &page,
		&e.Restored, &e.Owner, &creation, &e.ModifiedBy, &e.KeyID, &e.Hops, &scraper)
	e.At, e.Creation, e.Job, e.Page, e.Scraper = micros(at), micros(creation), job.String, page.Int64, scraper.String
	return e, wrap("read event", err)
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }
