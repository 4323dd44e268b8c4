package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
)

const id = "0b5fd5a6-6a4c-4c1e-9d5c-0d5f2f3d9e11"

func TestTargetOf(t *testing.T) {
	for walker, want := range map[string]target{
		"webhook:orders":                      {"webhook", "orders"},
		"webhook:a:b":                         {"webhook", "a:b"},
		"webhook:job-7":                       {"webhook", "job-7"},
		"webhook:job-" + id:                   {"job", ""},
		"subscriber:audit":                    {"subscriber", "audit"},
		ledger.RunWalker(id, "orders"):        {"replay", "orders"},
		ledger.RunWalker(id, "job-"+id):       {"replay", ""},
		"replay:7":                            {"other", ""},
		"something":                           {"other", ""},
		"":                                    {"other", ""},
		"subscriber:job-" + id:                {"subscriber", "job-" + id},
		"webhook:job-" + id[:35] + "\u00e9-x": {"webhook", "job-" + id[:35] + "\u00e9-x"},
	} {
		if got := targetOf(walker); got != want {
			t.Errorf("%q: %+v, want %+v", walker, got, want)
		}
	}
}

func TestRouteClass(t *testing.T) {
	for _, tc := range []struct{ method, path, want string }{
		{"POST", "/api/ingest/:doctype", "ingest"},
		{"POST", "/api/ingest/:doctype/", "ingest"},
		{"POST", "/scrapers/jobs/:id/results", "ingest"},
		{"GET", "/scrapers/jobs/:id/results", "scrapers"},
		{"GET", "/api/resource/:doctype/*name", "documents"},
		{"GET", "/api/v2/document/:doctype", "documents"},
		{"GET", "/api/method/:method", "method"},
		{"GET", "/api/events", "events"},
		{"POST", "/graphql", "graphql"},
		{"GET", "/app/webhooks", "admin"},
		{"GET", "/metrics", "service"},
		{"GET", "/", "service"},
		{"BREW", "", "unmatched"},
	} {
		if got := routeClass(tc.method, tc.path); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.method, tc.path, got, tc.want)
		}
	}
}

func TestAttempted(t *testing.T) {
	m := New(Sources{}, Options{})
	for _, s := range []walk.Seen{
		{Walker: "webhook:a", Status: "delivered", Class: "delivered", HTTP: 200, Took: time.Second, Since: 2 * time.Second},
		{Walker: "webhook:a", Status: "retrying", Class: "retry", Reason: "timeout", Took: time.Second},
		{Walker: "webhook:a", Status: "dead", Class: "retry", Reason: "timeout", Took: time.Second},
		{Walker: "webhook:a", Status: "skipped", Class: "none", Reason: "condition"},
		{Walker: "webhook:a", Status: "dead", Class: "brand new", Reason: "status", Took: time.Second},
		{Walker: "webhook:job-" + id, Status: "delivered", Class: "delivered"},
	} {
		m.Attempted(s)
	}
	d := m.deliveries
	for name, tc := range map[string]struct{ got, want float64 }{
		"delivered": {testutil.ToFloat64(d.attempts.WithLabelValues("webhook", "a", "delivered")), 1},
		"retry":     {testutil.ToFloat64(d.attempts.WithLabelValues("webhook", "a", "retry")), 2},
		"none":      {testutil.ToFloat64(d.attempts.WithLabelValues("webhook", "a", "none")), 2}, // a class nobody knows, too
		"dead":      {testutil.ToFloat64(d.finished.WithLabelValues("webhook", "a", "dead")), 2},
		"skipped":   {testutil.ToFloat64(d.finished.WithLabelValues("webhook", "a", "skipped")), 1},
		"timeouts":  {testutil.ToFloat64(d.failures.WithLabelValues("timeout")), 2},
		"of jobs":   {testutil.ToFloat64(d.attempts.WithLabelValues("job", "", "delivered")), 1},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %g, want %g", name, tc.got, tc.want)
		}
	}
}

// TestSeries_go_with_their_webhook: nothing is left of one that was deleted, and
// a thousand jobs leave the series of one.
func TestSeries_go_with_their_webhook(t *testing.T) {
	m := New(Sources{}, Options{})
	attempt := func(walker string) {
		m.Attempted(walk.Seen{Walker: walker, Status: "delivered", Class: "delivered", Took: time.Second, Since: time.Second})
	}
	series := func() int { return testutil.CollectAndCount(m.deliveries) }
	attempt("webhook:stays")
	attempt("subscriber:stays")
	attempt(ledger.RunWalker(id, "stays"))
	attempt("webhook:job-" + id)
	before := series()
	attempt("webhook:goes")
	attempt(ledger.RunWalker(id, "goes"))
	if with := series(); with <= before {
		t.Fatalf("%d series, %d before", with, before)
	}
	m.deliveries.keep(map[string]bool{"stays": true, "idle": false})
	if after := series(); after != before {
		t.Errorf("%d series, want %d as before", after, before)
	}
	attempt("webhook:stays")
	if got := testutil.ToFloat64(m.deliveries.attempts.WithLabelValues("webhook", "stays", "delivered")); got != 2 {
		t.Errorf("counted %g, want 2", got)
	}
	walkers := 0
	m.deliveries.series.Range(func(any, any) bool { walkers++; return true })
	if walkers != 2 {
		t.Errorf("%d walkers are kept in mind, want those of one webhook and one subscriber", walkers)
	}
}

func TestStandings(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMicro() }
	b := newBacklog(Sources{}, func() time.Time { return now }, nil)
	s := &seen{
		enabled: map[string]bool{"late": true, "off": false, "failing": true},
		lags: []ledger.Lag{
			{Walker: "webhook:late", Events: 7, OldestAt: ago(time.Minute), Retries: 2, Failures: 1},
			{Walker: "webhook:off", Events: 9, OldestAt: ago(time.Hour)},
			{Walker: "webhook:failing", Retries: 5},
			{Walker: "subscriber:audit"},
			{Walker: "webhook:job-" + id, Events: 1, OldestAt: ago(time.Second)},
			{Walker: "webhook:job-" + id[:35] + "2", Events: 2, OldestAt: ago(3 * time.Second)},
			{Walker: ledger.RunWalker(id, "late"), Events: 1000, OldestAt: ago(time.Hour)},
		},
	}
	states := []walk.State{
		{Walker: "webhook:failing", Breaker: "open", Held: 4, Failures: 12, OldestDue: now.Add(-2 * time.Second), PausedUntil: now.Add(time.Second), Progress: now},
		{Walker: ledger.RunWalker(id, "late"), Breaker: "closed", InFlight: 3, Ready: 2, Progress: now},
	}
	got := b.standings(s, states)
	for of, want := range map[target]struct {
		lag          time.Duration
		hasLag       bool
		behind       int64
		held         int
		failures     int64
		walking      int
		paused, open int
	}{
		{"webhook", "late"}:     {lag: time.Minute, hasLag: true, behind: 7, held: 2, failures: 1},
		{"webhook", "off"}:      {behind: 9},
		{"webhook", "failing"}:  {lag: 2 * time.Second, hasLag: true, held: 4, failures: 12, walking: 1, paused: 1, open: 1},
		{"subscriber", "audit"}: {hasLag: true},
		{"job", ""}:             {lag: 3 * time.Second, hasLag: true, behind: 3},
		{"replay", "late"}:      {hasLag: true, walking: 1},
	} {
		st := got[of]
		if st == nil {
			t.Errorf("%+v is missing", of)
			continue
		}
		if st.lag != want.lag || st.hasLag != want.hasLag || st.behind != want.behind || st.held != want.held || st.failures != want.failures ||
			st.walking != want.walking || st.paused != want.paused || st.breaker["open"] != want.open {
			t.Errorf("%+v: %+v, want %+v", of, st, want)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d targets: %v", len(got), got)
	}
	// A database that is away leaves what this process knows itself.
	if alone := b.standings(nil, states); len(alone) != 2 || alone[target{"webhook", "failing"}].hasBehind {
		t.Errorf("without the database: %v", alone)
	}
}
