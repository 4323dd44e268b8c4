package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"dochook/fixtures/peer"
	"dochook/server/cli/place"
	"dochook/server/cli/terminal"
)

// Import feeds files into a DocType.
type Import struct {
	Place
	Files    []string `arg:"" help:"NDJSON, JSON or CSV files, plain, gzip or zstd; - is standard input." name:"file"`
	DocType  string   `help:"The DocType the records belong to." name:"doctype" required:"" placeholder:"DOCTYPE"`
	Key      string   `help:"The member that names a record; with it a DocType that does not exist is made." placeholder:"FIELD"`
	Records  string   `help:"Path of the array of records inside a wrapper." placeholder:"PATH"`
	Mode     string   `help:"replace: a record is the whole document; merge: its members are written over it." enum:"replace,merge" default:"replace"`
	Shape    string   `help:"map: the members of the object are the records." enum:",map" default:""`
	Full     bool     `help:"The files hold all there is, as one full job: documents of its scraper that are missing are removed, unless that looks wrong. Then they are held, and the exit code is 1."`
	Scraper  string   `help:"Feed the files as a job of this scraper. With --full alone it is the DocType's, or one named like the DocType." placeholder:"SCRAPER"`
	Expect   *int64   `help:"How many records the files of a job hold at least; with fewer nothing is removed." placeholder:"N"`
	Baseline bool     `help:"The first job of a scraper: its inserts and updates are no events."`
}

// Run feeds them, one after the other, and prints what became of the records.
// It fails when records were rejected, a file broke off, or a job is held.
func (i *Import) Run(ctx context.Context, g *Globals, s *Streams) error {
	asJob := i.Full || i.Scraper != ""
	switch {
	case !asJob && (i.Expect != nil || i.Baseline):
		return usagef("--expect and --baseline are about a job").hint("add --full, or --scraper for files that do not hold everything")
	case i.Expect != nil && *i.Expect < 0:
		return usagef("--expect is a number of records, from 0 on")
	}
	return i.with(ctx, opening{g, Targets{}, creating, g.logger(s.Err)}, func(at *place.Opened) error {
		if err := i.ensure(ctx, at, s); err != nil {
			return err
		}
		if asJob {
			return i.asJob(ctx, g, s, at)
		}
		all := outcome{Errors: []fileError{}}
		broken := i.feedAll(ctx, s, at, &all)
		return all.report(g, s, broken)
	})
}

// ensure makes the DocType if it does not exist and --key says how.
func (i *Import) ensure(ctx context.Context, d *place.Opened, s *Streams) error {
	stored, err := d.Get(ctx, "DocType", i.DocType)
	switch {
	case err == nil && i.Key != "":
		var known struct{ Autoname string }
		if err := json.Unmarshal(stored, &known); err != nil {
			return failf("the DocType %s cannot be read", i.DocType).because(err)
		}
		if known.Autoname != "field:"+i.Key {
			return failf("the DocType %s names its documents by %s, not by field:%s", i.DocType, known.Autoname, i.Key).hint("leave --key out")
		}
		return nil
	case err == nil:
		return nil
	case codeOf(err) != "not_found":
		return err
	case i.Key == "":
		return failf("there is no DocType %s", i.DocType).hint("name the member that is its key with --key, and it is made").because(err)
	}
	definition, err := json.Marshal(map[string]string{"name": i.DocType, "autoname": "field:" + i.Key})
	if err != nil {
		return err
	}
	if _, err := d.Insert(ctx, "DocType", definition); err != nil {
		return err
	}
	return printf(s.Err, "made the DocType %s, named by field:%s\n", i.DocType, i.Key)
}

// contentType is a hint; what counts is the content.
func contentType(name string) string {
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst"))) {
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	default:
		return "application/x-ndjson"
	}
}

// fileError is one rejected record.
type fileError struct {
	File string `json:"file"`
	peer.LineError
}

// outcome is what became of all files.
type outcome struct {
	peer.Ingested

	Errors []fileError     `json:"errors"`
	Broken string          `json:"broken,omitempty"` // why a file could not be read to its end
	Job    json.RawMessage `json:"job,omitempty"`
	job    place.Run
}

// feedAll feeds the files up to the first that breaks off, and returns why it
// did.
func (i *Import) feedAll(ctx context.Context, s *Streams, at *place.Opened, all *outcome) error {
	for _, name := range i.Files {
		answer, err := i.feedOne(ctx, s, name, func(text io.Reader) (peer.Ingested, error) {
			return at.Feed(ctx, i.DocType, all.job.ID, place.Body{
				Text: text, ContentType: contentType(name), Records: i.Records, Mode: i.Mode, Shape: i.Shape,
			})
		})
		all.add(name, answer)
		if err != nil {
			all.Broken = oneLine(explain(i.explain(err)).Message)
			return err
		}
	}
	return nil
}

// interruptible reads a body that may never come to its end, until ctx does.
// What is read of it is lost then.
func interruptible(ctx context.Context, body io.Reader) *io.PipeReader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(ctx.Err()) }) // never fails
	go func() {
		_, err := io.Copy(w, body)
		_ = w.CloseWithError(err)
	}()
	return r
}

// report prints the outcome and returns what is wrong with it.
func (o *outcome) report(g *Globals, s *Streams, broken error) error {
	if err := o.print(g, s); err != nil {
		return err
	}
	switch {
	case broken != nil:
		return broken
	case o.job.Waiting():
		return &Error{CodeWord: CodeFailed, Message: "the job is held", Quiet: true}
	case o.Rejected > 0:
		return &Error{CodeWord: CodeFailed, Message: "records were rejected", Quiet: true}
	}
	return nil
}

// feedOne feeds one file, with a progress bar if a person is looking.
func (i *Import) feedOne(ctx context.Context, s *Streams, name string, feed func(text io.Reader) (peer.Ingested, error)) (peer.Ingested, error) {
	var body io.Reader
	size := int64(-1)
	if name == "-" {
		in := interruptible(ctx, s.In)
		defer func() { _ = in.Close() }() // never fails
		body = in
	} else {
		f, err := os.Open(name) //nolint:gosec // the caller's own file
		if err != nil {
			return peer.Ingested{}, failf("cannot read %s: %s", name, rootCause(err)).because(err)
		}
		defer func() { _ = f.Close() }() // it was only read
		info, err := f.Stat()
		if err != nil {
			return peer.Ingested{}, failf("cannot read %s: %s", name, rootCause(err)).because(err)
		}
		if info.IsDir() {
			return peer.Ingested{}, failf("cannot read %s: it is a folder", name)
		}
		body, size = f, info.Size()
	}
	bar := newBar(s.Err, name, size)
	if bar != nil {
		body = io.TeeReader(body, bar)
	}
	answer, err := feed(io.NopCloser(body))
	if bar != nil {
		if finishErr := bar.Finish(); err == nil {
			err = finishErr
		}
	}
	switch codeOf(err) {
	case "truncated", "not_json", "unsupported", "too_large", "invalid": // of the file
		err = failf("%s: %s", shownName(name), explain(err).Message).because(err)
	}
	return answer, err
}

func shownName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// newBar is nil unless w is a terminal.
func newBar(w io.Writer, name string, size int64) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(filepath.Base(name)),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

func (o *outcome) add(file string, one peer.Ingested) {
	o.Received += one.Received
	o.Inserted += one.Inserted
	o.Updated += one.Updated
	o.Unchanged += one.Unchanged
	o.Duplicates += one.Duplicates
	o.Rejected += one.Rejected
	o.Omitted += one.Omitted
	for _, e := range one.Errors {
		o.Errors = append(o.Errors, fileError{file, e})
	}
}

func (o *outcome) print(g *Globals, s *Streams) error {
	if g.JSON {
		return terminal.PrintJSON(s.Out, o)
	}
	for _, e := range o.Errors {
		if err := printf(s.Err, "%s: %s (%s)\n", shownName(e.File), e.String(), e.Code); err != nil {
			return err
		}
	}
	if o.Omitted > 0 {
		if err := printf(s.Err, "and %d more\n", o.Omitted); err != nil {
			return err
		}
	}
	if o.Broken == "" || o.Received > 0 {
		if err := printf(s.Out, "%s\n", o.Ingested.String()); err != nil {
			return err
		}
	}
	if o.job.ID == "" {
		return nil
	}
	lines := []string{fmt.Sprintf("job %s of %s is %s", o.job.ID, o.job.Scraper, o.job.Status)}
	if n := o.job.Counts.Removed; n > 0 {
		lines[0] += fmt.Sprintf(": removed %d", n)
	}
	if o.job.Waiting() {
		lines = append(lines, heldLines(&o.job)...)
	}
	return printf(s.Out, "%s\n", strings.Join(lines, "\n"))
}
