package documents

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/migrations/rows"
)

const documentColumns = "name, data, version, owner, creation, modified, modified_by, trashed_at, scraper"

// load reads the documents the writes name. A record whose hash equals the
// stored one's is not read: nothing will be compared.
func (t *txn) load(ctx context.Context, writes []*write) (map[string]*state, error) {
	states := make(map[string]*state, len(writes))
	names, hashes := make([]string, len(writes)), make([][]byte, len(writes))
	backing := make([]state, len(writes))
	single := t.s.triggers.InTransaction(writes[0].def.Name)
	ofPage := !t.again && !single
	for i, w := range writes {
		states[w.name] = &backing[i]
		names[i], hashes[i] = w.name, []byte{}
		if w.verb == verbReplace && !single {
			if hashes[i] = w.hash; w.hash == nil {
				hashes[i] = hashOf(w.record)
			}
		}
		ofPage = ofPage && w.hash != nil
	}
	if ofPage {
		return states, t.loadChanged(ctx, writes, names, hashes, backing)
	}
	switch def := writes[0].def.Name; {
	case t.again: // others write the same documents: lock them, in order of name, and see their last state
		rows, err := t.tx.Tx.QueryContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = $1 AND name = ANY($2::text[]) ORDER BY name FOR UPDATE",
			def, names)
		return states, scanStates(rows, err, def, states)
	case t.s.db.Postgres():
		rows, err := t.tx.Tx.QueryContext(ctx, `SELECT d.name, d.data, d.version, d.owner, d.creation, d.modified, d.modified_by, d.trashed_at, d.scraper
			FROM unnest($2::text[], $3::bytea[]) AS i(name, hash)
			CROSS JOIN LATERAL (SELECT name, CASE WHEN d.hash = i.hash THEN NULL ELSE d.data END AS data, version, owner, creation, modified, modified_by, trashed_at, scraper
				FROM documents d WHERE d.doctype = $1 AND d.name = i.name LIMIT 1) d`, def, names, hashes)
		return states, scanStates(rows, err, def, states)
	default:
		for chunk := range slices.Chunk(names, 500) {
			rows, err := t.lookUp(ctx, documentColumns+" FROM documents", "name", def, chunk)
			if err := scanStates(rows, err, def, states); err != nil {
				return nil, err
			}
		}
		return states, nil
	}
}

// loadChanged reads, for the records of a page, only what is not there already as it came: an unchanged page costs its look-ups and
// nothing more. The states of the others are as if they had been read without their records.
func (t *txn) loadChanged(ctx context.Context, writes []*write, names []string, hashes [][]byte, states []state) error {
	def, scraper := writes[0].def.Name, writes[0].run.Scraper
	for i := range states {
		states[i] = state{Document: doctype.Document{DocType: def, Name: names[i], Scraper: scraper}, exists: true}
	}
	const columns = `, coalesce(d.name, ''), CASE WHEN d.hash = i.hash THEN NULL ELSE d.data END, coalesce(d.version, 0), coalesce(d.owner, ''), coalesce(d.creation, 0),
		coalesce(d.modified, 0), coalesce(d.modified_by, ''), d.trashed_at, d.scraper FROM `
	if t.s.db.Postgres() {
		rows, err := t.tx.Tx.QueryContext(ctx, "SELECT i.ord - 1"+columns+`unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS i(name, hash, ord)
			LEFT JOIN LATERAL (SELECT * FROM documents WHERE doctype = $1 AND name = i.name LIMIT 1) d ON true
			WHERE d.name IS NULL OR d.hash <> i.hash OR d.trashed_at IS NOT NULL OR $4::text <> '' AND d.scraper IS DISTINCT FROM $4::text`,
			def, names, hashes, scraper)
		return scanChanged(rows, err, def, states)
	}
	const chunk = 150
	for start := 0; start < len(names); start += chunk {
		end := min(start+chunk, len(names))
		args := make([]any, 0, 3*chunk+3)
		for i := start; i < end; i++ {
			args = append(args, i, names[i], hashes[i])
		}
		args = append(args, def, scraper, scraper)
		rows, err := t.tx.Tx.QueryContext(ctx, "WITH i(ord, name, hash) AS (VALUES (?, ?, ?)"+strings.Repeat(", (?, ?, ?)", end-start-1)+") SELECT i.ord"+columns+
			`i LEFT JOIN documents d ON d.doctype = ? AND d.name = i.name
			WHERE d.name IS NULL OR d.hash <> i.hash OR d.trashed_at IS NOT NULL OR ? <> '' AND d.scraper IS NOT ?`, args...)
		if err := scanChanged(rows, err, def, states); err != nil {
			return err
		}
	}
	return nil
}

// scanChanged takes rows of a state's number and its document, without a name where there is none.
func scanChanged(rows *sql.Rows, err error, docType string, states []state) error {
	return wrap("load documents", listing.Each(rows, err, func() error {
		var i int
		doc, err := scanDocument(scanAfter{rows, &i}, docType)
		if err == nil {
			states[i] = state{Document: doc, exists: doc.Name != ""}
		}
		return err
	}))
}

// scanAfter scans a row into first and what it is asked for.
type scanAfter struct {
	rows  *sql.Rows
	first any
}

// Scan implements the scanner of documents.
func (s scanAfter) Scan(dest ...any) error { return s.rows.Scan(append([]any{s.first}, dest...)...) }

// lookUp selects the rows of a DocType whose column is one of the texts, of which there is at least one.
func (t *txn) lookUp(ctx context.Context, what, column, docType string, texts []string) (*sql.Rows, error) {
	if t.s.db.Postgres() {
		return t.tx.Tx.QueryContext(ctx, "SELECT "+what+" WHERE doctype = $1 AND "+column+" = ANY($2::text[])", docType, texts)
	}
	args := make([]any, 0, len(texts)+1)
	args = append(args, docType)
	for _, text := range texts {
		args = append(args, text)
	}
	return t.tx.Tx.QueryContext(ctx, "SELECT "+what+" WHERE doctype = ? AND "+column+" IN (?"+strings.Repeat(", ?", len(texts)-1)+")", args...)
}

func scanStates(rows *sql.Rows, err error, docType string, states map[string]*state) error {
	return wrap("load documents", listing.Each(rows, err, func() error {
		doc, err := scanDocument(rows, docType)
		if err == nil {
			st := states[doc.Name]
			st.Document, st.exists = doc, true
		}
		return err
	}))
}

func scanDocument(r interface{ Scan(dest ...any) error }, docType string) (doctype.Document, error) {
	d := doctype.Document{DocType: docType}
	var creation, modified int64
	var trashed sql.NullInt64
	var scraper sql.NullString
	if err := r.Scan(&d.Name, &d.Record, &d.Version, &d.Owner, &creation, &modified, &d.ModifiedBy, &trashed, &scraper); err != nil {
		return d, wrap("read document", err)
	}
	d.Creation, d.Modified, d.Scraper = fromMicros(creation), fromMicros(modified), scraper.String
	if trashed.Valid {
		at := fromMicros(trashed.Int64)
		d.TrashedAt = &at
	}
	return d, nil
}

// save writes changed states in one statement. Each must still have the version
// it was read with, else another transaction came in between.
func (t *txn) save(ctx context.Context, docType string, changed []*state) error {
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
	trashed, scrapers := make([]*int64, n), make([]*string, n)
	for i, st := range changed {
		doctypes[i], names[i], datas[i], owners[i], by[i] = docType, st.Name, string(st.Record), st.Owner, st.ModifiedBy
		hashes[i], versions[i] = st.hash, st.Version
		creations[i], modified[i] = st.Creation.UnixMicro(), st.Modified.UnixMicro()
		if st.TrashedAt != nil {
			us := st.TrashedAt.UnixMicro()
			trashed[i] = &us
		}
		if st.Scraper != "" {
			scrapers[i] = &st.Scraper
		}
	}
	written, err := rows.Insert(ctx, t.tx, "documents", []rows.Column{
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "data", Values: datas},
		{Name: "hash", Values: hashes},
		{Name: "version", Values: versions},
		{Name: "owner", Values: owners},
		{Name: "creation", Values: creations},
		{Name: "modified", Values: modified},
		{Name: "modified_by", Values: by},
		{Name: "trashed_at", Values: trashed},
		{Name: "scraper", Values: scrapers},
	}, `ON CONFLICT (doctype, name) DO UPDATE SET data = excluded.data, hash = excluded.hash, version = excluded.version,
		modified = excluded.modified, modified_by = excluded.modified_by, trashed_at = excluded.trashed_at, scraper = excluded.scraper
		WHERE documents.version = excluded.version - 1`)
	if err != nil {
		return wrap("save documents", err)
	}
	if written != int64(n) {
		return errRace
	}
	return nil
}

// living lists the live documents of a DocType.
func (s *Service) living(def *doctype.Definition) listing.Table {
	t := listing.New(s.db.Postgres(), "documents", documentColumns, def.Knows)
	t.Restrict, t.Args = "doctype = ? AND trashed_at IS NULL", []any{def.Name}
	return t
}
