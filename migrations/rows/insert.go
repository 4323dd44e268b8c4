package rows

import (
	"context"
	"fmt"
	"strings"

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

// Insert inserts the rows into table, in the order of the slices, and returns how many rows were inserted or, by suffix, updated.
// No rows is no statement. suffix follows the rows ("ON CONFLICT … DO UPDATE SET …"); RETURNING is not supported.
// table, the columns' names and suffix are SQL text and must never come from input. After an error tx must be rolled back.
//
// PostgreSQL gets one statement with one array parameter per column, SQLite statements of VALUES; a column that is the same in many
// rows is one parameter on both. On PostgreSQL, therefore, a row may be touched only once by an ON CONFLICT … DO UPDATE.
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
	in.same = alike(in.cols, n)
	if tx.Dialect().Name() == dialect.PG {
		return in.arrays(ctx, tx.Tx)
	}
	return in.values(ctx, tx.Tx)
}

// insertion runs on the plain transaction, because bun would write the values into the statement's text.
type insertion struct {
	head   string
	cols   []Column
	same   []bool // which columns hold one value alone; nil = those of few rows, nobody has looked
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
