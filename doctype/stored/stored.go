package stored

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dochook/doctype"
	"dochook/doctype/listing"
)

// Columns are what [Scan] reads.
const Columns = "name, data, version, owner, creation, modified, modified_by, trashed_at, scraper"

// ErrRace says that another transaction wrote one of the documents in between.
var ErrRace = errors.New("documents changed concurrently")

// State is a document as a running transaction sees it.
type State struct {
	doctype.Document
	Exists bool   // there is a row, live or trashed
	Hash   []byte // of the stored record
	Dirty  bool   // to be written
}

// Live reports whether the document is there and not trashed.
func (st *State) Live() bool { return st.Exists && st.TrashedAt == nil }

// Table is where the documents of a DocType are found.
type Table struct {
	DB       Querier
	Postgres bool
	DocType  string
}

// Querier is a pool or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Hash is what tells two records apart in a row.
func Hash(record []byte) []byte {
	sum := sha256.Sum256(record)
	return sum[:16]
}

// Time is how a time is stored, in µs.
func Time(us int64) time.Time { return time.UnixMicro(us).UTC() }

// Scan reads a document from [Columns].
func Scan(r interface{ Scan(dest ...any) error }, docType string) (doctype.Document, error) {
	d := doctype.Document{DocType: docType}
	var creation, modified int64
	var trashed sql.NullInt64
	var scraper sql.NullString
	if err := r.Scan(&d.Name, &d.Record, &d.Version, &d.Owner, &creation, &modified, &d.ModifiedBy, &trashed, &scraper); err != nil {
		return d, wrap("read document", err)
	}
	d.Creation, d.Modified, d.Scraper = Time(creation), Time(modified), scraper.String
	if trashed.Valid {
		at := Time(trashed.Int64)
		d.TrashedAt = &at
	}
	return d, nil
}

// scanAll reads documents into the states of their names.
func scanAll(rows *sql.Rows, err error, docType string, states map[string]*State) error {
	return wrap("load documents", listing.Each(rows, err, func() error {
		doc, err := Scan(rows, docType)
		if err == nil {
			st := states[doc.Name]
			st.Document, st.Exists = doc, true
		}
		return err
	}))
}

// scanChanged reads rows of a state's number and its document, without a name where it is the same.
func scanChanged(rows *sql.Rows, err error, docType string, states []State, same func(i int)) error {
	return wrap("load documents", listing.Each(rows, err, func() error {
		var i int
		doc, err := Scan(scanAfter{rows, &i}, docType)
		switch {
		case err != nil:
			return err
		case doc.Name == "":
			same(i)
		default:
			states[i] = State{Document: doc, Exists: true}
		}
		return nil
	}))
}

// scanHashes reads rows of a name, a hash and a flag.
func scanHashes(rows *sql.Rows, err error, fn func(name, hash []byte, after bool)) error {
	return wrap("look up documents", listing.Each(rows, err, func() error {
		var name, hash sql.RawBytes
		var after bool
		err := rows.Scan(&name, &hash, &after)
		fn(name, hash, after)
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

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
