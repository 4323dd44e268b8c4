package results

import (
	"context"
	"encoding/binary"
	"iter"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
)

// Row is one accepted record of a job.
type Row struct {
	ID   string // a UUID, the same whenever it is asked for
	Data []byte // as it came in
	At   time.Time
}

func (p *storedPage) row(job string, i int64, data []byte) Row {
	id, err := uuid.Parse(job)
	if err != nil {
		id = uuid.NameSpaceURL
	}
	return Row{ID: uuid.NewSHA1(id, strconv.AppendInt(nil, p.first+i, 10)).String(), Data: data, At: p.at}
}

type storedPage struct {
	number, first, count int64
	at                   time.Time
	records              []byte // unpacked
}

// each goes through the records in order.
func (p *storedPage) each() iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		rest := p.records
		for i := int64(0); len(rest) > 0; i++ {
			n, head := binary.Uvarint(rest)
			end := head + int(n) //nolint:gosec // of our own making
			if head <= 0 || end > len(rest) || !yield(i, rest[head:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// find reads the first page of a job that meets a condition; nil if there is none.
func find(ctx context.Context, db bun.IDB, job, where string, args ...any) (*storedPage, error) {
	if doctype.CheckName(job) != nil {
		return nil, nil //nolint:nilnil // as documented
	}
	rows, err := db.QueryContext(ctx, "SELECT page, first_row, row_count, at, data FROM job_pages WHERE job = ? AND "+where+" ORDER BY page LIMIT 1",
		append([]any{job}, args...)...)
	if err != nil {
		return nil, eventlog.Unavailable(wrap("read page", err))
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return nil, eventlog.Unavailable(wrap("read page", rows.Err()))
	}
	var p storedPage
	var at int64
	var packed []byte
	if err := rows.Scan(&p.number, &p.first, &p.count, &at, &packed); err != nil {
		return nil, wrap("read page", err)
	}
	p.at = time.UnixMicro(at).UTC()
	p.records, err = unpacker.DecodeAll(packed, nil)
	return &p, wrap("unpack page", err)
}

// First is the number of the first page of a job that is kept; 0 if none is.
func First(ctx context.Context, db bun.IDB, job string) (int64, error) {
	var first int64
	err := db.QueryRowContext(ctx, "SELECT coalesce(min(page), 0) FROM job_pages WHERE job = ?", job).Scan(&first)
	return first, eventlog.Unavailable(wrap("read page", err))
}

// Records returns the accepted records of a page of a job, in order; not_found if it is not kept.
func Records(ctx context.Context, db bun.IDB, job string, page int64) ([][]byte, error) {
	p, err := find(ctx, db, job, "page = ?", page)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, doctype.Errorf(doctype.CodeNotFound, "", "page %d of job %s is not kept", page, job)
	}
	out := make([][]byte, 0, p.count)
	for _, data := range p.each() {
		out = append(out, data)
	}
	return out, nil
}

// Each calls fn for the accepted records of a job behind the first start ones, in order. It reads page after page: a cursor held open
// would hold the database up for as long as the caller reads.
func Each(ctx context.Context, db bun.IDB, job string, start int64, fn func(Row) error) error {
	for {
		p, err := find(ctx, db, job, "first_row + row_count > ?", start)
		if err != nil || p == nil {
			return err
		}
		for i, data := range p.each() {
			if p.first+i < start {
				continue
			}
			if err := fn(p.row(job, i, data)); err != nil {
				return err
			}
		}
		start = p.first + p.count
	}
}
