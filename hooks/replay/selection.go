package replay

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/hooks"
)

// item is one of a run's: an event by its position, or a document by its name.
type item struct {
	pos  int64
	name string
	at   int64 // µs: its first attempt, its event, or the document's creation
}

// Preview is what a run would be about.
type Preview struct {
	Count   int64      `json:"count"`   // items
	First   *time.Time `json:"first"`   // earliest of them: first attempt, event of the log, or creation of the document; nil = none
	Last    *time.Time `json:"last"`    // latest
	Expired int64      `json:"expired"` // deliveries that would be among them, had their events not left the log
}

func (p *Preview) set(first, last int64) {
	if p.Count == 0 {
		return
	}
	from, to := time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	p.First, p.Last = &from, &to
}

// count counts what is selected.
func (s *Service) count(ctx context.Context, sel *selection) (Preview, error) {
	switch {
	case sel.kind == Backfill:
		return s.countDocuments(ctx, sel)
	case sel.filter.Source == Log:
		var p Preview
		var first, last int64
		err := s.eachOfLog(ctx, sel, func(i item) error {
			if p.Count == 0 {
				first, last = i.at, i.at
			}
			p.Count++
			first, last = min(first, i.at), max(last, i.at)
			return nil
		})
		p.set(first, last)
		return p, err
	default:
		return s.countDeliveries(ctx, sel)
	}
}

// each calls fn for everything that is selected, in the order of the run.
func (s *Service) each(ctx context.Context, sel *selection, fn func(item) error) error {
	switch {
	case sel.kind == Backfill:
		return s.eachDocument(ctx, sel, fn)
	case sel.filter.Source == Log:
		return s.eachOfLog(ctx, sel, fn)
	default:
		return s.eachDelivery(ctx, sel, fn)
	}
}

// tried joins the webhook's deliveries that are selected with their events; e is null where those have left the log. An event of
// another id at the place is of another past.
func (sel *selection) tried() (string, []any) {
	where := []string{"d.walker = ?", "d.status IN (?)"}
	args := []any{hooks.Walker(sel.webhook.Name), bun.List(sel.statuses)}
	add := func(condition string, arg any) { where, args = append(where, condition), append(args, arg) }
	if sel.from > 0 {
		add("d.created_at >= ?", sel.from)
	}
	if sel.to > 0 {
		add("d.created_at < ?", sel.to)
	}
	if sel.events != nil {
		add("d.event IN (?)", bun.List(sel.events))
	}
	if sel.filter.Document != "" {
		add("d.name = ?", sel.filter.Document)
	}
	if sel.filter.Job != "" {
		add("e.job = ?", sel.filter.Job)
	}
	return " FROM deliveries d LEFT JOIN events e ON e.pos = d.pos AND e.id = d.event_id WHERE " + strings.Join(where, " AND "), args
}

func (s *Service) countDeliveries(ctx context.Context, sel *selection) (Preview, error) {
	from, args := sel.tried()
	var p Preview
	var first, last int64
	err := s.db.Read.QueryRowContext(ctx, `SELECT count(DISTINCT e.pos), count(DISTINCT CASE WHEN e.pos IS NULL THEN d.pos END),
		coalesce(min(CASE WHEN e.pos IS NULL THEN NULL ELSE d.created_at END), 0), coalesce(max(CASE WHEN e.pos IS NULL THEN NULL ELSE d.created_at END), 0)`+from, args...).
		Scan(&p.Count, &p.Expired, &first, &last)
	p.set(first, last)
	return p, wrap("count deliveries", err)
}

// eachDelivery calls fn once for an event, in however many parts it was sent.
func (s *Service) eachDelivery(ctx context.Context, sel *selection, fn func(item) error) error {
	from, args := sel.tried()
	return s.scan(ctx, func(rows *sql.Rows) error {
		var i item
		if err := rows.Scan(&i.pos, &i.at); err != nil {
			return err
		}
		return fn(i)
	}, "SELECT e.pos, min(d.created_at)"+from+" AND e.pos IS NOT NULL GROUP BY e.pos ORDER BY e.pos", args...)
}

// living are the live documents that are selected.
func (s *Service) living(ctx context.Context, sel *selection) (listing.Table, error) {
	def, err := s.docs.Definition(ctx, sel.webhook.WebhookDocType)
	if err != nil {
		return listing.Table{}, err
	}
	t := listing.New(s.db.Postgres(), "documents", "name, creation", def.Knows)
	t.Restrict, t.Args = "doctype = ? AND trashed_at IS NULL", []any{def.Name}
	if scraper := sel.webhook.Scraper; scraper != "" {
		t.Restrict, t.Args = t.Restrict+" AND scraper = ?", append(t.Args, scraper)
	}
	return t, nil
}

func (s *Service) countDocuments(ctx context.Context, sel *selection) (Preview, error) {
	t, err := s.living(ctx, sel)
	if err != nil {
		return Preview{}, err
	}
	q := sel.query
	q.Order = nil
	text, args, err := t.Unordered("count(*), coalesce(min(creation), 0), coalesce(max(creation), 0)", t.Name, t.Restrict, t.Args, q)
	if err != nil {
		return Preview{}, err
	}
	var p Preview
	var first, last int64
	err = s.db.Read.QueryRowContext(ctx, text, args...).Scan(&p.Count, &first, &last)
	p.set(first, last)
	return p, wrap("count documents", err)
}

func (s *Service) eachDocument(ctx context.Context, sel *selection, fn func(item) error) error {
	t, err := s.living(ctx, sel)
	if err != nil {
		return err
	}
	text, args, err := t.Select(t.Columns, t.Name, t.Restrict, t.Args, sel.query)
	if err != nil {
		return err
	}
	return s.scan(ctx, func(rows *sql.Rows) error {
		var i item
		if err := rows.Scan(&i.name, &i.at); err != nil {
			return err
		}
		return fn(i)
	}, text, args...)
}

// scan calls fn for each row of a query. An error that fn returns stays as it is.
func (s *Service) scan(ctx context.Context, fn func(*sql.Rows) error, text string, args ...any) error {
	var own error
	err := listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		own = fn(rows)
		return own
	}, text, args...)
	if own != nil {
		return own
	}
	return wrap("select items", err)
}

const readEvents = 2000 // of the log, at once

// eachOfLog calls fn for the events up to the webhook's own place that it wants, whatever its condition; of events that are sent
// together, for the one that stands for all.
func (s *Service) eachOfLog(ctx context.Context, sel *selection, fn func(item) error) error {
	c := sel.webhook
	r := eventlog.Range{
		DocType: c.WebhookDocType, JobEvents: c.OnlyJobEvents(), Limit: readEvents, Bytes: readBytes,
		Bare: c.Batched() || len(c.Fields) == 0, // the fields that changed are looked at
	}
	var err error
	if r.After, r.Upto, err = s.span(ctx, sel); err != nil || r.Upto == 0 {
		return err
	}
	var before *doctype.Event
	if c.Batched() {
		if before, err = s.docs.Log().Before(ctx, r.After, c.WebhookDocType); err != nil {
			return err
		}
	}
	for {
		events, err := s.docs.Log().Events(ctx, r)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			e := &events[i]
			wanted := !c.Batched() && c.Wants(e) || c.Batched() && c.Anchors(e, before)
			before = e
			if !wanted || !sel.picks(e) {
				continue
			}
			if err := fn(item{pos: e.Pos, at: e.At.UnixMicro()}); err != nil {
				return err
			}
		}
		last := events[len(events)-1]
		before, r.After = &last, last.Pos
	}
}

// picks reports whether the filter lets an event of the log through.
func (sel *selection) picks(e *doctype.Event) bool {
	f := &sel.filter
	if !sel.within(e.At.UnixMicro()) || f.Job != "" && e.Job != f.Job || f.Document != "" && (e.Name != f.Document || doctype.IsJobEvent(e.Event)) {
		return false
	}
	return sel.events == nil || slices.Contains(sel.events, e.Event)
}

// span is where in the log the selected events lie: behind after, and up to where the webhook stands; 0 = nowhere. What lies beyond
// that the webhook is going to be told anyway.
func (s *Service) span(ctx context.Context, sel *selection) (after, upto int64, err error) {
	err = s.db.Read.QueryRowContext(ctx, "SELECT pos FROM cursors WHERE walker = ?", hooks.Walker(sel.webhook.Name)).Scan(&upto)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	if err == nil && sel.from > 0 {
		// Times grow with positions, but for commits that overtook each other.
		err = s.db.Read.QueryRowContext(ctx, "SELECT coalesce((SELECT pos FROM events WHERE at >= ? ORDER BY pos LIMIT 1), ?)", sel.from, upto+1).Scan(&after)
		after--
	}
	if after >= upto {
		upto = 0
	}
	return max(after, 0), upto, wrap("find events", err)
}
