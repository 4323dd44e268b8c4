package dbtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"dochook/migrations"
)

const envHold = "DOCHOOK_TEST_HOLD"

// TestMain is also the process that TestServer_ends_with_a_killed_process kills.
func TestMain(m *testing.M) {
	if os.Getenv(envHold) != "" {
		os.Exit(hold())
	}
	os.Exit(Main(m))
}

// hold starts a server, says where, and never ends.
func hold() int {
	s, err := newServer(context.Background(), false)
	if err != nil {
		return 1
	}
	if _, err := fmt.Println(s.dir); err != nil { //nolint:forbidigo // it is how the processes talk
		return 1
	}
	select {}
}

func TestEach_gives_a_current_empty_schema(t *testing.T) {
	for range 2 {
		Each(t, func(t *testing.T, db *migrations.DB) {
			if err := migrations.Check(t.Context(), db); err != nil {
				t.Error(err)
			}
			if db.Postgres() != strings.HasSuffix(strings.TrimSuffix(t.Name(), "#01"), Postgres) {
				t.Errorf("%s has the wrong database", t.Name())
			}
			_, err := db.Write.ExecContext(t.Context(), "CREATE TABLE only_here (a integer)")
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestURL_is_for_several_processes(t *testing.T) {
	url := URL(t, Postgres)
	for range 2 {
		if err := migrations.Check(t.Context(), Open(t, url)); err != nil {
			t.Error(err)
		}
	}
}

func TestCluster_keeps_its_data(t *testing.T) {
	c := StartCluster(t)
	url := c.Database(t)
	db := Open(t, url)
	if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE kept (a integer)"); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop("kill"); err == nil {
		t.Error("an unknown mode was accepted")
	}
	if err := c.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop("immediate"); err == nil {
		t.Error("a server that does not run was stopped")
	}
	if _, err := migrations.Open(t.Context(), url, migrations.OpenOptions{}); err == nil {
		t.Error("a stopped server was opened")
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(t.Context(), "SELECT * FROM kept"); err != nil {
		t.Error(err)
	}
	if err := c.Stop("fast"); err != nil { // and the end of the test takes a stopped one away
		t.Fatal(err)
	}
}

func TestServer_ends_with_a_killed_process(t *testing.T) {
	if _, err := findBinaries(); err != nil {
		missing(t)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), envHold+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir, err := bufio.NewReader(out).ReadString('\n')
	dir = strings.TrimSpace(dir)
	if err != nil || !strings.Contains(dir, "dochook-pg-") {
		t.Fatalf("the other process said %q (%v)", dir, err)
	}
	if _, err := os.Stat(dir + "/data/postmaster.pid"); err != nil {
		t.Errorf("the server does not run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return // removed only after the server has ended
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s is still there", dir)
		}
	}
}

// outcome is a test that notes how it was ended.
type outcome struct {
	testing.TB
	skipped, failed string
}

func (o *outcome) Helper()                           {}
func (o *outcome) Skipf(format string, args ...any)  { o.skipped = fmt.Sprintf(format, args...) }
func (o *outcome) Fatalf(format string, args ...any) { o.failed = fmt.Sprintf(format, args...) }

func TestMissing_server_skips_unless_required(t *testing.T) {
	for require, fails := range map[string]bool{"": false, "node": false, "postgres": true, "node,postgres": true} {
		t.Setenv(envRequire, require)
		o := &outcome{TB: t}
		missing(o)
		if (o.failed != "") != fails || (o.skipped != "") == fails {
			t.Errorf("required %q: failed with %q, skipped with %q", require, o.failed, o.skipped)
		}
	}
}
