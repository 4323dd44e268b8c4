package cli_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// TestDoctor has something of everything that it finds.
func TestDoctor(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			dir, database := t.TempDir(), dbtest.URL(t, dialect)
			p := start(t, dir, tokenEnv(), anyPort, loopback, "--database", database)
			secured := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodHead {
					t.Errorf("a %s", r.Method)
				}
				w.WriteHeader(http.StatusTeapot)
			}))
			t.Cleanup(secured.Close)
			ca, err := json.Marshal(string(pemOf(secured)))
			if err != nil {
				t.Fatal(err)
			}
			insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`,
				"Webhook", `{"name":"good","webhook_doctype":"Product","events":["on_insert"],"request_url":"`+secured.URL+`/in","ca_certificate":`+string(ca)+`}`,
				"Webhook", `{"name":"selfmade","webhook_doctype":"Product","events":["on_insert"],"request_url":"`+secured.URL+`/in"}`,
				"Webhook", `{"name":"nowhere","webhook_doctype":"Product","events":["on_insert"],"request_url":"https://nowhere.invalid/in"}`,
				"Webhook", `{"name":"private","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://localhost:9/in"}`,
				"Webhook", `{"name":"dynamic","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://{{doc.host}}/in","is_dynamic_url":1}`,
				"Webhook", `{"name":"off","enabled":0,"webhook_doctype":"Product","events":["on_insert"],"request_url":"http://127.0.0.1:9/in"}`,
				"Webhook", `{"name":"signed","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://127.0.0.1:9/in","enable_security":1,"webhook_secret":"0123456789abcdef"}`)
			found := findings(t, dir, 1, "--database", database, "--server", p.url, "--allow-target=127.0.0.1", "--probe")
			for check, want := range map[string][2]string{
				"settings": {"ok", ""}, "exposure": {"ok", ""}, "service": {"ok", "is ready"}, "service clock": {"ok", ""},
				"database": {"ok", "answers in"}, "schema": {"ok", ""}, "writable": {"ok", ""}, "backlog": {"ok", ""},
				"secrets":          {"warn", "1 secrets"},
				"webhook good":     {"ok", "418"},
				"webhook selfmade": {"fail", "does not hold"},
				"webhook nowhere":  {"fail", "cannot be found"},
				"webhook dynamic":  {"skip", ""},
				"webhook off":      {"skip", "disabled"},
				"webhook signed":   {"fail", "does not answer"},
			} {
				if got := found[check]; got[0] != want[0] || !strings.Contains(got[1], want[1]) {
					t.Errorf("%s: %v, want %v", check, got, want)
				}
			}
			found = findings(t, dir, 1, "--database", database, "--server", p.url, "--listen=:1", "--metrics-public", "--allow-target=8.0.0.0/8,0.0.0.0/0")
			for check, status := range map[string]string{"exposure": "warn", "metrics": "warn", "allowed targets": "warn", "webhook signed": "ok"} {
				if found[check][0] != status {
					t.Errorf("%s: %v", check, found[check])
				}
			}
			if found = findings(t, dir, 1, "--database", database, "--server", "http://127.0.0.1:1"); found["service"][0] != "fail" || found["webhook private"][0] != "warn" {
				t.Errorf("%v", found)
			}
			if out := dochook(t, dir, "", "doctor", "--database", database, "--server", p.url); out.code != 1 || !strings.Contains(out.out, "fail  webhook nowhere") || !strings.Contains(out.out, " failures\n") {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestDoctor_refused: a target that the service may call is no failure because doctor was not told so; one that nobody may call is.
func TestDoctor_refused(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort, loopback)
	insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`,
		"Webhook", `{"name":"literal","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://127.0.0.1:9/in"}`,
		"Webhook", `{"name":"named","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://localhost:9/in"}`,
		"Webhook", `{"name":"dynamic","webhook_doctype":"Product","events":["on_insert"],"request_url":"http://127.0.0.1:9/{{doc.sku}}","is_dynamic_url":1}`)
	found := findings(t, dir, 0, "--server", p.url)
	for _, check := range []string{"webhook literal", "webhook named", "webhook dynamic"} {
		if got := found[check]; got[0] != "warn" || !strings.HasPrefix(got[1], "by this process's settings, address ") {
			t.Errorf("%s: %v", check, got)
		}
	}
	if r := dochook(t, dir, "", "doctor", "--server", p.url); r.code != 0 || !strings.Contains(r.out, "start the service, and doctor, with --allow-target 127.0.0.1") {
		t.Errorf("exit %d\n%s", r.code, r.out)
	}
	found = findings(t, dir, 0, "--server", p.url, "--allow-target=127.0.0.1")
	if got := found["webhook literal"]; got[0] != "ok" {
		t.Errorf("allowed: %v", got)
	}
	if code := p.stop(t); code != 0 {
		t.Fatalf("exit %d\n%s", code, p.errs)
	}
	db, err := migrations.Open(t.Context(), "sqlite:"+filepath.Join(dir, "dochook.db"), migrations.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Write.ExecContext(t.Context(), `UPDATE webhooks SET data = replace(data, 'http://127.0.0.1:9/in', 'http://169.254.169.254/in')`)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if got := findings(t, dir, 1, "--listen=127.0.0.1:1", "--allow-target=127.0.0.1")["webhook literal"]; got[0] != "fail" || !strings.Contains(got[1], "never dialled") {
		t.Errorf("a metadata service: %v", got)
	}
}

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// findings runs doctor and returns check → status and message.
func findings(t *testing.T, dir string, code int, args ...string) map[string][2]string {
	t.Helper()
	r := dochook(t, dir, "", append([]string{"doctor", "--json"}, args...)...)
	var told struct {
		OK     bool
		Checks []struct{ Check, Status, Message, Fix string }
	}
	if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code != code || told.OK != (code == 0) {
		t.Fatalf("%v: %+v", err, r)
	}
	out := map[string][2]string{}
	for _, c := range told.Checks {
		out[c.Check] = [2]string{c.Status, c.Message}
		if (c.Fix != "") != (c.Status == "warn" || c.Status == "fail") {
			t.Errorf("%s is %s and says to do %q", c.Check, c.Status, c.Fix)
		}
	}
	return out
}

func TestDoctor_database(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "not.db", strings.Repeat("this is not a database ", 100))
	ok(t, dir, "migrate", "up", "--database=sqlite:old.db")
	ok(t, dir, "migrate", "down", "--yes", "--database=sqlite:old.db")
	const nobody = "--listen=127.0.0.1:1"
	for args, want := range map[string]struct {
		code          int
		check, status string
	}{
		"--database=sqlite:none.db":                    {0, "database", "warn"},
		"--database=sqlite:/nowhere/x.db":              {1, "disk", "fail"},
		"--database=sqlite:not.db":                     {1, "database", "fail"},
		"--database=sqlite:old.db":                     {0, "schema", "warn"},
		"--database=sqlite:old.db --no-migrate":        {1, "schema", "fail"},
		"--database=postgres://u:hidden@127.0.0.1:1/x": {1, "database", "fail"},
	} {
		found := findings(t, dir, want.code, append(strings.Fields(args), nobody)...)
		if found[want.check][0] != want.status || strings.Contains(fmt.Sprint(found), "hidden") {
			t.Errorf("%s: %v", args, found)
		}
		if found["service"][0] != "skip" {
			t.Errorf("%s: a service that nobody named: %v", args, found["service"])
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("it made a database")
	}
}

// TestServe_drains: between the signal and the end it serves on, and says that it is leaving.
func TestServe_drains(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort, "--drain-time=1h")
	p.becomeReady(t)
	p.signal(t, os.Interrupt)
	for deadline := time.Now().Add(time.Minute); status(t, p.url+"/readyz", "") != http.StatusServiceUnavailable; {
		if time.Now().After(deadline) {
			t.Fatal("it does not say that it is leaving")
		}
	}
	if r := dochook(t, dir, "", "healthcheck", "--server", p.url); r.code != 1 || r.out != "not ready: service it is stopping\n" {
		t.Errorf("%+v", r)
	}
	res, err := http.Get(p.url + "/healthz") //nolint:noctx // of this test's own service
	if err != nil || !res.Close || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %+v", err, res)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	insert(t, client(t, p.url), "DocType", `{"name":"Product"}`) // as ever
}

func TestHealthcheck(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	p.becomeReady(t)
	if out := ok(t, dir, "healthcheck", "--listen", strings.TrimPrefix(p.url, "http://")); out != "ready: couriers ok, database ok\n" {
		t.Errorf("%q", out)
	}
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(stranger.Close)
	unwell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"status":"not ready","checks":{"database":"the database does not answer"}}`)
	}))
	t.Cleanup(unwell.Close)
	for url, want := range map[string]struct {
		code int
		says string
	}{
		"http://127.0.0.1:1": {1, "no answer"}, stranger.URL: {1, "not as a dochook would"}, unwell.URL: {1, "not ready: database the database does not answer"}, "localhost": {2, "not the address"},
	} {
		if r := dochook(t, dir, "", "healthcheck", "--server", url); r.code != want.code || !strings.Contains(r.out+r.err, want.says) {
			t.Errorf("%s: %+v", url, r)
		}
	}
}
