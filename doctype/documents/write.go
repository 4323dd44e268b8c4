package documents

import (
	"context"
	"slices"
	"time"

	"dochook/doctype"
	"dochook/doctype/record"
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
	def      *doctype.Definition
	name     string
	record   []byte // checked, as it came in; for merge and update the patch
	user     doctype.User
	run      Run
	hash     []byte     // of the record, if it comes in a page
	known    bool       // to be what its document is already
	expected *time.Time // refuse when the document was modified since

	// Set anew by each try of the transaction.
	outcome Outcome
	doc     doctype.Document
	err     error
}

func (w *write) reset() { w.outcome, w.doc, w.err = "", doctype.Document{}, nil }

// prepare checks a whole record and finds its name, which comes back also with
// what is wrong with the rest.
func prepare(def *doctype.Definition, v verb, data []byte, mapKey string, user doctype.User) (*write, error) {
	if err := record.Check(data); err != nil {
		return nil, err
	}
	name, err := def.NameOf(data, mapKey)
	if err != nil {
		return nil, err
	}
	w := &write{verb: v, def: def, name: name, record: data, user: user}
	if v != verbMerge {
		w.record = def.WithDefaults(data)
		err = def.Validate(w.record)
	}
	return w, err
}

// prepareTrash finds the name of the document that a record removes.
func prepareTrash(def *doctype.Definition, r Record, user doctype.User) (*write, error) {
	if err := record.Check(r.Data); err != nil {
		return nil, err
	}
	name, err := def.NameOf(r.Data, r.Key)
	if err != nil {
		return nil, err
	}
	return &write{verb: verbTrash, def: def, name: name, user: user}, nil
}

// one runs a single write through the group commit.
func (s *Service) one(ctx context.Context, w *write) (doctype.Document, error) {
	if err := s.submit(ctx, w); err != nil {
		return doctype.Document{}, err
	}
	return w.doc, w.err
}

// Insert makes a document of a record. A live document of the same name is a
// conflict; a trashed one comes back with this record.
func (s *Service) Insert(ctx context.Context, docType string, data []byte) (doctype.Document, error) {
	return s.whole(ctx, verbInsert, docType, data)
}

// Put makes the record the state of the document it names, new or not.
func (s *Service) Put(ctx context.Context, docType string, data []byte) (doctype.Document, error) {
	return s.whole(ctx, verbReplace, docType, data)
}

// whole writes a record that names its document.
func (s *Service) whole(ctx context.Context, v verb, docType string, data []byte) (doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return doctype.Document{}, err
	}
	w, err := prepare(def, v, data, "", doctype.UserOf(ctx))
	if err != nil {
		return doctype.Document{}, err
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
func (s *Service) Update(ctx context.Context, docType, name string, patch []byte, o UpdateOptions) (doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return doctype.Document{}, err
	}
	if err := record.Check(patch); err != nil {
		return doctype.Document{}, err
	}
	if doctype.CheckName(name) != nil {
		return doctype.Document{}, notFound(docType, name)
	}
	return s.one(ctx, &write{verb: verbUpdate, def: def, name: name, record: patch, user: doctype.UserOf(ctx), expected: o.Modified})
}

// Trash removes a live document; its event carries the last known state.
func (s *Service) Trash(ctx context.Context, docType, name string) (doctype.Document, error) {
	return s.named(ctx, verbTrash, docType, name)
}

// TrashAll removes documents in one transaction, on behalf of a job, and returns how many of them were live.
func (s *Service) TrashAll(ctx context.Context, docType string, names []string, run Run) (int, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return 0, err
	}
	user, n := doctype.UserOf(ctx), 0
	err = s.inTx(ctx, func(ctx context.Context, t *txn) error {
		n = 0
		for chunk := range slices.Chunk(names, 5000) {
			writes := make([]*write, len(chunk))
			for i, name := range chunk {
				writes[i] = &write{verb: verbTrash, def: def, name: name, user: user, run: run}
			}
			if err := t.apply(ctx, writes); err != nil {
				return err
			}
			for _, w := range writes {
				if w.outcome == Trashed {
					n++
				}
			}
		}
		return nil
	})
	return n, err
}

// Restore brings a trashed document back as it was.
func (s *Service) Restore(ctx context.Context, docType, name string) (doctype.Document, error) {
	return s.named(ctx, verbRestore, docType, name)
}

// named writes a document that needs no record.
func (s *Service) named(ctx context.Context, v verb, docType, name string) (doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return doctype.Document{}, err
	}
	if doctype.CheckName(name) != nil {
		return doctype.Document{}, notFound(docType, name)
	}
	return s.one(ctx, &write{verb: v, def: def, name: name, user: doctype.UserOf(ctx)})
}

func notFound(docType, name string) error {
	return doctype.Errorf(doctype.CodeNotFound, "", "%s %q not found", docType, name)
}
