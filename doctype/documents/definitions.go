package documents

import (
	"context"
	"database/sql"

	"dochook/doctype"
	"dochook/doctype/definitions"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/stored"
	"dochook/doctype/unique"
)

// Stored is a DocType with what is known of its making.
type Stored = definitions.Stored

// DocType returns one stored DocType; not_found if there is none.
func (s *Service) DocType(ctx context.Context, name string) (Stored, error) {
	return definitions.Load(ctx, s.Reader(ctx), name)
}

// InsertDocType stores a new DocType; conflict if the name is taken.
func (s *Service) InsertDocType(ctx context.Context, d doctype.DocType) (Stored, error) {
	d.AssignIDs()
	if _, err := doctype.Compile(d); err != nil {
		return Stored{}, err
	}
	var out Stored
	err := s.inTx(ctx, func(ctx context.Context, t *txn) (err error) {
		out, err = definitions.Insert(ctx, t.tx, d, t.now)
		return err
	})
	return out, s.redefined(err)
}

// UpdateDocType replaces a DocType's definition. The naming rule cannot change
// while there are documents: they would no longer be found under their keys.
func (s *Service) UpdateDocType(ctx context.Context, d doctype.DocType) (Stored, error) {
	d.AssignIDs()
	if _, err := doctype.Compile(d); err != nil {
		return Stored{}, err
	}
	var out Stored
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		was, err := definitions.Load(ctx, t.tx, d.Name)
		if err != nil {
			return err
		}
		if was.Autoname != d.Autoname {
			any, err := stored.Exist(ctx, t.tx, d.Name, "")
			if err != nil {
				return err
			}
			if any {
				return doctype.Errorf(doctype.CodeImmutable, "autoname", "the naming rule of %s cannot change while it has documents", d.Name)
			}
		}
		if err := unique.Index(ctx, t.tx, was.DocType, d); err != nil {
			return err
		}
		out, err = definitions.Update(ctx, t.tx, was, d, t.now)
		return err
	})
	return out, s.redefined(err)
}

// DeleteDocType removes a DocType that has no live documents, the last states
// of its trashed ones, and what jobs noted about them. Its events and jobs stay.
func (s *Service) DeleteDocType(ctx context.Context, name string) error {
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if _, err := definitions.Load(ctx, t.tx, name); err != nil {
			return err
		}
		live, err := stored.Exist(ctx, t.tx, name, " AND trashed_at IS NULL")
		if err != nil {
			return err
		}
		if live {
			return doctype.Errorf(doctype.CodeImmutable, "name", "DocType %s still has documents", name)
		}
		return definitions.Delete(ctx, t.tx, name)
	})
	return s.redefined(err)
}

// redefined tells of a change of definitions that ended well.
func (s *Service) redefined(err error) error {
	if err == nil {
		s.Forget()
		s.defined()
	}
	return err
}

// DocTypes lists stored DocTypes.
func (s *Service) DocTypes(ctx context.Context, q query.Query) ([]Stored, error) {
	t := listing.New(s.db.Postgres(), "doctypes", definitions.Columns, nil)
	return listing.List(ctx, s.db.Read, t, q, func(r *sql.Rows) (Stored, error) { return definitions.Scan(r) })
}

// CountDocTypes counts what DocTypes lists without a limit.
func (s *Service) CountDocTypes(ctx context.Context, q query.Query) (int64, error) {
	return listing.Count(ctx, s.db.Read, listing.New(s.db.Postgres(), "doctypes", definitions.Columns, nil), q)
}
