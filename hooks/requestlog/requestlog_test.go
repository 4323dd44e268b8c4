package requestlog_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dochook/hooks/ledger"
	"dochook/hooks/requestlog"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const run = "0190b0d5-0000-7000-8000-000000000001"

// seed writes n events, every third of a job, and the deliveries of three webhooks and a run about them; it returns them all.
func seed(t *testing.T, db *migrations.DB, n int) []ledger.Logged {
	t.Helper()
	ctx := t.Context()
	var all []ledger.Logged
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.Write.ExecContext(ctx, text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO replays (id, webhook, doctype, kind, filter, status, total, done, delivered, dead, skipped, owner, creation, modified)
		VALUES (?, 'a', 'Product', 'replay', '{}', 'finished', 0, 0, 0, 0, 0, '', 1, 1)`, run)
	job := func(i int) *string {
		if i%3 != 0 {
			return nil
		}
		name := "job"
		return &name
	}
	for i := 1; i <= n; i++ {
		exec(`INSERT INTO events (id, at, doctype, name, event, version, data, job, restored, owner, creation, modified_by, key_id, hops)
			VALUES (?, ?, ?, ?, 'on_insert', 1, '{}', ?, 0, '', 0, '', '', 0)`, fmt.Sprint("e", i), i, docType(i), fmt.Sprint("d", i%7), job(i))
	}
	write := func(walker string, from int, status func(i int) string) {
		t.Helper()
		store := ledger.New(db)
		if err := store.OpenNow(ctx, walker); err != nil {
			t.Fatal(err)
		}
		lease, ok, err := store.Claim(ctx, walker, "test", time.Minute)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		var b ledger.Batch
		for i := from; i <= n; i++ {
			k := ledger.Key{Pos: int64(i)}
			if strings.HasPrefix(walker, "replay:") {
				k.Pos = int64(i - from + 1) // its own numbers
			}
			d := ledger.Delivery{
				Key: k, ID: ledger.DeliveryID(walker, fmt.Sprint("e", i), k), EventID: fmt.Sprint("e", i), Event: "on_insert", DocType: docType(i), Name: fmt.Sprint("d", i%7),
				Status: status(i), Attempts: 1, CreatedAt: int64(1000 + i/2), FinishedAt: int64(2000 + i), HTTPStatus: 200, Detail: ledger.Detail{Method: "POST"},
			}
			b.Deliveries = append(b.Deliveries, d)
			all = append(all, ledger.Logged{Delivery: d, Walker: walker})
		}
		if err := store.Flush(ctx, lease, b); err != nil {
			t.Fatal(err)
		}
	}
	statuses := requestlog.Statuses()
	write("webhook:a", 1, func(i int) string { return statuses[i%len(statuses)] })
	write("webhook:b", n/2, func(int) string { return ledger.Delivered })
	write("subscriber:c", n-3, func(int) string { return ledger.Dead })
	write(ledger.RunWalker(run, "a"), n-9, func(int) string { return ledger.Delivered })
	return all
}

func docType(i int) string {
	if i%11 == 0 {
		return "Other"
	}
	return "Product"
}

// cases are filters and what they let through, said in another way.
func cases() map[string]struct {
	filter requestlog.Filter
	passes func(l *ledger.Logged, i int) bool
} {
	own := func(l *ledger.Logged) bool { return !strings.HasPrefix(l.Walker, "replay:") }
	type c = struct {
		filter requestlog.Filter
		passes func(l *ledger.Logged, i int) bool
	}
	return map[string]c{
		"all":       {requestlog.Filter{}, func(*ledger.Logged, int) bool { return true }},
		"webhook":   {requestlog.Filter{Webhook: "a"}, func(l *ledger.Logged, _ int) bool { return l.Webhook() == "a" }},
		"other":     {requestlog.Filter{Webhook: "b"}, func(l *ledger.Logged, _ int) bool { return l.Webhook() == "b" }},
		"nobody":    {requestlog.Filter{Webhook: "nobody"}, func(*ledger.Logged, int) bool { return false }},
		"consumer":  {requestlog.Filter{Webhook: "subscriber:c"}, func(l *ledger.Logged, _ int) bool { return l.Walker == "subscriber:c" }},
		"run":       {requestlog.Filter{Run: run}, func(l *ledger.Logged, _ int) bool { return !own(l) }},
		"dead":      {requestlog.Filter{Status: "dead"}, func(l *ledger.Logged, _ int) bool { return l.Status == "dead" }},
		"delivered": {requestlog.Filter{Status: "delivered"}, func(l *ledger.Logged, _ int) bool { return l.Status == "delivered" }},
		"both":      {requestlog.Filter{Webhook: "a", Status: "skipped"}, func(l *ledger.Logged, _ int) bool { return l.Webhook() == "a" && l.Status == "skipped" }},
		"doctype":   {requestlog.Filter{DocType: "Other"}, func(l *ledger.Logged, _ int) bool { return l.DocType == "Other" }},
		"name":      {requestlog.Filter{Document: "d3", Webhook: "a"}, func(l *ledger.Logged, _ int) bool { return l.Name == "d3" && l.Webhook() == "a" }},
		"document": {requestlog.Filter{DocType: "Product", Document: "d3"}, func(l *ledger.Logged, _ int) bool {
			return own(l) && l.Name == "d3" && l.DocType == "Product"
		}},
		"job": {requestlog.Filter{Job: "job"}, func(l *ledger.Logged, i int) bool { return own(l) && i%3 == 0 }},
		"job and all": {requestlog.Filter{Job: "job", DocType: "Product", Document: "d3", Webhook: "a", Status: "retrying"}, func(l *ledger.Logged, i int) bool {
			return i%3 == 0 && l.Name == "d3" && l.DocType == "Product" && l.Walker == "webhook:a" && l.Status == "retrying"
		}},
		"job of a run": {requestlog.Filter{Job: "job", Run: run}, func(l *ledger.Logged, i int) bool { return !own(l) && i%3 == 0 }},
		"times":        {requestlog.Filter{From: time.UnixMicro(1010), To: time.UnixMicro(1100)}, func(l *ledger.Logged, _ int) bool { return l.CreatedAt >= 1010 && l.CreatedAt < 1100 }},
		"times of one": {requestlog.Filter{Webhook: "a", From: time.UnixMicro(1010)}, func(l *ledger.Logged, _ int) bool { return l.Webhook() == "a" && l.CreatedAt >= 1010 }},
	}
}

// TestStore_pages goes through the whole log by pages, there and back, and compares with a sort of everything.
func TestStore_pages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		all := seed(t, db, 300)
		s := requestlog.New(db)
		for name, tc := range cases() {
			t.Run(name, func(t *testing.T) {
				byEvent := tc.filter.Run == "" && (tc.filter.Job != "" || tc.filter.DocType != "" && tc.filter.Document != "")
				var want []string
				for _, l := range sorted(all, byEvent) {
					var i int
					if _, err := fmt.Sscanf(l.EventID, "e%d", &i); err != nil {
						t.Fatal(err)
					}
					if tc.passes(&l, i) {
						want = append(want, l.ID)
					}
				}
				var got []string
				var at requestlog.Place
				for {
					p, err := s.Older(t.Context(), tc.filter, at, 17)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, ids(p)...)
					back(t, s, tc.filter, p)
					if p.Older.IsZero() {
						break
					}
					if at, err = requestlog.ParsePlace(p.Older.String()); err != nil || at != p.Older {
						t.Fatal(at, err)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %d, want %d:\n%q\n%q", len(got), len(want), got, want)
				}
			})
		}
	})
}

func sorted(all []ledger.Logged, byEvent bool) []ledger.Logged {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b ledger.Logged) int {
		if byEvent {
			return cmp.Or(cmp.Compare(b.Pos, a.Pos), cmp.Compare(b.Walker, a.Walker))
		}
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.Pos, a.Pos), cmp.Compare(b.Walker, a.Walker))
	})
	return out
}

func ids(p requestlog.Page) []string {
	out := make([]string, len(p.Rows))
	for i := range p.Rows {
		out[i] = p.Rows[i].ID
	}
	return out
}

// back looks at the page from behind: the one before the page after this one is this one.
func back(t *testing.T, s *requestlog.Store, f requestlog.Filter, p requestlog.Page) {
	t.Helper()
	if p.Older.IsZero() {
		return
	}
	next, err := s.Older(t.Context(), f, p.Older, 17)
	if err != nil {
		t.Fatal(err)
	}
	if len(next.Rows) == 0 {
		return
	}
	again, err := s.Newer(t.Context(), f, next.Newer, 17)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(again), ids(p)) {
		t.Errorf("the way back: %q, not %q", ids(again), ids(p))
	}
}

// TestStore_looks_no_further than a bounded piece, and says where it stopped.
func TestStore_looks_no_further(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		exec := func(text string) {
			t.Helper()
			if _, err := db.Write.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		series := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000) "
		exec(series + `INSERT INTO deliveries SELECT 'msg_x-' || i, 'webhook:a', i, 0, 'e' || i, 'on_insert', CASE WHEN i = 5 THEN 'Rare' ELSE 'Product' END, 'd',
			'delivered', 1, i, i, NULL, 200, '', 1, '{}' FROM n`)
		s := requestlog.New(db)
		var at requestlog.Place
		found := 0
		for n := 1; ; n++ {
			p, err := s.Older(t.Context(), requestlog.Filter{DocType: "Rare"}, at, 50)
			if err != nil {
				t.Fatal(err)
			}
			if found += len(p.Rows); p.Older.IsZero() {
				if n != 3 || found != 1 || p.Cut {
					t.Errorf("%d steps, %d found", n, found)
				}
				break
			}
			if !p.Cut || len(p.Rows) > 0 {
				t.Errorf("step %d: %+v", n, p)
			}
			at = p.Older
		}
	})
}

func TestStore_refuses(t *testing.T) {
	s := requestlog.New(dbtest.New(t, dbtest.SQLite))
	for field, f := range map[string]requestlog.Filter{
		"status": {Status: "lost"}, "to": {From: time.UnixMicro(5), To: time.UnixMicro(5)}, "webhook": {Webhook: "a\x00"}, "document": {Document: "\xff"}, "run": {Run: "none"},
	} {
		_, err := s.Older(t.Context(), f, requestlog.Place{}, 5)
		coded, ok := errors.AsType[*requestlog.Error](err)
		if !ok || coded.FieldName() != field || coded.Error() == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, text := range []string{"x", "bnVsbA", "W10", "WzEsMiwzLCJhXHUwMDAwIl0"} {
		if p, err := requestlog.ParsePlace(text); err == nil || !p.IsZero() {
			t.Errorf("%q: %v", text, p)
		}
	}
}

func TestStore_waits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		seed(t, db, 30)
		exec := func(text string) {
			t.Helper()
			if _, err := db.Write.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		exec("UPDATE cursors SET pos = 30, paused_until = 99") // that pause is over
		exec("UPDATE cursors SET pos = 10, paused_until = 9999999999999999 WHERE walker = 'webhook:b'")
		exec("UPDATE cursors SET pos = 1 WHERE walker LIKE 'replay:%'")
		exec("INSERT INTO retries (walker, pos, part, order_key, attempts, delivery) VALUES ('webhook:a', 4, 0, '', 1, 'x')")
		got, err := requestlog.New(db).Waits(t.Context())
		want := []requestlog.Wait{{Walker: "webhook:a", Retries: 1}, {Walker: "webhook:b", Behind: 20, PausedUntil: 9999999999999999}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// BenchmarkStore_Older reads pages of a log of a million deliveries.
func BenchmarkStore_Older(b *testing.B) {
	db := dbtest.New(b, dbtest.SQLite)
	exec := func(text string) {
		if _, err := db.Write.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	series := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	exec(fmt.Sprintf(series, 250_000) + `INSERT INTO events (pos, id, at, doctype, name, event, version, data, job, restored, owner, creation, modified_by, key_id, hops)
		SELECT i, 'e' || i, i, 'Product', 'd' || (i % 50000), 'on_insert', 1, '{}', 'job' || (i / 100000), 0, '', 0, '', '', 0 FROM n`)
	exec(fmt.Sprintf(series, 1_000_000) + `INSERT INTO deliveries SELECT 'msg_x-' || i, CASE WHEN i % 1000 = 0 THEN 'webhook:rare' ELSE 'webhook:w' || (i % 4) END, i / 4, 0, 'e' || (i / 4),
		'on_insert', 'Product', 'd' || (i / 4 % 50000), CASE WHEN i % 50 = 0 THEN 'dead' WHEN i % 77777 = 0 THEN 'retrying' ELSE 'delivered' END, 1, i, i, NULL, 200, '', 1,
		'{"method":"POST","url":"https://example.com","bytes":120,"address":"192.0.2.1:443","tls_version":"TLS 1.3","reused":true,"first_byte_us":12000}' FROM n WHERE true ON CONFLICT DO NOTHING`)
	s := requestlog.New(db)
	for name, f := range map[string]requestlog.Filter{
		"all": {}, "webhook": {Webhook: "w1"}, "rare": {Webhook: "rare"}, "dead": {Status: "dead"}, "retrying": {Status: "retrying"}, "webhook dead": {Webhook: "w2", Status: "dead"},
		"delivered": {Status: "delivered"}, "document": {DocType: "Product", Document: "d77"}, "job": {Job: "job1"}, "job and webhook": {Job: "job1", Webhook: "rare"},
		"job without": {Job: "job0", Status: "skipped"}, "time": {To: time.UnixMicro(500_000)}, "no such name": {Document: "nothing"}, "webhook and time": {Webhook: "w3", From: time.UnixMicro(10), To: time.UnixMicro(600_000)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Older(b.Context(), f, requestlog.Place{}, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
