package rows

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// arrays is one statement for PostgreSQL.
func (in *insertion) arrays(ctx context.Context, tx *sql.Tx) (int64, error) {
	var list, places, names []string
	args := make([]any, len(in.cols))
	for i, c := range in.cols {
		place := "$" + strconv.Itoa(i+1) + "::" + c.sqlType()
		if in.same != nil && in.same[i] {
			list, args[i] = append(list, place), c.value(0)
			continue
		}
		name := "c" + strconv.Itoa(i+1)
		list, places, names, args[i] = append(list, "u."+name), append(places, place+"[]"), append(names, name), c.array()
	}
	values := "SELECT " + strings.Join(list, ", ") + " FROM "
	from := "unnest(" + strings.Join(places, ", ") + ") AS u(" + strings.Join(names, ", ") + ")"
	if in.first != "" {
		// The one row of the CTE is joined to each, so it is there before a row is made.
		query := fmt.Sprintf("WITH first AS MATERIALIZED (SELECT %s), made AS (%s%sfirst, %s RETURNING %s) SELECT min(%[5]s), max(%[5]s) FROM made",
			in.first, in.head, values, from, in.key)
		return int64(in.rows), tx.QueryRowContext(ctx, query, args...).Scan(&in.from, &in.to)
	}
	result, err := tx.ExecContext(ctx, in.head+values+from+" "+in.suffix, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c Column) sqlType() string {
	switch c.Values.(type) {
	case []int64, []*int64:
		return "bigint"
	case [][]byte:
		return "bytea"
	}
	return "text"
}

// array is the column as pgx takes it without the reflection it does for slices of pointers.
func (c Column) array() any {
	switch v := c.Values.(type) {
	case []*string:
		return nullableTexts(v)
	case []*int64:
		return nullableInts(v)
	}
	return c.Values
}

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
