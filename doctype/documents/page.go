package documents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"dochook/doctype"
	"dochook/migrations"
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
}

// Page is one batch of records, written in one transaction.
type Page struct {
	Records []Record
	Mode    Mode
	Number  int // of the page within its body, from 1

	// IdempotencyKey makes the page a no-op with the same answer when it comes
	// again. Another page under the same key and number is refused with code
	// idempotency_mismatch, one that is being written at the same time with
	// idempotency_busy. Scope is what else must be the same (caller, options).
	IdempotencyKey string
	Scope          string
}

// Line is what became of one record.
type Line struct {
	Line    int     `json:"line"`
	Name    string  `json:"name,omitempty"`
	Outcome Outcome `json:"result"`
	Code    string  `json:"code,omitempty"`
	Field   string  `json:"field,omitempty"`
	Message string  `json:"message,omitempty"`
}

// PageResult counts what became of a page; Lines are in the page's order.
type PageResult struct {
	Received   int    `json:"received"`
	Inserted   int    `json:"inserted"`
	Updated    int    `json:"updated"`
	Unchanged  int    `json:"unchanged"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	Lines      []Line `json:"lines"`
	Repeated   bool   `json:"-"` // answered from the idempotency record; nothing was written
}

const idempotencyLife = 24 * time.Hour

// WritePage writes a page in one transaction with its events. Bad records are
// rejected alone; a name that comes twice is written once, as it came last.
func (s *Service) WritePage(ctx context.Context, docType string, p Page) (PageResult, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return PageResult{}, err
	}
	writes, lines, err := preparePage(def, p, doctype.UserOf(ctx))
	if err != nil {
		return PageResult{}, err
	}
	pending := slices.DeleteFunc(slices.Clone(writes), func(w *write) bool { return w == nil })
	if p.IdempotencyKey == "" {
		if len(pending) == 0 {
			return tally(lines, nil), nil
		}
		err := s.inTx(ctx, func(ctx context.Context, t *txn) error { return t.apply(ctx, pending) })
		return tally(lines, writes), err
	}
	var result PageResult
	err = s.inTx(ctx, func(ctx context.Context, t *txn) error {
		hash := hashPage(p)
		var done bool
		if result, done, err = t.repeated(ctx, p, hash); done || err != nil {
			return err
		}
		if err := t.apply(ctx, pending); err != nil {
			return err
		}
		result = tally(lines, writes)
		return t.remember(ctx, p, hash, result)
	})
	return result, err
}

// preparePage checks each record. writes has an entry per line, nil where there
// is nothing to write: rejected lines and all but the last of a name.
func preparePage(def *doctype.Definition, p Page, user doctype.User) (writes []*write, lines []Line, err error) {
	verb := verbReplace
	switch p.Mode {
	case Replace, "":
	case Merge:
		verb = verbMerge
	default:
		return nil, nil, doctype.Errorf(doctype.CodeInvalid, "mode", "mode is replace or merge, not %q", p.Mode)
	}
	writes, lines = make([]*write, len(p.Records)), make([]Line, len(p.Records))
	last := make(map[string]int, len(p.Records))
	for i, r := range p.Records {
		lines[i].Line = r.Line
		w, err := (*write)(nil), r.Err
		if err == nil {
			w, err = prepare(def, verb, r.Data, r.Key, user)
		}
		if err != nil {
			lines[i].reject(err)
			continue
		}
		lines[i].Name = w.name
		if before, again := last[w.name]; again {
			writes[before], lines[before].Outcome = nil, Duplicate
		}
		last[w.name], writes[i] = i, w
	}
	return writes, lines, nil
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
		case Trashed: // no page does that
		}
	}
	return r
}

func hashPage(p Page) []byte {
	h := sha256.New()
	_, _ = h.Write([]byte(p.Scope + "\x00" + string(p.Mode) + "\x00"))
	for i := range p.Records {
		_, _ = h.Write([]byte(p.Records[i].Key + "\x00"))
		_, _ = h.Write(p.Records[i].Data)
		_, _ = h.Write([]byte{'\n'})
	}
	return h.Sum(nil)[:16]
}

// repeated looks for the page under its key. done means it was written before.
func (t *txn) repeated(ctx context.Context, p Page, hash []byte) (r PageResult, done bool, err error) {
	var storedHash []byte
	var answer string
	err = t.tx.QueryRowContext(ctx, "SELECT hash, answer FROM idempotency WHERE key = ? AND page = ? AND at > ?",
		p.IdempotencyKey, p.Number, t.now.Add(-idempotencyLife).UnixMicro()).Scan(&storedHash, &answer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, false, nil
	case err != nil:
		return r, false, wrap("look up idempotency key", err)
	case !bytes.Equal(storedHash, hash):
		return r, false, doctype.Errorf(CodeIdempotencyMismatch, "Idempotency-Key", "page %d under this key had another body", p.Number)
	}
	r.Repeated = true
	return r, true, wrap("read idempotency record", json.Unmarshal([]byte(answer), &r))
}

// remember records the page's answer in its own transaction.
func (t *txn) remember(ctx context.Context, p Page, hash []byte, r PageResult) error {
	answer, err := json.Marshal(r)
	if err != nil {
		return wrap("encode idempotency record", err)
	}
	expired := t.now.Add(-idempotencyLife).UnixMicro()
	// A bounded step of tidying with each use: keys are kept 24 hours.
	_, err = t.tx.ExecContext(ctx, "DELETE FROM idempotency WHERE (key, page) IN (SELECT key, page FROM idempotency WHERE at <= ? LIMIT 100) OR (key = ? AND page = ? AND at <= ?)",
		expired, p.IdempotencyKey, p.Number, expired)
	if err != nil {
		return wrap("tidy idempotency records", err)
	}
	_, err = t.tx.ExecContext(ctx, "INSERT INTO idempotency (key, page, hash, answer, at) VALUES (?, ?, ?, ?, ?)",
		p.IdempotencyKey, p.Number, hash, string(answer), t.now.UnixMicro())
	if migrations.IsConflict(err) {
		return doctype.Errorf(CodeIdempotencyBusy, "Idempotency-Key", "page %d under this key is being written by another request", p.Number)
	}
	return wrap("record idempotency key", err)
}
