package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dochook/fixtures/peer"
	"dochook/server/docs"
)

// patience is how long a page waits for what comes by itself.
const patience = 30 * time.Second

// TestCommands walks the pages command by command: those in blocks marked <!-- test --> run in one shell, in order, and must answer what
// stands behind them, … being any text; what stands in blocks marked <!-- arrives --> must have arrived, and nothing else.
func TestCommands(t *testing.T) {
	need(t, "curl")
	names, texts := pages(t)
	walked := 0
	for _, name := range names {
		marked := slices.ContainsFunc(blocks(texts[name]), func(b block) bool { return b.kind == "console" && b.mark != "" })
		if !marked {
			continue
		}
		walked++
		t.Run(name, func(t *testing.T) {
			w := &walk{t: t, dir: t.TempDir(), program: program(t)}
			w.begin(name == "getting-started")
			for _, b := range blocks(texts[name]) {
				w.block(b)
			}
			w.arrive("") // nothing that the page does not tell
		})
	}
	if walked < 8 {
		t.Errorf("only %d pages have commands that are tested", walked)
	}
}

// walk is one page with a service, a receiver and a shell of its own.
type walk struct {
	t            *testing.T
	dir, program string
	token        string
	ports        map[string]string // that the page says, and what they are
	arrived      func() []string   // lines such as POST /in {…}
	told         int               // of them
	shell        *shell
}

// begin starts what every page but the first takes for granted.
func (w *walk) begin(first bool) {
	w.ports = map[string]string{}
	w.shell = startShell(w.t, w.dir, environment("PATH="+w.program+string(os.PathListSeparator)+os.Getenv("PATH")))
	if first {
		w.arrived = func() []string { return nil }
		return
	}
	receiver, err := peer.StartReceiver(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = receiver.Close() }) // the test is over
	_, w.ports["9000"], _ = net.SplitHostPort(strings.TrimPrefix(receiver.URL(), "http://"))
	w.arrived = func() []string {
		var out []string
		for _, r := range receiver.Requests() {
			out = append(out, r.Method+" "+r.Path+" "+string(r.Body))
		}
		return out
	}
	w.serve("dochook serve --allow-target 127.0.0.1")
	for _, command := range []string{
		"export TOKEN=key:secret", `export H="Authorization: token $TOKEN"`,
		`curl -s -H "$H" localhost:8000/api/resource/DocType -d '{"name": "Product", "autoname": "field:sku"}'`,
	} {
		w.run(docs.Step{Command: command, Answer: "…"})
	}
}

// block does what a block of the page asks for.
func (w *walk) block(b block) {
	w.t.Helper()
	all := docs.Steps(b.text)
	switch {
	case b.mark == "arrives":
		w.arrive(b.text)
	case b.kind != "console" || b.mark == "":
	case b.mark == "test":
		for _, s := range all {
			w.run(s)
		}
	case b.mark == "test: service":
		w.serve(all[0].Command)
	case b.mark == "test: receiver":
		w.receive(all)
	default:
		w.t.Errorf("what is %q?", b.mark)
	}
}

// here turns a text of the page into what is so here, and there turns it back.
func (w *walk) here(text string) string {
	for said, port := range w.ports {
		text = regexp.MustCompile(`\b`+said+`\b`).ReplaceAllString(text, port)
	}
	return strings.ReplaceAll(text, "key:secret", w.token)
}

func (w *walk) there(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n") // of CSV
	for said, port := range w.ports {
		text = regexp.MustCompile(`\b`+port+`\b`).ReplaceAllString(text, said)
	}
	return text
}

func (w *walk) run(s docs.Step) {
	w.t.Helper()
	out, code, err := w.shell.run(w.here(s.Command))
	out = strings.TrimSpace(w.there(out))
	if err != nil || code != 0 {
		w.t.Fatalf("$ %s\nexit code %d, %v\n%s", s.Command, code, err, out)
	}
	if !matches(s.Answer, out) {
		w.t.Errorf("$ %s\n%s\nand not\n%s", s.Command, out, s.Answer)
	}
}

// matches compares a text with what a page says, in which … stands for any text.
func matches(said, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(said)), "…", "(?s:.*)")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(got)
}

// arrive waits for as many requests as lines and compares them, in any order.
func (w *walk) arrive(text string) {
	w.t.Helper()
	wanted := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	until(w.t, func() string {
		if n := len(w.arrived()) - w.told; n < len(wanted) {
			return fmt.Sprintf("%d requests arrived, and %d are told of", n, len(wanted))
		}
		return ""
	})
	all := w.arrived()
	fresh := slices.Clone(all[w.told:])
	w.told = len(all)
	for _, line := range wanted {
		i := slices.IndexFunc(fresh, func(got string) bool { return matches(line, strings.TrimSpace(w.there(got))) })
		if i < 0 {
			w.t.Errorf("there has not arrived\n%s\nbut\n%s", line, strings.Join(fresh, "\n"))
			continue
		}
		fresh = slices.Delete(fresh, i, i+1)
	}
	if len(fresh) > 0 {
		w.t.Errorf("there has arrived, too:\n%s", strings.Join(fresh, "\n"))
	}
}

// serve starts the service with a command of the page.
func (w *walk) serve(command string) {
	w.t.Helper()
	out, errs := &lines{}, &lines{}
	w.start(command, out, errs, environment("DOCHOOK_LISTEN=127.0.0.1:0", "PATH="+w.program+string(os.PathListSeparator)+os.Getenv("PATH")))
	find := func(l *lines, pattern string) string {
		var found []string
		until(w.t, func() string {
			if found = regexp.MustCompile(pattern).FindStringSubmatch(l.String()); found == nil {
				return "not found: " + pattern + "\n" + l.String()
			}
			return ""
		})
		return found[1]
	}
	w.ports["8000"] = find(out, `listens on http://127\.0\.0\.1:(\d+)`)
	w.token = find(errs, `Authorization: token (\S+)`)
}

// receive runs the page's receiver: the last step is the one that goes on.
func (w *walk) receive(all []docs.Step) {
	w.t.Helper()
	python := need(w.t, "python3")
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	_, w.ports["9000"], _ = net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		w.t.Fatal(err)
	}
	last := all[len(all)-1]
	for _, s := range all[:len(all)-1] {
		w.run(s)
	}
	out := &lines{}
	w.start(last.Command, out, out, environment("PATH="+filepath.Dir(python)+string(os.PathListSeparator)+os.Getenv("PATH")))
	w.arrived = func() []string { return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' }) }
	until(w.t, func() string {
		c, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", "127.0.0.1:"+w.ports["9000"])
		if err != nil {
			return out.String() + err.Error()
		}
		_ = c.Close() // it was there
		return ""
	})
}

// start runs a command until the end of the test.
func (w *walk) start(command string, out, errs io.Writer, env []string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+w.here(command)) //nolint:gosec // a command of the pages
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, env, out, errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		cancel()
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was interrupted
	})
}

// lines keeps what a process writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// shell runs commands one after the other, and what they set stays.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

func startShell(t *testing.T, dir string, env []string) *shell {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "--norc")
	cmd.Dir, cmd.Env = dir, env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends with its input
	})
	return &shell{in, bufio.NewReader(out)}
}

// end follows the output of each command.
const end = "--- and that was all: "

func (s *shell) run(command string) (out string, code int, err error) {
	if _, err := io.WriteString(s.in, "{ "+command+"\n} 2>&1 </dev/null; printf '\\n%s%d\\n' '"+end+"' $?\n"); err != nil {
		return "", 0, err
	}
	var b strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return b.String(), 0, errors.Join(err, errors.New("the shell has ended"))
		}
		if rest, ok := strings.CutPrefix(line, end); ok {
			_, err := fmt.Sscan(rest, &code)
			return b.String(), code, err
		}
		b.WriteString(line)
	}
}

// until asks again and again until nothing is missing.
func until(t *testing.T, ask func() (missing string)) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		missing := ask()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}
