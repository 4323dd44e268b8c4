package listing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"dochook/doctype/eventlog"
	"dochook/doctype/query"
)

// Table is what a list or count selects from. Its texts are SQL of our own, never input.
type Table struct {
	query.Source

	Name     string
	Columns  string // to select
	Restrict string // a condition before the query's own, or ""
	Args     []any  // of Restrict
}

// New returns a Table of the given dialect. known says which members of data a query may name; nil is all.
func New(postgres bool, name, columns string, known func(string) bool) Table {
	src := query.Source{Postgres: postgres, Columns: query.StandardColumns(), JSON: name + ".data", Known: known}
	return Table{Source: src, Name: name, Columns: columns}
}

// List returns the rows that pass the query, in its order, each as scan reads it.
func List[T any](ctx context.Context, db bun.IDB, t Table, q query.Query, scan func(*sql.Rows) (T, error)) ([]T, error) {
	text, args, err := t.Select(t.Columns, t.Name, t.Restrict, t.Args, q)
	if err != nil {
		return nil, err
	}
	var out []T
	rows, err := db.QueryContext(ctx, text, args...)
	err = Each(rows, err, func() error {
		v, err := scan(rows)
		out = append(out, v)
		return err
	})
	return out, eventlog.Unavailable(wrap("list "+t.Name, err))
}

// Count counts the rows that pass the query's filters.
func Count(ctx context.Context, db bun.IDB, t Table, q query.Query) (int64, error) {
	text, args, err := t.Count(t.Name, t.Restrict, t.Args, q)
	if err != nil {
		return 0, err
	}
	var n int64
	err = db.QueryRowContext(ctx, text, args...).Scan(&n)
	return n, eventlog.Unavailable(wrap("count "+t.Name, err))
}

// Query calls fn for each row of a query.
func Query(ctx context.Context, db bun.IDB, fn func(*sql.Rows) error, text string, args ...any) error {
	rows, err := db.QueryContext(ctx, text, args...)
	return Each(rows, err, func() error { return fn(rows) })
}

// Each calls fn for each row of a query and closes it. err is the query's.
func Each(rows *sql.Rows, err error, fn func() error) error {
	if err != nil {
		return wrap("query", err)
	}
	for rows.Next() {
		if err := fn(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return wrap("read rows", errors.Join(rows.Err(), rows.Close()))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
