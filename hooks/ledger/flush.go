package ledger

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/rows"
)

const (
	flushWalkers = 500             // written together at most
	flushRows    = 2_000           // of one transaction: writers of documents wait for it
	flushBytes   = 8 << 20         // of requests in it
	flushLimit   = 5 * time.Second // of one transaction: a connection that has gone silent may never say so
)

// part is what one walker has to write down.
type part struct {
	lease Lease
	batch Batch
}

// load is how much of a transaction the part takes, 1 being all.
func (p *part) load() float64 {
	bytes := 0
	for i := range p.batch.Retries {
		bytes += len(p.batch.Retries[i].Request)
	}
	rows := len(p.batch.Deliveries) + len(p.batch.Attempts) + len(p.batch.Retries) + len(p.batch.Settled)
	return float64(rows)/flushRows + float64(bytes)/flushBytes
}

// Flush writes a batch down, together with those of other walkers that come meanwhile; nothing of it is written, with ErrLost, if the
// lease is no longer held, and with ErrLocked, while somebody else changes the walker's cursor. It takes as long as those before it take.
func (s *Store) Flush(ctx context.Context, l Lease, b Batch) error {
	return s.flushes.Submit(ctx, part{l, b})
}

// flushAll writes the parts in few transactions. One that fails is tried again part by part, so that a part which cannot be written
// does not keep the others from it; but a database that does not answer is not asked for each.
func (s *Store) flushAll(ctx context.Context, parts []part) ([]error, func()) {
	ctx = context.WithoutCancel(ctx) // the leader's end is not the end of all
	errs := make([]error, len(parts))
	for from, silent := 0, 0; from < len(parts); {
		to, load := from+1, parts[from].load()
		for ; to < len(parts) && load+parts[to].load() <= 1; to++ {
			load += parts[to].load()
		}
		if to-from > 1 && s.flushTogether(ctx, parts[from:to], errs[from:to]) == nil {
			from = to
			continue
		}
		for ; from < to; from++ {
			err := s.flushTogether(ctx, parts[from:from+1], errs[from:from+1])
			if err == nil {
				continue
			}
			errs[from] = err
			if !errors.Is(err, context.DeadlineExceeded) {
				continue
			}
			if silent++; silent == mostSilent {
				for i := from + 1; i < len(parts); i++ {
					errs[i] = err
				}
				return errs, nil
			}
		}
	}
	return errs, nil
}

// mostSilent is how many parts the database may let wait in vain before it counts as silent: one may be too much by itself.
const mostSilent = 2

// flushTogether writes the parts in one transaction, and notes those that it could not have. First outcomes are new rows, unless they
// were written already and nobody heard of it.
func (s *Store) flushTogether(ctx context.Context, parts []part, missed []error) error {
	err := s.flushParts(ctx, parts, missed, false)
	if migrations.IsConflict(err) {
		err = s.flushParts(ctx, parts, missed, true)
	}
	return err
}

func (s *Store) flushParts(ctx context.Context, parts []part, missed []error, again bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.moveCursors(ctx, tx, parts)
		if err != nil {
			return wrap("move cursors", err)
		}
		var stand map[string]int64
		if len(held) < len(parts) && s.db.Postgres() {
			if stand, err = generations(ctx, tx, parts); err != nil {
				return wrap("move cursors", err)
			}
		}
		w := written{again: again}
		for i := range parts {
			l := &parts[i].lease
			switch {
			case held[l.Walker] == l.Generation:
				missed[i] = nil
				w.add(&parts[i])
			case stand[l.Walker] == l.Generation:
				missed[i] = ErrLocked
			default:
				missed[i] = ErrLost
			}
		}
		return w.insert(ctx, tx)
	})
}

// moveCursors says how far the walkers are, and returns the generations of those that still hold their leases, as far as nobody else
// changes their cursors just now: all would wait for one that is being deleted.
func (s *Store) moveCursors(ctx context.Context, tx bun.Tx, parts []part) (map[string]int64, error) {
	if s.db.Postgres() {
		return scanGenerations(tx.Tx.QueryContext(ctx, `WITH u AS (SELECT u.* FROM
				unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
				AS u(walker, generation, pos, ahead, failures, failing_since, paused_until)
				JOIN cursors c ON c.walker = u.walker AND c.generation = u.generation FOR UPDATE OF c SKIP LOCKED)
			UPDATE cursors SET `+cursorColumns+" FROM u WHERE cursors.walker = u.walker RETURNING cursors.walker, cursors.generation", cursorArrays(parts)...))
	}
	held := make(map[string]int64, len(parts))
	for from, to := range rows.Chunks(len(parts), 64) {
		args := make([]any, 0, 7*(to-from))
		for i := range parts[from:to] {
			l, b := &parts[from+i].lease, &parts[from+i].batch
			args = append(args, l.Walker, l.Generation, b.Pos, nullable(b.Ahead), b.Failures, nullable(b.FailingFrom), nullable(b.PausedUntil))
		}
		some, err := scanGenerations(tx.Tx.QueryContext(ctx, "WITH u(walker, generation, pos, ahead, failures, failing_since, paused_until) AS (VALUES (?, ?, ?, ?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", to-from-1)+") UPDATE cursors SET "+cursorColumns+
			" FROM u WHERE cursors.walker = u.walker AND cursors.generation = u.generation RETURNING walker, generation", args...))
		if err != nil {
			return nil, err
		}
		maps.Copy(held, some)
	}
	return held, nil
}

// cursorColumns are set from the row u of a walker.
const cursorColumns = "pos = u.pos, ahead = u.ahead, failures = u.failures, failing_since = u.failing_since, paused_until = coalesce(u.paused_until, cursors.paused_until)"

// generations are those of the parts' cursors as they were committed last.
func generations(ctx context.Context, tx bun.Tx, parts []part) (map[string]int64, error) {
	walkers := make([]string, len(parts))
	for i := range parts {
		walkers[i] = parts[i].lease.Walker
	}
	return scanGenerations(tx.Tx.QueryContext(ctx, "SELECT walker, generation FROM cursors WHERE walker = ANY($1)", walkers))
}

func scanGenerations(rows *sql.Rows, err error) (map[string]int64, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]int64{}
	for rows.Next() {
		var walker string
		var generation int64
		if err := rows.Scan(&walker, &generation); err != nil {
			return nil, err
		}
		out[walker] = generation
	}
	return out, rows.Err()
}

// cursorArrays are a column each of what the walkers' cursors are to be.
func cursorArrays(parts []part) []any {
	n := len(parts)
	walkers, generations, pos, failures := make([]string, n), make([]int64, n), make([]int64, n), make([]int64, n)
	ahead, from, paused := make([]*int64, n), make([]*int64, n), make([]*int64, n)
	for i := range parts {
		l, b := &parts[i].lease, &parts[i].batch
		walkers[i], generations[i], pos[i], failures[i] = l.Walker, l.Generation, b.Pos, b.Failures
		ahead[i], from[i], paused[i] = nullable(b.Ahead), nullable(b.FailingFrom), nullable(b.PausedUntil)
	}
	return []any{walkers, generations, pos, ahead, failures, from, paused}
}

func nullable(us int64) *int64 {
	if us == 0 {
		return nil
	}
	return &us
}

// written is what several walkers write down at once.
type written struct {
	again      bool           // the first outcomes may have been written before
	first      []of[Delivery] // outcomes of deliveries
	deliveries []of[Delivery] // later ones
	attempts   []Attempt
	retries    []of[Retry]
	settled    []of[Key]
}

// of is something of a walker's.
type of[T any] struct {
	walker string
	it     *T
}

func (w *written) add(p *part) {
	walker, b := p.lease.Walker, &p.batch
	from := len(w.deliveries)
	w.deliveries = appendLast(w.deliveries, walker, b.Deliveries, func(d *Delivery) Key { return d.Key })
	if !w.again {
		rest := w.deliveries[:from]
		for _, d := range w.deliveries[from:] {
			if d.it.first() {
				w.first = append(w.first, d)
			} else {
				rest = append(rest, d)
			}
		}
		w.deliveries = rest
	}
	w.attempts = append(w.attempts, b.Attempts...)
	// An earlier entry may have been rendered, and a later one of the same delivery not.
	rendered := make(map[Key][]byte)
	for i := range b.Retries {
		r := &b.Retries[i]
		if r.Request == nil {
			r.Request = rendered[r.Key]
		}
		rendered[r.Key] = r.Request
	}
	w.retries = appendLast(w.retries, walker, b.Retries, func(r *Retry) Key { return r.Key })
	for i := range b.Settled {
		w.settled = append(w.settled, of[Key]{walker, &b.Settled[i]})
	}
}

// appendLast appends the last entry of each key: one statement may not touch a row twice.
func appendLast[T any](to []of[T], walker string, list []T, key func(*T) Key) []of[T] {
	last := make(map[Key]int, len(list))
	for i := range list {
		last[key(&list[i])] = i
	}
	for i := range list {
		if len(last) == len(list) || last[key(&list[i])] == i {
			to = append(to, of[T]{walker, &list[i]})
		}
	}
	return to
}

func (w *written) insert(ctx context.Context, tx bun.Tx) error {
	if err := insertDeliveries(ctx, tx, w.first, ""); err != nil {
		return err
	}
	err := insertDeliveries(ctx, tx, w.deliveries, `ON CONFLICT (pos, walker, part) DO UPDATE SET status = excluded.status, attempts = excluded.attempts,
		finished_at = excluded.finished_at, next_attempt = excluded.next_attempt, http_status = excluded.http_status, reason = excluded.reason,
		duration_us = excluded.duration_us, detail = excluded.detail`)
	if err != nil {
		return err
	}
	if err := insertAttempts(ctx, tx, w.attempts); err != nil {
		return err
	}
	if err := upsertRetries(ctx, tx, w.retries); err != nil {
		return err
	}
	return deleteRetries(ctx, tx, w.settled)
}

func insertDeliveries(ctx context.Context, tx bun.Tx, list []of[Delivery], suffix string) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	ids, walkers, eventIDs, events, doctypes, names := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	statuses, reasons, details := make([]string, n), make([]string, n), make([]string, n)
	pos, part, attempts, created, codes, durations := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	finished, next := make([]*int64, n), make([]*int64, n)
	for i := range list {
		d := list[i].it
		detail, err := d.Detail.encode()
		if err != nil {
			return wrap("encode delivery", err)
		}
		ids[i], walkers[i], eventIDs[i], events[i], doctypes[i], names[i] = d.ID, list[i].walker, d.EventID, d.Event, d.DocType, d.Name
		statuses[i], reasons[i], details[i] = d.Status, d.Reason, detail
		pos[i], part[i], attempts[i], created[i], codes[i], durations[i] = d.Pos, d.Part, d.Attempts, d.CreatedAt, int64(d.HTTPStatus), d.DurationUS
		finished[i], next[i] = nullable(d.FinishedAt), nullable(d.NextAt)
	}
	_, err := rows.Insert(ctx, tx, "deliveries", []rows.Column{
		{Name: "id", Values: ids},
		{Name: "walker", Values: walkers},
		{Name: "pos", Values: pos},
		{Name: "part", Values: part},
		{Name: "event_id", Values: eventIDs},
		{Name: "event", Values: events},
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "status", Values: statuses},
		{Name: "attempts", Values: attempts},
		{Name: "created_at", Values: created},
		{Name: "finished_at", Values: finished},
		{Name: "next_attempt", Values: next},
		{Name: "http_status", Values: codes},
		{Name: "reason", Values: reasons},
		{Name: "duration_us", Values: durations},
		{Name: "detail", Values: details},
	}, suffix)
	return wrap("write deliveries", err)
}

func insertAttempts(ctx context.Context, tx bun.Tx, list []Attempt) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	deliveries, reasons, details := make([]string, n), make([]string, n), make([]string, n)
	numbers, at, codes, durations := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range list {
		a := &list[i]
		detail, err := a.Detail.encode()
		if err != nil {
			return wrap("encode attempt", err)
		}
		deliveries[i], reasons[i], details[i] = a.Delivery, a.Reason, detail
		numbers[i], at[i], codes[i], durations[i] = a.N, a.At, int64(a.HTTPStatus), a.DurationUS
	}
	_, err := rows.Insert(ctx, tx, "attempts", []rows.Column{
		{Name: "delivery", Values: deliveries},
		{Name: "n", Values: numbers},
		{Name: "at", Values: at},
		{Name: "http_status", Values: codes},
		{Name: "reason", Values: reasons},
		{Name: "duration_us", Values: durations},
		{Name: "detail", Values: details},
	}, "ON CONFLICT (delivery, n) DO NOTHING")
	return wrap("write attempts", err)
}

func upsertRetries(ctx context.Context, tx bun.Tx, list []of[Retry]) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	walkers, keys, deliveries := make([]string, n), make([]string, n), make([]string, n)
	pos, part, attempts := make([]int64, n), make([]int64, n), make([]int64, n)
	due, requests := make([]*int64, n), make([][]byte, n)
	for i := range list {
		r := list[i].it
		walkers[i], keys[i], deliveries[i] = list[i].walker, r.OrderKey, r.Delivery
		pos[i], part[i], attempts[i], due[i], requests[i] = r.Pos, r.Part, r.Attempts, nullable(r.DueAt), r.Request
	}
	_, err := rows.Insert(ctx, tx, "retries", []rows.Column{
		{Name: "walker", Values: walkers},
		{Name: "pos", Values: pos},
		{Name: "part", Values: part},
		{Name: "order_key", Values: keys},
		{Name: "due_at", Values: due},
		{Name: "attempts", Values: attempts},
		{Name: "delivery", Values: deliveries},
		{Name: "request", Values: requests},
	}, `ON CONFLICT (walker, pos, part) DO UPDATE SET due_at = excluded.due_at, attempts = excluded.attempts,
		request = coalesce(excluded.request, retries.request)`)
	return wrap("write retries", err)
}

func deleteRetries(ctx context.Context, tx bun.Tx, list []of[Key]) error {
	for chunk := range slices.Chunk(list, 300) {
		args := make([]any, 0, 3*len(chunk))
		for _, k := range chunk {
			args = append(args, k.walker, k.it.Pos, k.it.Part)
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE (walker, pos, part) IN ((?, ?, ?)"+strings.Repeat(", (?, ?, ?)", len(chunk)-1)+")", args...)
		if err != nil {
			return wrap("settle retries", err)
		}
	}
	return nil
}
