package doctype

import (
	"context"
	"crypto/sha256"
	"time"
)

type verb int

const (
	verbInsert  verb = iota // refuses a live name
	verbReplace             // insert, or the record becomes this one
	verbMerge               // insert, or the record's members become these
	verbUpdate              // merge into a live document
	verbTrash
	verbRestore
)

// Outcome says what a write did.
type Outcome string

// What one written record came to.
const (
	Inserted  Outcome = "inserted"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
	Trashed   Outcome = "trashed"
	Duplicate Outcome = "duplicate" // the same name came again later in the page
	Rejected  Outcome = "rejected"
)

// write is one document's change on its way through a transaction.
type write struct {
	verb     verb
	def      *Definition
	name     string
	record   []byte // checked, as it came in; for merge and update the patch
	user     User
	job      string
	page     int64
	expected *time.Time // refuse when the document was modified since

	// Set anew by each try of the transaction.
	outcome Outcome
	doc     Document
	err     error
}

func (w *write) reset() { w.outcome, w.doc, w.err = "", Document{}, nil }

// prepare checks a whole record and finds its name.
func prepare(def *Definition, v verb, record []byte, mapKey string, user User) (*write, error) {
	if err := CheckRecord(record); err != nil {
		return nil, err
	}
	name, err := def.NameOf(record, mapKey)
	if err != nil {
		return nil, err
	}
	if v != verbMerge {
		record = def.WithDefaults(record)
		if err := def.Validate(record); err != nil {
			return nil, err
		}
	}
	return &write{verb: v, def: def, name: name, record: record, user: user}, nil
}

func hashOf(record []byte) []byte {
	sum := sha256.Sum256(record)
	return sum[:16]
}

// one runs a single write through the group commit.
func (s *Service) one(ctx context.Context, w *write) (Document, error) {
	if err := s.submit(ctx, w); err != nil {
		return Document{}, err
	}
	return w.doc, w.err
}

// Insert makes a document of a record. A live document of the same name is a
// conflict; a trashed one comes back with this record.
func (s *Service) Insert(ctx context.Context, doctype string, record []byte) (Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return Document{}, err
	}
	w, err := prepare(def, verbInsert, record, "", UserOf(ctx))
	if err != nil {
		return Document{}, err
	}
	return s.one(ctx, w)
}

// Put makes the record the state of the document it names, new or not.
func (s *Service) Put(ctx context.Context, doctype string, record []byte) (Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return Document{}, err
	}
	w, err := prepare(def, verbReplace, record, "", UserOf(ctx))
	if err != nil {
		return Document{}, err
	}
	return s.one(ctx, w)
}

// UpdateOptions of Update.
type UpdateOptions struct {
	// Modified, when set, must be the document's modified time: the write is
	// refused as stale if somebody wrote in between.
	Modified *time.Time
}

// Update merges the patch's members into a live document; not_found if there
// is none, immutable if the patch would change the key it is named by.
func (s *Service) Update(ctx context.Context, doctype, name string, patch []byte, o UpdateOptions) (Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return Document{}, err
	}
	if err := CheckRecord(patch); err != nil {
		return Document{}, err
	}
	return s.one(ctx, &write{verb: verbUpdate, def: def, name: name, record: patch, user: UserOf(ctx), expected: o.Modified})
}

// Trash removes a live document; its event carries the last known state.
func (s *Service) Trash(ctx context.Context, doctype, name string) (Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return Document{}, err
	}
	return s.one(ctx, &write{verb: verbTrash, def: def, name: name, user: UserOf(ctx)})
}

// Restore brings a trashed document back as it was.
func (s *Service) Restore(ctx context.Context, doctype, name string) (Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return Document{}, err
	}
	return s.one(ctx, &write{verb: verbRestore, def: def, name: name, user: UserOf(ctx)})
}
