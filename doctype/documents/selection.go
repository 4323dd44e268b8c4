package documents

import (
	"context"
	"database/sql"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/stored"
)

// Selection says which documents [Service.Select] lists.
type Selection = stored.Selection

// Select is List of a selection.
func (s *Service) Select(ctx context.Context, docType string, sel Selection, q query.Query) ([]doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return nil, err
	}
	t := s.living(def)
	sel.Narrow(&t, s.db.Postgres())
	return listing.List(ctx, s.Reader(ctx), t, q, func(r *sql.Rows) (doctype.Document, error) { return stored.Scan(r, docType) })
}

// Replace makes the record the whole state of the document of that name, which comes back if it is trashed or gone; immutable if the
// record carries the key of another one.
func (s *Service) Replace(ctx context.Context, docType, name string, data []byte, o UpdateOptions) (doctype.Document, error) {
	def, err := s.Definition(ctx, docType)
	if err != nil {
		return doctype.Document{}, err
	}
	if err := record.Check(data); err != nil {
		return doctype.Document{}, err
	}
	if doctype.CheckName(name) != nil {
		return doctype.Document{}, notFound(docType, name)
	}
	if err := def.CheckNamed(data, name); err != nil {
		return doctype.Document{}, err
	}
	whole := def.WithDefaults(data)
	if err := def.Validate(whole); err != nil {
		return doctype.Document{}, err
	}
	return s.one(ctx, &write{verb: verbReplace, def: def, name: name, record: whole, user: doctype.UserOf(ctx), expected: o.Modified})
}
