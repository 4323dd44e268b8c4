package documents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/stored"
	"dochook/migrations"
)

// Stored is a DocType with what is known of its making.
type Stored struct {
	doctype.DocType
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
}

const definitionColumns = "name, data, owner, creation, modified, modified_by"

func scanStored(r interface{ Scan(dest ...any) error }) (Stored, error) {
	var name, data string
	var creation, modified int64
	var s Stored
	if err := r.Scan(&name, &data, &s.Owner, &creation, &modified, &s.ModifiedBy); err != nil {
		return s, wrap("read DocType", err)
	}
	s.Creation, s.Modified = stored.Time(creation), stored.Time(modified)
	var err error
	if s.DocType, err = doctype.ParseDocType([]byte(data)); err != nil {
		return Stored{}, fmt.Errorf("stored DocType %q: %w", name, err)
	}
	return s, nil
}

func loadDocType(ctx context.Context, db bun.IDB, name string) (Stored, error) {
	if doctype.CheckName(name) != nil {
		return Stored{}, doctype.Errorf(doctype.CodeNotFound, "", "DocType %q not found", name)
	}
	s, err := scanStored(db.QueryRowContext(ctx, "SELECT "+definitionColumns+" FROM doctypes WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, doctype.Errorf(doctype.CodeNotFound, "", "DocType %q not found", name)
	}
	return s, unavailable(err)
}

// DocType returns one stored DocType; not_found if there is none.
func (s *Service) DocType(ctx context.Context, name string) (Stored, error) {
	return loadDocType(ctx, s.Reader(ctx), name)
}

// InsertDocType stores a new DocType; conflict if the name is taken.
func (s *Service) InsertDocType(ctx context.Context, d doctype.DocType) (Stored, error) {
	d.AssignIDs()
	if _, err := doctype.Compile(d); err != nil {
		return Stored{}, err
	}
	var out Stored
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if _, err := loadDocType(ctx, t.tx, d.Name); doctype.CodeOf(err) != doctype.CodeNotFound {
			if err != nil {
				return err
			}
			return doctype.Errorf(doctype.CodeConflict, "name", "DocType %s already exists", d.Name)
		}
		now, user := t.now.UnixMicro(), doctype.UserOf(ctx).Name
		_, err := t.tx.ExecContext(ctx, "INSERT INTO doctypes (name, data, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?)",
			d.Name, string(d.JSON()), user, now, now, user)
		out = Stored{d, user, t.now, t.now, user}
		if migrations.IsConflict(err) { // somebody was quicker
			return doctype.Errorf(doctype.CodeConflict, "name", "DocType %s already exists", d.Name)
		}
		return wrap("insert DocType", err)
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
		was, err := loadDocType(ctx, t.tx, d.Name)
		if err != nil {
			return err
		}
		if was.Autoname != d.Autoname {
			any, err := t.anyDocument(ctx, d.Name, "")
			if err != nil {
				return err
			}
			if any {
				return doctype.Errorf(doctype.CodeImmutable, "autoname", "the naming rule of %s cannot change while it has documents", d.Name)
			}
		}
		if err := s.indexUnique(ctx, t, was.DocType, d); err != nil {
			return err
		}
		user := doctype.UserOf(ctx).Name
		_, err = t.tx.ExecContext(ctx, "UPDATE doctypes SET data = ?, modified = ?, modified_by = ? WHERE name = ?",
			string(d.JSON()), t.now.UnixMicro(), user, d.Name)
		out = Stored{d, was.Owner, was.Creation, t.now, user}
		return wrap("update DocType", err)
	})
	return out, s.redefined(err)
}

// DeleteDocType removes a DocType that has no live documents, the last states
// of its trashed ones, and what jobs noted about them. Its events and jobs stay.
func (s *Service) DeleteDocType(ctx context.Context, name string) error {
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if _, err := loadDocType(ctx, t.tx, name); err != nil {
			return err
		}
		live, err := t.anyDocument(ctx, name, " AND trashed_at IS NULL")
		if err != nil {
			return err
		}
		if live {
			return doctype.Errorf(doctype.CodeImmutable, "name", "DocType %s still has documents", name)
		}
		for _, table := range []string{
			"documents WHERE doctype", "unique_values WHERE doctype", "sightings WHERE doctype", "absences WHERE doctype", "column_ids WHERE doctype", "doctypes WHERE name",
		} {
			if _, err := t.tx.ExecContext(ctx, "DELETE FROM "+table+" = ?", name); err != nil {
				return wrap("delete DocType", err)
			}
		}
		return nil
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
	t := listing.New(s.db.Postgres(), "doctypes", definitionColumns, nil)
	return listing.List(ctx, s.db.Read, t, q, func(r *sql.Rows) (Stored, error) { return scanStored(r) })
}

// CountDocTypes counts what DocTypes lists without a limit.
func (s *Service) CountDocTypes(ctx context.Context, q query.Query) (int64, error) {
	return listing.Count(ctx, s.db.Read, listing.New(s.db.Postgres(), "doctypes", definitionColumns, nil), q)
}

// anyDocument reports whether there is a document of the DocType, live or trashed, that also meets the condition.
func (t *txn) anyDocument(ctx context.Context, docType, condition string) (bool, error) {
	var n int
	err := t.tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM documents WHERE doctype = ?"+condition+" LIMIT 1) AS d", docType).Scan(&n)
	return n > 0, wrap("look for documents", err)
}
