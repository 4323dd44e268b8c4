package server_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w*)\(`)
	namedTest    = regexp.MustCompile("`(…?\\w*…?)`")
)

// TestGuarantees_have_their_tests fails for a promise of the README that names no test, or one that is not there.
func TestGuarantees_have_their_tests(t *testing.T) {
	root := os.DirFS("..")
	var there []string
	err := fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		for _, m := range testFunction.FindAllSubmatch(text, -1) {
			there = append(there, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(root, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## What is guaranteed, and how it is tested\n")
	if !found {
		t.Fatal("the README has no such section")
	}
	_, section, _ = strings.Cut(section, "|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n") // the table alone
	promises := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) != 2 {
			continue
		}
		promises++
		named := 0
		for _, m := range namedTest.FindAllStringSubmatch(cells[1], -1) {
			head, tail, short := strings.Cut(m[1], "…")
			if !short && !strings.HasPrefix(m[1], "Test") && !strings.HasPrefix(m[1], "Benchmark") {
				continue
			}
			named++
			if !slices.ContainsFunc(there, func(name string) bool {
				return name == m[1] || short && strings.HasPrefix(name, head) && strings.HasSuffix(name, tail)
			}) {
				t.Errorf("there is no test %s, which is to keep: %s", m[1], cells[0])
			}
		}
		if named == 0 && !strings.Contains(cells[1], "`fixtures/chaos`") {
			t.Errorf("no test keeps: %s", cells[0])
		}
	}
	if promises < 20 {
		t.Errorf("%d promises are read", promises)
	}
}
