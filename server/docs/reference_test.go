package docs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dochook/hooks/sender"
)

// run runs a program in a folder and returns what it writes to standard output.
func run(t *testing.T, dir, input, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // words of these tests
	var errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = dir, environment(), strings.NewReader(input), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, errs.String())
	}
	return string(out)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	verbLine     = regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?) {2,}\S`)
	helpFlag     = regexp.MustCompile(`(?m)^  (?:-(\w),|   ) --([a-z-]+)`)
	helpEnv      = regexp.MustCompile(`\$(DOCHOOK_[A-Z_]+)`)
	helpArgument = regexp.MustCompile(`(?m)^Usage: dochook [^\n]*`)
	pageVerb     = regexp.MustCompile("(?m)^### `([^`]+)`\n((?:[^#\n].*\n|\n)*)")
	pageFlag     = regexp.MustCompile("`--([a-z-]+)`")
	pageEnv      = regexp.MustCompile("`(DOCHOOK_[A-Z_]+)`")
	argument     = regexp.MustCompile(`<[a-z]+>`)
)

// all are the first groups of what a pattern finds, sorted, each once.
func all(pattern *regexp.Regexp, text string) []string {
	found := map[string]bool{}
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		found[m[len(m)-1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// TestCommandLine compares the page of the command line with what the program says of itself: verbs, arguments, flags and their environment.
func TestCommandLine(t *testing.T) {
	binary := filepath.Join(program(t), "dochook")
	_, texts := pages(t)
	page := texts["command-line"]
	everywhere, _, _ := strings.Cut(page, "\n## Run it\n")
	if want := all(helpFlag, run(t, t.TempDir(), "", binary, "version", "--help")); !slices.Equal(without(all(pageFlag, everywhere), "server", "token"), want) {
		t.Errorf("for every verb there are %v, and the page has %v", want, all(pageFlag, everywhere))
	}
	common := all(pageFlag, everywhere)
	sections := map[string]string{}
	for _, m := range pageVerb.FindAllStringSubmatch(page, -1) {
		verb, _, _ := strings.Cut(m[1], " <")
		verb, _, _ = strings.Cut(verb, " [")
		sections[verb] = m[0]
	}
	verbs := all(verbLine, strings.SplitN(run(t, t.TempDir(), "", binary, "--help"), "Commands:", 2)[1])
	if len(verbs) < 30 || !slices.Equal(verbs, slices.Sorted(maps.Keys(sections))) {
		t.Fatalf("there are\n%v\nand the page has\n%v", verbs, slices.Sorted(maps.Keys(sections)))
	}
	for _, verb := range verbs {
		help := run(t, t.TempDir(), "", binary, append(strings.Fields(verb), "--help")...)
		section := sections[verb]
		headline, text, _ := strings.Cut(section, "\n")
		if want, got := argument.FindAllString(helpArgument.FindString(help), -1), argument.FindAllString(headline, -1); !slices.Equal(want, got) {
			t.Errorf("%s: there are the arguments %v, and the page has %v", verb, want, got)
		}
		if strings.Contains(text, "Takes the flags of `serve`.") {
			text += sections["serve"]
		}
		want := without(all(helpFlag, help), without(common, "server", "token")...)
		got := without(all(pageFlag, text), "database") // named in the text of others
		if !slices.Equal(want, got) {
			t.Errorf("%s: there are the flags %v, and the page has %v", verb, want, got)
		}
		if strings.Contains(text, "Takes `--server` and `--token`.") {
			text += everywhere
		}
		known := all(pageEnv, text+everywhere)
		for _, name := range all(helpEnv, help) {
			if !slices.Contains(known, name) {
				t.Errorf("%s: the page does not name %s", verb, name)
			}
		}
	}
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}

// TestOperations_settings: the page of operations names every environment variable there is.
func TestOperations_settings(t *testing.T) {
	_, texts := pages(t)
	known := append(all(pageEnv, texts["operations"]), "DOCHOOK_SERVER", "DOCHOOK_TOKEN")
	for _, name := range all(pageEnv, texts["command-line"]) {
		if !slices.Contains(known, name) {
			t.Errorf("it does not name %s", name)
		}
	}
}

// signed is a request that a snippet judges.
type signed struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`

	genuine bool
}

// requests are some that are genuine and some that are not.
func requests() []signed {
	make1 := func(secret string, at time.Time, body string, secrets ...string) signed {
		h := http.Header{}
		h.Set("Webhook-Id", "msg_1")
		h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
		sender.Sign(h, "msg_1", at, []byte(body), secrets)
		flat := map[string]string{}
		for name := range h {
			flat[strings.ToLower(name)] = h.Get(name)
		}
		return signed{secret, flat, body, true}
	}
	const standard, plain = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a plain secret"
	now := time.Now()
	good := []signed{
		make1(standard, now, `{"id":"Käse"}`, standard),
		make1(plain, now, `{}`, plain),
		make1(plain, now, "", standard, plain), // during a rotation
	}
	bad := []signed{
		make1(plain, now, `{}`, standard),
		make1(plain, now.Add(-time.Hour), `{}`, plain),
		make1(plain, now.Add(time.Hour), `{}`, plain),
		make1(plain, now, `{}`, plain),
		make1(plain, now, `{}`, plain),
	}
	bad[3].Body = `{ }`
	bad[4].Headers["webhook-id"] = "msg_2"
	for i := range bad {
		bad[i].genuine = false
	}
	return append(good, bad...)
}

// TestVerify runs the snippets that check signatures on requests that are signed as the service does.
func TestVerify(t *testing.T) {
	_, texts := pages(t)
	snippets := map[string]string{}
	for _, b := range blocks(texts["delivery"]) {
		if b.mark == "test: verify" {
			snippets[b.kind] = b.text
		}
	}
	if len(snippets) != 3 {
		t.Fatalf("%d snippets", len(snippets))
	}
	given := requests()
	input, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	for kind, judge := range map[string]func(t *testing.T, dir, snippet string) string{
		"python": func(t *testing.T, dir, snippet string) string {
			write(t, dir, "webhook.py", snippet)
			write(t, dir, "main.py", "import json, sys\nfrom webhook import verify\n"+
				`print(json.dumps([verify(r["secret"], r["headers"], r["body"].encode()) for r in json.load(sys.stdin)]))`)
			return run(t, dir, string(input), need(t, "python3"), "main.py")
		},
		"js": func(t *testing.T, dir, snippet string) string {
			write(t, dir, "webhook.mjs", snippet)
			write(t, dir, "main.mjs", `import { readFileSync } from "node:fs"; import { verify } from "./webhook.mjs";`+
				`console.log(JSON.stringify(JSON.parse(readFileSync(0)).map((r) => verify(r.secret, r.headers, Buffer.from(r.body)))));`)
			return run(t, dir, string(input), need(t, "node"), "main.mjs")
		},
		"go": func(t *testing.T, dir, snippet string) string {
			write(t, dir, "go.mod", "module example\n\ngo 1.26\n")
			write(t, dir, "webhook.go", strings.Replace(snippet, "package webhook", "package main", 1))
			write(t, dir, "main.go", `package main
				import ("encoding/json"; "net/http"; "os")
				func main() {
					var all []struct{ Secret string; Headers map[string]string; Body string }
					if json.NewDecoder(os.Stdin).Decode(&all) != nil { os.Exit(1) }
					out := []bool{}
					for _, r := range all {
						h := http.Header{}
						for name, value := range r.Headers { h.Set(name, value) }
						out = append(out, Verify(r.Secret, h, []byte(r.Body)))
					}
					if json.NewEncoder(os.Stdout).Encode(out) != nil { os.Exit(1) }
				}`)
			return run(t, dir, string(input), "go", "run", ".")
		},
	} {
		t.Run(kind, func(t *testing.T) {
			var got []bool
			if err := json.Unmarshal([]byte(judge(t, t.TempDir(), snippets[kind])), &got); err != nil || len(got) != len(given) {
				t.Fatalf("%v, %v", got, err)
			}
			for i, r := range given {
				if got[i] != r.genuine {
					t.Errorf("request %d: %v, want %v: %+v", i, got[i], r.genuine, r)
				}
			}
		})
	}
}

// TestEmbedding builds the program of the page in the place of the example and runs it.
func TestEmbedding(t *testing.T) {
	_, texts := pages(t)
	marked := map[string]string{}
	for _, b := range blocks(texts["embedding"]) {
		if b.mark != "" {
			marked[b.mark] = b.text
		}
	}
	dir := t.TempDir()
	example, err := filepath.Abs("../../fixtures/example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{example: write(t, dir, "main.go", marked["test: program"])}})
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "program")
	run(t, ".", "", "go", "build", "-overlay", write(t, dir, "overlay.json", string(overlay)), "-o", binary, "dochook/fixtures/example")
	if got := run(t, dir, "", binary); got != marked["test: output"] {
		t.Errorf("it prints\n%s\nand the page says\n%s", got, marked["test: output"])
	}
}

// TestGuarantees_are_those_of_the_README: each promise stands on the page in the same words, with its tests.
func TestGuarantees_are_those_of_the_README(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, texts := pages(t)
	_, section, found := strings.Cut(string(readme), "## What is guaranteed, and how it is tested\n")
	section, _, _ = strings.Cut(section, "\n## ")
	table := regexp.MustCompile(`(?m)^\| we promise[^\n]*\n(?:\|[^\n]*\n)+`).FindString(section)
	if !found || strings.Count(table, "\n") < 20 {
		t.Fatalf("the README has no such table:\n%s", table)
	}
	for line := range strings.Lines(table) {
		if !strings.Contains(texts["guarantees"], line) {
			t.Errorf("the page does not say\n%s", line)
		}
	}
}
