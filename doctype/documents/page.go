package documents

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"dochook/doctype"
	"dochook/doctype/idempotency"
)

// Mode is what a page does with a record whose document exists.
type Mode string

// Modes of a page.
const (
	Replace Mode = "replace" // the record is the whole new state (default)
	Merge   Mode = "merge"   // its members are written over the stored ones
)

// Record is one line of a page: raw JSON, or what was wrong with it already.
type Record struct {
	Line int    // in the body, from 1
	Key  string // the map key it came under, if any
	Data []byte
	Err  error
	// Trash removes the document that the record names.
	Trash bool
}

// Run is the job that a page belongs to.
type Run struct {
	Job, Scraper string
	Page         int64 // of the job; see [doctype.Event]
	Quiet        bool  // no events are logged
	Defer        bool  // events of updates are left to [Tx.Deferred]
}

// Page is one batch of records, written in one transaction.
type Page struct {
	Records []Record
	Mode    Mode
	Number  int // of the page within its body, from 1
	Run     Run // the zero value is no job

	// IdempotencyKey makes the page a no-op with the same answer when it comes
	// again. Another page under the same key and number is refused with code
	// idempotency_mismatch, one that is being written at the same time with
	// idempotency_busy. Scope is what else must be the same (caller, options).
	IdempotencyKey string
	Scope          string

	ready *prepared // of [Service.Prepare]
}

func (p *Page) verb() (verb, error) {
	switch p.Mode {
	case Replace, "":
		return verbReplace, nil
	case Merge:
		return verbMerge, nil
	default:
		return 0, doctype.Errorf(doctype.CodeInvalid, "mode", "mode is replace or merge, not %q", p.Mode)
	}
}

// Line is what became of one record.
type Line struct {
	Line    int     `json:"line"`
	Name    string  `json:"name,omitempty"`
	Outcome Outcome `json:"result"`
	Code    string  `json:"code,omitempty"`
	Field   string  `json:"field,omitempty"`
	Message string  `json:"message,omitempty"`
	Scraper string  `json:"-"` // whose job wrote the document last
}

// PageResult counts what became of a page; Lines are in the page's order.
type PageResult struct {
	Received   int    `json:"received"`
	Inserted   int    `json:"inserted"`
	Updated    int    `json:"updated"`
	Unchanged  int    `json:"unchanged"`
	Duplicates int    `json:"duplicates"`
	Trashed    int    `json:"trashed,omitempty"`
	Rejected   int    `json:"rejected"`
	Lines      []Line `json:"lines"`
	Repeated   bool   `json:"-"` // answered from the idempotency record; nothing was written
}

// WritePage writes a page in one transaction with its events. Bad records are
// rejected alone; a name that comes twice is written once, as it came last.
func (s *Service) WritePage(ctx context.Context, docType string, p Page) (PageResult, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return PageResult{}, err
	}
	if p.Run.Job == "" {
		p.Run.Page = -1 - rand.Int64N(math.MaxInt64) //nolint:gosec // tells writes apart, no secret
	}
	ready, lines, err := preparePage(ctx, def, &p)
	if err != nil {
		return PageResult{}, err
	}
	writes := ready.writes
	pending := make([]*write, 0, len(writes))
	for _, w := range writes {
		if w != nil {
			w.run = p.Run
			pending = append(pending, w)
		}
	}
	if len(pending) == 0 && p.IdempotencyKey == "" {
		return tally(lines, nil), nil
	}
	var result PageResult
	wrong := false
	err = s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if result, err = t.answered(ctx, p); err != nil || result.Repeated {
			return err
		}
		t.news, wrong = ready.news && t.try == 1 && !s.triggers.InTransaction(def.Name), ready.news && t.try > 1
		if err := t.applyPage(ctx, def.Name, pending); err != nil {
			return err
		}
		if result = tally(lines, writes); p.IdempotencyKey == "" {
			return nil
		}
		answer, err := json.Marshal(result)
		if err != nil {
			return wrap("encode idempotency record", err)
		}
		return idempotency.Remember(ctx, t.tx, t.now, once(p), answer)
	})
	if err != nil {
		return tally(lines, writes), err
	}
	if !result.Repeated && len(pending) > 0 {
		s.outlook.Saw(def.Name, result.Inserted == len(pending), wrong)
	}
	return result, nil
}

// Answered returns the answer that a page got when it came before under its
// Idempotency-Key, with Repeated set; it is not set when the page is new.
func (s *Service) Answered(ctx context.Context, p Page) (PageResult, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	var result PageResult
	err := s.inTx(ctx, func(ctx context.Context, t *txn) (err error) {
		result, err = t.answered(ctx, p)
		return err
	})
	return result, err
}

func (t *txn) answered(ctx context.Context, p Page) (PageResult, error) {
	var result PageResult
	if p.IdempotencyKey == "" {
		return result, nil
	}
	answer, err := idempotency.Answer(ctx, t.tx, t.now, once(p))
	if err != nil || answer == nil {
		return result, err
	}
	err = json.Unmarshal(answer, &result)
	result.Repeated = err == nil
	return result, wrap("read idempotency record", err)
}

func once(p Page) idempotency.Page {
	h := idempotency.NewHash(p.Scope, string(p.Mode))
	for i := range p.Records {
		r := &p.Records[i]
		h.Add(r.Key, r.Trash, r.Data)
	}
	return idempotency.Page{Key: p.IdempotencyKey, Number: p.Number, Hash: h.Sum()}
}

// applyPage writes the page's records, and tells which documents were seen.
func (t *txn) applyPage(ctx context.Context, docType string, writes []*write) error {
	err := t.apply(ctx, writes)
	if t.news = false; err != nil || t.s.seen == nil { // what others write besides is looked up
		return err
	}
	names := make([]string, 0, len(writes))
	for _, w := range writes {
		if w.err == nil && w.outcome != Trashed {
			names = append(names, w.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return t.s.seen(ctx, t.tx, docType, names)
}

// preparePage checks each record, if that was not done before. Its writes have an entry per line, nil where there is nothing to write:
// rejected lines and all but the last of a name.
func preparePage(ctx context.Context, def *doctype.Definition, p *Page) (ready *prepared, lines []Line, err error) {
	v, err := p.verb()
	if err != nil {
		return nil, nil, err
	}
	ready = p.ready
	if ready == nil || ready.def != def {
		if ready, err = (&checking{def: def, verb: v, user: doctype.UserOf(ctx), records: p.Records}).page(ctx); err != nil {
			return nil, nil, err
		}
	}
	for i, w := range ready.writes {
		if w != nil {
			w.known = ready.knows(i, p.Run.Scraper)
		}
	}
	return ready, slices.Clone(ready.lines), nil // the transaction may run again
}

func (l *Line) reject(err error) {
	l.Outcome, l.Code, l.Message = Rejected, doctype.CodeOf(err), "internal error"
	var own *doctype.Error
	var coded interface {
		error
		Code() string
	}
	switch {
	case errors.As(err, &own):
		l.Field, l.Message = own.Field, own.Message
	case errors.As(err, &coded): // such as one of the reader of the body, or of the record itself
		l.Code, l.Message = coded.Code(), coded.Error()
	}
}

func tally(lines []Line, writes []*write) PageResult {
	r := PageResult{Received: len(lines), Lines: lines}
	for i := range lines {
		l := &lines[i]
		if writes != nil && writes[i] != nil {
			l.Outcome, l.Code, l.Field, l.Message = writes[i].outcome, "", "", "" // a try before may have been refused
			l.Scraper = writes[i].doc.Scraper
			if writes[i].err != nil {
				l.reject(writes[i].err)
			}
		}
		switch l.Outcome {
		case Inserted:
			r.Inserted++
		case Updated:
			r.Updated++
		case Unchanged:
			r.Unchanged++
		case Duplicate:
			r.Duplicates++
		case Rejected:
			r.Rejected++
		case Trashed:
			r.Trashed++
		}
	}
	return r
}
