package documents

import (
	"context"
	"database/sql"
	"errors"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/stored"
)

// Get returns a live document; not_found if there is none.
func (s *Service) Get(ctx context.Context, docType, name string) (doctype.Document, error) {
	if _, err := s.Definition(ctx, docType); err != nil {
		return doctype.Document{}, err
	}
	if doctype.CheckName(name) != nil {
		return doctype.Document{}, notFound(docType, name)
	}
	row := s.Reader(ctx).QueryRowContext(ctx, "SELECT "+stored.Columns+" FROM documents WHERE doctype = ? AND name = ? AND trashed_at IS NULL", docType, name)
	d, err := stored.Scan(row, docType)
	if errors.Is(err, sql.ErrNoRows) {
		return doctype.Document{}, notFound(docType, name)
	}
	return d, unavailable(err)
}

// Live returns those of the named documents that are live, in the order of their names.
func (s *Service) Live(ctx context.Context, docType string, names []string) ([]doctype.Document, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var out []doctype.Document
	err := stored.Each(ctx, s.Reader(ctx), docType, names, func(d doctype.Document) error {
		out = append(out, d)
		return nil
	})
	return out, unavailable(err)
}

// List returns live documents that pass the query's filters, in its order.
func (s *Service) List(ctx context.Context, docType string, q query.Query) ([]doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return nil, err
	}
	return listing.List(ctx, s.Reader(ctx), s.living(def), q, func(r *sql.Rows) (doctype.Document, error) { return stored.Scan(r, docType) })
}

// Count counts the live documents that pass the query's filters.
func (s *Service) Count(ctx context.Context, docType string, q query.Query) (int64, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return 0, err
	}
	return listing.Count(ctx, s.Reader(ctx), s.living(def), q)
}
