package activity_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dochook/hooks/activity"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// deliver writes deliveries of a webhook with a status, one for each time.
func deliver(t *testing.T, db *migrations.DB, webhook, status string, at ...time.Time) {
	t.Helper()
	store, ctx, walker := ledger.New(db), t.Context(), "webhook:"+webhook
	if err := store.OpenNow(ctx, walker); err != nil {
		t.Fatal(err)
	}
	lease, ok, err := store.Claim(ctx, walker, "test", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var b ledger.Batch
	for i, when := range at {
		k := ledger.Key{Pos: when.UnixMicro(), Part: int64(i)}
		b.Deliveries = append(b.Deliveries, ledger.Delivery{
			Key: k, ID: ledger.DeliveryID(walker, fmt.Sprint(i), k), EventID: fmt.Sprint(i), Event: "on_insert", DocType: "Product", Name: "p" + fmt.Sprint(i),
			Status: status, Attempts: 1, CreatedAt: when.UnixMicro(), FinishedAt: when.UnixMicro(), HTTPStatus: 503, Reason: "status", DurationUS: 1500,
			Detail: ledger.Detail{Error: "no"},
		})
	}
	if err := store.Flush(ctx, lease, b); err != nil {
		t.Fatal(err)
	}
	if err := store.Release(ctx, lease); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 30, 30, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := activity.New(db)
		deliver(t, db, "a", ledger.Delivered, ago(0), ago(time.Second), ago(time.Minute), ago(59*time.Minute+30*time.Second), ago(60*time.Minute))
		deliver(t, db, "b", ledger.Dead, ago(2*time.Second), ago(3*24*time.Hour), ago(40*24*time.Hour))
		deliver(t, db, "c", ledger.Retrying, ago(time.Minute+time.Second))
		deliver(t, db, "d", ledger.Skipped, ago(3*time.Second))
		minutes, err := s.Minutes(t.Context(), now, 60)
		if err != nil || len(minutes) != 60 || !minutes[59].At.Equal(now.Truncate(time.Minute)) {
			t.Fatalf("%v, %v", minutes, err)
		}
		for i, want := range map[int]activity.Minute{
			59: {Delivered: 2, Dead: 1, Skipped: 1}, 58: {Delivered: 1, Retrying: 1}, 0: {Delivered: 1}, 30: {},
		} {
			got := minutes[i]
			got.At = time.Time{}
			if got != want {
				t.Errorf("minute %d: %+v, want %+v", i, got, want)
			}
		}
		failures, err := s.Failures(t.Context(), ago(7*24*time.Hour), 10)
		if err != nil || len(failures) != 3 {
			t.Fatalf("%+v, %v", failures, err)
		}
		if f := failures[0]; f.Webhook() != "b" || f.Status != ledger.Dead || !f.At.Equal(ago(2*time.Second)) || f.Error != "no" || f.HTTPStatus != 503 {
			t.Errorf("%+v", f)
		}
		if f := failures[2]; f.Webhook() != "c" || f.Status != ledger.Retrying {
			t.Errorf("%+v", f)
		}
		latest, err := s.Latest(t.Context(), ago(time.Minute), 3)
		if err != nil || len(latest) != 3 || latest[0].Webhook() != "a" || latest[2].Webhook() != "b" || latest[0].Duration != 1500*time.Microsecond {
			t.Errorf("%+v, %v", latest, err)
		}
		plans(t, db)
	})
}

// plans looks at how the database answers: by the indexes, not by the whole table.
func plans(t *testing.T, db *migrations.DB) {
	t.Helper()
	if db.Postgres() {
		return // it scans a table of a few rows in any case
	}
	for query, index := range map[string]string{
		"SELECT created_at / 60, count(*) FROM deliveries WHERE created_at >= 1 GROUP BY 1":                                                          "COVERING INDEX deliveries_created",
		"SELECT created_at / 60, status, count(*) FROM deliveries WHERE created_at >= 1 AND status = 'dead' AND status <> 'delivered' GROUP BY 1, 2": "COVERING INDEX deliveries_undelivered",
		"SELECT id FROM deliveries WHERE status = 'dead' AND status <> 'delivered' AND created_at >= 1 ORDER BY created_at DESC LIMIT 10":            "INDEX deliveries_undelivered",
		"SELECT id FROM deliveries WHERE created_at >= 1 ORDER BY created_at DESC LIMIT 3":                                                           "INDEX deliveries_created",
	} {
		if plan := explain(t, db, query); !strings.Contains(plan, index) {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

func explain(t *testing.T, db *migrations.DB, query string) string {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func TestSent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := activity.New(db)
		now := time.Now()
		check := func(walker string, wantSent, wantKnown bool) {
			t.Helper()
			if sent, known, err := s.Sent(t.Context(), walker, now.Add(-time.Hour)); err != nil || sent != wantSent || known != wantKnown {
				t.Errorf("%s: sent %t, known %t, %v", walker, sent, known, err)
			}
		}
		check("webhook:a", false, true)
		deliver(t, db, "a", ledger.Delivered, now.Add(-time.Minute))
		check("webhook:a", true, true)
		check("webhook:b", false, true)
		deliver(t, db, "c", ledger.Delivered, slices.Repeat([]time.Time{now}, 2500)...)
		check("webhook:b", false, false)
		check("webhook:c", true, true)
	})
}
