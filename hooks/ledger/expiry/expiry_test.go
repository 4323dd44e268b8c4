package expiry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"dochook/hooks/ledger"
	"dochook/hooks/ledger/expiry"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const (
	day    = 24 * time.Hour
	walker = "webhook:w"
)

// each has a cursor at the beginning of the log.
func each(t *testing.T, fn func(t *testing.T, db *migrations.DB, s *ledger.Store)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := ledger.New(db)
		if err := s.OpenNow(t.Context(), walker); err != nil {
			t.Fatal(err)
		}
		fn(t, db, s)
	})
}

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// month removes what is older than a month, and what was delivered after a week.
func month() expiry.Bounds {
	return expiry.Bounds{
		Delivered: now.Add(-7 * day), Dead: now.Add(-30 * day), Events: now.Add(-30 * day), Results: now.Add(-30 * day), Answers: now.Add(-day),
	}
}

func exec(t *testing.T, db *migrations.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Write.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func column(t *testing.T, db *migrations.DB, text string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// sweep takes all steps there are, none of which may remove more than most rows of a table.
func sweep(t *testing.T, r *expiry.Steps, at time.Time, b expiry.Bounds, most int64) expiry.Removed {
	t.Helper()
	var all expiry.Removed
	for range 100_000 {
		some, done, err := r.Step(t.Context(), at, b)
		if err != nil {
			t.Fatal(err)
		}
		if m := max(some.Deliveries, some.Events, some.Pages, some.Answers); m > most {
			t.Fatalf("%d rows in one step: %+v", m, some)
		}
		all.Add(&some)
		if done {
			return all
		}
	}
	t.Fatal("it has no end")
	return all
}

// delivery is a row of deliveries that began, and maybe ended, so long ago.
type delivery struct {
	id, walker   string
	pos          int64
	status       string
	began, ended time.Duration // 0 = it has not
}

func (d *delivery) insert(t *testing.T, db *migrations.DB) {
	t.Helper()
	var ended *int64
	if d.ended != 0 {
		us := now.Add(-d.ended).UnixMicro()
		ended = &us
	}
	exec(t, db, `INSERT INTO deliveries (id, walker, pos, part, event_id, event, doctype, name, status, attempts, created_at, finished_at, http_status, reason, duration_us, detail)
		VALUES (?, ?, ?, 0, '', '', '', '', ?, 1, ?, ?, 0, '', 0, '{}')`, d.id, d.walker, d.pos, d.status, now.Add(-d.began).UnixMicro(), ended)
	exec(t, db, "INSERT INTO attempts (delivery, n, at, http_status, reason, duration_us, detail) VALUES (?, 1, 0, 0, '', 0, '{}')", d.id)
}

func TestRetention_of_deliveries(t *testing.T) {
	const us = time.Microsecond
	stay := []delivery{
		{"just not delivered a week ago", walker, 1, ledger.Delivered, 7 * day, 7*day - us},
		{"delivered after long trying", walker, 2, ledger.Delivered, 20 * day, day},
		{"just not dead for a month", walker, 3, ledger.Dead, 30*day - us, 30*day - us},
		{"skipped last week", walker, 4, ledger.Skipped, 8 * day, 8 * day},
		{"still trying", walker, 5, ledger.Retrying, 90 * day, 0},
		{"beyond the cursor", walker, 11, ledger.Delivered, 90 * day, 90 * day},
		{"dead beyond the cursor", walker, 12, ledger.Dead, 90 * day, 90 * day},
		{"of a replay that goes on", "replay:run", 3, ledger.Delivered, 90 * day, 90 * day},
		{"of a walker that was closed last week", "webhook:gone", 21, ledger.Dead, 8 * day, 0},
	}
	goes := []delivery{
		{"delivered a week ago", walker, 6, ledger.Delivered, 7 * day, 7 * day},
		{"dead for a month", walker, 7, ledger.Dead, 31 * day, 30 * day},
		{"skipped a month ago", walker, 8, ledger.Skipped, 30 * day, 30 * day},
		{"at the cursor", walker, 10, ledger.Delivered, 8 * day, 8 * day},
		{"of a walker that is gone", "webhook:gone", 22, ledger.Delivered, 8 * day, 8 * day},
		{"of a walker that was closed long ago", "webhook:gone", 23, ledger.Dead, 31 * day, 0},
		{"of a replay that is over", "replay:past", 24, ledger.Delivered, 8 * day, 8 * day},
	}
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		exec(t, db, "UPDATE cursors SET pos = 10")
		if err := s.OpenAt(t.Context(), db.Write, "replay:run", 9); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, d := range slices.Concat(stay, goes) {
			d.insert(t, db)
		}
		for _, d := range stay {
			want = append(want, d.id)
		}
		slices.Sort(want)
		r := expiry.New(db, 2)
		got := sweep(t, r, now, month(), 2)
		if got.Deliveries != int64(len(goes)) || got.Attempts != got.Deliveries || got.Rows() != 2*got.Deliveries {
			t.Errorf("removed %+v", got)
		}
		for _, text := range []string{"SELECT id FROM deliveries", "SELECT delivery FROM attempts"} {
			left := column(t, db, text)
			slices.Sort(left)
			if !slices.Equal(left, want) {
				t.Errorf("%s: %q\nwant %q", text, left, want)
			}
		}
		// What had to stay is found again a day later, behind what was looked at long ago.
		exec(t, db, "UPDATE cursors SET pos = 11 WHERE walker = ?", walker)
		if got := sweep(t, r, now, month(), 2); got.Rows() != 0 {
			t.Errorf("at once: %+v", got)
		}
		if got := sweep(t, r, now.Add(day), month(), 2); got.Deliveries != 1 {
			t.Errorf("a day later: %+v", got)
		}
		if got := sweep(t, expiry.New(db, 0), now, expiry.Bounds{}, 0); got.Rows() != 0 {
			t.Errorf("without bounds: %+v", got)
		}
	})
}

// logged appends events: how many hours ago each was, and "job" or nothing.
func logged(t *testing.T, db *migrations.DB, job string, hours ...int) {
	t.Helper()
	for _, h := range hours {
		var of *string
		if job != "" {
			of = &job
		}
		exec(t, db, `INSERT INTO events (id, at, doctype, name, event, version, data, restored, owner, creation, modified_by, key_id, hops, job)
			VALUES ('', ?, 'D', 'x', 'on_update', 1, '{}', 0, '', 0, '', '', 0, ?)`, now.Add(time.Duration(-h)*time.Hour).UnixMicro(), of)
	}
}

func job(t *testing.T, db *migrations.DB, name, status string, ended time.Duration) {
	t.Helper()
	exec(t, db, `INSERT INTO jobs (name, scraper, doctype, status, mode, data, owner, creation, modified, modified_by)
		VALUES (?, 's', 'D', ?, 'partial', '{}', '', 0, ?, '')`, name, status, now.Add(-ended).UnixMicro())
}

const (
	hours    = 24 * 30
	waiting  = "INSERT INTO retries (walker, pos, part, order_key, due_at, attempts, delivery) VALUES (?, ?, ?, 'D/x', ?, 1, '')"
	replayed = "INSERT INTO replay_items (run, seq, pos, name) VALUES ('r', ?, ?, '')"
)

func TestRetention_of_the_log(t *testing.T) {
	logOf := func(t *testing.T, db *migrations.DB, n int) {
		t.Helper()
		for i := range n {
			logged(t, db, "", hours+n-i)
		}
	}
	cases := []struct {
		name, left, by string
		set            func(t *testing.T, db *migrations.DB)
	}{
		{"to the age exactly", "3 4", "", func(t *testing.T, db *migrations.DB) {
			logged(t, db, "", hours+1, hours, hours-1, 0)
		}},
		{"a clock that went back", "3 4 5", "", func(t *testing.T, db *migrations.DB) {
			logged(t, db, "", hours+1, hours, hours-1, hours+1, 0)
		}},
		{"never the last event", "4", "", func(t *testing.T, db *migrations.DB) { logOf(t, db, 4) }},
		{"nobody listens", "4", "", func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 4)
			exec(t, db, "DELETE FROM cursors")
		}},
		{"a cursor behind", "3 4", walker, func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 4)
			exec(t, db, "UPDATE cursors SET pos = 2")
		}},
		{"a cursor at the beginning", "1 2 3", walker, func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 3)
			exec(t, db, "UPDATE cursors SET pos = 0")
		}},
		{"a delivery waits, and one of its document behind it", "3 4 5", walker, func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 5)
			exec(t, db, waiting, walker, 3, 0, 5)
			exec(t, db, waiting, walker, 4, 0, nil)
		}},
		{"parts of a batch wait", "2 3 4", walker, func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 4)
			exec(t, db, waiting, walker, 2, 1, 5)
			exec(t, db, waiting, walker, 2, 2, nil)
		}},
		{"a replay is to send it", "2 3 4", "replay:r", func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 4)
			exec(t, db, replayed, 1, 0)
			exec(t, db, replayed, 2, 2)
		}},
		{"the cursor of a replay counts items", "4", "", func(t *testing.T, db *migrations.DB) {
			logOf(t, db, 4)
			exec(t, db, "INSERT INTO cursors (walker, pos, generation, lease_owner, lease_until, lease_ttl, failures) VALUES ('replay:r', 1, 1, '', 0, 0, 0)")
			exec(t, db, waiting, "replay:r", 1, 0, 5)
			exec(t, db, replayed, 1, 0)
		}},
		{"a job that is old", "4", "", func(t *testing.T, db *migrations.DB) {
			job(t, db, "j", "finished", 31*day)
			logged(t, db, "j", hours+3, hours+2, hours+1)
			logged(t, db, "", 0)
		}},
		{"a job whose end is younger", "2 3 4 5", "", func(t *testing.T, db *migrations.DB) {
			job(t, db, "j", "finished", 29*day)
			logged(t, db, "", hours+4)
			logged(t, db, "j", hours+3)
			logged(t, db, "", hours+2)
			logged(t, db, "j", hours-1)
			logged(t, db, "", 0)
		}},
		{"a job whose end nobody was told", "2 3 4", "webhook:slow", func(t *testing.T, db *migrations.DB) {
			job(t, db, "j", "finished", 29*day)
			logged(t, db, "", hours+5)
			logged(t, db, "j", hours+4, hours+3)
			logged(t, db, "", 0)
			exec(t, db, "INSERT INTO cursors (walker, pos, generation, lease_owner, lease_until, lease_ttl, failures) VALUES ('webhook:slow', 2, 1, '', 0, 0, 0)")
		}},
		{"a job that goes on", "2 3", "", func(t *testing.T, db *migrations.DB) {
			job(t, db, "j", "in_progress", 0)
			logged(t, db, "", hours+2)
			logged(t, db, "j", hours+1)
			logged(t, db, "", 0)
		}},
	}
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				empty(t, db)
				if err := s.OpenAt(t.Context(), db.Write, walker, 1000); err != nil {
					t.Fatal(err)
				}
				c.set(t, db)
				for _, step := range []int{1, 100} { // in many steps, and then again in one
					got := sweep(t, expiry.New(db, step), now, month(), int64(step))
					if left := fmt.Sprint(column(t, db, "SELECT pos FROM events ORDER BY pos")); left != "["+c.left+"]" {
						t.Errorf("in steps of %d: left %s, want [%s]", step, left, c.left)
					}
					if got.HeldBy != c.by {
						t.Errorf("held by %q from %d, want %q", got.HeldBy, got.HeldPos, c.by)
					}
				}
			})
		}
	})
}

// empty makes the log begin at position 1 again.
func empty(t *testing.T, db *migrations.DB) {
	t.Helper()
	if db.Postgres() {
		exec(t, db, "TRUNCATE events, jobs, cursors, retries, replay_items RESTART IDENTITY")
		return
	}
	for _, table := range []string{"events", "jobs", "cursors", "retries", "replay_items", "sqlite_sequence"} {
		exec(t, db, "DELETE FROM "+table)
	}
}

func TestRetention_of_results(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *ledger.Store) {
		jobs := []struct {
			name, status string
			ended        time.Duration
		}{
			{"old", "finished", 30 * day},
			{"behind", "finished", 30 * day},
			{"young", "finished", 30*day - time.Microsecond},
			{"failed", "failed", 31 * day},
			{"stopped", "stopped", 31 * day},
			{"open", "in_progress", 90 * day},
			{"pending", "pending", 90 * day},
			{"held", "held", 90 * day},
		}
		for _, j := range jobs {
			job(t, db, j.name, j.status, j.ended)
			for page := range 12 {
				exec(t, db, "INSERT INTO job_pages (job, page, at, first_row, row_count, received, hash, seen, data) VALUES (?, ?, 0, 0, 0, 0, '', '', '')", j.name, page)
			}
		}
		exec(t, db, "UPDATE cursors SET pos = 1")
		b := month()
		b.Events = time.Time{}
		logged(t, db, "old", hours+2)
		logged(t, db, "behind", hours+1)
		r := expiry.New(db, 250)
		if got := sweep(t, r, now, b, 5); got.Pages != 24 || got.HeldBy != walker {
			t.Errorf("removed %+v", got)
		}
		// In order of their end, then of their names, so that one that is behind keeps those after it.
		left := column(t, db, "SELECT DISTINCT job FROM job_pages ORDER BY job")
		if want := []string{"behind", "held", "old", "open", "pending", "young"}; !slices.Equal(left, want) {
			t.Errorf("left %q, want %q", left, want)
		}
		exec(t, db, "UPDATE cursors SET pos = 2")
		if got := sweep(t, r, now, b, 5); got.Pages != 24 || got.HeldBy != "" {
			t.Errorf("then removed %+v", got)
		}
		left = column(t, db, "SELECT DISTINCT job FROM job_pages ORDER BY job")
		if want := []string{"held", "open", "pending", "young"}; !slices.Equal(left, want) {
			t.Errorf("then left %q, want %q", left, want)
		}
	})
}

func TestRetention_of_answers(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *ledger.Store) {
		for i, age := range []time.Duration{2 * day, day, day - time.Microsecond, 0} {
			exec(t, db, "INSERT INTO idempotency (key, page, hash, answer, at) VALUES ('k', ?, '', '', ?)", i, now.Add(-age).UnixMicro())
		}
		if got := sweep(t, expiry.New(db, 1), now, month(), 1); got.Answers != 2 {
			t.Errorf("removed %+v", got)
		}
		if left := column(t, db, "SELECT page FROM idempotency ORDER BY page"); !slices.Equal(left, []string{"2", "3"}) {
			t.Errorf("left %q", left)
		}
	})
}

// fill makes many deliveries, each with an attempt, and many events, all of them old, of one moment each hundred.
func fill(t *testing.T, db *migrations.DB, many int64) {
	t.Helper()
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", many)
	at := now.Add(-90 * day).UnixMicro()
	exec(t, db, numbers+`INSERT INTO deliveries (id, walker, pos, part, event_id, event, doctype, name, status, attempts, created_at, finished_at, http_status, reason, duration_us, detail)
		SELECT 'msg_' || i, ?, i, 0, '', '', '', '', CASE WHEN i % 3 = 0 THEN 'dead' ELSE 'delivered' END, 1, ? + i / 100, ? + i, 0, '', 0, '{}' FROM n`, walker, at, at)
	exec(t, db, numbers+"INSERT INTO attempts (delivery, n, at, http_status, reason, duration_us, detail) SELECT 'msg_' || i, 1, 0, 0, '', 0, '{}' FROM n")
	exec(t, db, numbers+`INSERT INTO events (id, at, doctype, name, event, version, data, restored, owner, creation, modified_by, key_id, hops)
		SELECT '', ? + i, 'D', 'x', 'on_update', 1, '{}', 0, '', 0, '', '', 0 FROM n ORDER BY i`, at)
	exec(t, db, "UPDATE cursors SET pos = ?", many)
}

func left(t *testing.T, db *migrations.DB) string {
	t.Helper()
	return fmt.Sprint(column(t, db, "SELECT count(*) FROM deliveries UNION ALL SELECT count(*) FROM attempts UNION ALL SELECT count(*) FROM events"))
}

func TestRetention_of_many_rows_in_steps_with_an_interruption(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *ledger.Store) {
		const many = 20_000
		fill(t, db, many)
		ctx, cancel := context.WithCancel(t.Context())
		r := expiry.New(db, 0)
		var before expiry.Removed
		for range 20 {
			some, done, err := r.Step(ctx, now, month())
			if err != nil || done || some.Deliveries > 500 || some.Deliveries != some.Attempts {
				t.Fatalf("%+v, %v, %v", some, done, err)
			}
			before.Add(&some)
		}
		cancel()
		if some, _, err := r.Step(ctx, now, month()); !errors.Is(err, context.Canceled) || some.Rows() != 0 {
			t.Fatalf("after the end of ctx: %+v, %v", some, err)
		}
		if want := fmt.Sprintf("[%d %d %d]", many-before.Deliveries, many-before.Attempts, many-before.Events); left(t, db) != want {
			t.Errorf("in the middle %s are left, want %s", left(t, db), want)
		}
		rest := sweep(t, expiry.New(db, 0), now, month(), 500) // another process takes it up
		if before.Deliveries == 0 || rest.Deliveries+before.Deliveries != many || rest.Events != many-1 || left(t, db) != "[0 0 1]" {
			t.Errorf("first %+v, then %+v; left %s", before, rest, left(t, db))
		}
	})
}

func TestRetention_two_at_once(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, _ *ledger.Store) {
		const many = 6000
		fill(t, db, many)
		var wg sync.WaitGroup
		var removed [2]expiry.Removed
		var failed [2]error
		for i := range removed {
			wg.Go(func() {
				r := expiry.New(db, 0)
				for done := false; !done && failed[i] == nil; {
					some, over, err := r.Step(t.Context(), now, month())
					removed[i].Add(&some)
					if done = over; !errors.Is(err, expiry.ErrBusy) { // the other one takes this step
						failed[i] = err
					}
				}
			})
		}
		wg.Wait()
		both := removed[0]
		both.Add(&removed[1])
		if err := errors.Join(failed[:]...); err != nil || both.Deliveries != many || both.Attempts != many || both.Events != many-1 || left(t, db) != "[0 0 1]" {
			t.Errorf("%+v and %+v, left %s: %v", removed[0], removed[1], left(t, db), err)
		}
	})
}

func TestRetention_beside_one_who_is_busy(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	const many = 600
	fill(t, db, many)
	tx, err := db.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(x'72657461696e'::bigint)"); err != nil {
		t.Fatal(err)
	}
	r := expiry.New(db, 0)
	if some, done, err := r.Step(t.Context(), now, month()); !errors.Is(err, expiry.ErrBusy) || done || some.Rows() != 0 {
		t.Errorf("%+v, %v, %v", some, done, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := sweep(t, r, now, month(), 500); got.Deliveries != many {
		t.Errorf("then %+v", got)
	}
}
