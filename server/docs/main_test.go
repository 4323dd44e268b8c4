package docs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/docs"
)

func TestMain(m *testing.M) {
	code := dbtest.Main(m)
	if dir, _ := folder(); dir != "" {
		_ = os.RemoveAll(dir) // a folder of ours
	}
	os.Exit(code)
}

// folder is where the program is built.
var folder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "dochook-docs-") })

// built builds the program once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := folder()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "dochook")
	out, err := exec.Command("go", "build", "-o", program, "dochook").CombinedOutput() //nolint:gosec // a path of ours
	if err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return dir, nil
})

// program is the folder the built program lies in.
func program(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// need returns the path of a program of others, or skips the test for want of it.
func need(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err == nil {
		return found
	}
	if slices.Contains(strings.Split(os.Getenv("DOCHOOK_REQUIRE"), ","), name) {
		t.Fatalf("%s is required, but there is none", name)
	}
	t.Skipf("NOT TESTED WITH %s: there is none", strings.ToUpper(name))
	return ""
}

// environment is ours without proxies and without the settings of somebody's own service, with more in it.
func environment(more ...string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		return strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "DOCHOOK_")
	}), more...)
}

// pages are the pages by name.
func pages(t *testing.T) (names []string, texts map[string]string) {
	t.Helper()
	names, texts, err := docs.Sources()
	if err != nil {
		t.Fatal(err)
	}
	return names, texts
}

// block is a fenced block, with what the comment before it says.
type block struct{ mark, kind, text string }

var fenced = regexp.MustCompile("(?m)(?:^<!-- (.*) -->\n)?^```([a-z]*)\n((?:.*\n)*?)```$")

// blocks are the fenced blocks of a page, in order.
func blocks(text string) []block {
	var out []block
	for _, found := range fenced.FindAllStringSubmatch(text, -1) {
		out = append(out, block{found[1], found[2], found[3]})
	}
	return out
}
