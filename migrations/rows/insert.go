package rows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Column is one column of the rows to insert.
type Column struct {
	Name   string // as in SQL
	Values any    // []string, []*string, []int64, []*int64 or [][]byte; a nil pointer or nil []byte is NULL
}

// Error is a wrong call: columns of different lengths, or of a type that is not offered.
type Error struct{ text string }

// Error returns the text for people.
func (e *Error) Error() string { return e.text }

// Code returns "invalid".
func (e *Error) Code() string { return "invalid" }

// sqliteParams is about how many parameters one statement of VALUES has. SQLite's limit is 32,766; longer statements than this only
// take longer to prepare (measured: 150,000 rows/s here, 90,000 with thousands).
const sqliteParams = 450

// Insert inserts the rows into table, in the order of the slices, and returns how many rows were inserted or, by suffix, updated.
// No rows is no statement. suffix follows the rows ("ON CONFLICT … DO UPDATE SET …"); RETURNING is not supported.
// table, the columns' names and suffix are SQL text and must never come from input. After an error tx must be rolled back.
//
// PostgreSQL gets one statement with one array parameter per column, SQLite statements of VALUES. On PostgreSQL, therefore, a row may
// be touched only once by an ON CONFLICT … DO UPDATE.
func Insert(ctx context.Context, tx bun.Tx, table string, cols []Column, suffix string) (int64, error) {
	in := insertion{head: table, cols: cols, suffix: suffix}
	return in.run(ctx, tx)
}

// Numbered is a table whose database numbers the rows in the column Key. On PostgreSQL the select list First, such as a lock to be
// taken, is evaluated in the same statement before any row is made; SQLite has no use for that and leaves it out.
type Numbered struct{ Table, Key, First string }

// InsertNumbered is Insert that returns the first and the last number; they are 0 if others lie between.
func InsertNumbered(ctx context.Context, tx bun.Tx, into Numbered, cols []Column) (first, last int64, err error) {
	in := insertion{head: into.Table, cols: cols, first: into.First, key: into.Key}
	n, err := in.run(ctx, tx)
	if err != nil || n == 0 || in.to-in.from+1 != n {
		return 0, 0, err
	}
	return in.from, in.to, nil
}

func (in *insertion) run(ctx context.Context, tx bun.Tx) (int64, error) {
	n, err := length(in.cols)
	if err != nil || n == 0 {
		return 0, err
	}
	names := make([]string, len(in.cols))
	for i, c := range in.cols {
		names[i] = c.Name
	}
	in.rows, in.head = n, "INSERT INTO "+in.head+" ("+strings.Join(names, ", ")+") "
	if tx.Dialect().Name() == dialect.PG {
		return in.arrays(ctx, tx.Tx)
	}
	return in.values(ctx, tx.Tx)
}

// insertion runs on the plain transaction, because bun would write the values into the statement's text.
type insertion struct {
	head   string
	cols   []Column
	rows   int
	first  string
	suffix string
	key    string // numbered by the database; "" = none

	from, to int64 // numbers of the first and the last row
}

func length(cols []Column) (int, error) {
	if len(cols) == 0 {
		return 0, &Error{"insert: no columns"}
	}
	n := -1
	for _, c := range cols {
		var l int
		switch v := c.Values.(type) {
		case []string:
			l = len(v)
		case []*string:
			l = len(v)
		case []int64:
			l = len(v)
		case []*int64:
			l = len(v)
		case [][]byte:
			l = len(v)
		default:
			return 0, &Error{fmt.Sprintf("insert: column %s has values of type %T", c.Name, c.Values)}
		}
		if n >= 0 && l != n {
			return 0, &Error{fmt.Sprintf("insert: column %s has %d values, %s has %d", c.Name, l, cols[0].Name, n)}
		}
		n = l
	}
	return n, nil
}

func (in *insertion) arrays(ctx context.Context, tx *sql.Tx) (int64, error) {
	places, args := make([]string, len(in.cols)), make([]any, len(in.cols))
	for i, c := range in.cols {
		sqlType := "text"
		args[i] = c.Values
		switch v := c.Values.(type) {
		case []*string:
			args[i] = nullableTexts(v)
		case []int64:
			sqlType = "bigint"
		case []*int64:
			sqlType = "bigint"
			args[i] = nullableInts(v)
		case [][]byte:
			sqlType = "bytea"
		}
		places[i] = fmt.Sprintf("$%d::%s[]", i+1, sqlType)
	}
	//nolint:gosec // SQL text of our own, as documented
	query := in.head + "SELECT * FROM unnest(" + strings.Join(places, ", ") + ") " + in.suffix
	if in.first != "" {
		// The one row of the CTE is joined to each, so it is there before a row is made.
		query = "WITH first AS MATERIALIZED (SELECT " + in.first + "), made AS (" + in.head + "SELECT u.* FROM first, unnest(" + strings.Join(places, ", ") +
			") AS u RETURNING " + in.key + ") SELECT min(" + in.key + "), max(" + in.key + ") FROM made"
		return int64(in.rows), tx.QueryRowContext(ctx, query, args...).Scan(&in.from, &in.to)
	}
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// nullableTexts and nullableInts spare pgx the reflection it does for slices of pointers.
func nullableTexts(values []*string) []pgtype.Text {
	out := make([]pgtype.Text, len(values))
	for i, v := range values {
		if v != nil {
			out[i] = pgtype.Text{String: *v, Valid: true}
		}
	}
	return out
}

func nullableInts(values []*int64) []pgtype.Int8 {
	out := make([]pgtype.Int8, len(values))
	for i, v := range values {
		if v != nil {
			out[i] = pgtype.Int8{Int64: *v, Valid: true}
		}
	}
	return out
}

// values prepares one statement for all whole chunks and one for the rest.
func (in *insertion) values(ctx context.Context, tx *sql.Tx) (int64, error) {
	chunk := max(1, sqliteParams/len(in.cols))
	rest := in.rows % chunk
	whole, err := in.chunks(ctx, tx, span{start: 0, end: in.rows - rest, size: chunk})
	if err != nil || rest == 0 {
		return whole, err
	}
	last, err := in.chunks(ctx, tx, span{start: in.rows - rest, end: in.rows, size: rest})
	return whole + last, err
}

// span is the rows from start to before end, in chunks of size.
type span struct{ start, end, size int }

func (in *insertion) chunks(ctx context.Context, tx *sql.Tx, s span) (total int64, err error) {
	if s.start == s.end {
		return 0, nil
	}
	row := "(" + strings.Repeat("?,", len(in.cols)-1) + "?)"
	stmt, err := tx.PrepareContext(ctx, in.head+"VALUES "+strings.Repeat(row+",", s.size-1)+row+" "+in.suffix)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	args := make([]any, 0, s.size*len(in.cols))
	for at := s.start; at < s.end; at += s.size {
		args = args[:0]
		for i := at; i < at+s.size; i++ {
			for _, c := range in.cols {
				args = append(args, value(c, i))
			}
		}
		result, err := stmt.ExecContext(ctx, args...)
		if err != nil {
			return total, err
		}
		count, err := result.RowsAffected()
		if err != nil {
			return total, err
		}
		total += count
		if in.key != "" {
			if in.to, err = result.LastInsertId(); err != nil {
				return total, err
			}
			in.from = in.to - int64(at+s.size) + 1 // there is one writer
		}
	}
	return total, nil
}

// value is row i of c as the driver takes it: nil for NULL.
func value(c Column, i int) any {
	switch v := c.Values.(type) {
	case []string:
		return v[i]
	case []int64:
		return v[i]
	case []*string:
		if v[i] != nil {
			return *v[i]
		}
	case []*int64:
		if v[i] != nil {
			return *v[i]
		}
	case [][]byte:
		if v[i] != nil {
			return v[i]
		}
	}
	return nil
}
