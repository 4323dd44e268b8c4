package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"dochook/fixtures/peer"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/access"
	"dochook/server/cli"
	"dochook/server/rest/export"
	"dochook/server/web"
)

// deliveriesVerb runs a verb of deliveries in this process.
func deliveriesVerb(t *testing.T, args ...string) result {
	t.Helper()
	var line struct {
		cli.Globals

		Deliveries cli.Deliveries `cmd:""`
	}
	var out, errs bytes.Buffer
	parser, err := kong.New(&line, kong.Name("dochook"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(append([]string{"deliveries"}, args...))
	if err != nil {
		return result{"", err.Error(), cli.ExitUsage}
	}
	parsed.BindTo(t.Context(), (*context.Context)(nil))
	code := cli.Report(&errs, parsed.Run(&cli.Streams{Out: &out, Err: &errs}, &line.Globals))
	return result{out.String(), errs.String(), code}
}

// sent is a service whose one webhook has sent two documents: the first was accepted, the other was not.
func sent(t *testing.T, url string, to *peer.Receiver) (delivered, dead string) {
	t.Helper()
	c := client(t, url)
	insert(t, c, "DocType", `{"name":"Product","autoname":"field:sku"}`,
		"Webhook", `{"name":"shop","webhook_doctype":"Product","events":["on_insert"],"webhook_data":[{"fieldname":"@this","key":""}],"retry":{"attempts":1},"request_url":"`+to.URL()+`/in"}`)
	to.Script("/in", peer.Answer{Status: 200}, peer.Answer{Status: 422})
	ids := map[string]string{}
	for i, doc := range []string{`{"sku":"A"}`, `{"sku":"B"}`} {
		insert(t, c, "Product", doc)
		for deadline := time.Now().Add(time.Minute); len(ids) <= i; {
			if time.Now().After(deadline) {
				t.Fatalf("%d deliveries", len(ids))
			}
			found, err := c.List(t.Context(), "Webhook Request Log", map[string][]string{"fields": {`["name","status"]`}})
			if err != nil {
				t.Fatal(err)
			}
			var list []struct{ Name, Status string }
			if err := json.Unmarshal(found, &list); err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				ids[d.Status] = d.Name
			}
		}
	}
	return ids["delivered"], ids["dead"]
}

// running is a service on a database, and how verbs find it.
func running(t *testing.T, db *migrations.DB) (url string, flags []string) {
	t.Helper()
	app, err := server.New(db, server.Config{AdminToken: token, AllowTarget: []string{"127.0.0.0/8"}}, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	r := web.NewResponder(access.New(db, access.Options{}), web.Options{})
	engine.GET("/api/export/deliveries", r.Route(web.Admin, web.Limits{Body: 1 << 10, Stream: true}, export.New(ledger.New(db)).Deliveries))
	engine.NoRoute(gin.WrapH(app.Handler()))
	s := httptest.NewServer(engine)
	t.Cleanup(func() {
		s.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s.URL, []string{"--server", s.URL, "--token", token}
}

// TestDeliveries asks a service and the database behind it the same.
func TestDeliveries(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			at := dbtest.URL(t, dialect)
			url, service := running(t, dbtest.Open(t, at))
			to := receiver(t)
			delivered, dead := sent(t, url, to)
			for place, flags := range map[string][]string{"server": service, "database": {"--database", at}} {
				t.Run(place, func(t *testing.T) {
					verb := func(args ...string) result {
						t.Helper()
						return deliveriesVerb(t, append(args, flags...)...)
					}
					looksAt(t, verb, delivered, dead)
					exports(t, verb, delivered, dead)
				})
			}
			resends(t, service, delivered, dead, to)
		})
	}
}

// looksAt lists and shows deliveries.
func looksAt(t *testing.T, verb func(args ...string) result, delivered, dead string) {
	t.Helper()
	r := verb("list")
	lines := strings.Split(r.out, "\n")
	if r.code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[1], dead+"\tshop\ton_insert\tProduct\tB\tdead\t1\t422\t") ||
		!strings.HasPrefix(lines[2], delivered+"\tshop\ton_insert\tProduct\tA\tdelivered\t1\t200\t") {
		t.Errorf("list: exit %d\n%s%s", r.code, r.out, r.err)
	}
	for _, c := range []struct{ flag, want string }{
		{"--limit=9", dead},
		{"--filters={\"reference_name\":\"A\"}", delivered},
		{"--limit=1", dead},
		{"--filters=\"msg_X-1\"", ""},
		{"--webhook=other", ""},
		{"--filters=[[\"reference_name\",\"=\",\"A\"],{\"webhook\":\"shop\"}]", delivered},
		{"--filters=[\"reference_name\",\"=\",\"A\"]", delivered},
		{"--filters=[]", dead},
	} {
		var list []struct{ Name string }
		args := []string{"list", "--json", c.flag}
		if c.want == dead {
			args = append(args, "--webhook=shop", "--status=dead")
		}
		r := verb(args...)
		if err := json.Unmarshal([]byte(r.out), &list); err != nil || r.code != 0 || len(list) > 1 || c.want != "" && (len(list) != 1 || list[0].Name != c.want) || c.want == "" && len(list) > 0 {
			t.Errorf("list %s: exit %d\n%s%s", c.flag, r.code, r.out, r.err)
		}
	}
	r = verb("get", dead)
	if r.code != 0 || !strings.HasPrefix(r.out, dead+" of shop: dead\n  on_insert of Product B\n  1. 20") || !strings.Contains(r.out, ": 422 in 0.") {
		t.Errorf("get: exit %d\n%s%s", r.code, r.out, r.err)
	}
	var one []struct {
		Name string
		Log  []struct{ N int } `json:"attempts_log"`
	}
	r = verb("get", "--json", delivered, dead)
	if err := json.Unmarshal([]byte(r.out), &one); err != nil || r.code != 0 || len(one) != 2 || one[1].Name != dead || len(one[1].Log) != 1 {
		t.Errorf("get as JSON: exit %d\n%s%s", r.code, r.out, r.err)
	}
	for _, c := range []struct {
		code  int
		words string
		args  []string
	}{
		{1, "not found", []string{"get", "msg_X-1"}},
		{1, "--limit", []string{"list", "--limit=0"}},
		{1, "must be JSON", []string{"list", "--filters=x"}},
		{2, "must be one of", []string{"list", "--status=gone"}},
		{1, "no field", []string{"export", "--fields=nosuch"}},
		{1, "ndjson", []string{"export", "--format=csv", "--attempts"}},
	} {
		if r := verb(c.args...); r.code != c.code || !strings.Contains(r.err, c.words) || r.out != "" {
			t.Errorf("%v: exit %d\n%s%s", c.args, r.code, r.out, r.err)
		}
	}
}

// exports writes deliveries out, to a stream and to a file.
func exports(t *testing.T, verb func(args ...string) result, delivered, dead string) {
	t.Helper()
	if r := verb("export", "--fields=name,status"); r.code != 0 || r.out != `{"name":"`+delivered+`","status":"delivered"}`+"\n"+`{"name":"`+dead+`","status":"dead"}`+"\n" {
		t.Errorf("export: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := verb("export", "--attempts", "--status=dead"); r.code != 0 || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, `"attempts_log":[{"n":1,`) {
		t.Errorf("export with attempts: exit %d\n%s%s", r.code, r.out, r.err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "log.csv")
	write(t, dir, "log.csv", "before")
	if r := verb("export", "--fields=pos", "--format=csv", "--out="+file, "--filters=x"); r.code != 1 {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "before" { //nolint:gosec // a file of the test
		t.Errorf("after an error there is %q, %v", got, err)
	}
	if r := verb("export", "--fields=reference_name,status", "--format=csv", "--out="+file); r.code != 0 || r.out != "" {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "reference_name,status\r\nA,delivered\r\nB,dead\r\n" { //nolint:gosec // a file of the test
		t.Errorf("%q, %v", got, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// resends sends again, with success and without.
func resends(t *testing.T, service []string, delivered, dead string, to *peer.Receiver) {
	t.Helper()
	if r := deliveriesVerb(t, "resend", dead); r.code != cli.ExitUsage || !strings.Contains(r.err, "--server") {
		t.Errorf("without a service: exit %d\n%s%s", r.code, r.out, r.err)
	}
	to.Script("/in", peer.Answer{Status: 500}, peer.Answer{Status: 204})
	r := deliveriesVerb(t, append([]string{"resend", dead, delivered}, service...)...)
	lines := strings.Split(r.out, "\n")
	if r.code != 1 || len(lines) != 3 || !strings.HasPrefix(lines[0], "sent "+dead+" again: 500 in 0.") || !strings.HasPrefix(lines[1], "sent "+delivered+" again: 204 in 0.") ||
		!strings.Contains(r.err, "1 of 2 were not accepted") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	var list []struct {
		N    int
		HTTP int `json:"http_status"`
	}
	r = deliveriesVerb(t, append([]string{"resend", "--json", dead}, service...)...)
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || r.code != 0 || len(list) != 1 || list[0].N != 3 || list[0].HTTP != 200 {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r = deliveriesVerb(t, "retry", "shop"); r.code != cli.ExitUsage || !strings.Contains(r.err, "--server") {
		t.Errorf("without a service: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r = deliveriesVerb(t, append([]string{"retry", "shop", "none"}, service...)...); r.code != 1 || r.out != "what waits for shop is tried now\n" || !strings.Contains(r.err, "none not found") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r = deliveriesVerb(t, append([]string{"resend", "msg_X-1"}, service...)...); r.code != 1 || !strings.Contains(r.err, "not found") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestDeliveries_export_that_breaks_off: what came so far is no whole log, and says so.
func TestDeliveries_export_that_breaks_off(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{}\n")) // its end is missing
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "log")
	r := deliveriesVerb(t, "export", "--out="+file, "--server="+s.URL, "--token="+token)
	if _, err := os.Stat(file); r.code != 1 || !os.IsNotExist(err) {
		t.Errorf("exit %d, %v\n%s%s", r.code, err, r.out, r.err)
	}
	if r := deliveriesVerb(t, "export", "--server=http://127.0.0.1:1", "--token="+token); r.code != 1 || !strings.Contains(r.err, "no answer from http://127.0.0.1:1") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
}
