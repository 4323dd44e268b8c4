package documents

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"dochook/doctype"
	"dochook/doctype/group"
	"dochook/doctype/record"
	"dochook/doctype/stored"
)

// prepared is a page that was checked, and looked up, before it is written.
type prepared struct {
	def     *doctype.Definition
	writes  []*write // nil where there is nothing to write
	lines   []Line
	scraper string // that the documents were last seen by
	known   []bool // the record is what its document is already; nil: not looked up
	news    bool   // no document is there yet, as far as one can tell
}

// knows reports whether a record need not be looked up when it is written on behalf of a scraper.
func (p *prepared) knows(i int, scraper string) bool {
	return p.known != nil && p.scraper == scraper && p.known[i]
}

// Prepare checks the page's records and looks up which of them are their documents already, now instead of when it is written, so
// that a caller can do it while the page before it is. Records, Mode and Run.Scraper must stay as they are. What others write until
// then counts as written after the records that were found unchanged; for what the caller itself writes there is [Page.Behind].
func (s *Service) Prepare(ctx context.Context, docType string, p *Page) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return err
	}
	v, err := p.verb()
	if err != nil {
		return err
	}
	c := &checking{def: def, verb: v, user: doctype.UserOf(ctx), records: p.Records}
	apart := v == verbReplace && txnOf(ctx, s) == nil && !s.triggers.InTransaction(def.Name)
	news := apart && len(def.UniqueFields()) == 0 && s.outlook.News(def.Name)
	if apart && !news {
		c.look, c.scraper = s, p.Run.Scraper
	}
	if p.ready, err = c.page(ctx); err == nil && news {
		p.ready.news, err = p.ready.probe(ctx, s)
	}
	return err
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

// The first records of a page tell whether it is worth while to look the others up: of a page of news it would be for nothing.
const (
	sampled    = 200
	worthWhile = sampled / 2
	together   = 500 // records checked, and looked up by one statement; twice as many on PostgreSQL, where a statement costs a way there and back
)

// checking is a page on its way to being prepared.
type checking struct {
	def     *doctype.Definition
	verb    verb
	user    doctype.User
	records []Record
	look    *Service // nil: nothing is looked up
	scraper string

	checked []preparedRecord
	known   []bool
}

// preparedRecord is what became of one record before anything is written.
type preparedRecord struct {
	write *write
	err   error
}

func (c *checking) page(ctx context.Context) (*prepared, error) {
	if err := c.all(ctx); err != nil {
		return nil, err
	}
	p := &prepared{def: c.def, writes: make([]*write, len(c.records)), lines: make([]Line, len(c.records)), scraper: c.scraper, known: c.known}
	last := make(map[string]int, len(c.records))
	for i := range c.records {
		l := &p.lines[i]
		l.Line = c.records[i].Line
		w, err := c.checked[i].write, c.checked[i].err
		if w != nil {
			l.Name = w.name
		}
		if err != nil {
			l.reject(err)
			continue
		}
		if before, again := last[w.name]; again {
			p.writes[before], p.lines[before].Outcome = nil, Duplicate
		}
		last[w.name], p.writes[i] = i, w
	}
	return p, nil
}

// all goes through the records on all processors, of which an unchanged page takes most of its time, and on one more where some
// wait for the database.
func (c *checking) all(ctx context.Context) error {
	c.checked = make([]preparedRecord, len(c.records))
	from := 0
	if c.look != nil {
		from = min(sampled, len(c.records))
		if err := c.sample(ctx, from); err != nil {
			return err
		}
	}
	workers, size := runtime.GOMAXPROCS(0), together
	if c.known != nil {
		workers++
		if c.look.db.Postgres() {
			size = 2 * together
		}
	}
	return group.Chunks(len(c.records)-from, size, workers, func(start, end int) error { return c.some(ctx, from+start, from+end) })
}

// sample goes through the first records, and leaves known nil if most of them are news.
func (c *checking) sample(ctx context.Context, n int) error {
	c.known = make([]bool, len(c.records))
	if err := c.some(ctx, 0, n); err != nil {
		return err
	}
	same := 0
	for _, yes := range c.known[:n] {
		if yes {
			same++
		}
	}
	if same < worthWhile {
		c.known = nil
	}
	return nil
}

// some checks records from and before to. Those that turn out to be what is stored need no check: their bytes had one then.
func (c *checking) some(ctx context.Context, from, to int) error {
	if c.known != nil {
		if err := c.find(ctx, from, to); err != nil {
			return err
		}
	}
	for i := from; i < to; i++ {
		if c.known == nil || !c.known[i] {
			c.checked[i].write, c.checked[i].err = c.one(&c.records[i])
		}
	}
	return nil
}

// find looks up which records are their documents already. A document older than its DocType's definition is judged by that one.
func (c *checking) find(ctx context.Context, from, to int) error {
	at := make(map[string]int, to-from)
	names := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		w := c.glance(&c.records[i])
		if w == nil {
			continue
		}
		c.checked[i].write = w
		if _, again := at[w.name]; !again {
			names = append(names, w.name)
		}
		at[w.name] = i // the last one of a name is the one that is written
	}
	if len(names) == 0 {
		return nil
	}
	table := stored.Table{DB: c.look.db.Read.DB, Postgres: c.look.db.Postgres(), DocType: c.def.Name}
	return unavailable(table.Hashes(ctx, c.scraper, c.def.Since.UnixMicro(), names, func(name, hash []byte, judged bool) {
		i := at[string(name)]
		w := c.checked[i].write
		c.known[i] = bytes.Equal(hash, w.hash) && (judged || c.def.Validate(w.record) == nil)
	}))
}

// glance finds the name and the hash of a record that nobody has checked; nil where that says nothing.
func (c *checking) glance(r *Record) (w *write) {
	defer func() {
		if recover() != nil {
			w = nil // it will be said when it is checked
		}
	}()
	if r.Err != nil || r.Trash || len(r.Data) > record.MaxSize {
		return nil
	}
	name, err := c.def.NameOf(r.Data, r.Key)
	if err != nil {
		return nil
	}
	data := c.def.WithDefaults(r.Data)
	return &write{verb: c.verb, def: c.def, name: name, record: data, user: c.user, hash: stored.Hash(data)}
}

// one turns a panic into an error of its record: on a goroutine of its own it would end the process.
func (c *checking) one(r *Record) (w *write, err error) {
	defer func() {
		if p := recover(); p != nil {
			w, err = nil, doctype.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "prepare record")
		}
	}()
	switch {
	case r.Err != nil:
		return nil, r.Err
	case r.Trash:
		return prepareTrash(c.def, *r, c.user)
	}
	if w, err = prepare(c.def, c.verb, r.Data, r.Key, c.user); err == nil && c.verb == verbReplace {
		w.hash = stored.Hash(w.record)
	}
	return w, err
}

// passKnown leaves out the writes that were found to change nothing before the transaction. One that runs again trusts nothing.
func (t *txn) passKnown(writes []*write) []*write {
	if t.again() || !slices.ContainsFunc(writes, func(w *write) bool { return w.known }) {
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
