package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
)

// Log is where documents' events are read.
type Log interface {
	Events(ctx context.Context, r eventlog.Range) ([]doctype.Event, error)
}

// Pages are where the records of jobs' pages are read, and the ids of columns.
type Pages interface {
	// Records are the accepted records of a page; not_found when they are no longer kept.
	Records(ctx context.Context, job string, page int64) ([][]byte, error)
	// Heading fills in the columns of a DocType that have ids, and what format rows calls the recipe and the table of documents,
	// written by a job or, with "", by none.
	Heading(ctx context.Context, docType, job string) (hooks.Page, error)
}

// Sources are where batches come from.
type Sources struct {
	Log   Log
	Pages Pages
}

const (
	readEvents = 2000    // of one read
	readBytes  = 8 << 20 // of records, after which a read ends
	patience   = 250 * time.Millisecond
	maxStrange = 20 // errors without a code of ours in a row
)

// Cut says which requests the batch of an anchor comes in; none when nothing of it concerns the webhook. Errors: not_found when the
// page is no longer kept; invalid_condition when nothing is left because the condition fails.
func (s Sources) Cut(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event) ([]hooks.Part, error) {
	if alone(anchor) {
		return []hooks.Part{{N: 1, Of: 1}}, nil
	}
	if err := s.complete(ctx, anchor); err != nil {
		return nil, err
	}
	cutter := c.NewCutter()
	var page hooks.Page
	collect := c.Format == hooks.FormatRows
	err := s.each(ctx, c, anchor, gathered{whole(), new(string)}, func(p hooks.Piece) {
		cutter.Add(p)
		if collect {
			page.Records = append(page.Records, p.Data)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := s.heading(ctx, c, anchor, &page); err != nil {
		return nil, err
	}
	return cutter.Parts(c.Base(anchor, page)), nil
}

// Render makes the request of one part.
func (s Sources) Render(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, part hooks.Part) (hooks.Request, error) {
	if err := s.complete(ctx, anchor); err != nil {
		return hooks.Request{}, err
	}
	var pieces []hooks.Piece
	var page hooks.Page
	var leftOut string
	if !alone(anchor) {
		span := part
		if c.Format == hooks.FormatRows || part.Of == 1 { // every record of the page names columns; what was left out may stand at an end
			span = whole()
		}
		err := s.each(ctx, c, anchor, gathered{span, &leftOut}, func(p hooks.Piece) {
			if c.Format == hooks.FormatRows {
				page.Records = append(page.Records, p.Data)
			}
			if p.At >= part.From && p.At <= part.To {
				pieces = append(pieces, p)
			}
		})
		if err != nil {
			return hooks.Request{}, err
		}
	}
	if err := s.heading(ctx, c, anchor, &page); err != nil {
		return hooks.Request{}, err
	}
	r, err := c.RenderBatch(anchor, part, pieces, page)
	r.LeftOut = leftOut
	return r, err
}

// complete reads the record of an anchor that came without it: the URL and the headers may ask for it.
func (s Sources) complete(ctx context.Context, anchor *doctype.Event) error {
	if doctype.IsJobEvent(anchor.Event) || len(anchor.Data) > 0 {
		return nil
	}
	r := eventlog.Range{After: anchor.Pos - 1, Upto: anchor.Pos, DocType: anchor.DocType, Limit: 1}
	return s.read(ctx, r, func(e *doctype.Event) bool {
		anchor.Data, anchor.Changed = e.Data, e.Changed
		return false
	})
}

// alone reports whether an entry is told without records.
func alone(anchor *doctype.Event) bool {
	return anchor.Event == doctype.JobStarted
}

func whole() hooks.Part { return hooks.Part{From: 0, To: 1 << 62} }

// gathered is what lies between a part's ends, and what is told of records that are left out.
type gathered struct {
	hooks.Part

	leftOut *string
}

// each calls fn for what concerns the webhook. A condition that fails leaves its record out; it is an error when nothing else is left.
func (s Sources) each(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, g gathered, fn func(hooks.Piece)) error {
	var failed error
	n, out, all, span := 0, 0, 0, g.Part
	take := func(p hooks.Piece, matches bool, err error) {
		all++
		switch {
		case err != nil:
			failed = err
			out++
		case matches:
			n++
			fn(p)
		}
	}
	var err error
	switch {
	case anchor.Event == doctype.JobData:
		err = s.records(ctx, c, anchor, span, take)
	case doctype.IsJobEvent(anchor.Event):
		err = s.job(ctx, c, anchor, span, take)
	default:
		err = s.together(ctx, c, anchor, span, take)
	}
	if err == nil && n == 0 {
		err = failed
	}
	if coded, ok := errors.AsType[*hooks.Error](failed); ok {
		*g.leftOut = fmt.Sprintf("the condition failed on %d of %d records, which were left out: %s", out, all, coded.Error())
	}
	return err
}

type taker func(p hooks.Piece, matches bool, err error)

// records are those of a page.
func (s Sources) records(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, span hooks.Part, take taker) error {
	var records [][]byte
	err := persist(ctx, func() (err error) {
		records, err = s.Pages.Records(ctx, anchor.Job, anchor.Page)
		return err
	})
	if err != nil {
		return err
	}
	for i, data := range records {
		if at := int64(i); at >= span.From && at <= span.To {
			matches, err := c.MatchesRecord(anchor, data)
			take(hooks.Piece{At: at, Data: data}, matches, err)
		}
	}
	return nil
}

// job are the documents that a job wrote up to its end.
func (s Sources) job(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, span hooks.Part, take taker) error {
	if c.Format != hooks.FormatChanges { // the others tell of the end alone
		take(hooks.Piece{At: anchor.Pos}, true, nil)
		return nil
	}
	r := eventlog.Range{Job: anchor.Job, After: span.From - 1, Upto: min(span.To, anchor.Pos), Limit: readEvents, Bytes: readBytes}
	return s.read(ctx, r, func(e *doctype.Event) bool {
		matches, err := c.Matches(e)
		take(hooks.Piece{At: e.Pos, Event: e, Data: e.Data}, matches, err)
		return true
	})
}

// together are the documents that were written with the anchor.
func (s Sources) together(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, span hooks.Part, take taker) error {
	r := eventlog.Range{DocType: anchor.DocType, After: anchor.Pos - 1, Upto: span.To, Limit: readEvents, Bytes: readBytes}
	return s.read(ctx, r, func(e *doctype.Event) bool {
		if e.Pos != anchor.Pos && !hooks.Together(e, anchor) {
			return false
		}
		if e.Pos >= span.From {
			matches, err := c.Matches(e)
			take(hooks.Piece{At: e.Pos, Event: e, Data: e.Data}, matches, err)
		}
		return true
	})
}

// read goes through a range of the log until fn says no.
func (s Sources) read(ctx context.Context, r eventlog.Range, fn func(*doctype.Event) bool) error {
	for {
		var events []doctype.Event
		err := persist(ctx, func() (err error) {
			events, err = s.Log.Events(ctx, r)
			return err
		})
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			if !fn(&events[i]) {
				return nil
			}
		}
		r.After = events[len(events)-1].Pos
	}
}

func (s Sources) heading(ctx context.Context, c *hooks.Compiled, anchor *doctype.Event, page *hooks.Page) error {
	if c.Format != hooks.FormatRows || anchor.Event == doctype.JobData {
		return nil
	}
	var found hooks.Page
	err := persist(ctx, func() (err error) {
		found, err = s.Pages.Heading(ctx, anchor.DocType, anchor.Job)
		return err
	})
	if doctype.CodeOf(err) == doctype.CodeNotFound { // the DocType is gone: its last events are still told
		found, err = hooks.Page{Recipe: anchor.DocType, Table: anchor.DocType}, nil
	}
	page.Columns, page.Recipe, page.Table = found.Columns, found.Recipe, found.Table
	return err
}

// persist asks again while the database is away: no delivery fails because we cannot read. What we cannot name it tries a few times.
func persist(ctx context.Context, ask func() error) error {
	for strange := 0; ; {
		err := ask()
		switch code := doctype.CodeOf(err); {
		case err == nil, errors.Is(err, context.Canceled):
			return err
		case code == doctype.CodeInternal && strange < maxStrange:
			strange++
		case code != doctype.CodeUnavailable:
			return err
		}
		timer := time.NewTimer(patience)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
