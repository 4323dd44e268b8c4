package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

var errNoBinaries = errors.New("no initdb and postgres in PATH or /usr/lib/postgresql/*/bin: install PostgreSQL, or set " +
	envServer + "=postgres://… to a server where databases may be created")

// watch starts the server and says so, then runs it until a line, the mode of the stop, comes in, or until the input ends because the
// test process did: then the folder goes too. A shell can do that on any Unix, and unlike a signal bound to the parent's thread it
// does not mind Go's moving goroutines.
const watch = `dir=$1 pg_ctl=$2
"$pg_ctl" start -w -D "$dir/data" -l "$dir/postgres.log" >>"$dir/pg_ctl.log" 2>&1 || exit 1
echo started
read -r mode
"$pg_ctl" stop -w -D "$dir/data" -m "${mode:-immediate}" >>"$dir/pg_ctl.log" 2>&1
code=$?
[ -n "$mode" ] || rm -rf "$dir"
exit $code`

// server is a PostgreSQL server in a folder of its own.
type server struct {
	bin      string
	dir      string
	port     int
	password string
	sync     bool // fsync, as in production

	stdin  *os.File // of the watching shell; closed: the server ends and the folder goes
	exited chan error
}

// newServer makes and starts a server on a free port of the loopback interface.
func newServer(ctx context.Context, fsync bool) (*server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "dochook-pg-")
	if err != nil {
		return nil, err
	}
	s := &server{bin: bin, dir: dir, password: rand.Text(), sync: fsync}
	if err := s.init(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for range 3 { // somebody may take the free port before the server does
		if err = s.configure(ctx); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func findBinaries() (string, error) {
	var found []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, filepath.Dir(path))
		}
	}
	packaged, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(packaged, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(found, packaged...) {
		_, errInit := os.Stat(filepath.Join(dir, "initdb"))
		_, errServer := os.Stat(filepath.Join(dir, "postgres"))
		if errInit == nil && errServer == nil {
			return dir, nil
		}
	}
	return "", errNoBinaries
}

// version is 15 for /usr/lib/postgresql/15/bin.
func version(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// init makes the data folder. It prefers an ICU collation, in which, as in production and unlike in the C locale, text does not sort by
// bytes; not every build has ICU.
func (s *server) init(ctx context.Context) error {
	pwfile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(pwfile, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := handOver(s.dir, pwfile); err != nil {
		return err
	}
	var errs []error
	for _, locale := range [][]string{{"--locale-provider=icu", "--icu-locale=en-US", "--locale=C"}, {"--locale=C"}} {
		args := append([]string{
			"--pgdata=" + s.data(), "--username=postgres", "--pwfile=" + pwfile, "--auth=password", "--encoding=UTF8", "--no-sync",
		}, locale...)
		cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), args...) //nolint:gosec // a program of the system
		cmd.Dir = s.dir
		if err := demote(cmd); err != nil {
			return err
		}
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("initdb: %w: %s", err, out))
	}
	return errors.Join(errs...)
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// configure chooses a port.
func (s *server) configure(ctx context.Context) error {
	var err error
	if s.port, err = freePort(ctx); err != nil {
		return err
	}
	onOff := map[bool]string{true: "on", false: "off"}[s.sync]
	conf := fmt.Sprintf("listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\nmax_connections = 200\n"+
		"fsync = %s\nfull_page_writes = %s\n", s.port, s.dir, onOff, onOff)
	path := filepath.Join(s.data(), "postgresql.auto.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return err
	}
	return handOver(path)
}

func (s *server) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// start starts the server and waits until it lets us in.
func (s *server) start() error {
	// Not bound to a context: it outlives the test that asked for it.
	cmd := exec.Command("/bin/sh", "-c", watch, "sh", s.dir, filepath.Join(s.bin, "pg_ctl")) //nolint:gosec,noctx // see above
	cmd.Dir = s.dir
	if err := demote(cmd); err != nil {
		return err
	}
	stdin, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, stdin.Close()); err != nil {
		return errors.Join(err, ours.Close())
	}
	_, err = io.ReadFull(stdout, make([]byte, len("started\n")))
	s.stdin, s.exited = ours, make(chan error, 1)
	go func() { s.exited <- cmd.Wait() }()
	if err != nil {
		return errors.Join(err, s.end(), s.logs())
	}
	return nil
}

func (s *server) logs() error {
	var text []byte
	for _, name := range []string{"pg_ctl.log", "postgres.log"} {
		log, _ := os.ReadFile(filepath.Join(s.dir, name)) //nolint:gosec // our own folder
		text = append(text, log...)
	}
	return fmt.Errorf("start postgres: %s", text)
}

// stop ends the server and keeps the folder.
func (s *server) stop(mode string) error {
	if s.stdin == nil {
		return errors.New("the server does not run")
	}
	_, err := io.WriteString(s.stdin, mode+"\n")
	return errors.Join(err, s.end())
}

// end waits for the watching shell. What it was not told before, it takes as the order to remove everything.
func (s *server) end() error {
	err := s.stdin.Close()
	s.stdin = nil
	return errors.Join(err, <-s.exited)
}

// remove ends the server, if it still runs, and its folder.
func (s *server) remove() error {
	if s.stdin == nil {
		return os.RemoveAll(s.dir)
	}
	return s.end()
}
