package rows

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// sqliteParams is about how many parameters one statement of VALUES has. SQLite's limit is 32,766; longer statements than this only
// take longer to prepare.
const sqliteParams = 450

// values inserts into SQLite by statements of VALUES.
func (in *insertion) values(ctx context.Context, tx *sql.Tx) (total int64, err error) {
	var stmt *sql.Stmt
	size := 0
	for from, to := range Chunks(in.rows, in.most()) {
		if to-from != size {
			if size = to - from; size < alikeFrom {
				in.same = nil
			}
			if stmt != nil {
				_ = stmt.Close() // it is kept, not closed
			}
			if stmt, err = tx.PrepareContext(ctx, in.text(size)); err != nil {
				return total, err
			}
		}
		n, err := in.chunk(ctx, stmt, from, to)
		if total += n; err != nil {
			_ = stmt.Close()
			return total, err
		}
	}
	return total, stmt.Close()
}

// most is how many rows a statement has at most, a power of two.
func (in *insertion) most() int {
	n := 1
	for in.params(2*n) <= sqliteParams {
		n *= 2
	}
	return n
}

// params is how many parameters a statement of n rows has.
func (in *insertion) params(n int) int {
	each := len(in.cols)
	for _, same := range in.same {
		if same {
			each--
		}
	}
	return len(in.cols) + (n-1)*each
}

// text is the statement of a chunk. A column that is the same in all rows is the parameter of the first row in the others, too.
func (in *insertion) text(n int) string {
	places := make([]string, len(in.cols))
	for i := range places {
		places[i] = "?"
	}
	first := "(" + strings.Join(places, ",") + ")"
	for i, same := range in.same {
		if same {
			places[i] = "?" + strconv.Itoa(i+1)
		}
	}
	return in.head + "VALUES " + first + strings.Repeat(",("+strings.Join(places, ",")+")", n-1) + " " + in.suffix
}

func (in *insertion) chunk(ctx context.Context, stmt *sql.Stmt, from, to int) (int64, error) {
	args := make([]any, 0, in.params(to-from))
	for i := from; i < to; i++ {
		for k, c := range in.cols {
			if i == from || in.same == nil || !in.same[k] {
				args = append(args, c.value(i))
			}
		}
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	if in.key != "" {
		if in.to, err = result.LastInsertId(); err != nil {
			return 0, err
		}
		in.from = in.to - int64(to) + 1 // there is one writer
	}
	return result.RowsAffected()
}
