package requestlog

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"dochook/hooks"
	"dochook/hooks/ledger"
)

// Filter says which deliveries are meant. Empty members leave nothing out.
type Filter struct {
	Webhook  string // by name, with what its last runs sent again; or subscriber:name
	Run      string // the id of a replay or backfill: what that sent
	Status   string // retrying, delivered, dead or skipped
	DocType  string
	Document string
	// Job is a scrape job whose events they are about. Together with a document or
	// a job runs are left out, and deliveries are listed by the place of their events.
	Job      string
	From, To time.Time // of the first attempt: From or later, and before To
}

// Statuses are those a delivery may have.
func Statuses() []string {
	return []string{ledger.Delivered, ledger.Retrying, ledger.Dead, ledger.Skipped}
}

// lastRuns is how many runs of a webhook are listed with it.
const lastRuns = 20

func (f *Filter) check() error {
	if f.Status != "" && !slices.Contains(Statuses(), f.Status) {
		return &Error{CodeInvalid, "status", "there is no status of that name: it is one of " + strings.Join(Statuses(), ", ")}
	}
	for field, text := range map[string]string{"webhook": f.Webhook, "run": f.Run, "doctype": f.DocType, "document": f.Document, "job": f.Job} {
		if !usable(text) {
			return &Error{CodeInvalid, field, "the " + field + " is not usable text"}
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return &Error{CodeInvalid, "to", "the end is not after the beginning"}
	}
	return nil
}

func usable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// byEvent reports whether the log of events knows best which deliveries are meant.
func (f *Filter) byEvent() bool {
	return f.Run == "" && (f.Job != "" || f.DocType != "" && f.Document != "")
}

// conditions are joined by AND.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts, c.args = append(c.texts, text), append(c.args, args...)
}

// all is "" or the conditions, behind a word such as WHERE.
func (c *conditions) all(word string) string {
	if len(c.texts) == 0 {
		return ""
	}
	return " " + word + " " + strings.Join(c.texts, " AND ")
}

// within adds the bounds of time.
func (f *Filter) within(c *conditions, column string) {
	if !f.From.IsZero() {
		c.add(column+" >= ?", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		c.add(column+" < ?", f.To.UnixMicro())
	}
}

// source is an index in the order of time, and what must still be asked of its deliveries.
type source struct{ from, rest conditions }

// sources are what is to be merged.
func (s *Store) sources(ctx context.Context, f *Filter) ([]source, error) {
	walkers, err := s.walkers(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []source
	add := func(rest conditions, text string, args ...any) {
		var c conditions
		if text != "" {
			c.add(text, args...)
		}
		if f.From.IsZero() {
			c.add("created_at >= 0") // without a bound SQLite sorts everything
		}
		f.within(&c, "created_at")
		out = append(out, source{c, rest})
	}
	// Partial indexes are found by constants alone.
	const undelivered = "status <> '" + ledger.Delivered + "'"
	switch {
	case walkers != nil:
		for _, w := range walkers {
			for _, status := range f.statuses() {
				switch _, _, run := ledger.Run(w); {
				case run:
					add(f.rest(), "substr(walker, 1, 7) = 'replay:' AND walker = ? AND status = ?", w, status)
				case status == ledger.Delivered: // no index holds these
					rest := f.rest()
					rest.add("walker = ? AND status = ?", w, status)
					add(rest, "")
				default:
					add(f.rest(), "walker = ? AND status = ? AND "+undelivered, w, status)
				}
			}
		}
	case f.Status != "" && f.Status != ledger.Delivered:
		add(f.rest(), "status = '"+f.Status+"' AND "+undelivered)
	default:
		add(f.rest(), "")
	}
	return out, nil
}

func (f *Filter) statuses() []string {
	if f.Status != "" {
		return []string{f.Status}
	}
	return Statuses()
}

// rest are the conditions that no source sees to.
func (f *Filter) rest() conditions {
	var c conditions
	if f.DocType != "" {
		c.add("doctype = ?", f.DocType)
	}
	if f.Document != "" {
		c.add("name = ?", f.Document)
	}
	if f.Job != "" { // of a run: the position of its item is not that of the event
		c.add("event_id IN (SELECT id FROM events WHERE job = ?)", f.Job)
	}
	if f.Status == ledger.Delivered && f.Webhook == "" && f.Run == "" {
		c.add("status = ?", f.Status)
	}
	return c
}

// walkers are those of the webhook or the run that is meant; nil = all.
func (s *Store) walkers(ctx context.Context, f *Filter) ([]string, error) {
	switch {
	case f.Run != "":
		var webhook string
		err := s.db.Read.QueryRowContext(ctx, "SELECT webhook FROM replays WHERE id = ?", f.Run).Scan(&webhook)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, &Error{CodeNotFound, "run", "there is no such replay or backfill"}
		}
		return []string{ledger.RunWalker(f.Run, webhook)}, wrap("find run", err)
	case f.Webhook == "":
		return nil, nil
	case walkerOf(f.Webhook) == f.Webhook:
		return []string{f.Webhook}, nil
	}
	rows, err := s.db.Read.QueryContext(ctx, "SELECT id FROM replays WHERE webhook = ? ORDER BY creation DESC LIMIT ?", f.Webhook, lastRuns)
	if err != nil {
		return nil, wrap("find runs", err)
	}
	defer func() { _ = rows.Close() }()
	out := []string{walkerOf(f.Webhook)}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, wrap("find runs", err)
		}
		out = append(out, ledger.RunWalker(id, f.Webhook))
	}
	return out, wrap("find runs", rows.Err())
}

// walkerOf is the walker of a webhook or subscriber itself.
func walkerOf(webhook string) string {
	if strings.HasPrefix(webhook, "subscriber:") {
		return webhook
	}
	return hooks.Walker(webhook)
}
