package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dochook/fixtures/peer"
	"dochook/migrations/dbtest"
)

// completed is what bash proposes for words; the last of them is being typed. bash parts words at = and : as readline does.
func completed(t *testing.T, dir string, words ...string) []string {
	t.Helper()
	const script = `
		source dochook.bash
		complete -p dochook >/dev/null || exit 3
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_dochook dochook "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
		printf '%s\n' "${COMPREPLY[@]}"`
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", script, "bash"}, words...)...) //nolint:gosec // words of this test
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
	return strings.Fields(string(out))
}

// TestCompletion runs the script of bash, and looks through the others.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	script := ok(t, dir, "completion", "bash")
	write(t, dir, "dochook.bash", script)
	for _, tc := range []struct{ typed, want string }{
		{"jo", "jobs"},
		{"jobs ", "list show approve discard stop"},
		{"jobs appr", "approve"},
		{"jobs list --sta", "--status"},
		{"jobs list --status ", "pending in_progress finished failed stopped held"},
		{"jobs list --status fi", "finished"},
		{"jobs list --status = fi", "finished"},
		{"jobs list --status=fi", "--status=finished"},
		{"--database sqlite:x.db keys create --role = ", "admin writer reader"},
		{"--database = x --json keys cr", "create"},
		{"keys create --role admin --des", "--description"},
		{"completion ", "bash zsh fish"},
		{"--lis", "--listen"}, // of serve, the default
		{"import list --ful", "--full"},
		{"import products.nd", ""},
		{"import --doctype jobs ", ""},
		{"fixtures load l", ""},
		{"migrate down --st", "--steps"},
		{"nonsense ", "serve demo import"},
	} {
		words := append([]string{"dochook"}, strings.Split(tc.typed, " ")...)
		got := completed(t, dir, words...)
		if tc.typed == "nonsense " {
			got = got[:3]
		}
		if want := strings.Fields(tc.want); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", tc.typed, got, want)
		}
	}
	if zsh := ok(t, dir, "completion", "zsh"); !strings.HasPrefix(zsh, "#compdef dochook\n") || !strings.HasSuffix(zsh, script) {
		t.Error("zsh does not get what bash gets")
	}
	fish := ok(t, dir, "completion", "fish")
	for _, want := range []string{
		"complete -c dochook -f -n '__fish_use_subcommand' -a jobs -d 'Look at scrape jobs",
		"-n '__fish_seen_subcommand_from keys; and __fish_seen_subcommand_from create' -l role -x -a 'admin writer reader'",
		`the database\'s schema`,
	} {
		if !strings.Contains(fish, want) {
			t.Errorf("fish lacks %s", want)
		}
	}
	if r := dochook(t, dir, "", "completion", "tcsh"); r.code != 2 {
		t.Errorf("tcsh: %+v", r)
	}
}

// TestCompletion_typed presses the tab key in a bash that has a line editor.
func TestCompletion_typed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "dochook.bash", ok(t, dir, "completion", "bash"))
	write(t, dir, "inputrc", "set enable-bracketed-paste off\n")
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-i")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "INPUTRC=" + filepath.Join(dir, "inputrc"), "TERM=dumb", "PS1=", "HISTFILE="}
	cmd.Stdin = strings.NewReader("source dochook.bash\ndochook() { echo \"called with: $*.\"; }\ndochook job\tappr\t7 --data\tx --log-l\t=warn\nexit\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "called with: jobs approve 7 --database x --log-level =warn.") {
		t.Errorf("%v\n%s", err, out)
	}
}

// jsonVerb is a verb with --json, and how it ends.
type jsonVerb struct {
	args string
	code int
}

// TestJSON: with --json the output of every verb is JSON and nothing else.
func TestJSON(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort, loopback, "--json")
	to := receiver(t)
	write(t, dir, "p.ndjson", `{"sku":"A"}`+"\n"+`{"sku":"B"}`)
	at := " --server " + p.url + " --token " + token
	ok(t, dir, strings.Fields("import p.ndjson --doctype Product --key sku"+at)...)
	insert(t, client(t, p.url), "Webhook", `{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","request_url":"`+to.URL()+`/in"}`)
	id := ""
	for _, v := range []jsonVerb{
		{"version", 0},
		{"config", 0},
		{"completion bash", 0},
		{"import p.ndjson --doctype Product --full" + at, 0},
		{"import p.ndjson --doctype Product --expect 9" + at, 2},
		{"jobs list" + at, 0},
		{"fixtures export" + at, 0},
		{"fixtures export --out defs" + at, 0},
		{"fixtures load defs/webhook.json" + at, 0},
		{"fixtures run 01*", 0},
		{"keys list", 0},
		{"migrate status", 0},
		{"backfill w --yes --wait" + at, 0},
		{"replay w --yes --wait --source log" + at, 0},
		{"replays list" + at, 0},
		{"deliveries list" + at, 0},
		{"deliveries export --out deliveries.ndjson" + at, 0},
		{"deliveries get ID" + at, 0},
		{"deliveries resend ID" + at, 0},
		{"deliveries retry w" + at, 0},
		{"doctor --allow-target 127.0.0.0/8 --server " + p.url, 0},
		{"healthcheck --server " + p.url, 0},
		{"backup copy.db", 0},
		{"demo", 0},
		{"keys create --role reader --name r --database sqlite:other.db", 0},
		{"keys revoke r --database sqlite:other.db", 0},
		{"import p.ndjson --doctype Product --key sku --database sqlite:other.db", 0},
		{"migrate up --database sqlite:other.db", 0},
		{"migrate down --yes --database sqlite:other.db", 0},
		{"restore copy.db --database sqlite:other.db", 0},
	} {
		v.args = strings.Replace(v.args, "ID", id, 1)
		r := dochook(t, dir, "", append(strings.Fields(v.args), "--json")...)
		text := strings.TrimSpace(r.out)
		if r.code != v.code || v.code == 0 && !json.Valid([]byte(text)) {
			t.Errorf("dochook %s --json: exit %d\n%s%s", v.args, r.code, r.out, r.err)
		}
		if m := regexp.MustCompile(`"name": ?"([^"]+)"`).FindStringSubmatch(text); m != nil && strings.HasPrefix(v.args, "deliveries list") {
			id = m[1]
		}
	}
	jobs := ok(t, dir, strings.Fields("jobs list --json"+at)...)
	m := regexp.MustCompile(`"id": ?"([^"]+)"`).FindStringSubmatch(jobs)
	if m == nil {
		t.Fatal(jobs)
	}
	for _, verb := range []string{"show", "stop"} {
		if out := ok(t, dir, strings.Fields("jobs "+verb+" "+m[1]+" --json"+at)...); !json.Valid([]byte(out)) {
			t.Errorf("jobs %s: %s", verb, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "deliveries.ndjson")); err != nil {
		t.Error(err)
	}
}

// onTerminal runs a verb whose output is a terminal.
func onTerminal(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("there is no script(1) to make a terminal with")
	}
	cmd := exec.CommandContext(t.Context(), "script", "-qec", program+" "+strings.Join(args, " "), "/dev/null") //nolint:gosec // our own binary
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm"}, env...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestTerminal: colour and aligned tables are for people, and colour only for those who want it.
func TestTerminal(t *testing.T) {
	dir := t.TempDir()
	ok(t, dir, "keys", "create", "--role", "reader", "--name", "short")
	if out := ok(t, dir, "keys", "list"); !strings.Contains(out, "\nshort\treader\t") {
		t.Errorf("through a pipe:\n%q", out)
	}
	if out := ok(t, dir, "doctor"); strings.Contains(out, "\x1b") {
		t.Errorf("colour through a pipe:\n%q", out)
	}
	if out := onTerminal(t, dir, nil, "keys", "list"); !strings.Contains(out, "\nshort  reader  ") {
		t.Errorf("on a terminal:\n%q", out)
	}
	if out := onTerminal(t, dir, nil, "doctor"); !strings.Contains(out, "\x1b[32mok  \x1b[0m") {
		t.Errorf("on a terminal:\n%q", out)
	}
	if out := onTerminal(t, dir, []string{"NO_COLOR=1"}, "doctor"); strings.Contains(out, "\x1b") {
		t.Errorf("with NO_COLOR:\n%q", out)
	}
}

// follower is a running tail.
type follower struct {
	lines chan string
	errs  *tail
	stop  func() int
}

func follow(t *testing.T, dir string, args ...string) *follower {
	t.Helper()
	cmd := command(context.WithoutCancel(t.Context()), dir, nil, append([]string{"tail", "--interval=100ms"}, args...)...)
	f := &follower{lines: make(chan string, 1000), errs: &tail{}}
	cmd.Stderr = f.errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(f.lines)
		for r := bufio.NewScanner(out); r.Scan(); {
			f.lines <- r.Text()
		}
	}()
	ended := false
	f.stop = func() int {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended
			_ = cmd.Wait()                       // its state is looked at
		}
		return cmd.ProcessState.ExitCode()
	}
	t.Cleanup(func() { f.stop() })
	return f
}

// until reads lines up to one with the words, and returns it.
func (f *follower) until(t *testing.T, words ...string) string {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case line, open := <-f.lines:
			if !open {
				t.Fatalf("it ended before %q: %s", words, f.errs)
			}
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return line
			}
		case <-late:
			t.Fatalf("nothing says %q: %s", words, f.errs)
		}
	}
}

// TestTail shows events and attempts, also those after a restart of the service.
func TestTail(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			dir, database := t.TempDir(), dbtest.URL(t, dialect)
			p := start(t, dir, tokenEnv(), anyPort, loopback, "--database", database)
			to := receiver(t)
			insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`, "DocType", `{"name":"Other","autoname":"field:sku"}`,
				"Webhook", `{"name":"shop","webhook_doctype":"Product","webhook_docevent":"on_insert","request_url":"`+to.URL()+`/{{doc.path}}","is_dynamic_url":1,"retry":{"schedule":[0.2]}}`)
			where := []string{"--server", p.url, "--token", token}
			all := follow(t, dir, append(where, "--json", "--after=0")...)
			insert(t, client(t, p.url), "Other", `{"sku":"O"}`)
			all.until(t, `"type":"event"`, `"name":"O"`) // both ends are there now
			people := follow(t, dir, append(where, "--doctype=Product", "--after=0")...)
			only := follow(t, dir, append(where, "--webhook=shop")...)
			// Attempts are shown from the first look on: what comes before it is not.
			first := 0
			for seen := ""; seen == ""; first++ {
				insert(t, client(t, p.url), "Product", fmt.Sprintf(`{"sku":"A%d", "n": 2500.0}`, first))
				select {
				case seen = <-only.lines:
				case <-time.After(time.Second):
				}
				if first > 60 {
					t.Fatalf("no attempt is shown: %s", only.errs)
				}
			}
			line := all.until(t, `"type":"event"`, `"name":"A0"`)
			if !json.Valid([]byte(line)) || !strings.Contains(line, `2500.0`) {
				t.Errorf("not as it was sent: %s", line)
			}
			if line := people.until(t, "event", "on_insert", "Product A0"); strings.Contains(line, "Other") {
				t.Error(line)
			}
			to.Script("/r", peer.Answer{Status: 500}, peer.Answer{Status: 204})
			insert(t, client(t, p.url), "Product", `{"sku":"R","path":"r"}`)
			only.until(t, "attempt", "retrying", "500", "shop", "Product R")
			only.until(t, "attempt", "delivered", "204", "Product R", "attempt 2")
			again := all.until(t, `"type":"attempt"`, `"name":"R"`, `"status":"delivered"`)
			var told struct {
				Data struct {
					N          int
					HTTPStatus int `json:"http_status"`
					Webhook    string
				}
			}
			if err := json.Unmarshal([]byte(again), &told); err != nil || told.Data.N != 2 || told.Data.HTTPStatus != 204 || told.Data.Webhook != "shop" {
				t.Errorf("%v: %s", err, again)
			}
			if code := people.stop(); code != 0 {
				t.Errorf("an interrupt: exit %d: %s", code, people.errs)
			}
			// The service goes and comes back; what was written meanwhile is shown, and nothing twice.
			listen := "--listen=" + strings.TrimPrefix(p.url, "http://")
			if code := p.stop(t); code != 0 {
				t.Errorf("exit %d", code)
			}
			q := start(t, dir, tokenEnv(), listen, loopback, "--database", database)
			insert(t, client(t, q.url), "Product", `{"sku":"Z"}`)
			for {
				line := all.until(t, `"type":"event"`)
				if strings.Contains(line, `"name":"Z"`) {
					break
				}
				t.Errorf("shown again: %s", line)
			}
			only.until(t, "attempt", "delivered", "Product Z")
		})
	}
}

func TestTail_errors(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	reader := ok(t, dir, "keys", "create", "--role=reader", "--name=r", "--database=sqlite:other.db")
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"tail":                   {2, "needs a running service"},
		"tail --server " + p.url: {2, "needs a token"},
		"tail --server " + p.url + " --token a:b":                          {1, "does not accept the token"},
		"tail --server http://127.0.0.1:1 --token a:b":                     {1, "no answer from http://127.0.0.1:1"},
		"tail --server " + p.url + " --token " + token + " --doctype No":   {1, "No"},
		"tail --server " + p.url + " --token " + token + " --interval 1ns": {2, "--interval"},
		"tail --server " + p.url + " --token " + strings.TrimSpace(reader): {1, "does not accept"},
	} {
		if r := dochook(t, dir, "", strings.Fields(args)...); r.code != want.code || !strings.Contains(r.err, want.says) {
			t.Errorf("%s: %+v", args, r)
		}
	}
}

// TestBackup refuses what would lose something; that a copy works is tried in fixtures/upkeep.
func TestBackup_errors(t *testing.T) {
	dir := t.TempDir()
	ok(t, dir, "migrate", "up")
	ok(t, dir, "backup", "copy.db")
	write(t, dir, "not.db", strings.Repeat("this is not a database ", 100))
	write(t, dir, "empty.db", "")
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"backup copy.db":                         {1, "exists already"},
		"backup /nowhere/copy.db":                {1, "cannot write /nowhere/copy.db"},
		"backup x.db --database=sqlite:none.db":  {1, "there is no database"},
		"backup x.db --database=postgres://a/b":  {2, "pg_dump"},
		"restore x.db --database=postgres://a/b": {2, "pg_restore"},
		"restore none.db":                        {1, "cannot read none.db"},
		"restore not.db":                         {1, "not.db is no SQLite database"},
		"restore empty.db":                       {1, "no backup of dochook"},
	} {
		if r := dochook(t, dir, "", strings.Fields(args)...); r.code != want.code || !strings.Contains(r.err, want.says) {
			t.Errorf("%s: %+v", args, r)
		}
	}
	p := start(t, dir, tokenEnv(), anyPort)
	if r := dochook(t, dir, "", "restore", "copy.db"); r.code != 1 || !strings.Contains(r.err, "in use") {
		t.Errorf("beside a service: %+v", r)
	}
	p.kill()
	for _, damaged := range []string{"dochook.db", "missing.db"} { // what a restore is for
		write(t, dir, "dochook.db", strings.Repeat("x", 5000))
		ok(t, dir, "restore", "copy.db", "--database", "sqlite:"+damaged)
		ok(t, dir, "migrate", "status", "--database", "sqlite:"+damaged)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*part*"))
	if err != nil || left != nil {
		t.Errorf("left behind: %v %v", left, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "copy.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestRestore_goes_on gives new events positions behind all that were ever given away: who follows the log would take them for old ones.
func TestRestore_goes_on(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`, "Product", `{"sku":"A"}`)
	if out := ok(t, dir, "backup", "copy.db"); !strings.HasPrefix(out, "wrote copy.db, ") {
		t.Errorf("%q", out)
	}
	insert(t, client(t, p.url), "Product", `{"sku":"B"}`, "Product", `{"sku":"C"}`)
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d", code)
	}
	out := ok(t, dir, "restore", "copy.db")
	m := regexp.MustCompile(`^restored dochook.db from copy.db; its log ends at position 1\nwhat was there before is (\S+)\n$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("%q", out)
	}
	ok(t, dir, "migrate", "status", "--database=sqlite:"+m[1])
	q := start(t, dir, tokenEnv(), anyPort)
	insert(t, client(t, q.url), "Product", `{"sku":"D"}`)
	events, err := client(t, q.url).Events(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Pos  int64
		Name string
	}
	if err := json.Unmarshal(events, &list); err != nil || len(list) != 2 || list[0].Pos != 1 || list[1].Pos != 4 || list[1].Name != "D" {
		t.Errorf("%v: %+v", err, list)
	}
}
