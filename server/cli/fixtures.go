package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"dochook/fixtures"
	"dochook/fixtures/definitions"
	"dochook/migrations"
	"dochook/server/cli/place"
	"dochook/server/cli/terminal"
)

// Fixtures moves definitions in and out as files, and plays scenarios.
type Fixtures struct {
	Load   FixturesLoad   `cmd:"" help:"Store the DocTypes, Scrapers and Webhooks in JSON files; what is stored already stays."`
	Export FixturesExport `cmd:"" help:"Write all DocTypes, Scrapers and Webhooks as JSON, secrets masked."`
	Run    FixturesRun    `cmd:"" help:"Play the scenarios built into the program, each on a temporary database."`
}

// FixturesLoad stores definitions.
type FixturesLoad struct {
	Place
	Targets
	Files []string `arg:"" help:"JSON files; - is standard input." name:"file"`
}

// Run stores them.
func (f *FixturesLoad) Run(ctx context.Context, g *Globals, s *Streams) error {
	var files []definitions.File
	for _, name := range f.Files {
		text, err := readFile(s, name)
		if err != nil {
			return err
		}
		files = append(files, definitions.File{Name: name, Data: text})
	}
	return f.with(ctx, opening{g, f.Targets, creating, g.logger(s.Err)}, func(at *place.Opened) error {
		done, err := definitions.Load(ctx, at, files)
		if g.JSON {
			if printErr := terminal.PrintJSON(s.Out, append([]definitions.Loaded{}, done...)); err == nil {
				err = printErr
			}
			return err
		}
		for _, l := range done {
			if printErr := printf(s.Out, "%-9s %s %s\n", l.Result, l.Kind, l.Name); err == nil {
				err = printErr
			}
		}
		return err
	})
}

func readFile(s *Streams, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(s.In)
	}
	text, err := os.ReadFile(name) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, failf("cannot read %s: %s", name, rootCause(err)).because(err)
	}
	return text, nil
}

// FixturesExport writes definitions.
type FixturesExport struct {
	Place
	Out string `help:"Folder to write doctype.json, scraper.json and webhook.json to; without it everything goes to standard output." type:"path" placeholder:"DIR"`
}

// Run writes them.
func (f *FixturesExport) Run(ctx context.Context, g *Globals, s *Streams) error {
	var files []definitions.File
	err := f.with(ctx, opening{g, Targets{}, looking, g.logger(s.Err)}, func(at *place.Opened) (err error) {
		files, err = definitions.Export(ctx, at)
		return err
	})
	if err != nil {
		return err
	}
	if f.Out == "" {
		var lists []string
		for _, file := range files {
			if inner := strings.TrimSpace(strings.Trim(strings.TrimSpace(string(file.Data)), "[]")); inner != "" {
				lists = append(lists, "  "+inner)
			}
		}
		return printf(s.Out, "[\n%s\n]\n", strings.Join(lists, ",\n"))
	}
	if err := os.MkdirAll(f.Out, 0o750); err != nil {
		return failf("cannot make %s: %s", f.Out, rootCause(err)).because(err)
	}
	var written []string
	for _, file := range files {
		path := filepath.Join(f.Out, file.Name)
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			return failf("cannot write %s: %s", path, rootCause(err)).because(err)
		}
		written = append(written, path)
		if g.JSON {
			continue
		}
		if err := printf(s.Out, "wrote %s\n", path); err != nil {
			return err
		}
	}
	if g.JSON {
		return terminal.PrintJSON(s.Out, written)
	}
	return nil
}

// FixturesRun plays scenarios.
type FixturesRun struct {
	Pattern string `arg:"" optional:"" help:"Names to play, such as '08*'; all if absent." name:"glob"`
}

// played is what came of one scenario.
type played struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
	story   string
}

// scenariosAtOnce: a scenario mostly waits.
const scenariosAtOnce = 4

// Run plays them; it fails if one does.
func (f *FixturesRun) Run(ctx context.Context, g *Globals, s *Streams) error {
	all, err := fixtures.Scenarios(f.Pattern)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return failf("no scenario is called %s", f.Pattern).hint("dochook fixtures run lists them all by playing them")
	}
	results := make([]played, len(all))
	done := make([]chan struct{}, len(all))
	places := make(chan struct{}, scenariosAtOnce)
	var running sync.WaitGroup
	defer running.Wait()
	for i := range all {
		done[i] = make(chan struct{})
		running.Go(func() {
			defer close(done[i])
			places <- struct{}{}
			defer func() { <-places }()
			results[i] = playOne(ctx, all[i], g.logger(s.Err))
		})
	}
	failed := 0
	for i := range all {
		<-done[i]
		r := &results[i]
		if !r.OK {
			failed++
		}
		if err := r.print(g, s.Out); err != nil {
			return err
		}
	}
	if g.JSON {
		err = terminal.PrintJSON(s.Out, results)
	} else {
		err = printf(s.Out, "%d scenarios, %d failed\n", len(all), failed)
	}
	if err == nil && failed > 0 {
		err = &Error{CodeWord: CodeFailed, Message: "scenarios failed", Quiet: true}
	}
	return err
}

func (r *played) print(g *Globals, w io.Writer) error {
	if g.JSON {
		return nil
	}
	if r.OK {
		return printf(w, "ok    %-32s %s\n", r.Name, r.story)
	}
	return printf(w, "FAIL  %-32s %s\n%s\n", r.Name, r.story, r.Error)
}

func playOne(ctx context.Context, scenario *fixtures.Scenario, log *slog.Logger) played {
	start := time.Now()
	err := onTemporary(ctx, log, scenario.Run)
	story, _, _ := strings.Cut(scenario.Story, "\n")
	p := played{Name: scenario.Name, OK: err == nil, Seconds: time.Since(start).Seconds(), story: story}
	if err != nil {
		p.Error = err.Error()
	}
	return p
}

// onTemporary runs fn on a new SQLite database that is thrown away.
func onTemporary(ctx context.Context, log *slog.Logger, fn func(context.Context, *migrations.DB) error) (err error) {
	dir, err := os.MkdirTemp("", "dochook-scenario-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	db, err := migrations.Open(ctx, "sqlite:"+filepath.Join(dir, "scenario.db"), migrations.OpenOptions{Logger: log})
	if err != nil {
		return err
	}
	if _, err := migrations.Up(ctx, db, nil); err != nil {
		return closeAfter(db, err)
	}
	if err := fn(ctx, db); err != nil {
		return closeAfter(db, err)
	}
	return db.Close()
}
