package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"dochook/migrations/dbtest"
)

// jobID finds the id of the job that an import tells of.
var jobID = regexp.MustCompile(`job ([0-9a-f-]{36}) of`) //nolint:gochecknoglobals // compiled once

// everywhere runs a test against a service, and straight into each database.
func everywhere(t *testing.T, fn func(t *testing.T, dir string, place []string)) {
	t.Helper()
	t.Run("server", func(t *testing.T) {
		dir := t.TempDir()
		p := start(t, dir, tokenEnv(), anyPort)
		fn(t, dir, []string{"--server", p.url, "--token", token})
	})
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) { fn(t, t.TempDir(), []string{"--database", dbtest.URL(t, dialect)}) })
	}
}

// TestImport_full: what a later full import lacks is removed, or held when it
// looks wrong, and then a person decides.
func TestImport_full(t *testing.T) {
	everywhere(t, func(t *testing.T, dir string, place []string) {
		run := func(stdin string, args ...string) result {
			t.Helper()
			return dochook(t, dir, stdin, append(args, place...)...)
		}
		write(t, dir, "one.ndjson", "{\"sku\":\"A\"}\n{\"sku\":\"B\"}\n")
		write(t, dir, "two.csv", "sku,price\nC,1\nD,2\n")
		r := run("", "import", "one.ndjson", "two.csv", "--doctype=Product", "--key=sku", "--full")
		id := jobID.FindStringSubmatch(r.out)
		if r.code != 0 || id == nil || r.out != "received 4, inserted 4\njob "+id[1]+" of product is finished\n" ||
			!strings.Contains(r.err, "made the Scraper product, feeding Product\n") {
			t.Fatalf("first: exit %d\n%s%s", r.code, r.out, r.err)
		}
		r = run("", "jobs", "show", id[1])
		if r.code != 0 || !strings.Contains(r.out, "of product, feeding Product: finished\n  full, 2 pages, 4 records accepted\n  received 4, inserted 4\n") {
			t.Errorf("show: exit %d\n%s%s", r.code, r.out, r.err)
		}
		r = run(`[{"sku":"A"},{"sku":"B"},{"sku":"C"}]`, "import", "-", "--doctype=Product", "--full", "--mode=merge")
		if r.code != 0 || !strings.HasPrefix(r.out, "received 3, unchanged 3\n") || !strings.HasSuffix(r.out, " of product is finished: removed 1\n") {
			t.Errorf("one less: exit %d\n%s%s", r.code, r.out, r.err)
		}

		// A list that is too short: exit code 1, in words and in JSON.
		r = run(`{"sku":"A"}`, "import", "-", "--doctype=Product", "--full", "--mode=merge")
		if id = jobID.FindStringSubmatch(r.out); r.code != 1 || id == nil || r.err != "" {
			t.Fatalf("too short: exit %d\n%s%s", r.code, r.out, r.err)
		}
		for _, want := range []string{"is held\n", "2 removals wait for you", "min_ratio; 3 documents", "dochook jobs approve " + id[1], "dochook jobs discard " + id[1]} {
			if !strings.Contains(r.out, want) {
				t.Errorf("too short lacks %q:\n%s", want, r.out)
			}
		}
		if r = run("", "jobs", "show", id[1]); r.code != 0 || !strings.Contains(r.out, "\n    B\n    C\n") {
			t.Errorf("show held: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = run("", "jobs", "list", "--status=held"); r.code != 0 || strings.Count(r.out, "\n") != 2 || !strings.Contains(r.out, id[1]) {
			t.Errorf("list: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = run("", "jobs", "discard", id[1]); r.code != 0 || r.out != "discarded what job "+id[1]+" of product held back\n" {
			t.Errorf("discard: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = run("", "jobs", "approve", id[1]); r.code != 1 || !strings.Contains(r.err, "holds nothing back") {
			t.Errorf("approve after all: exit %d\n%s%s", r.code, r.out, r.err)
		}
		r = run(`{"sku":"A"}`, "import", "-", "--doctype=Product", "--full", "--mode=merge", "--json")
		var told struct {
			Received int
			Job      struct {
				ID, Status string
				Removal    struct {
					Held  int
					Brake string
				}
			}
		}
		if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code != 1 || told.Received != 1 || told.Job.Status != "held" || told.Job.Removal.Held != 2 {
			t.Fatalf("as JSON: exit %d, %v\n%s%s", r.code, err, r.out, r.err)
		}
		if r = run("", "jobs", "approve", told.Job.ID); r.code != 0 || r.out != "approved job "+told.Job.ID+" of product: removed 2\n" {
			t.Errorf("approve: exit %d\n%s%s", r.code, r.out, r.err)
		}
		var list []struct{ ID, Scraper, Status string }
		r = run("", "jobs", "list", "--json", "--limit=3", "--scraper=product")
		if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list) != 3 || list[0].ID != told.Job.ID || list[0].Status != "finished" || list[0].Scraper != "product" {
			t.Errorf("list as JSON: %v\n%s%s", err, r.out, r.err)
		}
		if r = run("", "jobs", "list", "--scraper=other"); r.code != 0 || strings.Count(r.out, "\n") != 1 {
			t.Errorf("list of another: exit %d\n%s%s", r.code, r.out, r.err)
		}
	})
}

// TestImport_broken: a file that breaks off fails the job, and nothing is removed.
func TestImport_broken(t *testing.T) {
	everywhere(t, func(t *testing.T, dir string, place []string) {
		run := func(stdin string, args ...string) result {
			t.Helper()
			return dochook(t, dir, stdin, append(args, place...)...)
		}
		write(t, dir, "all.ndjson", "{\"sku\":\"A\"}\n{\"sku\":\"B\"}\n{\"sku\":\"C\"}\n")
		write(t, dir, "cut.json", `[{"sku":"A"},{"sk`)
		if r := run("", "import", "all.ndjson", "--doctype=Product", "--key=sku", "--full", "--baseline"); r.code != 0 {
			t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		r := run("", "import", "cut.json", "--doctype=Product", "--full")
		id := jobID.FindStringSubmatch(r.out)
		if r.code != 1 || id == nil || !strings.Contains(r.out, " is failed\n") || !strings.Contains(r.err, "dochook: cut.json: ") {
			t.Fatalf("cut off: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = run("", "jobs", "show", id[1]); !strings.Contains(r.out, "  reason: cut.json: ") {
			t.Errorf("show: exit %d\n%s%s", r.code, r.out, r.err)
		}
		if r = run("", "jobs", "stop", id[1]); r.code != 0 || r.out != "job "+id[1]+" of product had ended already: failed\n" {
			t.Errorf("stop: exit %d\n%s%s", r.code, r.out, r.err)
		}
		// Expected to be more; a partial job of the same scraper; and none that removes.
		r = run(`[{"sku":"A"},{"sku":"B"}]`, "import", "-", "--doctype=Product", "--full", "--expect=3")
		if r.code != 1 || !strings.Contains(r.out, "fewer records than were expected") {
			t.Errorf("expected more: exit %d\n%s%s", r.code, r.out, r.err)
		}
		r = run(`{"sku":"D"}`, "import", "-", "--doctype=Product", "--scraper=product")
		if r.code != 0 || !strings.HasSuffix(r.out, " of product is finished\n") {
			t.Errorf("partial: exit %d\n%s%s", r.code, r.out, r.err)
		}
		for name, tc := range map[string]struct {
			args string
			code int
			says string
		}{
			"no file":          {"import none.json --doctype=Product --full", 1, "cannot read none.json: no such file"},
			"unknown scraper":  {"import all.ndjson --doctype=Product --scraper=none", 1, "there is no Scraper none"},
			"of another":       {"import all.ndjson --doctype=Other --key=sku --scraper=product", 1, "the Scraper product feeds Product, not Other"},
			"expect alone":     {"import all.ndjson --doctype=Product --expect=3", 2, "add --full"},
			"baseline alone":   {"import all.ndjson --doctype=Product --baseline", 2, "add --full"},
			"expect below 0":   {"import all.ndjson --doctype=Product --full --expect=-1", 2, "from 0 on"},
			"unknown job":      {"jobs show nothing", 1, `"nothing" not found`},
			"unknown status":   {"jobs list --status=odd", 2, "--status must be one of"},
			"limit":            {"jobs list --limit=0", 2, "--limit is from 1"},
			"approve an ended": {"jobs approve " + id[1], 1, "holds nothing back"},
		} {
			if r := run("", strings.Fields(tc.args)...); r.code != tc.code || !strings.Contains(r.err, tc.says) {
				t.Errorf("%s: exit %d, want %d with %q\n%s%s", name, r.code, tc.code, tc.says, r.out, r.err)
			}
		}
	})
}

// TestJobs_stop ends a job that stands in the way of a full import.
func TestJobs_stop(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	c := client(t, p.url)
	insert(t, c, "DocType", `{"name":"Product","autoname":"field:sku","scraper":"shop"}`, "Scraper", `{"name":"shop","feeds":"Product"}`)
	open, err := c.CreateJob(t.Context(), "shop", []byte(`{"mode":"full"}`))
	if err != nil {
		t.Fatal(err)
	}
	place := []string{"--server", p.url, "--token", token}
	r := dochook(t, dir, `{"sku":"A"}`, append([]string{"import", "-", "--doctype=Product", "--full"}, place...)...)
	if r.code != 1 || !strings.Contains(r.err, open.ID) || !strings.Contains(r.err, "hint: see it with: dochook jobs list --scraper shop") {
		t.Errorf("beside an open job: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if out := ok(t, dir, append([]string{"jobs", "stop", open.ID}, place...)...); out != "stopped job "+open.ID+" of shop\n" {
		t.Errorf("stop says %s", out)
	}
	r = dochook(t, dir, `{"sku":"A"}`, append([]string{"import", "-", "--doctype=Product", "--full"}, place...)...)
	if r.code != 0 || !strings.Contains(r.out, " of shop is finished") {
		t.Errorf("after it: exit %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestImport_interrupted: Ctrl-C stops the job, and nothing is removed.
func TestImport_interrupted(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	c := client(t, p.url)
	insert(t, c, "DocType", `{"name":"Product","autoname":"field:sku"}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, dir, nil, "import", "-", "--doctype=Product", "--full", "--server", p.url, "--token", token)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, `{"sku":"A"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var id string
	for id == "" {
		<-tick.C
		names, err := c.Names(ctx, "Scrape Job")
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 0 {
			id = names[0]
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(out.String(), "dochook: interrupted") {
		t.Errorf("%v\n%s", err, out)
	}
	j, err := c.Job(t.Context(), id)
	if err != nil || j.Status != "stopped" {
		t.Errorf("the job is %s, %v", j.Status, err)
	}
}
