package access

import (
	"context"

	"dochook/doctype/query"
)

// source says what keys may be listed by: the standard columns and the fields
// of the document. The hash is no field.
func (s *Service) source() query.Source {
	return query.Source{
		Postgres: s.db.Postgres(), Columns: query.StandardColumns(), JSON: "api_keys.data",
		Known: func(field string) bool {
			switch field {
			case "user", "role", "doctypes", "description", "enabled":
				return true
			}
			return false
		},
	}
}

// Find returns the keys that pass the query's filters, in its order. Errors:
// invalid (a filter), unavailable.
func (s *Service) Find(ctx context.Context, q query.Query) ([]Key, error) {
	text, args, err := s.source().Select(columns, "api_keys", "", nil, q)
	if err != nil {
		return nil, err
	}
	var rows []row
	if err := s.db.Read.NewRaw(text, args...).Scan(ctx, &rows); err != nil {
		return nil, foreign("find", err)
	}
	keys := make([]Key, 0, len(rows))
	for _, r := range rows {
		k, err := r.key()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Count counts the keys that pass the query's filters. Errors: invalid (a
// filter), unavailable.
func (s *Service) Count(ctx context.Context, q query.Query) (int64, error) {
	text, args, err := s.source().Count("api_keys", "", nil, q)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := s.db.Read.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
		return 0, foreign("count", err)
	}
	return n, nil
}
