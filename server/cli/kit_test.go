package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dochook/fixtures/peer"
	"dochook/migrations/dbtest"
)

// program is the built binary.
var program string //nolint:gochecknoglobals // made once by TestMain

func TestMain(m *testing.M) { os.Exit(buildAndTest(m)) }

func buildAndTest(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dochook-cli-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of ours
	program = filepath.Join(dir, "dochook")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, "dochook") //nolint:gosec // a path of ours
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("build: %w\n%s", err, out))
	}
	return dbtest.Main(m)
}

func fail(err error) int {
	_, _ = io.WriteString(os.Stderr, err.Error()+"\n") // nobody else to tell
	return 1
}

// result is what a finished process left.
type result struct {
	out, err string
	code     int
}

// command makes a process with an environment of its own.
func command(ctx context.Context, dir string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own binary
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}, env...)
	return cmd
}

// dochook runs a verb to its end in the folder dir.
func dochook(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, dir, nil, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a verb that must succeed and returns its output.
func ok(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := dochook(t, dir, "", args...)
	if r.code != 0 {
		t.Fatalf("dochook %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// tail keeps what a process writes.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// process is a running service.
type process struct {
	cmd  *exec.Cmd
	url  string
	errs *tail
	done chan struct{} // closed when it has ended
}

var address = regexp.MustCompile(`http://[0-9.:]+`) //nolint:gochecknoglobals // compiled once

// says waits for words on stderr: they come through a pipe of their own, and
// may be later than the address.
func (p *process) says(t *testing.T, words *regexp.Regexp) []string {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		if found := words.FindStringSubmatch(p.errs.String()); found != nil {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("not said: %s\n%s", words, p.errs)
		}
	}
}

// start starts a service and waits for its address.
func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(context.WithoutCancel(t.Context()), dir, env, args...), errs: &tail{}, done: make(chan struct{})}
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if at := address.FindString(line); at != "" && len(first) == 0 {
				first <- at
			}
			if err != nil {
				break
			}
		}
		_ = p.cmd.Wait() // its state is looked at
		close(p.done)
	}()
	t.Cleanup(func() { p.kill() })
	select {
	case p.url = <-first:
	case <-p.done:
		t.Fatalf("the service ended: %s", p.errs)
	case <-time.After(time.Minute):
		t.Fatalf("no address: %s", p.errs)
	}
	return p
}

// kill ends it the hard way and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// signal sends a signal.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop asks it to end and returns the exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		t.Fatalf("it does not end: %s", p.errs)
	}
	return p.cmd.ProcessState.ExitCode()
}

const (
	token    = "test:0123456789abcdef"
	loopback = "--allow-target=127.0.0.0/8"
	anyPort  = "--listen=127.0.0.1:0"
)

// tokenEnv makes a service accept token.
func tokenEnv() []string { return []string{"DOCHOOK_ADMIN_TOKEN=" + token} }

func client(t *testing.T, url string) *peer.Client {
	t.Helper()
	c, err := peer.NewClient(url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// insert makes definitions and documents: kind, JSON and so on.
func insert(t *testing.T, c *peer.Client, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if _, err := c.Insert(t.Context(), pairs[i], []byte(pairs[i+1])); err != nil {
			t.Fatalf("%s %s: %v", pairs[i], pairs[i+1], err)
		}
	}
}

// receiver starts a receiver that ends with the test.
func receiver(t *testing.T) *peer.Receiver {
	t.Helper()
	r, err := peer.StartReceiver(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// write makes a file in dir.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// status asks a door without credentials.
func status(t *testing.T, url, header string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// becomeReady waits until the service says that it does its work, which it does after its couriers' first round.
func (p *process) becomeReady(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); status(t, p.url+"/readyz", "") != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("it does not become ready")
		}
	}
}
