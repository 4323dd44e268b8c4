package server_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "dochook"

// A restriction keeps names of the standard library, outside tests, in their
// rooms. Without names it is the whole package, and rooms are where it may not be.
type restriction struct {
	path  string
	names []string
	rooms []string
	why   string
}

func restrictions() []restriction {
	clients := []string{"hooks/sender", "fixtures/...", "server/cli", "server/cli/deliveries", "server/cli/doctor", "server/cli/watch", "server/panel/paneltest", "server/trace"}
	out := "requests to others leave through hooks/sender alone, which checks the address; fixtures, server/cli and server/panel/paneltest are clients of our own service, server/trace of the operator's collector"
	found := []restriction{
		{path: "net/http", names: []string{
			"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext",
		}, rooms: clients, why: out},
		{path: "net", names: []string{"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialUnix", "Dialer"}, rooms: clients, why: out},
		{path: "crypto/tls", names: []string{"Dial", "DialWithDialer", "Dialer", "Client"}, rooms: clients, why: out},
		{path: "database/sql", names: []string{"Open", "OpenDB"}, rooms: []string{"migrations"}, why: "one place opens the database, with one writer and our settings"},
		{path: "os", names: []string{"Getenv", "LookupEnv", "Environ"}, rooms: []string{".", "server/cli", "server/cli/again", "server/cli/terminal", "server/panel/paneltest", "migrations/dbtest", "fixtures/..."}, why: "settings come in as arguments"},
	}
	for _, p := range []string{"context", "database/sql", "log/slog", "math/rand/v2", "net", "net/http", "os", "time"} {
		found = append(found, restriction{path: p, rooms: []string{"mapping/..."}, why: "mapping is a pure function: JSON in, bytes out, no clock, no database, no network"})
	}
	return found
}

// What may be longer than the limits, and why.
var (
	longFiles     = map[string]string{}
	longFunctions = map[string]string{} // "folder.Name" or "folder.Type.Name"
)

const (
	maxFileLines     = 500  // of any file
	maxFunctionLines = 80   // between the braces, outside tests
	maxPackageLines  = 1500 // neither blank nor comment, outside tests
)

// source is one Go file of the module.
type source struct {
	path, folder string // relative to the module, with slashes
	test         bool
	text         string
	file         *ast.File
	set          *token.FileSet
}

func (s *source) line(p token.Pos) int { return s.set.Position(p).Line }

// parsed reads every Go file of the module, whatever system it is for, once.
var parsed = sync.OnceValues(func() ([]*source, error) {
	root := os.DirFS("..")
	if _, err := fs.Stat(root, "go.mod"); err != nil {
		return nil, fmt.Errorf("this test belongs one folder below go.mod: %w", err)
	}
	set := token.NewFileSet()
	var all []*source
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && (base == "testdata" || base == "node_modules" || len(base) > 1 && strings.ContainsRune("._", rune(base[0]))) {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, &source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), string(text), file, set})
		return nil
	})
	return all, err
})

func tree(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files", len(all))
	}
	return all
}

// within tells whether a folder is one of the rooms.
func within(folder string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		parent, below := strings.CutSuffix(room, "/...")
		return folder == parent || below && strings.HasPrefix(folder, parent+"/")
	})
}

// below tells whether an import path is a module or a package in it.
func below(imported, parent string) bool {
	return imported == parent || strings.HasPrefix(imported, parent+"/")
}

// ours returns the folder of a package of this module.
func ours(imported string) (folder string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// eachImport calls fn with every import.
func eachImport(t *testing.T, fn func(s *source, at int, imported, local string)) {
	t.Helper()
	for _, s := range tree(t) {
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", s.path, err)
			}
			local := path.Base(imported)
			if spec.Name != nil {
				local = spec.Name.Name
			}
			fn(s, s.line(spec.Pos()), imported, local)
		}
	}
}

func TestEveryPackageHasARow(t *testing.T) {
	folders := map[string]bool{}
	for _, s := range tree(t) {
		folders[s.folder] = true
	}
	rows := map[string]bool{}
	for _, r := range house() {
		if rows[r.folder] {
			t.Errorf("two rows for %s", r.folder)
		}
		rows[r.folder] = true
		if !folders[r.folder] {
			t.Errorf("the row of %s has no package any more: delete it", r.folder)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if !rows[folder] {
			t.Errorf("package %s has no row in house(): what may it import?", folder)
		}
		if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "models", "consts", "manager"}, path.Base(folder)) {
			t.Errorf("package %s is named after nothing: such a room attracts everything", folder)
		}
	}
}

func TestImportsPointOneWay(t *testing.T) {
	rows := map[string]room{}
	for _, r := range house() {
		rows[r.folder] = r
	}
	eachImport(t, func(s *source, at int, imported, _ string) {
		target, ok := ours(imported)
		if !ok || target == s.folder || s.test { // tests may join rooms; the compiler forbids the circles
			return
		}
		if !within(target, rows[s.folder].may) {
			t.Errorf("%s:%d: %s imports %s; it may import %s", s.path, at, s.folder, target, cmp.Or(strings.Join(rows[s.folder].may, ", "), "nothing of ours"))
		}
	})
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	used := map[string]bool{}
	eachImport(t, func(s *source, at int, imported, _ string) {
		if domain, _, _ := strings.Cut(imported, "/"); !strings.Contains(domain, ".") {
			return // the standard library, or ours
		}
		i := slices.IndexFunc(libraries(), func(l library) bool { return below(imported, l.path) })
		if i < 0 {
			t.Errorf("%s:%d: %s has no row in libraries(): why do we need it, and where?", s.path, at, imported)
			return
		}
		l := libraries()[i]
		used[l.path] = true
		if within(s.folder, l.rooms) || s.test && within(s.folder, l.tests) {
			return
		}
		t.Errorf("%s:%d: %s imports %s, whose rooms are: %s; in tests also: %s", s.path, at, s.folder, imported,
			cmp.Or(strings.Join(l.rooms, ", "), "none"), cmp.Or(strings.Join(l.tests, ", "), "none"))
	})
	for _, l := range libraries() {
		if !used[l.path] {
			t.Errorf("nobody imports %s any more: delete its row", l.path)
		}
	}
}

func TestStandardLibraryHasRoomsToo(t *testing.T) {
	eachImport(t, func(s *source, at int, imported, local string) {
		if s.test {
			return
		}
		for _, r := range restrictions() {
			if r.path != imported {
				continue
			}
			if len(r.names) == 0 {
				if within(s.folder, r.rooms) {
					t.Errorf("%s:%d: %s imports %s: %s", s.path, at, s.folder, imported, r.why)
				}
				continue
			}
			if within(s.folder, r.rooms) {
				continue
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && isIdent(sel.X, local) && slices.Contains(r.names, sel.Sel.Name) {
					t.Errorf("%s:%d: %s uses %s.%s: %s", s.path, s.line(sel.Pos()), s.folder, imported, sel.Sel.Name, r.why)
				}
				return true
			})
		}
	})
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func TestPackagesSayWhatTheyPromise(t *testing.T) {
	docs := map[string][]*source{}
	for _, s := range tree(t) {
		if _, ok := docs[s.folder]; !ok {
			docs[s.folder] = nil
		}
		if s.file.Doc != nil && !s.test {
			docs[s.folder] = append(docs[s.folder], s)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(docs)) {
		want, start := path.Join(folder, "doc.go"), "Package "+path.Base(folder)+" "
		files := docs[folder]
		if len(files) > 0 && files[0].file.Name.Name == "main" { // says what the program does, in its own words
			want, start = path.Join(folder, "main.go"), ""
		}
		if len(files) != 1 || files[0].path != want {
			t.Errorf("%s: the package comment belongs in %s and nowhere else", folder, want)
			continue
		}
		text, ok := strings.CutPrefix(files[0].file.Doc.Text(), start)
		if !ok {
			t.Errorf("%s: the package comment does not begin with %q", want, start)
			continue
		}
		sentence, _, _ := strings.Cut(text, ".")
		if len(strings.Fields(sentence)) < 8 {
			t.Errorf("%s: the first sentence does not say what the package promises: %q", want, start+sentence)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	long := map[string]bool{}
	for _, s := range tree(t) {
		lines := strings.Count(s.text, "\n")
		long[s.path] = lines > maxFileLines
		if long[s.path] && longFiles[s.path] == "" {
			t.Errorf("%s has %d lines, more than %d", s.path, lines, maxFileLines)
		}
	}
	for name := range longFiles {
		if !long[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	long := map[string]bool{}
	for _, s := range tree(t) {
		for _, d := range s.file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || s.test {
				continue
			}
			name := s.folder + "." + receiver(fn) + fn.Name.Name
			lines := s.line(fn.Body.Rbrace) - s.line(fn.Body.Lbrace) - 1
			if lines <= maxFunctionLines {
				continue
			}
			long[name] = true
			if longFunctions[name] == "" {
				t.Errorf("%s:%d: %s has %d lines, more than %d", s.path, s.line(fn.Pos()), name, lines, maxFunctionLines)
			}
		}
	}
	for name := range longFunctions {
		if !long[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}

// receiver is "Type." for a method and nothing for a function.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	e := fn.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name + "."
		default:
			return ""
		}
	}
}

func TestPackagesAreSmall(t *testing.T) {
	lines := map[string]int{}
	for _, s := range tree(t) {
		if !s.test {
			lines[s.folder] += codeLines(s)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(lines)) {
		t.Logf("%5d %s", lines[folder], folder)
		if lines[folder] > maxPackageLines {
			t.Errorf("%s has %d lines of code, more than %d: split it by what it does, and give the new room a row", folder, lines[folder], maxPackageLines)
		}
	}
}

// codeLines counts the lines that are neither blank nor only a comment.
func codeLines(s *source) int {
	var scan scanner.Scanner
	set := token.NewFileSet()
	scan.Init(set.AddFile(s.path, -1, len(s.text)), []byte(s.text), nil, 0) // without comments
	n, last := 0, 0
	for {
		pos, tok, text := scan.Scan()
		if tok == token.EOF {
			return n
		}
		if text == "\n" {
			text = "" // the semicolon that a line's end stands for
		}
		first := set.Position(pos).Line
		end := first + strings.Count(text, "\n")
		n += end - max(first-1, last)
		last = end
	}
}
