package export_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/openapi/openapitest"
	"dochook/server/rest/collection"
	"dochook/server/rest/export"
	"dochook/server/web"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(dbtest.Main(m))
}

const (
	admin  = "admin:0123456789abcdef0123"
	walker = "webhook:w"
)

// site is the route on a database, behind a real socket.
type site struct {
	t     *testing.T
	store *ledger.Store
	url   string
	keys  *access.Service
}

func each(t *testing.T, fn func(t *testing.T, s *site)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := &site{t: t, store: ledger.New(db), keys: access.New(db, access.Options{})}
		if err := s.keys.EnsureToken(t.Context(), admin); err != nil {
			t.Fatal(err)
		}
		if err := s.store.OpenNow(t.Context(), walker); err != nil {
			t.Fatal(err)
		}
		engine := gin.New()
		r := web.NewResponder(s.keys, web.Options{})
		engine.GET("/api/export/deliveries", r.Route(web.Admin, web.Limits{Body: 1 << 10, Stream: true}, export.New(s.store).Deliveries))
		server := httptest.NewServer(openapitest.Around(t)(engine))
		t.Cleanup(server.Close)
		s.url = server.URL + "/api/export/deliveries"
		fn(t, s)
	})
}

func (s *site) write(b ledger.Batch) {
	s.t.Helper()
	l, ok, err := s.store.Claim(s.t.Context(), walker, "me", time.Minute)
	if err != nil || !ok {
		s.t.Fatal(ok, err)
	}
	if err := s.store.Flush(s.t.Context(), l, b); err != nil {
		s.t.Fatal(err)
	}
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	length int64 // as it was announced; -1 = it was not
}

// get asks with pairs of parameters.
func (s *site) get(token string, parameters ...string) (reply, string) {
	s.t.Helper()
	v := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		v.Set(parameters[i], parameters[i+1])
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"?"+v.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, res.ContentLength}, string(body)
}

// some are three deliveries: one that has nothing, one with everything, one that waits.
func some() ledger.Batch {
	at := time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC).UnixMicro()
	odd := "=1+1, \"two\"\r\nü\n\r\u2028"
	d := ledger.Detail{
		Method: "POST", URL: "https://example.org", Bytes: 12, Address: "192.0.2.1:443", TLSVersion: "TLS 1.3", Reused: true, DNSUS: 1, ConnectUS: 20, TLSUS: 300,
		FirstByteUS: 4000, Limit: "body", Error: odd, RetryAfterUS: 50000, Headers: map[string][]string{"A": {"b", "c"}}, Body: "<b>", Note: "n",
	}
	failed := d
	failed.Error = "first"
	return ledger.Batch{Pos: 3, Deliveries: []ledger.Delivery{
		{Key: ledger.Key{Pos: 1}, ID: ledger.ID("A", 1), Status: ledger.Skipped, CreatedAt: at},
		{
			Key: ledger.Key{Pos: 2, Part: 1}, ID: ledger.ID("B", 2), EventID: "e", Event: "on_update", DocType: "Product", Name: odd, Status: ledger.Delivered,
			Attempts: 2, CreatedAt: at, FinishedAt: at + 1_000_000, HTTPStatus: 204, Reason: "status", DurationUS: 1_234_567, Detail: d,
		},
		{Key: ledger.Key{Pos: 3}, ID: ledger.ID("C", 3), Event: "on_insert", DocType: "Product", Status: ledger.Retrying, Attempts: 1, CreatedAt: at, NextAt: at + 5, DurationUS: 1},
	}, Attempts: []ledger.Attempt{
		{Delivery: ledger.ID("B", 2), N: 1, At: at, HTTPStatus: 503, Reason: "status", DurationUS: 7, Detail: failed},
		{Delivery: ledger.ID("C", 3), N: 1, At: at, DurationUS: 1},
	}}
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

// TestDeliveries_says_what_the_log_says compares each exported member with what the log answers for that delivery.
func TestDeliveries_says_what_the_log_says(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.write(some())
		res, body := s.get(admin, "attempts", "1")
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if res.status != 200 || res.header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 3 ||
			res.header.Get("Content-Disposition") != `attachment; filename="deliveries.ndjson"` {
			t.Fatalf("%d %v\n%s", res.status, res.header, body)
		}
		r := web.NewResponder(s.keys, web.Options{})
		engine := gin.New()
		engine.GET("/:id", r.Route(web.Admin, web.Limits{Body: 1}, func(c *gin.Context) error {
			col, err := collection.New(collection.Services{Ledger: s.store}).Open(c.Request.Context(), "Webhook Request Log", collection.Read)
			if err != nil {
				return err
			}
			view, err := col.Get(c.Request.Context(), c.Param("id"))
			if err != nil {
				return err
			}
			return web.Raw(c, http.StatusOK, view)
		}))
		log := httptest.NewServer(engine)
		defer log.Close()
		for i, line := range lines {
			got := decoded(t, line)
			at := &site{t: t, url: log.URL + "/" + some().Deliveries[i].ID}
			_, view := at.get(admin)
			want := decoded(t, view)
			if got["name"] != some().Deliveries[i].ID || len(got) != 20 {
				t.Errorf("line %d: %s", i, line)
			}
			for name, value := range got {
				if name == "attempts_log" {
					sameAttempts(t, value, want[name])
				} else if !reflect.DeepEqual(value, want[name]) {
					t.Errorf("%s of %s is %v, not %v", name, got["name"], value, want[name])
				}
			}
		}
	})
}

// sameAttempts compares the members that are exported; a delivery without attempts answers none.
func sameAttempts(t *testing.T, got, want any) {
	t.Helper()
	list, _ := got.([]any)
	others, _ := want.([]any)
	if len(list) != len(others) {
		t.Fatalf("%d attempts, not %d", len(list), len(others))
	}
	for i := range list {
		a, b := list[i].(map[string]any), others[i].(map[string]any)
		for name, value := range a {
			if !reflect.DeepEqual(value, b[name]) {
				t.Errorf("%s of attempt %d is %v, not %v", name, i, value, b[name])
			}
		}
		if len(a) < 21 {
			t.Errorf("attempt %d has %d members: %v", i, len(a), a)
		}
	}
}

func TestDeliveries_chooses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		res, body := s.get(admin)
		if res.status != 200 || body != "" || res.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("empty: %d %q %v", res.status, body, res.header)
		}
		s.write(some())
		odd := "\"=1+1, \"\"two\"\"\r\nü\n\r\u2028\""
		for _, c := range []struct {
			parameters []string
			want       string
		}{
			{[]string{"fields", `["status","pos","status"]`}, "{\"status\":\"skipped\",\"pos\":1}\n{\"status\":\"delivered\",\"pos\":2}\n{\"status\":\"retrying\",\"pos\":3}\n"},
			{[]string{"fields", "webhook,duration", "filters", `{"status":"delivered"}`}, "{\"webhook\":\"w\",\"duration\":1.234567}\n"},
			{[]string{"fields", "pos", "filters", `[["reference_doctype","=","Product"],["creation",">","2026-05-06 07:08:09"]]`, "or_filters", `{"pos":3,"status":"dead"}`}, "{\"pos\":3}\n"},
			{[]string{"fields", "pos", "filters", `{"webhook":"other"}`}, ""},
			{[]string{"format", "csv", "fields", "pos,next_attempt,reference_name"}, "pos,next_attempt,reference_name\r\n1,,\r\n2,," + odd + "\r\n3,2026-05-06 07:08:09.123461,\r\n"},
			{[]string{"format", "csv", "fields", "next_attempt", "filters", `{"pos":["<",3]}`}, "next_attempt\r\n\"\"\r\n\"\"\r\n"},
			{[]string{"format", "csv", "fields", "pos", "filters", `{"pos":9}`}, "pos\r\n"},
		} {
			if res, body := s.get(admin, c.parameters...); res.status != 200 || body != c.want {
				t.Errorf("%q: %d\n%q\nwant\n%q", c.parameters, res.status, body, c.want)
			}
		}
		res, body = s.get(admin, "format", "csv")
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || len(rows) != 4 || len(rows[0]) != 19 || res.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" {
			t.Errorf("%d rows, %v, %v", len(rows), err, res.header)
		}
	})
}

func TestDeliveries_refuses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.write(some())
		_, secret, err := s.keys.Create(t.Context(), access.Key{Name: "reader", Owner: "r", Role: access.RoleReader, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			status            int
			token, words      string
			parameter, spells string
		}{
			{403, "reader:" + secret, "role admin", "", ""},
			{417, admin, "ndjson or csv", "format", "xlsx"},
			{417, admin, "known are name, webhook", "fields", "nosuch"},
			{417, admin, "must be JSON", "filters", "{"},
			{417, admin, "nosuch", "filters", `{"nosuch":1}`},
			{417, admin, "is not a number", "filters", `{"pos":"x"}`},
			{417, admin, "0 or 1", "attempts", "many"},
			{417, admin, "known are format", "limit", "3"},
		} {
			res, body := s.get(c.token, c.parameter, c.spells)
			var answer struct{ Error struct{ Message string } }
			if err := json.Unmarshal([]byte(body), &answer); err != nil || res.status != c.status || !strings.Contains(answer.Error.Message, c.words) ||
				res.header.Get("Content-Disposition") != "" {
				t.Errorf("%s=%s: %d %v %s, want %d with %q", c.parameter, c.spells, res.status, res.header, body, c.status, c.words)
			}
		}
		if res, body := s.get(admin, "attempts", "1", "format", "csv"); res.status != 417 || !strings.Contains(body, "ndjson") {
			t.Errorf("attempts as CSV: %d %s", res.status, body)
		}
	})
}

// TestDeliveries_of_any_length: what does not fit into one page, or one buffer, comes whole and in order.
func TestDeliveries_of_any_length(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const n = 3001
		var b ledger.Batch
		for pos := range int64(n) {
			b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: ledger.Key{Pos: pos + 1}, ID: ledger.ID("X", pos+1), Status: ledger.Delivered, Detail: ledger.Detail{Error: strings.Repeat("e", 500)}})
		}
		b.Pos = n
		slices.Reverse(b.Deliveries)
		s.write(b)
		res, body := s.get(admin, "fields", "name,error")
		if res.length >= 0 {
			t.Errorf("the length is known beforehand: %d", res.length)
		}
		i := int64(0)
		for lines := bufio.NewScanner(bytes.NewBufferString(body)); lines.Scan(); {
			i++
			if want := fmt.Sprintf(`{"name":"%s","error":"`, ledger.ID("X", i)); !strings.HasPrefix(lines.Text(), want) {
				t.Fatalf("line %d: %.100s", i, lines.Text())
			}
		}
		if i != n {
			t.Errorf("%d lines of %d", i, n)
		}
	})
}
