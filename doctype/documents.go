package doctype

import (
	"context"
	"database/sql"
	"errors"

	"dochook/doctype/query"
)

// Get returns a live document; not_found if there is none.
func (s *Service) Get(ctx context.Context, doctype, name string) (Document, error) {
	if _, err := s.Definition(ctx, doctype); err != nil {
		return Document{}, err
	}
	row := s.reader(ctx).QueryRowContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = ? AND name = ? AND trashed_at IS NULL", doctype, name)
	d, err := scanDocument(row, doctype)
	if errors.Is(err, sql.ErrNoRows) {
		return Document{}, Errorf(CodeNotFound, "name", "%s %s not found", doctype, name)
	}
	return d, unavailable(err)
}

// List returns live documents that pass the query's filters, in its order.
func (s *Service) List(ctx context.Context, doctype string, q query.Query) ([]Document, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return nil, err
	}
	rows, err := selectRows(ctx, s.reader(ctx), s.source("documents", def.knows), "documents", documentColumns,
		"doctype = ? AND trashed_at IS NULL", []any{doctype}, q)
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { _ = rows.Close() }()
	var out []Document
	for rows.Next() {
		d, err := scanDocument(rows, doctype)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, unavailable(wrap("list documents", rows.Err()))
}

// Count counts the live documents that pass the query's filters.
func (s *Service) Count(ctx context.Context, doctype string, q query.Query) (int64, error) {
	def, err := s.Definition(ctx, doctype)
	if err != nil {
		return 0, err
	}
	n, err := count(ctx, s.reader(ctx), s.source("documents", def.knows), "documents", "doctype = ? AND trashed_at IS NULL", []any{doctype}, q)
	return n, unavailable(err)
}

// knows reports whether a list may name the field: any of an open DocType, the
// declared ones of a closed.
func (d *Definition) knows(field string) bool {
	if bool(d.Open) {
		return true
	}
	for i := range d.Fields {
		if d.Fields[i].Fieldname == field {
			return true
		}
	}
	return false
}
