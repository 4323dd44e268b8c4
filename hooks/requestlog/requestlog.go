package requestlog

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"dochook/hooks/ledger"
	"dochook/migrations"
)

// Store reads the log from a database. Its methods may be called from any goroutine.
type Store struct{ db *migrations.DB }

// New returns a Store on db; it starts nothing.
func New(db *migrations.DB) *Store { return &Store{db} }

// Page is a piece of the log.
type Page struct {
	Rows []ledger.Logged // newest first
	// Newer and Older are where the pages beside this one begin; zero = there is none.
	Newer, Older Place
	// Cut says that there may be more beyond, and it was not looked for: the page is not full because the search took long.
	Cut bool
}

const (
	piece      = 1000 // deliveries that are looked through at once for those that are meant
	eventPiece = 200  // events, likewise
	pieces     = 4    // and how often on one page
)

// Older returns the page of at most limit deliveries that begins behind a place.
func (s *Store) Older(ctx context.Context, f Filter, from Place, limit int) (Page, error) {
	found, end, err := s.find(ctx, &f, from, limit, false)
	if err != nil {
		return Page{}, err
	}
	p := Page{Rows: found, Older: end, Cut: !end.IsZero() && len(found) < limit}
	if !from.IsZero() {
		if p.Newer = from; len(found) > 0 {
			p.Newer = placeOf(&found[0])
		}
	}
	return p, nil
}

// Newer returns the page of at most limit deliveries that ends before a place.
func (s *Store) Newer(ctx context.Context, f Filter, from Place, limit int) (Page, error) {
	found, end, err := s.find(ctx, &f, from, limit, true)
	if err != nil {
		return Page{}, err
	}
	slices.Reverse(found)
	p := Page{Rows: found, Newer: end, Older: from, Cut: !end.IsZero() && len(found) < limit}
	if len(found) > 0 {
		p.Older = placeOf(&found[len(found)-1])
	}
	return p, nil
}

// find returns deliveries from a place on, in the order of the way that is gone, and where to go on; zero = that was the end.
func (s *Store) find(ctx context.Context, f *Filter, from Place, limit int, newer bool) ([]ledger.Logged, Place, error) {
	if err := f.check(); err != nil {
		return nil, Place{}, err
	}
	way := &way{store: s, from: from, limit: limit + 1, newer: newer}
	if f.byEvent() {
		rows, end, err := way.events(ctx, f)
		return cut(rows, end, limit, err)
	}
	sources, err := s.sources(ctx, f)
	if err != nil {
		return nil, Place{}, err
	}
	var all []ledger.Logged
	var end Place
	for i := range sources {
		rows, stop, err := way.source(ctx, sources[i].from, sources[i].rest)
		if err != nil {
			return nil, Place{}, err
		}
		all = append(all, rows...)
		if !stop.IsZero() && (end.IsZero() || way.compare(stop, end) < 0) {
			end = stop
		}
	}
	slices.SortFunc(all, func(a, b ledger.Logged) int { return way.compare(placeOf(&a), placeOf(&b)) })
	if !end.IsZero() { // beyond, one of the sources may have others
		all = slices.DeleteFunc(all, func(l ledger.Logged) bool { return way.compare(placeOf(&l), end) > 0 })
	}
	return cut(all, end, limit, nil)
}

// cut leaves the rows of one page.
func cut(rows []ledger.Logged, end Place, limit int, err error) ([]ledger.Logged, Place, error) {
	if err != nil {
		return nil, Place{}, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		end = placeOf(&rows[limit-1])
	}
	return rows, end, nil
}

// way is a walk through the log.
type way struct {
	store *Store
	from  Place
	limit int // of rows
	newer bool
}

// compare orders places in the direction of the way.
func (w *way) compare(a, b Place) int {
	n := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.pos, b.pos), strings.Compare(a.walker, b.walker), cmp.Compare(a.part, b.part))
	if w.newer {
		return n
	}
	return -n
}

// word is one for the way back, or for the way to the newest.
func (w *way) word(older, newer string) string {
	if w.newer {
		return newer
	}
	return older
}

// source returns the deliveries of a source that meet the rest of the conditions, and where it stopped looking; zero = at the end.
func (w *way) source(ctx context.Context, from, rest conditions) ([]ledger.Logged, Place, error) {
	order := strings.ReplaceAll(" ORDER BY created_at X, pos X, walker X, part X", "X", w.word("DESC", "ASC"))
	var out []ledger.Logged
	at := w.from
	for range pieces {
		c := conditions{slices.Clone(from.texts), slices.Clone(from.args)}
		if !at.IsZero() {
			c.add("created_at "+w.word("<=", ">=")+" ?", at.at)
			c.add("(created_at, pos, walker, part) "+w.word("<", ">")+" (?, ?, ?, ?)", at.at, at.pos, at.walker, at.part)
		}
		most := w.limit - len(out)
		if len(rest.texts) == 0 {
			rows, err := w.store.rows(ctx, "SELECT "+columns("")+" FROM deliveries"+c.all("WHERE")+order+" LIMIT ?", append(c.args, most)...)
			if err != nil || len(rows) < most {
				return rows, Place{}, err
			}
			return rows, placeOf(&rows[most-1]), nil
		}
		inner := "SELECT * FROM deliveries" + c.all("WHERE") + order + " LIMIT ?"
		args := slices.Concat(c.args, []any{piece}, rest.args, []any{most})
		rows, err := w.store.rows(ctx, "SELECT "+columns("")+" FROM ("+inner+") AS d"+rest.all("WHERE")+order+" LIMIT ?", args...)
		if err != nil {
			return nil, Place{}, err
		}
		out = append(out, rows...)
		if len(rows) == most {
			return out, placeOf(&rows[most-1]), nil
		}
		var last Place
		err = w.store.db.Read.QueryRowContext(ctx, "SELECT created_at, pos, walker, part FROM deliveries"+c.all("WHERE")+order+" LIMIT 1 OFFSET ?",
			append(c.args, piece-1)...).Scan(&last.at, &last.pos, &last.walker, &last.part)
		if err != nil {
			return out, Place{}, noRows(err)
		}
		at = last
	}
	return out, at, nil
}

// events returns the deliveries of a document's or a job's events, and where it stopped looking.
func (w *way) events(ctx context.Context, f *Filter) ([]ledger.Logged, Place, error) {
	order := strings.ReplaceAll(" ORDER BY d.pos X, d.walker X, d.part X", "X", w.word("DESC", "ASC"))
	var of, about conditions
	about.add("d.pos = e.pos AND d.event_id = e.id")
	if f.Job != "" {
		of.add("job = ?", f.Job)
	}
	if f.DocType != "" {
		of.add("doctype = ?", f.DocType)
	}
	if f.Document != "" {
		of.add("name = ?", f.Document)
	}
	if f.Webhook != "" {
		about.add("d.walker = ?", walkerOf(f.Webhook))
	}
	if f.Status != "" {
		about.add("d.status = ?", f.Status)
	}
	f.within(&about, "d.created_at")
	if !w.from.IsZero() {
		about.add("(d.pos, d.walker, d.part) "+w.word("<", ">")+" (?, ?, ?)", w.from.pos, w.from.walker, w.from.part)
	}
	var out []ledger.Logged
	at := w.from.pos
	for range pieces {
		in := conditions{slices.Clone(of.texts), slices.Clone(of.args)}
		if at > 0 {
			in.add("pos "+w.word("<=", ">=")+" ?", at)
		}
		most := w.limit - len(out)
		inner := in.all("WHERE") + " ORDER BY pos " + w.word("DESC", "ASC") + " LIMIT "
		// CROSS JOIN keeps SQLite from going through the deliveries instead.
		rows, err := w.store.rows(ctx, "SELECT "+columns("d.")+" FROM (SELECT pos, id FROM events"+inner+"?) AS e CROSS JOIN deliveries AS d"+
			about.all("WHERE")+order+" LIMIT ?", slices.Concat(in.args, []any{eventPiece}, about.args, []any{most})...)
		if err != nil {
			return nil, Place{}, err
		}
		out = append(out, rows...)
		if len(rows) == most {
			return out, placeOf(&rows[most-1]), nil
		}
		var last int64
		err = w.store.db.Read.QueryRowContext(ctx, "SELECT pos FROM events"+inner+"1 OFFSET ?", append(in.args, eventPiece-1)...).Scan(&last)
		if err != nil {
			return out, Place{}, noRows(err)
		}
		at = last - 1
		if w.newer {
			at = last + 1
		}
	}
	// Before all deliveries at the next position.
	if w.newer {
		return out, Place{pos: at, part: -1}, nil
	}
	return out, Place{pos: at + 1, part: -1}, nil
}

func noRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return wrap("look through deliveries", err)
}

// columns are those of a row, each with a prefix.
func columns(of string) string {
	return strings.ReplaceAll("@id, @walker, @pos, @part, @event_id, @event, @doctype, @name, @status, @attempts, @created_at, coalesce(@finished_at, 0), "+
		"coalesce(@next_attempt, 0), @http_status, @reason, @duration_us, @detail", "@", of)
}

func (s *Store) rows(ctx context.Context, text string, args ...any) ([]ledger.Logged, error) {
	rows, err := s.db.Read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, wrap("read deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	var out []ledger.Logged
	for rows.Next() {
		var l ledger.Logged
		var detail []byte
		if err := rows.Scan(&l.ID, &l.Walker, &l.Pos, &l.Part, &l.EventID, &l.Event, &l.DocType, &l.Name, &l.Status, &l.Attempts,
			&l.CreatedAt, &l.FinishedAt, &l.NextAt, &l.HTTPStatus, &l.Reason, &l.DurationUS, &detail); err != nil {
			return nil, wrap("read delivery", err)
		}
		if err := json.Unmarshal(detail, &l.Detail); err != nil {
			return nil, wrap("read delivery", err)
		}
		out = append(out, l)
	}
	return out, wrap("read deliveries", rows.Err())
}
