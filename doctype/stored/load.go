package stored

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/migrations/rows"
)

// Lock reads the documents of these names into their states and keeps them from being written by others until the transaction ends.
// It is for PostgreSQL; SQLite has one writer anyway.
func (t Table) Lock(ctx context.Context, names []string, states map[string]*State) error {
	// In order of name, so that concurrent transactions cannot lock each other out.
	rows, err := t.DB.QueryContext(ctx, "SELECT "+Columns+" FROM documents WHERE doctype = $1 AND name = ANY($2::text[]) ORDER BY name FOR UPDATE",
		t.DocType, names)
	return scanAll(rows, err, t.DocType, states)
}

// Load reads the documents of these names into their states. One whose hash is the given one comes without its record, on PostgreSQL:
// nothing will be compared.
func (t Table) Load(ctx context.Context, names []string, hashes [][]byte, states map[string]*State) error {
	if t.Postgres {
		rows, err := t.DB.QueryContext(ctx, `SELECT d.name, d.data, d.version, d.owner, d.creation, d.modified, d.modified_by, d.trashed_at, d.scraper
			FROM unnest($2::text[], $3::bytea[]) AS i(name, hash)
			CROSS JOIN LATERAL (SELECT name, CASE WHEN d.hash = i.hash THEN NULL ELSE d.data END AS data, version, owner, creation, modified, modified_by, trashed_at, scraper
				FROM documents d WHERE d.doctype = $1 AND d.name = i.name LIMIT 1) d`, t.DocType, names, hashes)
		return scanAll(rows, err, t.DocType, states)
	}
	for from, to := range rows.Chunks(len(names), 512) {
		rows, err := t.DB.QueryContext(ctx, "SELECT "+Columns+" FROM documents WHERE doctype = ? AND name IN (?"+strings.Repeat(", ?", to-from-1)+")",
			named([]any{t.DocType}, names[from:to])...)
		if err := scanAll(rows, err, t.DocType, states); err != nil {
			return err
		}
	}
	return nil
}

// LoadChanged reads the documents of these names as far as they are not there as they came: live, with this hash, last seen by the
// scraper if one is given. The states of those that are so are as if they had been read without their records; of a page of news
// nothing is read at all.
func (t Table) LoadChanged(ctx context.Context, scraper string, names []string, hashes [][]byte, states []State) error {
	for i := range states {
		states[i] = State{Document: doctype.Document{DocType: t.DocType}}
	}
	same := func(i int) {
		states[i] = State{Document: doctype.Document{DocType: t.DocType, Name: names[i], Scraper: scraper}, Exists: true}
	}
	const columns = ` THEN '' ELSE d.name END, CASE WHEN d.hash = i.hash THEN NULL ELSE d.data END, d.version, d.owner, d.creation, d.modified, d.modified_by, d.trashed_at, d.scraper FROM `
	if t.Postgres {
		rows, err := t.DB.QueryContext(ctx, "SELECT i.ord - 1, CASE WHEN d.hash = i.hash AND d.trashed_at IS NULL AND ($4::text = '' OR d.scraper IS NOT DISTINCT FROM $4::text)"+columns+
			`unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS i(name, hash, ord) CROSS JOIN LATERAL (SELECT * FROM documents WHERE doctype = $1 AND name = i.name LIMIT 1) d`,
			t.DocType, names, hashes, scraper)
		return scanChanged(rows, err, t.DocType, states, same)
	}
	for from, to := range rows.Chunks(len(names), 128) {
		args := make([]any, 0, 3*(to-from)+3)
		for i := from; i < to; i++ {
			args = append(args, i, names[i], hashes[i])
		}
		args = append(args, scraper, scraper, t.DocType)
		rows, err := t.DB.QueryContext(ctx, "WITH i(ord, name, hash) AS (VALUES (?, ?, ?)"+strings.Repeat(", (?, ?, ?)", to-from-1)+
			") SELECT i.ord, CASE WHEN d.hash = i.hash AND d.trashed_at IS NULL AND (? = '' OR d.scraper IS ?)"+columns+
			"i CROSS JOIN documents d ON d.doctype = ? AND d.name = i.name", args...) // CROSS JOIN: the names come first
		if err := scanChanged(rows, err, t.DocType, states, same); err != nil {
			return err
		}
	}
	return nil
}

// Hashes calls fn for the live documents of these names that a scraper was the last to see ("" is any), with name and hash, which are
// good during the call, and whether they were written after since, in microseconds of Unix.
func (t Table) Hashes(ctx context.Context, scraper string, since int64, names []string, fn func(name, hash []byte, after bool)) error {
	if t.Postgres {
		rows, err := t.DB.QueryContext(ctx, `SELECT d.name, d.hash, d.modified > $4 FROM unnest($2::text[]) AS i(name)
			CROSS JOIN LATERAL (SELECT name, hash, modified FROM documents
				WHERE doctype = $1 AND name = i.name AND trashed_at IS NULL AND ($3::text = '' OR scraper = $3::text) LIMIT 1) d`, t.DocType, names, scraper, since)
		return scanHashes(rows, err, fn)
	}
	for from, to := range rows.Chunks(len(names), 512) {
		rows, err := t.DB.QueryContext(ctx, "SELECT name, hash, modified > ? FROM documents WHERE doctype = ? AND trashed_at IS NULL AND (? = '' OR scraper = ?)"+
			" AND name IN (?"+strings.Repeat(", ?", to-from-1)+")", named([]any{since, t.DocType, scraper, scraper}, names[from:to])...)
		if err := scanHashes(rows, err, fn); err != nil {
			return err
		}
	}
	return nil
}

// Exist reports whether there are documents of the DocType, live or trashed, that also meet the condition, which is SQL behind an AND.
func Exist(ctx context.Context, db bun.IDB, docType, condition string) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM documents WHERE doctype = ?"+condition+" LIMIT 1) AS d", docType).Scan(&n)
	return n > 0, wrap("look for documents", err)
}

// Any reports whether there is a document of one of these names, live or trashed.
func (t Table) Any(ctx context.Context, names []string) (some bool, err error) {
	text, args := "SELECT 1 FROM documents WHERE doctype = $1 AND name = ANY($2::text[]) LIMIT 1", []any{t.DocType, names}
	if !t.Postgres {
		text, args = "SELECT 1 FROM documents WHERE doctype = ? AND name IN (?"+strings.Repeat(", ?", len(names)-1)+") LIMIT 1", named([]any{t.DocType}, names)
	}
	rows, err := t.DB.QueryContext(ctx, text, args...) //nolint:rowserrcheck // Each does
	err = wrap("look for documents", listing.Each(rows, err, func() error {
		some = true
		return nil
	}))
	return some, err
}

// Each calls fn for the live documents of these names (nil = all) of a DocType, in order of their names.
func Each(ctx context.Context, db bun.IDB, docType string, names []string, fn func(doctype.Document) error) error {
	text, args := "SELECT "+Columns+" FROM documents WHERE doctype = ? AND trashed_at IS NULL", []any{docType}
	if names != nil {
		text, args = text+" AND name IN (?)", append(args, bun.List(names))
	}
	return listing.Query(ctx, db, func(rows *sql.Rows) error {
		d, err := Scan(rows, docType)
		if err != nil {
			return err
		}
		return fn(d)
	}, text+" ORDER BY name", args...)
}

// named adds names to arguments.
func named(args []any, names []string) []any {
	args = slices.Grow(args, len(names))
	for _, name := range names {
		args = append(args, name)
	}
	return args
}
