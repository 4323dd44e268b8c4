package doctype

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"dochook/doctype/query"
	"dochook/migrations"
	"dochook/migrations/rows"
)

// logLock is the advisory lock that puts commits of events in order ("dochook").
const logLock = 0x646f63686f6f6b

// EventsChannel is the PostgreSQL notification channel told of new events.
const EventsChannel = "dochook_events"

const documentColumns = "name, data, version, owner, creation, modified, modified_by, trashed_at"

// load reads the documents the writes name. A record whose hash equals the
// stored one's is not read: nothing will be compared.
func (t *txn) load(ctx context.Context, writes []*write) (map[string]*state, error) {
	states := make(map[string]*state, len(writes))
	names, hashes := make([]string, len(writes)), make([][]byte, len(writes))
	backing := make([]state, len(writes))
	single := t.s.triggers.inTransaction(writes[0].def.Name)
	for i, w := range writes {
		states[w.name] = &backing[i]
		names[i], hashes[i] = w.name, []byte{}
		if w.verb == verbReplace && !single {
			hashes[i] = hashOf(w.record)
		}
	}
	if t.again { // others write the same documents: lock them, in order of name, and see their last state
		rows, err := t.tx.Tx.QueryContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = $1 AND name = ANY($2::text[]) ORDER BY name FOR UPDATE",
			writes[0].def.Name, names)
		if err != nil {
			return nil, wrap("lock documents", err)
		}
		return states, scanStates(rows, writes[0].def.Name, states)
	}
	if t.s.db.Postgres() {
		rows, err := t.tx.Tx.QueryContext(ctx, `SELECT d.name, d.data, d.version, d.owner, d.creation, d.modified, d.modified_by, d.trashed_at
			FROM unnest($2::text[], $3::bytea[]) AS i(name, hash)
			CROSS JOIN LATERAL (SELECT name, CASE WHEN d.hash = i.hash THEN NULL ELSE d.data END AS data, version, owner, creation, modified, modified_by, trashed_at
				FROM documents d WHERE d.doctype = $1 AND d.name = i.name LIMIT 1) d`, writes[0].def.Name, names, hashes)
		if err != nil {
			return nil, wrap("load documents", err)
		}
		return states, scanStates(rows, writes[0].def.Name, states)
	}
	for chunk := range slices.Chunk(names, 500) {
		args := make([]any, 0, len(chunk)+1)
		args = append(args, writes[0].def.Name)
		for _, n := range chunk {
			args = append(args, n)
		}
		rows, err := t.tx.Tx.QueryContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = ? AND name IN (?"+
			strings.Repeat(", ?", len(chunk)-1)+")", args...)
		if err != nil {
			return nil, wrap("load documents", err)
		}
		if err := scanStates(rows, writes[0].def.Name, states); err != nil {
			return nil, err
		}
	}
	return states, nil
}

func scanStates(rows *sql.Rows, doctype string, states map[string]*state) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		doc, err := scanDocument(rows, doctype)
		if err != nil {
			return err
		}
		st := states[doc.Name]
		st.Document, st.exists = doc, true
	}
	return wrap("load documents", rows.Err())
}

func scanDocument(r interface{ Scan(dest ...any) error }, doctype string) (Document, error) {
	d := Document{DocType: doctype}
	var creation, modified int64
	var trashed sql.NullInt64
	if err := r.Scan(&d.Name, &d.Record, &d.Version, &d.Owner, &creation, &modified, &d.ModifiedBy, &trashed); err != nil {
		return d, wrap("read document", err)
	}
	d.Creation, d.Modified = fromMicros(creation), fromMicros(modified)
	if trashed.Valid {
		at := fromMicros(trashed.Int64)
		d.TrashedAt = &at
	}
	return d, nil
}

// save writes changed states in one statement. Each must still have the version
// it was read with, else another transaction came in between.
func (t *txn) save(ctx context.Context, doctype string, changed []*state) error {
	if len(changed) == 0 {
		return nil
	}
	// In order of name, so that concurrent pages cannot lock each other out.
	changed = slices.Clone(changed)
	slices.SortFunc(changed, func(a, b *state) int { return strings.Compare(a.Name, b.Name) })
	n := len(changed)
	doctypes, names, datas, owners, by := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	hashes := make([][]byte, n)
	versions, creations, modified := make([]int64, n), make([]int64, n), make([]int64, n)
	trashed := make([]*int64, n)
	for i, st := range changed {
		doctypes[i], names[i], datas[i], owners[i], by[i] = doctype, st.Name, string(st.Record), st.Owner, st.ModifiedBy
		hashes[i], versions[i] = st.hash, st.Version
		creations[i], modified[i] = st.Creation.UnixMicro(), st.Modified.UnixMicro()
		if st.TrashedAt != nil {
			us := st.TrashedAt.UnixMicro()
			trashed[i] = &us
		}
	}
	written, err := rows.Insert(ctx, t.tx, "documents", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "name", Values: names}, {Name: "data", Values: datas}, {Name: "hash", Values: hashes},
		{Name: "version", Values: versions}, {Name: "owner", Values: owners}, {Name: "creation", Values: creations},
		{Name: "modified", Values: modified}, {Name: "modified_by", Values: by}, {Name: "trashed_at", Values: trashed},
	}, `ON CONFLICT (doctype, name) DO UPDATE SET data = excluded.data, hash = excluded.hash, version = excluded.version,
		modified = excluded.modified, modified_by = excluded.modified_by, trashed_at = excluded.trashed_at
		WHERE documents.version = excluded.version - 1`)
	if err != nil {
		return wrap("save documents", err)
	}
	if written != int64(n) {
		return errRace
	}
	return nil
}

// appendLog writes the transaction's events as its last step. On PostgreSQL the
// lock makes positions grow in commit order; SQLite has one writer.
func (t *txn) appendLog(ctx context.Context) error {
	n := len(t.events)
	if n == 0 {
		return nil
	}
	if t.s.db.Postgres() {
		if _, err := t.tx.Tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1), pg_notify($2, '')", int64(logLock), EventsChannel); err != nil {
			return wrap("lock the log", err)
		}
	}
	ids, doctypes, names, events := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	datas, owners, by, keys := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	changed, jobs, pages := make([]*string, n), make([]*string, n), make([]*int64, n)
	ats, versions, restored, creations, hops := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range t.events {
		e := &t.events[i]
		ids[i], doctypes[i], names[i], events[i] = e.ID, e.DocType, e.Name, e.Event
		datas[i], owners[i], by[i], keys[i] = string(e.Data), e.Owner, e.ModifiedBy, e.KeyID
		ats[i], versions[i], creations[i], hops[i] = e.At.UnixMicro(), e.Version, e.Creation.UnixMicro(), e.Hops
		if e.Restored {
			restored[i] = 1
		}
		if e.Changed != nil {
			text := string(e.Changed)
			changed[i] = &text
		}
		if e.Job != "" {
			jobs[i], pages[i] = &e.Job, &e.Page
		}
	}
	_, err := rows.Insert(ctx, t.tx, "events", []rows.Column{
		{Name: "id", Values: ids}, {Name: "at", Values: ats}, {Name: "doctype", Values: doctypes}, {Name: "name", Values: names},
		{Name: "event", Values: events}, {Name: "version", Values: versions}, {Name: "data", Values: datas},
		{Name: "changed", Values: changed}, {Name: "job", Values: jobs}, {Name: "page", Values: pages},
		{Name: "restored", Values: restored}, {Name: "owner", Values: owners}, {Name: "creation", Values: creations},
		{Name: "modified_by", Values: by}, {Name: "key_id", Values: keys}, {Name: "hops", Values: hops},
	}, "")
	return wrap("append to the log", err)
}

// source describes a table with the standard columns and JSON text in data.
func (s *Service) source(table string, known func(string) bool) query.Source {
	return query.Source{Postgres: s.db.Postgres(), Columns: query.StandardColumns(), JSON: table + ".data", Known: known}
}

func selectRows(ctx context.Context, db bun.IDB, src query.Source, table, columns, restrict string, args []any, q query.Query) (*sql.Rows, error) {
	text, all, err := src.Select(columns, table, restrict, args, q)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, text, all...)
	return rows, wrap("list", err)
}

func count(ctx context.Context, db bun.IDB, src query.Source, table, restrict string, args []any, q query.Query) (int64, error) {
	text, all, err := src.Count(table, restrict, args, q)
	if err != nil {
		return 0, err
	}
	var n int64
	err = db.QueryRowContext(ctx, text, all...).Scan(&n)
	return n, wrap("count", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unavailable gives errors of a database that is away or full the code that
// tells callers to come back; others stay as they are.
func unavailable(err error) error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.Is(err, errRace):
		return &Error{CodeWord: CodeUnavailable, Message: "the document is being changed by others; try again", Err: err}
	case migrations.IsFull(err):
		return &Error{CodeWord: CodeUnavailable, Message: "the database is full; nothing was saved", Err: err}
	case migrations.IsUnavailable(err), migrations.IsRetryable(err):
		return &Error{CodeWord: CodeUnavailable, Message: "the database cannot be reached; nothing was saved", Err: err}
	default:
		return err
	}
}
