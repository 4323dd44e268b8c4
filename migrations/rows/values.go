package rows

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// sqliteParams is about how many parameters one statement of VALUES has. SQLite's limit is 32,766; longer statements than this only
// take longer to prepare.
const sqliteParams = 450

// values inserts into SQLite by statements of VALUES.
func (in *insertion) values(ctx context.Context, tx *sql.Tx) (int64, error) {
	most := in.most()
	whole := in.rows / most * most
	total, err := in.chunks(ctx, tx, span{0, whole, most})
	for from, to := range Chunks(in.rows-whole, most) {
		if err != nil {
			break
		}
		var n int64
		n, err = in.chunks(ctx, tx, span{whole + from, whole + to, to - from})
		total += n
	}
	return total, err
}

// span is the rows from start to before end, in chunks of size.
type span struct{ start, end, size int }

func (in *insertion) chunks(ctx context.Context, tx *sql.Tx, s span) (total int64, err error) {
	if s.start == s.end {
		return 0, nil
	}
	if s.size < alikeFrom {
		in.same = nil
	}
	stmt, err := tx.PrepareContext(ctx, in.text(s.size))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for at := s.start; at < s.end; at += s.size {
		n, err := in.chunk(ctx, stmt, at, at+s.size)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
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
