package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"dochook/server/cli/place"
	"dochook/server/cli/terminal"
)

// Jobs looks at scrape jobs and decides on what they hold back.
type Jobs struct {
	List    JobsList    `cmd:"" help:"List jobs, newest first."`
	Show    JobsShow    `cmd:"" help:"Show jobs, and what they hold back."`
	Approve JobsApprove `cmd:"" help:"Do what held jobs hold back: remove the documents they did not see."`
	Discard JobsDiscard `cmd:"" help:"Give up what held jobs hold back: nothing is removed."`
	Stop    JobsStop    `cmd:"" help:"End open jobs; what they brought stays, and nothing is removed."`
}

// JobsList lists jobs.
type JobsList struct {
	Place
	Scraper string `help:"Only jobs of this scraper." placeholder:"SCRAPER"`
	Status  string `help:"Only jobs that are pending, in_progress, finished, failed, stopped or held." enum:",pending,in_progress,finished,failed,stopped,held" default:"" placeholder:"STATUS"`
	Limit   int    `help:"At most so many." default:"20" placeholder:"N"`
}

// Run lists them.
func (l *JobsList) Run(ctx context.Context, g *Globals, s *Streams) error {
	if l.Limit < 1 || l.Limit > 10_000 {
		return usagef("--limit is from 1 to 10000")
	}
	return l.with(ctx, opening{g, Targets{}, looking, g.logger(s.Err)}, func(at *place.Opened) error {
		found, err := at.FindRuns(ctx, l.Scraper, l.Status, l.Limit)
		if err != nil {
			return err
		}
		if g.JSON {
			return printRuns(s.Out, found)
		}
		w := terminal.NewTable(s.Out)
		if err := printf(w, "ID\tSCRAPER\tDOCTYPE\tSTATUS\tMODE\tRECORDS\tHELD\tCREATED\n"); err != nil {
			return err
		}
		for i := range found {
			r := &found[i]
			if err := printf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
				r.ID, r.Scraper, r.DocType, r.Status, r.Mode, r.Rows, r.Removal.Held+r.Removal.Updates, r.Created); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// Chosen are the jobs a verb is about.
type Chosen struct {
	Place
	IDs []string `arg:"" help:"Ids of jobs." name:"id"`
}

// do does a verb to each job, and tells what became of it. It stops at the first
// error.
func (c *Chosen) do(ctx context.Context, g *Globals, s *Streams, verb string) error {
	how := alone
	if verb == place.Show {
		how = looking
	}
	return c.with(ctx, opening{g, Targets{}, how, g.logger(s.Err)}, func(at *place.Opened) error {
		done := []place.Run{}
		var failed error
		for _, id := range c.IDs {
			r, err := at.OnRun(ctx, verb, id, nil)
			if err != nil {
				failed = err
				break
			}
			done = append(done, r)
			if g.JSON {
				continue
			}
			if err := tell(ctx, at, s.Out, verb, &r); err != nil {
				return err
			}
		}
		if g.JSON {
			if err := printRuns(s.Out, done); err != nil {
				return err
			}
		}
		return failed
	})
}

// JobsShow shows jobs.
type JobsShow struct{ Chosen }

// Run shows them.
func (j *JobsShow) Run(ctx context.Context, g *Globals, s *Streams) error {
	return j.do(ctx, g, s, place.Show)
}

// JobsApprove approves jobs.
type JobsApprove struct{ Chosen }

// Run approves them.
func (j *JobsApprove) Run(ctx context.Context, g *Globals, s *Streams) error {
	return j.do(ctx, g, s, place.Approve)
}

// JobsDiscard discards jobs.
type JobsDiscard struct{ Chosen }

// Run discards what they hold back.
func (j *JobsDiscard) Run(ctx context.Context, g *Globals, s *Streams) error {
	return j.do(ctx, g, s, place.Discard)
}

// JobsStop stops jobs.
type JobsStop struct{ Chosen }

// Run stops them.
func (j *JobsStop) Run(ctx context.Context, g *Globals, s *Streams) error {
	return j.do(ctx, g, s, place.Stop)
}

// printRuns writes jobs as the service answers them.
func printRuns(w io.Writer, list []place.Run) error {
	raws := make([]json.RawMessage, len(list))
	for i := range list {
		raws[i] = list[i].JSON
	}
	return terminal.PrintJSON(w, raws)
}

// tell says in words how a job stands after a verb.
func tell(ctx context.Context, at *place.Opened, w io.Writer, verb string, r *place.Run) error {
	switch verb {
	case place.Approve:
		return printf(w, "approved job %s of %s: removed %d\n", r.ID, r.Scraper, r.Counts.Removed)
	case place.Discard:
		return printf(w, "discarded what job %s of %s held back\n", r.ID, r.Scraper)
	case place.Stop:
		if r.Status != "stopped" {
			return printf(w, "job %s of %s had ended already: %s\n", r.ID, r.Scraper, r.Status)
		}
		return printf(w, "stopped job %s of %s\n", r.ID, r.Scraper)
	}
	lines := []string{
		fmt.Sprintf("job %s of %s, feeding %s: %s", r.ID, r.Scraper, r.DocType, r.Status),
		fmt.Sprintf("  %s, %d pages, %d records accepted", r.Mode, r.Counts.Pages, r.Rows),
		"  " + counts(r),
	}
	if r.Reason != "" {
		lines = append(lines, "  reason: "+oneLine(r.Reason))
	}
	if r.Removal.Decision != "" {
		lines = append(lines, "  what it held back was "+r.Removal.Decision)
	}
	if r.Waiting() {
		lines = append(lines, heldLines(r)...)
		names, err := at.Removals(ctx, r.ID, maxHeldNames)
		if err != nil {
			return err
		}
		for _, name := range names {
			lines = append(lines, "    "+oneLine(name))
		}
		if more := r.Removal.Held - int64(len(names)); more > 0 && len(names) > 0 {
			lines = append(lines, fmt.Sprintf("    and %d more", more))
		}
	}
	return printf(w, "%s\n", strings.Join(lines, "\n"))
}

// maxHeldNames is how many of the documents a job would remove are shown.
const maxHeldNames = 20

// counts names what became of records, as far as it is not 0.
func counts(r *place.Run) string {
	c := &r.Counts
	parts := []string{fmt.Sprintf("received %d", c.Received)}
	for _, part := range []struct {
		word string
		n    int64
	}{
		{"inserted", c.Inserted},
		{"updated", c.Updated},
		{"unchanged", c.Unchanged},
		{"duplicates", c.Duplicates},
		{"rejected", c.Rejected},
		{"trashed", c.Trashed},
		{"removed", c.Removed},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", part.word, part.n))
		}
	}
	return strings.Join(parts, ", ")
}

// brakes are the brakes of jobs in words.
var brakes = map[string]string{ //nolint:gochecknoglobals // a table
	"zero":         "it brought no record at all",
	"expect":       "it brought fewer records than were expected",
	"min_ratio":    "it brought too few records",
	"max_removals": "it would remove too many documents",
	"max_ratio":    "it would remove too large a part of the documents",
	"max_updates":  "too large a part of the documents changed",
}

// heldLines say what a job holds back, why, and what to do about it.
func heldLines(r *place.Run) []string {
	var what []string
	if n := r.Removal.Held; n > 0 {
		what = append(what, fmt.Sprintf("%d removals", n))
	}
	if n := r.Removal.Updates; n > 0 {
		what = append(what, fmt.Sprintf("the events of %d updates", n))
	}
	line := "  " + strings.Join(what, " and ") + " wait for you"
	if why := brakes[r.Removal.Brake]; why != "" {
		line += ", because " + why + fmt.Sprintf(" (%s; %d documents were there before)", r.Removal.Brake, r.Removal.Live)
	}
	return []string{
		line,
		"  look:      dochook jobs show " + r.ID,
		"  do it:     dochook jobs approve " + r.ID,
		"  or do not: dochook jobs discard " + r.ID,
	}
}
