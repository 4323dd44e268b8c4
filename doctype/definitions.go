package doctype

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/query"
)

// Stored is a DocType with what is known of its making.
type Stored struct {
	DocType
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
}

type definitionRow struct {
	Name, Data, Owner  string
	Creation, Modified int64
	ModifiedBy         string
}

func (r *definitionRow) stored() (Stored, error) {
	d, err := ParseDocType([]byte(r.Data))
	if err != nil {
		return Stored{}, fmt.Errorf("stored DocType %q: %w", r.Name, err)
	}
	return Stored{d, r.Owner, fromMicros(r.Creation), fromMicros(r.Modified), r.ModifiedBy}, nil
}

func compileStored(data string) (*Definition, error) {
	d, err := ParseDocType([]byte(data))
	if err != nil {
		return nil, fmt.Errorf("stored DocType: %w", err)
	}
	return Compile(d)
}

func (s *Service) loadDefinition(ctx context.Context, name string) (*definitionRow, error) {
	return loadDefinition(ctx, s.reader(ctx), name)
}

func loadDefinition(ctx context.Context, db bun.IDB, name string) (*definitionRow, error) {
	var r definitionRow
	err := db.QueryRowContext(ctx, "SELECT name, data, owner, creation, modified, modified_by FROM doctypes WHERE name = ?", name).
		Scan(&r.Name, &r.Data, &r.Owner, &r.Creation, &r.Modified, &r.ModifiedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, Errorf(CodeNotFound, "doctype", "DocType %s not found", name)
	}
	return &r, wrap("load DocType", err)
}

// DocType returns one stored DocType; not_found if there is none.
func (s *Service) DocType(ctx context.Context, name string) (Stored, error) {
	r, err := s.loadDefinition(ctx, name)
	if err != nil {
		return Stored{}, err
	}
	return r.stored()
}

// InsertDocType stores a new DocType; conflict if the name is taken.
func (s *Service) InsertDocType(ctx context.Context, d DocType) (Stored, error) {
	if _, err := Compile(d); err != nil {
		return Stored{}, err
	}
	var out Stored
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if _, err := loadDefinition(ctx, t.tx, d.Name); CodeOf(err) != CodeNotFound {
			if err != nil {
				return err
			}
			return Errorf(CodeConflict, "name", "DocType %s already exists", d.Name)
		}
		now, user := t.now.UnixMicro(), UserOf(ctx).Name
		_, err := t.tx.ExecContext(ctx, "INSERT INTO doctypes (name, data, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?)",
			d.Name, string(d.JSON()), user, now, now, user)
		out = Stored{d, user, t.now, t.now, user}
		return wrap("insert DocType", err)
	})
	if err == nil {
		s.Forget()
		s.defined()
	}
	return out, err
}

// UpdateDocType replaces a DocType's definition. The naming rule cannot change
// while there are documents: they would no longer be found under their keys.
func (s *Service) UpdateDocType(ctx context.Context, d DocType) (Stored, error) {
	if _, err := Compile(d); err != nil {
		return Stored{}, err
	}
	var out Stored
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		old, err := loadDefinition(ctx, t.tx, d.Name)
		if err != nil {
			return err
		}
		was, err := old.stored()
		if err != nil {
			return err
		}
		if was.Autoname != d.Autoname {
			any, err := anyDocument(ctx, t.tx, d.Name)
			if err != nil {
				return err
			}
			if any {
				return Errorf(CodeImmutable, "autoname", "the naming rule of %s cannot change while it has documents", d.Name)
			}
		}
		if err := s.indexUnique(ctx, t, was.DocType, d); err != nil {
			return err
		}
		user := UserOf(ctx).Name
		_, err = t.tx.ExecContext(ctx, "UPDATE doctypes SET data = ?, modified = ?, modified_by = ? WHERE name = ?",
			string(d.JSON()), t.now.UnixMicro(), user, d.Name)
		out = Stored{d, was.Owner, was.Creation, t.now, user}
		return wrap("update DocType", err)
	})
	if err == nil {
		s.Forget()
		s.defined()
	}
	return out, err
}

// DeleteDocType removes a DocType that has no live documents, and the last
// states of its trashed ones. Its events stay in the log.
func (s *Service) DeleteDocType(ctx context.Context, name string) error {
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error {
		if _, err := loadDefinition(ctx, t.tx, name); err != nil {
			return err
		}
		var live int
		err := t.tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM documents WHERE doctype = ? AND trashed_at IS NULL LIMIT 1) AS d", name).Scan(&live)
		if err != nil {
			return wrap("count documents", err)
		}
		if live > 0 {
			return Errorf(CodeImmutable, "name", "DocType %s still has documents", name)
		}
		for _, table := range []string{"documents WHERE doctype", "unique_values WHERE doctype", "doctypes WHERE name"} {
			if _, err := t.tx.ExecContext(ctx, "DELETE FROM "+table+" = ?", name); err != nil {
				return wrap("delete DocType", err)
			}
		}
		return nil
	})
	if err == nil {
		s.Forget()
		s.defined()
	}
	return err
}

// DocTypes lists stored DocTypes.
func (s *Service) DocTypes(ctx context.Context, q query.Query) ([]Stored, error) {
	src := s.source("doctypes", nil)
	rows, err := selectRows(ctx, s.db.Read, src, "doctypes", "name, data, owner, creation, modified, modified_by", "", nil, q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Stored
	for rows.Next() {
		var r definitionRow
		if err := rows.Scan(&r.Name, &r.Data, &r.Owner, &r.Creation, &r.Modified, &r.ModifiedBy); err != nil {
			return nil, wrap("list DocTypes", err)
		}
		d, err := r.stored()
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, wrap("list DocTypes", rows.Err())
}

// CountDocTypes counts what DocTypes lists without a limit.
func (s *Service) CountDocTypes(ctx context.Context, q query.Query) (int64, error) {
	return count(ctx, s.db.Read, s.source("doctypes", nil), "doctypes", "", nil, q)
}

func anyDocument(ctx context.Context, db bun.IDB, doctype string) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM documents WHERE doctype = ? LIMIT 1) AS d", doctype).Scan(&n)
	return n > 0, wrap("look for documents", err)
}
