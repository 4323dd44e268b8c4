package documents

import (
	"bytes"
	"context"
	"database/sql"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"dochook/doctype"
	"dochook/doctype/listing"
)

// prepared is a page that was checked, and looked up, before it is written.
type prepared struct {
	def     *doctype.Definition
	writes  []*write // nil where there is nothing to write
	lines   []Line
	scraper string // that the documents were last seen by
	known   []bool // the record is what its document is already; nil: not looked up
}

// knows reports whether a record need not be looked up when it is written on behalf of a scraper.
func (p *prepared) knows(i int, scraper string) bool {
	return p.known != nil && p.scraper == scraper && p.known[i]
}

// Prepare checks the page's records and looks up which of them are their documents already, now instead of when it is written, so
// that a caller can do it while the page before it is. Records, Mode and Run.Scraper must stay as they are. What others write until
// then counts as written after the records that were found unchanged; for what the caller itself writes there is [Page.Behind].
func (s *Service) Prepare(ctx context.Context, docType string, p *Page) error {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return err
	}
	v, err := p.verb()
	if err != nil {
		return err
	}
	p.ready = newPrepared(def, v, p.Records, doctype.UserOf(ctx))
	p.ready.scraper = p.Run.Scraper
	if v != verbReplace || txnOf(ctx, s) != nil || s.triggers.InTransaction(def.Name) {
		return nil
	}
	return s.lookAhead(ctx, p.ready)
}

// Behind tells a prepared page what a page that was written meanwhile has changed: it is looked up again.
func (p *Page) Behind(r *PageResult) {
	if p.ready == nil || p.ready.known == nil {
		return
	}
	changed := make(map[string]bool)
	for i := range r.Lines {
		if o := r.Lines[i].Outcome; o != Unchanged && o != Duplicate {
			changed[r.Lines[i].Name] = true
		}
	}
	for i := range p.ready.known {
		if w := p.ready.writes[i]; w != nil && changed[w.name] {
			p.ready.known[i] = false
		}
	}
}

// The first records of a page tell whether it is worth while: of a page of news every look-up would be for nothing.
const (
	sampled    = 200
	worthWhile = sampled / 2
	lookedUp   = 500 // names by one statement
)

func (s *Service) lookAhead(ctx context.Context, p *prepared) error {
	known := make([]bool, len(p.writes))
	end := min(sampled, len(known))
	if err := s.markKnown(ctx, p, known, 0, end); err != nil {
		return err
	}
	n := 0
	for _, yes := range known[:end] {
		if yes {
			n++
		}
	}
	if n < worthWhile {
		return nil
	}
	p.known = known
	var next atomic.Int64
	next.Store(sampled)
	var failed error
	var once sync.Once
	work := func() {
		for {
			to := int(next.Add(lookedUp))
			if to-lookedUp >= len(known) {
				return
			}
			if err := s.markKnown(ctx, p, known, to-lookedUp, min(to, len(known))); err != nil {
				once.Do(func() { failed = err })
				return
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(known)-end+lookedUp-1)/lookedUp) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return failed
}

// markKnown looks up records from and before to.
func (s *Service) markKnown(ctx context.Context, p *prepared, known []bool, from, to int) error {
	at := make(map[string]int, to-from)
	names := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		if w := p.writes[i]; w != nil && w.verb == verbReplace {
			names = append(names, w.name)
			at[w.name] = i
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := s.hashes(ctx, p.def.Name, p.scraper, names)
	return unavailable(wrap("look up documents", listing.Each(rows, err, func() error {
		var name string
		var hash sql.RawBytes
		if err := rows.Scan(&name, &hash); err != nil {
			return wrap("read hash", err)
		}
		i := at[name]
		known[i] = bytes.Equal(hash, p.writes[i].hash)
		return nil
	})))
}

// hashes selects name and hash of the live documents of these names that a scraper was the last to see; "" is any.
func (s *Service) hashes(ctx context.Context, docType, scraper string, names []string) (*sql.Rows, error) {
	const live = " AND trashed_at IS NULL"
	if s.db.Postgres() {
		return s.db.Read.DB.QueryContext(ctx, `SELECT d.name, d.hash FROM unnest($2::text[]) AS i(name)
			CROSS JOIN LATERAL (SELECT name, hash FROM documents WHERE doctype = $1 AND name = i.name AND ($3::text = '' OR scraper = $3::text)`+live+` LIMIT 1) d`,
			docType, names, scraper)
	}
	args := make([]any, 0, len(names)+3)
	args = append(args, docType, scraper, scraper)
	for _, name := range names {
		args = append(args, name)
	}
	return s.db.Read.DB.QueryContext(ctx, "SELECT name, hash FROM documents WHERE doctype = ? AND (? = '' OR scraper = ?) AND name IN (?"+
		strings.Repeat(", ?", len(names)-1)+")"+live, args...)
}

// passKnown leaves out the writes that were found to change nothing before the transaction. One that runs again trusts nothing.
func (t *txn) passKnown(writes []*write) []*write {
	if t.again || !slices.ContainsFunc(writes, func(w *write) bool { return w.known }) {
		return writes
	}
	rest := make([]*write, 0, len(writes))
	for _, w := range writes {
		if !w.known {
			rest = append(rest, w)
			continue
		}
		w.outcome = Unchanged
		w.doc = doctype.Document{DocType: w.def.Name, Name: w.name, Record: w.record, Scraper: w.run.Scraper}
	}
	return rest
}
