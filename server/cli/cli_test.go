package cli_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dochook/migrations/dbtest"
)

func TestVersion_and_config(t *testing.T) {
	dir := t.TempDir()
	if out := ok(t, dir, "version"); !regexp.MustCompile(`^dochook \S+.*, go\S+ \S+/\S+\n$`).MatchString(out) {
		t.Errorf("version says %q", out)
	}
	var build map[string]any
	if err := json.Unmarshal([]byte(ok(t, dir, "version", "--json")), &build); err != nil || build["version"] == "" || build["go"] == "" {
		t.Errorf("version --json: %v, %v", build, err)
	}
	cmd := command(t.Context(), dir, []string{"DOCHOOK_ADMIN_TOKEN=ops:very-secret-indeed", "DOCHOOK_LISTEN=:9", "DOCHOOK_PUBLIC_URL=https://hooks.example.com/in", "DOCHOOK_JOB_IDLE_TIMEOUT=90m", "DOCHOOK_ALLOW_TARGET=10.0.0.0/8,build.internal"},
		"config", "--json", "--database", "postgres://u:hidden@db/x")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"listen": ":9"`, `"ops:**********"`, `"10.0.0.0/8"`, `"build.internal"`, "postgres://u", `"https://hooks.example.com/in"`, `"1h30m0s"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("config lacks %s:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "hidden") || strings.Contains(string(out), "very-secret") {
		t.Errorf("config shows a secret:\n%s", out)
	}
}

// TestErrors: a mistake is one or two clear lines, and the right exit code.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // only held
	write(t, dir, "not.db", strings.Repeat("this is not a database ", 100))
	write(t, dir, "good.ndjson", `{"sku":"A"}`)
	write(t, dir, "webhook.json", `{"name":"w","webhook_doctype":"D","webhook_docevent":"on_insert","request_url":"ftp://x"}`)
	write(t, dir, "masked.json", `{"name":"w","webhook_doctype":"D","webhook_docevent":"on_insert","request_url":"https://example.com","enable_security":1,"webhook_secret":"**********"}`)
	const server = "--server=http://127.0.0.1:1"
	for name, tc := range map[string]struct {
		args string
		code int
		says []string
	}{
		"unknown flag":         {"serve --bad", 2, []string{"unknown flag --bad", "hint: dochook --help"}},
		"unknown verb":         {"servee", 2, []string{"unexpected argument servee"}},
		"wrong value":          {"keys create --role root", 2, []string{`--role must be one of "admin","writer","reader"`}},
		"missing flag":         {"import good.ndjson", 2, []string{"missing flags: --doctype"}},
		"down without yes":     {"migrate down", 2, []string{"--yes"}},
		"bad database URL":     {"serve " + anyPort + " --database mysql://x", 2, []string{"must begin with sqlite: or postgres://", "hint: --database"}},
		"bad target":           {"serve " + anyPort + " --allow-target 300.0.0.0/8", 2, []string{"--allow-target", "300.0.0.0/8"}},
		"bad public URL":       {"serve " + anyPort + " --public-url ftp://x", 2, []string{"public URL", "ftp://x"}},
		"bad idle time":        {"serve " + anyPort + " --job-idle-timeout 0s", 2, []string{"--job-idle-timeout"}},
		"port in use":          {"serve --listen " + taken.Addr().String(), 1, []string{"the address is in use", "--listen"}},
		"no such address":      {"serve --listen nonsense", 1, []string{"cannot listen on nonsense", "host:port"}},
		"not a database":       {"serve " + anyPort + " --database sqlite:not.db", 1, []string{"not a SQLite database"}},
		"no such folder":       {"serve " + anyPort + " --database sqlite:/nowhere/x.db", 1, []string{"/nowhere"}},
		"no PostgreSQL":        {"serve " + anyPort + " --database postgres://u:hidden@127.0.0.1:1/x", 1, []string{"no database answers at 127.0.0.1:1: connection refused", "hint: check --database"}},
		"nothing to read":      {"keys list --database sqlite:none.db", 1, []string{"there is no database sqlite:none.db"}},
		"old schema":           {"serve " + anyPort + " --no-migrate --database sqlite:old.db", 1, []string{"hint: run: dochook migrate up"}},
		"unknown DocType":      {"import good.ndjson --doctype Nothing", 1, []string{"there is no DocType Nothing", "--key"}},
		"no such file":         {"import none.json --doctype P --key sku", 1, []string{"cannot read none.json: no such file"}},
		"no server":            {"import good.ndjson --doctype P " + server + " --token a:b", 1, []string{"no answer from http://127.0.0.1:1: connection refused", "is the service running"}},
		"no token":             {"fixtures export " + server, 2, []string{"needs a token", "DOCHOOK_TOKEN"}},
		"not a server":         {"fixtures export --server=localhost:8000 --token a:b", 2, []string{"not the address of a server"}},
		"no such key":          {"keys revoke nobody", 1, []string{`no API Key "nobody"`}},
		"no such scenario":     {"fixtures run nothing", 1, []string{"no scenario is called nothing"}},
		"bad webhook":          {"fixtures load webhook.json", 1, []string{"webhook.json: Webhook w: request_url:"}},
		"mask without secret":  {"fixtures load masked.json", 1, []string{"webhook_secret", "mask"}},
		"definitions not JSON": {"fixtures load good.ndjson not.db", 1, []string{"good.ndjson: object 1 has no name"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := dochook(t, dir, "", strings.Fields(tc.args)...)
			if r.code != tc.code {
				t.Errorf("exit %d, want %d", r.code, tc.code)
			}
			lines := strings.Split(strings.TrimSpace(r.err), "\n")
			for len(lines) > 0 && strings.HasPrefix(lines[0], "time=") { // the log
				lines = lines[1:]
			}
			if lines[0] == "made the DocType P, named by field:sku" {
				lines = lines[1:]
			}
			if len(lines) > 2 || !strings.HasPrefix(lines[0], "dochook: ") {
				t.Errorf("not one or two lines:\n%s", r.err)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.err, want) {
					t.Errorf("says\n%s\nwhich lacks %q", r.err, want)
				}
			}
			for _, bad := range []string{"goroutine", "%!", "hidden", "panic", ".go:"} {
				if strings.Contains(r.err, bad) {
					t.Errorf("shows %q:\n%s", bad, r.err)
				}
			}
		})
	}
}

func TestServe_bad_token(t *testing.T) {
	cmd := command(t.Context(), t.TempDir(), []string{"DOCHOOK_ADMIN_TOKEN=short:secret"}, "serve", anyPort, "--log-level=error")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "at least 16 characters") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestServe_first_start(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, nil, "--listen=127.0.0.1:0") // serve is the default verb
	key := p.says(t, regexp.MustCompile(`\|      ([a-z2-7]+:[a-z2-7]+) +\|`))
	if got := status(t, p.url+"/api/resource/API%20Key", "token "+key[1]); got != http.StatusOK {
		t.Errorf("the first key gets %d", got)
	}
	p.becomeReady(t)
	locked := dochook(t, dir, "", "keys", "create", "--role", "reader")
	if locked.code != 1 || !strings.Contains(locked.err, "--server") {
		t.Errorf("beside a running service: exit %d\n%s", locked.code, locked.err)
	}
	at := []string{"--server", p.url, "--token", key[1]}
	made := strings.TrimSpace(ok(t, dir, append([]string{"keys", "create", "--role=writer", "--name=w", "--user=jo", "--doctype=Product", "--description=nightly"}, at...)...))
	if got := status(t, p.url+"/api/resource/DocType", "token "+made); !strings.HasPrefix(made, "w:") || got != http.StatusOK {
		t.Errorf("the key %q made through the service gets %d", made, got)
	}
	var named map[string]string
	if out := ok(t, dir, append([]string{"keys", "create", "--role=reader", "--json"}, at...)...); json.Unmarshal([]byte(out), &named) != nil || named["role"] != "reader" || !strings.HasPrefix(named["token"], named["name"]+":") || named["name"] == "" {
		t.Errorf("a key without a name: %s", out)
	}
	if here, there := ok(t, dir, "keys", "list"), ok(t, dir, append([]string{"keys", "list"}, at...)...); here != there || !regexp.MustCompile(`(?m)^w\s+writer\s+jo\s+true\s+Product\s+nightly$`).MatchString(there) {
		t.Errorf("keys in the database:\n%s\nkeys of the service:\n%s", here, there)
	}
	if here, there := ok(t, dir, "keys", "list", "--json"), ok(t, dir, append([]string{"keys", "list", "--json"}, at...)...); here != there {
		t.Errorf("keys in the database:\n%s\nkeys of the service:\n%s", here, there)
	}
	if r := dochook(t, dir, "", "keys", "list", "--server", p.url, "--token", made); r.code != 1 || !strings.Contains(r.err, "higher role") {
		t.Errorf("a writer lists keys: exit %d\n%s", r.code, r.err)
	}
	if out := ok(t, dir, append([]string{"keys", "revoke", "w"}, at...)...); out != "revoked w\n" || status(t, p.url+"/api/resource/DocType", "token "+made) != http.StatusUnauthorized {
		t.Errorf("revoke says %q, or the key is still good", out)
	}
	if r := dochook(t, dir, "", append([]string{"keys", "revoke", "w"}, at...)...); r.code != 1 || !strings.Contains(r.err, `no API Key "w"`) {
		t.Errorf("revoked twice: exit %d\n%s", r.code, r.err)
	}
	if list := ok(t, dir, "keys", "list"); !strings.Contains(list, "admin") {
		t.Errorf("keys beside a running service:\n%s", list)
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.errs)
	}
	again := start(t, dir, nil, anyPort)
	if strings.Contains(again.errs.String(), "admin key") {
		t.Errorf("a second key:\n%s", again.errs)
	}
	if code := again.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, again.errs)
	}
}

// hang answers a path only when told to.
type hang struct {
	arrived chan string
	release chan struct{}
}

func (h *hang) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.arrived <- r.Header.Get("Webhook-Id")
	<-h.release
	w.WriteHeader(http.StatusOK)
}

func startHang(t *testing.T) (*hang, string) {
	t.Helper()
	h := &hang{arrived: make(chan string, 100), release: make(chan struct{})}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = s.Close() })
	return h, "http://" + l.Addr().String()
}

// TestServe_stops_gracefully: an attempt in flight at SIGTERM finishes and is
// written down, so that a later start sends it no second time.
func TestServe_stops_gracefully(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			dir, database := t.TempDir(), dbtest.URL(t, dialect)
			h, url := startHang(t)
			p := start(t, dir, tokenEnv(), anyPort, loopback, "--database", database)
			insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`,
				"Webhook", `{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","timeout":20,"request_url":"`+url+`"}`,
				"Product", `{"sku":"A"}`)
			first := <-h.arrived
			p.signal(t, syscall.SIGTERM)
			close(h.release)
			<-p.done
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit %d\n%s", code, p.errs)
			}
			again := start(t, dir, tokenEnv(), anyPort, loopback, "--database", database)
			insert(t, client(t, again.url), "Product", `{"sku":"B"}`)
			if next := <-h.arrived; next == first {
				t.Error("what had finished was sent again")
			}
			if code := again.stop(t); code != 0 {
				t.Errorf("exit %d\n%s", code, again.errs)
			}
		})
	}
}

// TestServe_second_signal ends it while an attempt still hangs.
func TestServe_second_signal(t *testing.T) {
	h, url := startHang(t)
	defer close(h.release)
	p := start(t, t.TempDir(), tokenEnv(), anyPort, loopback)
	insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`,
		"Webhook", `{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","timeout":20,"request_url":"`+url+`"}`,
		"Product", `{"sku":"A"}`)
	<-h.arrived
	p.signal(t, os.Interrupt)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 100 { // the first signal must have been taken before the second one kills
		p.signal(t, os.Interrupt)
		select {
		case <-p.done:
			if p.cmd.ProcessState.ExitCode() == 0 {
				t.Error("it waited after all")
			}
			return
		case <-tick.C:
		}
	}
	t.Error("the second signal does not end it")
}

func TestServe_json(t *testing.T) {
	p := start(t, t.TempDir(), tokenEnv(), anyPort, "--json", "--log-json", "--log-level=debug")
	if got := status(t, p.url+"/healthz", ""); got != http.StatusOK {
		t.Errorf("healthz says %d", got)
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.errs)
	}
	for line := range strings.Lines(p.errs.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if strings.Contains(p.errs.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	out := ok(t, dir, "demo")
	if n := strings.Count(out, "POST /changes → 200"); n != 78 {
		t.Errorf("%d requests are shown, not 78", n)
	}
	for _, want := range []string{"events in the log", "requests that arrived", "All agree, in each of the 60 jobs."} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q", want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("it left %v behind (%v)", left, err)
	}
}

func TestDemo_keep(t *testing.T) {
	dir := t.TempDir()
	cmd := command(t.Context(), dir, nil, "demo", "--keep")
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`token (\S+)' (http://\S+/api/resource/Program)`)
	tick, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	var m []string
	for m == nil {
		select {
		case <-tick.C:
			m = said.FindStringSubmatch(out.String())
		case <-late:
			t.Fatalf("it says\n%s", out)
		}
	}
	if got := status(t, m[2], "token "+m[1]); got != http.StatusOK {
		t.Errorf("the address answers %d", got)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if left, err := filepath.Glob(dir + "/dochook-demo-*"); err != nil || left != nil {
		t.Errorf("it left %v behind (%v)", left, err)
	}
}
