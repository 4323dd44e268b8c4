package metrics_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"dochook/doctype"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/openapi/openapitest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const token = "admin:0123456789abcdef0123"

// site is a running service.
type site struct {
	t   *testing.T
	app *server.App
	url string
}

func start(t *testing.T, db *migrations.DB, c server.Config, o server.Options) *site {
	t.Helper()
	c.AdminToken, c.AllowTarget, c.Version = token, []string{"127.0.0.0/8"}, "1.2.3"
	o.Around = openapitest.Around(t)
	app, err := server.New(db, c, o)
	if err != nil {
		t.Fatal(err)
	}
	err = app.Couriers.Subscribe("audit", courier.SubscribeOptions{}, func(context.Context, doctype.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		s.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &site{t, app, s.URL}
}

// do sends a request with a token ("" = none).
func (s *site) do(method, path, token, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "token "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// make inserts a document of a DocType, and fails unless it may.
func (s *site) make(path, body string) string {
	s.t.Helper()
	status, answer := s.do("POST", path, token, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d %s", path, body, status, answer)
	}
	return answer
}

// scrape returns the text, and its samples.
func (s *site) scrape() (string, map[string]float64) {
	s.t.Helper()
	status, text := s.do("GET", "/metrics", token, "")
	if status != http.StatusOK {
		s.t.Fatalf("%d %s", status, text)
	}
	samples := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		samples[line[:at]] = v
	}
	return text, samples
}

// until asks again and again.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// receiver answers what its path asks for.
func receiver(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Errorf("called at %s", r.URL)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestScrape counts real deliveries: one webhook that is delivered to, one that
// fails, one that is gone, one that is off, one that never fires, a job's own.
func TestScrape(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		var statements atomic.Int64
		statements.Store(42)
		s := start(t, db, server.Config{}, server.Options{Statements: &statements})
		to := receiver(t)
		s.make("/api/resource/DocType", `{"name":"Product","autoname":"field:sku","scraper":"shop"}`)
		for _, w := range []string{
			`{"name":"fine","request_url":"` + to + `/200"`,
			`{"name":"failing","request_url":"` + to + `/500","retry":{"schedule":[3600]}`,
			`{"name":"gone","request_url":"` + to + `/410"`,
			`{"name":"off","request_url":"` + to + `/200","enabled":0`,
		} {
			s.make("/api/resource/Webhook", w+`,"webhook_doctype":"Product","webhook_docevent":"on_change"}`)
		}
		s.make("/api/resource/Scraper", `{"name":"shop","feeds":"Product"}`)
		var job struct{ ID string }
		answer := s.make("/scrapers/shop/jobs", `{"webhook":{"url":"`+to+`/200","events":["scraper.job.started","scraper.data.scraped","scraper.job.finished"]}}`)
		if err := json.Unmarshal([]byte(answer), &job); err != nil || job.ID == "" {
			t.Fatalf("%s: %v", answer, err)
		}
		s.make("/scrapers/jobs/"+job.ID+"/results", `[{"sku":"a"},{"sku":"b"},{"sku":"c"}]`)
		until(t, "all is tried", func() bool { // also the cursors have to be written
			lags, err := s.app.Ledger.Lags(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return !slices.ContainsFunc(lags, func(l ledger.Lag) bool {
				return l.Events > 0 && l.Walker != "webhook:off" && l.Walker != "webhook:gone"
			})
		})
		var text string
		var got map[string]float64
		until(t, "the states are told", func() bool {
			text, got = s.scrape()
			return got[`dochook_delivery_held{kind="webhook",webhook="failing"}`] == 3 &&
				got[`dochook_delivery_walkers{kind="webhook",webhook="gone"}`] == 0 &&
				got[`dochook_webhook_enabled{webhook="gone"}`] == 0 && // written after its walker has stopped
				got[`dochook_delivery_in_flight{kind="webhook",webhook="fine"}`] == 0 && // walkers show themselves now and then
				got[`dochook_delivery_consecutive_failures{kind="webhook",webhook="failing"}`] == 3
		})
		for sample, want := range map[string]float64{
			`dochook_delivery_attempts_total{class="delivered",kind="webhook",webhook="fine"}`:     3,
			`dochook_delivery_attempts_total{class="retry",kind="webhook",webhook="fine"}`:         0,
			`dochook_delivery_attempts_total{class="retry",kind="webhook",webhook="failing"}`:      3,
			`dochook_delivery_attempts_total{class="delivered",kind="job",webhook=""}`:             2, // started, and the page
			`dochook_delivery_attempts_total{class="delivered",kind="subscriber",webhook="audit"}`: 5,
			`dochook_deliveries_finished_total{kind="webhook",status="delivered",webhook="fine"}`:  3,
			`dochook_deliveries_finished_total{kind="webhook",status="dead",webhook="failing"}`:    0,
			`dochook_delivery_attempt_failures_total{reason="status"}`:                             3,
			`dochook_delivery_attempt_duration_seconds_count{kind="webhook",webhook="fine"}`:       3,
			`dochook_delivery_first_attempt_delay_seconds_count{kind="webhook",webhook="fine"}`:    3,
			`dochook_delivery_first_attempt_delay_seconds_count{kind="webhook",webhook="failing"}`: 3,
			`dochook_delivery_lag_events{kind="webhook",webhook="fine"}`:                           0,
			`dochook_delivery_lag_seconds{kind="webhook",webhook="fine"}`:                          0,
			`dochook_delivery_lag_seconds{kind="webhook",webhook="failing"}`:                       0, // nothing is due
			`dochook_delivery_consecutive_failures{kind="webhook",webhook="failing"}`:              3,
			`dochook_delivery_breaker_state{kind="webhook",state="closed",webhook="failing"}`:      1,
			`dochook_delivery_breaker_state{kind="webhook",state="open",webhook="failing"}`:        0,
			`dochook_delivery_in_flight{kind="webhook",webhook="fine"}`:                            0,
			`dochook_delivery_walkers{kind="webhook",webhook="fine"}`:                              1,
			`dochook_webhook_enabled{webhook="fine"}`:                                              1,
			`dochook_webhook_enabled{webhook="off"}`:                                               0,
			`dochook_webhook_enabled{webhook="gone"}`:                                              0, // switched off by itself
			`dochook_delivery_lag_events{kind="webhook",webhook="off"}`:                            5,
			`dochook_log_entries`:                                                   5, // of the job, that it started and its page, and three documents
			`dochook_events_committed_total{event="on_insert"}`:                     3,
			`dochook_events_committed_total{event="job.data"}`:                      1,
			`dochook_ingest_records_total{outcome="inserted"}`:                      3,
			`dochook_ingest_records_total{outcome="rejected"}`:                      0,
			`dochook_ingest_pages_total{result="written"}`:                          1,
			`dochook_ingest_page_duration_seconds_count`:                            1,
			`dochook_database_up`:                                                   1,
			`dochook_sql_statements_total`:                                          42,
			`dochook_http_requests_total{code="200",route="ingest"}`:                1,
			`dochook_http_request_duration_seconds_count{route="ingest"}`:           1,
			`dochook_http_requests_in_flight`:                                       1, // this one
			`dochook_http_requests_total{code="201",route="scrapers"}`:              1,
			`dochook_webhook_enabled{webhook="job-` + job.ID + `"}`:                 missing,
			`dochook_delivery_lag_seconds{kind="webhook",webhook="off"}`:            missing,
			`dochook_delivery_walkers{kind="webhook",webhook="job-` + job.ID + `"}`: missing,
		} {
			v, there := got[sample]
			if want == missing && !there {
				continue
			}
			if !there || v != want {
				t.Errorf("%s is %g (there: %t), want %g", sample, v, there, want)
			}
		}
		if v := got[`dochook_delivery_attempts_total{class="gone",kind="webhook",webhook="gone"}`]; v < 1 {
			t.Errorf("%g attempts were told the endpoint is gone", v)
		}
		if age := float64(time.Now().Unix()) - got[`dochook_log_oldest_entry_timestamp_seconds`]; age < -1 || age > 600 {
			t.Errorf("the log's oldest entry is %g s old", age)
		}
		for _, part := range []string{`dochook_build_info{database="`, `version="1.2.3"} 1`, "go_goroutines ", "process_open_fds ", "go_sql_open_connections{"} {
			if !strings.Contains(text, part) {
				t.Errorf("no %s", part)
			}
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		if strings.Contains(text, to) || strings.Contains(text, `"Product"`) {
			t.Error("a URL or a DocType is told")
		}
	})
}

const missing = -1

func TestAccess(t *testing.T) {
	s := start(t, dbtest.New(t, dbtest.SQLite), server.Config{}, server.Options{})
	var key struct{ Data struct{ Token string } }
	if err := json.Unmarshal([]byte(s.make("/api/resource/API%20Key", `{"name":"scraping","role":"reader"}`)), &key); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		token string
		want  int
	}{{"", 403}, {"scraping:wrong0123456789", 401}, {key.Data.Token, 200}, {token, 200}} {
		if status, answer := s.do("GET", "/metrics", tc.token, ""); status != tc.want || status != 200 && strings.Contains(answer, "dochook_") {
			t.Errorf("%q: %d, want %d: %.200s", tc.token, status, tc.want, answer)
		}
	}
	open := start(t, dbtest.New(t, dbtest.SQLite), server.Config{MetricsPublic: true}, server.Options{})
	if status, answer := open.do("GET", "/metrics", "", ""); status != 200 || !strings.Contains(answer, "dochook_build_info") {
		t.Errorf("public: %d %.200s", status, answer)
	}
	if status, _ := open.do("POST", "/metrics", "", ""); status != 405 {
		t.Errorf("POST: %d", status)
	}
}

// TestWithoutDatabase still tells what the process itself knows.
func TestWithoutDatabase(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	app, err := server.New(db, server.Config{MetricsPublic: true}, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(app.Handler())
	t.Cleanup(web.Close)
	s := &site{t, app, web.URL}
	if _, got := s.scrape(); got["dochook_database_up"] != 1 || got["dochook_log_entries"] != 0 {
		t.Errorf("up %g, entries %g", got["dochook_database_up"], got["dochook_log_entries"])
	}
	other, err := server.New(db, server.Config{MetricsPublic: true}, server.Options{}) // which has read nothing yet
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	away := httptest.NewServer(other.Handler())
	t.Cleanup(away.Close)
	text, got := (&site{t, other, away.URL}).scrape()
	if up, there := got["dochook_database_up"]; !there || up != 0 || strings.Contains(text, "dochook_log_") {
		t.Errorf("up %g (there: %t)", up, there)
	}
	if !slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return strings.HasPrefix(l, "go_goroutines ") }) {
		t.Error("nothing of the process")
	}
}
