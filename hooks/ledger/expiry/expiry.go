package expiry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"dochook/hooks/ledger"
	"dochook/migrations"
)

// ErrBusy says that another process is removing what is old just now.
var ErrBusy = errors.New("another process removes what is old")

// Bounds are the moments up to which what is over is removed. Where it is the zero time, nothing is.
type Bounds struct {
	Delivered time.Time // deliveries that were delivered by then, with their attempts
	Dead      time.Time // those that were given up or skipped by then
	// Events is the bound of the log. It only ever loses its beginning, and never its last event. What a walker has not passed
	// stays, and all behind it: so do what waits to be tried again or to be replayed, and all of a job that is not all old.
	Events  time.Time
	Results time.Time // what jobs brought that were over by then, as far as all walkers have passed it
	Answers time.Time // answers to requests with an Idempotency-Key, given by then
}

// Removed counts rows.
type Removed struct {
	Deliveries, Attempts, Events, Pages, Answers int64

	HeldBy  string // the walker that keeps old events in the log; "" = none does
	HeldPos int64  // the first of them
}

// Rows is all of them together.
func (r *Removed) Rows() int64 {
	return r.Deliveries + r.Attempts + r.Events + r.Pages + r.Answers
}

// Add adds what another step removed.
func (r *Removed) Add(o *Removed) {
	r.Deliveries += o.Deliveries
	r.Attempts += o.Attempts
	r.Events += o.Events
	r.Pages += o.Pages
	r.Answers += o.Answers
	if o.HeldBy != "" {
		r.HeldBy, r.HeldPos = o.HeldBy, o.HeldPos
	}
}

// Steps remove what is old. They remember how far they have looked, so that one look into an index of each table finds that there is
// nothing to do. They are for one goroutine; any number of them may work on one database.
type Steps struct {
	db   *migrations.DB
	most int // rows

	kind  int // of rows that the next step removes
	look  [2]place
	since time.Time // when look was at the beginning
	log   int64     // removed up to here
	jobs  place     // their results are removed up to here
}

// place is where a walk through a table stands: in the order of a time, and of keys where that is the same.
type place struct {
	at        int64 // µs
	pos, part int64
	name      string
}

const (
	defaultMost = 500
	// pageStep is how many rows of a step one page of a job counts for: it holds thousands of records.
	pageStep = 50
	// lookAgain is when deliveries are looked at again that had to stay: they waited for another attempt or for a cursor, or ended
	// long after they began.
	lookAgain = 24 * time.Hour
)

// New returns Steps that remove about so many rows in one transaction; 0 is 500. It starts nothing.
func New(db *migrations.DB, most int) *Steps {
	if most <= 0 {
		most = defaultMost
	}
	return &Steps{db: db, most: most}
}

// Step does a short piece of the work, at most one transaction. done says that all of it is done, until time goes on. now is for what
// was looked at long ago. ErrBusy if another process is at it.
func (s *Steps) Step(ctx context.Context, now time.Time, b Bounds) (removed Removed, done bool, err error) {
	if s.kind == 0 && now.Sub(s.since).Abs() >= lookAgain {
		s.look, s.since = [2]place{}, now
	}
	kinds := []func() (Removed, bool, error){
		func() (Removed, bool, error) {
			return s.deliveries(ctx, &s.look[0], "status = 'delivered'", b.Delivered)
		},
		func() (Removed, bool, error) {
			return s.deliveries(ctx, &s.look[1], "status IN ('dead', 'skipped')", b.Dead)
		},
		func() (Removed, bool, error) { return s.events(ctx, b.Events) },
		func() (Removed, bool, error) { return s.results(ctx, b.Results) },
		func() (Removed, bool, error) { return s.answers(ctx, b.Answers) },
	}
	for s.kind < len(kinds) {
		some, more, err := kinds[s.kind]()
		removed.Add(&some)
		if err != nil {
			return removed, false, err
		}
		if !more {
			s.kind++
		}
		if more || some.Rows() > 0 {
			return removed, false, nil
		}
	}
	s.kind = 0
	return removed, true, nil
}

// alone is one transaction. Two processes would only wait for each other's rows.
func (s *Steps) alone(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if s.db.Postgres() {
			var mine bool // the number spells "retain"
			if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(x'72657461696e'::bigint)").Scan(&mine); err != nil {
				return wrap("lock retention", err)
			}
			if !mine {
				return ErrBusy
			}
		}
		return fn(ctx, tx)
	})
}

// each calls fn for the rows of a query that changes nothing; false ends it.
func (s *Steps) each(ctx context.Context, fn func(rows *sql.Rows) (bool, error), text string, args ...any) error {
	rows, err := s.db.Read.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if more, err := fn(rows); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}

// deliveries removes those of a status that were over by the bound, looking at the next ones in the order in which they began.
func (s *Steps) deliveries(ctx context.Context, from *place, status string, bound time.Time) (out Removed, more bool, err error) {
	if bound.IsZero() {
		return out, false, nil
	}
	const (
		behind = "created_at >= ? AND (created_at > ? OR (pos, walker, part) > (?, ?, ?))"
		upto   = "created_at <= ? AND (created_at < ? OR (pos, walker, part) <= (?, ?, ?))"
	)
	// Beyond a cursor a row tells, after a crash, what not to send again; those of a replay that goes on are counted. A walker that was
	// closed has left rows without an end.
	over := status + ` AND coalesce(finished_at, created_at) <= ? AND NOT EXISTS (SELECT 1 FROM cursors
		WHERE cursors.walker = deliveries.walker AND (cursors.pos < deliveries.pos OR substr(cursors.walker, 1, 7) = '` + ledger.RunPrefix + `'))`
	last, n, old := *from, 0, false
	err = s.each(ctx, func(rows *sql.Rows) (bool, error) {
		var this bool
		n++
		err := rows.Scan(&last.at, &last.pos, &last.name, &last.part, &this)
		old = old || this
		return true, err
	}, "SELECT created_at, pos, walker, part, "+over+" FROM deliveries WHERE "+behind+" AND created_at <= ? ORDER BY created_at, pos, walker, part LIMIT ?",
		bound.UnixMicro(), from.at, from.at, from.pos, from.name, from.part, bound.UnixMicro(), s.most)
	if err != nil {
		return out, false, wrap("look for old deliveries", err)
	}
	if old {
		err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
			ids, err := texts(ctx, tx, "DELETE FROM deliveries WHERE "+behind+" AND "+upto+" AND "+over+" RETURNING id",
				from.at, from.at, from.pos, from.name, from.part, last.at, last.at, last.pos, last.name, last.part, bound.UnixMicro())
			if err != nil {
				return wrap("remove deliveries", err)
			}
			out.Deliveries = int64(len(ids))
			out.Attempts, err = removeAttempts(ctx, tx, ids)
			return err
		})
	}
	if err != nil {
		return Removed{}, false, err
	}
	*from = last
	return out, n == s.most, nil
}

func removeAttempts(ctx context.Context, tx bun.Tx, deliveries []string) (n int64, err error) {
	for chunk := range slices.Chunk(deliveries, 500) {
		some, err := affected(tx.ExecContext(ctx, "DELETE FROM attempts WHERE delivery IN (?)", bun.List(chunk)))
		if err != nil {
			return n, wrap("remove attempts", err)
		}
		n += some
	}
	return n, nil
}

// texts are the one column of the rows that a statement returns.
func texts(ctx context.Context, tx bun.Tx, text string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// old is an event at the beginning of the log.
type old struct {
	pos, at int64
	job     string
}

// events removes the beginning of the log, as far as it is older than the bound and nobody needs it. What is left has no holes, so
// that a reader can be told exactly what it has missed, and no batch is ever made of half of its records.
func (s *Steps) events(ctx context.Context, bound time.Time) (out Removed, more bool, err error) {
	if bound.IsZero() {
		return out, false, nil
	}
	var list []old
	err = s.each(ctx, func(rows *sql.Rows) (bool, error) {
		var e old
		err := rows.Scan(&e.pos, &e.at, &e.job)
		list = append(list, e)
		return e.at <= bound.UnixMicro(), err
	}, "SELECT pos, at, coalesce(job, '') FROM events WHERE pos > ? ORDER BY pos LIMIT ?", s.log, s.most+1)
	if err != nil {
		return out, false, wrap("look for old events", err)
	}
	if len(list) < 2 { // the last one tells where the log's end is
		return out, false, nil
	}
	list, more = list[:len(list)-1], len(list) == s.most+1
	floor, by, err := s.floor(ctx)
	if err != nil {
		return out, false, err
	}
	if kept := slices.IndexFunc(list, func(e old) bool { return e.pos > floor }); kept >= 0 {
		out.HeldBy, out.HeldPos = by, list[kept].pos
		list, more = list[:kept], false
	}
	whole, held, err := s.wholeJobs(ctx, list, floor, bound)
	if err != nil {
		return out, false, err
	}
	if held {
		out.HeldBy, out.HeldPos = by, floor+1
	}
	if whole < len(list) {
		list, more = list[:whole], false
	}
	if len(list) == 0 {
		return out, false, nil
	}
	last := list[len(list)-1].pos
	err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		out.Events, err = affected(tx.ExecContext(ctx, "DELETE FROM events WHERE pos > ? AND pos <= ?", s.log, last))
		return wrap("remove events", err)
	})
	if err != nil {
		return Removed{}, false, err
	}
	s.log = last
	return out, more, nil
}

// floor is the position up to which nobody needs the log any more to deliver what is in it, and the walker that needs the next.
// The cursors of replays do not stand in the log: what they are still to send is listed.
func (s *Steps) floor(ctx context.Context) (pos int64, by string, err error) {
	const live = "substr(walker, 1, 7) <> '" + ledger.RunPrefix + "'"
	err = s.db.Read.QueryRowContext(ctx, `SELECT walker, pos FROM (
		SELECT walker, pos FROM cursors WHERE `+live+`
		UNION ALL SELECT walker, min(pos) - 1 FROM retries WHERE `+live+` GROUP BY walker
		UNION ALL SELECT * FROM (SELECT '`+ledger.RunPrefix+`' || run, pos - 1 FROM replay_items WHERE pos > 0 ORDER BY pos LIMIT 1) AS first
	) AS needs ORDER BY pos, walker LIMIT 1`).Scan(&by, &pos)
	if errors.Is(err, sql.ErrNoRows) {
		return math.MaxInt64, "", nil
	}
	return pos, by, wrap("read cursors", err)
}

// wholeJobs is how many events of the list come before the first one of a job of which something has to stay: what is told when a job
// ends is made of all its events. held says that nothing but the floor keeps one.
func (s *Steps) wholeJobs(ctx context.Context, list []old, floor int64, bound time.Time) (whole int, held bool, err error) {
	first := map[string]int{}
	var jobs []string
	for i, e := range list {
		if _, known := first[e.job]; !known && e.job != "" {
			first[e.job] = i
			jobs = append(jobs, e.job)
		}
	}
	whole = len(list)
	if len(jobs) == 0 {
		return whole, false, nil
	}
	last := list[whole-1].pos
	err = s.each(ctx, func(rows *sql.Rows) (bool, error) {
		var job string
		var open bool
		var pos, at int64
		if err := rows.Scan(&job, &open, &pos, &at); err != nil {
			return false, err
		}
		behind := pos > floor && at <= bound.UnixMicro()
		if open || behind || pos > last && at > bound.UnixMicro() {
			whole, held = min(whole, first[job]), held || behind && !open
		}
		return true, nil
	}, `SELECT name, status IN ('pending', 'in_progress'),
		coalesce((SELECT pos FROM events WHERE job = jobs.name ORDER BY pos DESC LIMIT 1), 0),
		coalesce((SELECT at FROM events WHERE job = jobs.name ORDER BY pos DESC LIMIT 1), 0) FROM jobs WHERE name IN (?)`, bun.List(jobs))
	return whole, held, wrap("look at jobs", err)
}

// results removes pages of jobs that were over by the bound, the job that ended first first. One that is held is not over.
func (s *Steps) results(ctx context.Context, bound time.Time) (out Removed, more bool, err error) {
	if bound.IsZero() {
		return out, false, nil
	}
	var next place
	var last int64 // of its events
	err = s.db.Read.QueryRowContext(ctx, `SELECT name, modified, coalesce((SELECT max(pos) FROM events WHERE job = jobs.name), 0) FROM jobs
		WHERE status IN ('finished', 'failed', 'stopped') AND modified >= ? AND (modified > ? OR name > ?) AND modified <= ?
		AND EXISTS (SELECT 1 FROM job_pages WHERE job_pages.job = jobs.name) ORDER BY modified, name LIMIT 1`,
		s.jobs.at, s.jobs.at, s.jobs.name, bound.UnixMicro()).Scan(&next.name, &next.at, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return out, false, nil
	}
	if err != nil {
		return out, false, wrap("look for old results", err)
	}
	floor, by, err := s.floor(ctx)
	if err != nil {
		return out, false, err
	}
	if last > floor { // bodies are still to be made of it, and of those of later jobs
		return Removed{HeldBy: by, HeldPos: floor + 1}, false, nil
	}
	most := max(1, s.most/pageStep)
	err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		out.Pages, err = affected(tx.ExecContext(ctx, "DELETE FROM job_pages WHERE job = ? AND page IN (SELECT page FROM job_pages WHERE job = ? ORDER BY page LIMIT ?)",
			next.name, next.name, most))
		return wrap("remove results", err)
	})
	if err != nil {
		return Removed{}, false, err
	}
	if out.Pages < int64(most) {
		s.jobs = next
	}
	return out, true, nil
}

// answers removes what was answered to requests with an Idempotency-Key. Those who come with a key tidy up too: on PostgreSQL what
// they have in hand is left to them.
func (s *Steps) answers(ctx context.Context, bound time.Time) (out Removed, more bool, err error) {
	if bound.IsZero() {
		return out, false, nil
	}
	var old bool
	err = s.db.Read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM idempotency WHERE at <= ?)", bound.UnixMicro()).Scan(&old)
	if err != nil || !old {
		return out, false, wrap("look for old answers", err)
	}
	text := "DELETE FROM idempotency WHERE (key, page) IN (SELECT key, page FROM idempotency WHERE at <= ? ORDER BY at LIMIT ?"
	if s.db.Postgres() {
		text += " FOR UPDATE SKIP LOCKED"
	}
	err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) error {
		out.Answers, err = affected(tx.ExecContext(ctx, text+")", bound.UnixMicro(), s.most))
		return wrap("remove answers", err)
	})
	if err != nil {
		return Removed{}, false, err
	}
	return out, out.Answers == int64(s.most), nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
