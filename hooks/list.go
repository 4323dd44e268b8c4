package hooks

import (
	"context"
	"database/sql"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/hooks/definition"
)

func (s *Service) source() query.Source {
	return query.Source{Postgres: s.db.Postgres(), Columns: query.StandardColumns(), JSON: "webhooks.data", Known: func(field string) bool {
		return slices.Contains(definition.MemberNames(), field) && !slices.Contains(unasked, field)
	}}
}

// unasked are the members that no filter may ask for: who asks often enough has read the secrets in them.
var unasked = []string{"webhook_secret", "webhook_headers", "headers_template", "client_key"}

// restrict hides the webhooks that jobs brought along, unless a query asks for a job.
func (s *Service) restrict(q query.Query) string {
	asks := func(f query.Filter) bool { return f.Field == "job" || f.Field == "name" }
	switch {
	case slices.ContainsFunc(q.Filters, asks) || slices.ContainsFunc(q.OrFilters, asks):
		return ""
	case s.db.Postgres():
		return "coalesce(data::jsonb ->> 'job', '') = ''"
	default:
		return "coalesce(data ->> '$.job', '') = ''"
	}
}

// List returns webhooks that pass the query's filters, in its order. Those
// that jobs brought along are only listed when a filter names job or name.
func (s *Service) List(ctx context.Context, q query.Query) ([]Stored, error) {
	text, args, err := s.source().Select(columns, "webhooks", s.restrict(q), nil, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Stored, len(rows))
	for i := range rows {
		if out[i], err = s.stored(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Count counts the webhooks that pass the query's filters.
func (s *Service) Count(ctx context.Context, q query.Query) (int64, error) {
	text, args, err := s.source().Count("webhooks", s.restrict(q), nil, q)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.db.Read.QueryRowContext(ctx, text, args...).Scan(&n)
	return n, wrap("count webhooks", err)
}

// Active returns every enabled webhook with its secrets, and the errors of
// those that no longer compile, by name.
func (s *Service) Active(ctx context.Context) ([]*Compiled, map[string]error, error) {
	rows, err := s.rows(ctx, "SELECT "+columns+" FROM webhooks ORDER BY name")
	if err != nil {
		return nil, nil, err
	}
	var out []*Compiled
	broken := map[string]error{}
	for i := range rows {
		c, err := s.compiled(&rows[i])
		switch {
		case err != nil:
			broken[rows[i].name] = err
		case bool(c.Enabled):
			out = append(out, c)
		}
	}
	return out, broken, nil
}

// Versions are those of the webhooks with these names that there are.
func (s *Service) Versions(ctx context.Context, names []string) (map[string]int64, error) {
	out := make(map[string]int64, len(names))
	if len(names) == 0 {
		return out, nil
	}
	err := listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		var name string
		var version int64
		err := rows.Scan(&name, &version)
		out[name] = version
		return err
	}, "SELECT name, version FROM webhooks WHERE name IN (?)", bun.List(names))
	return out, wrap("read versions of webhooks", err)
}

func (s *Service) rows(ctx context.Context, text string, args ...any) ([]row, error) {
	var out []row
	err := listing.Query(ctx, s.db.Read, func(found *sql.Rows) error {
		r, err := scan(found)
		out = append(out, r)
		return err
	}, text, args...)
	return out, wrap("list webhooks", err)
}
