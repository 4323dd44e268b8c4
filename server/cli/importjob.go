package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dochook/server/cli/place"
)

// endLimit is how long the end of a job may take after an interrupt.
const endLimit = 30 * time.Second

// asJob feeds the files as the pages of one job. It counts as finished, so that
// what is missing may be removed, only if every file was read to its end.
func (i *Import) asJob(ctx context.Context, g *Globals, s *Streams, at *place.Opened) error {
	for _, name := range i.Files { // before there is a job that would fail
		if _, err := os.Stat(name); name != "-" && err != nil {
			return failf("cannot read %s: %s", name, rootCause(err)).because(err)
		}
	}
	scraper, err := i.scraper(ctx, s, at)
	if err != nil {
		return err
	}
	all := outcome{Errors: []fileError{}}
	if all.job, err = i.createJob(ctx, at, scraper); err != nil {
		return err
	}
	made := all.job
	broken := i.feedAll(ctx, s, at, &all)
	all.job, err = i.endJob(ctx, at, made.ID, broken, all.Broken)
	all.Job = all.job.JSON
	if broken == nil && err != nil {
		broken = failf("job %s did not end: %s", made.ID, explain(i.explain(err)).Message).
			hint("nothing was removed; look at it with: dochook jobs show " + made.ID).because(err)
	}
	return all.report(g, s, broken)
}

// scraper is whose job it is: the one named by --scraper, else the DocType's
// own, else one named like it, which is made.
func (i *Import) scraper(ctx context.Context, s *Streams, at *place.Opened) (string, error) {
	name := i.Scraper
	if name == "" {
		stored, err := at.Get(ctx, "DocType", i.DocType)
		if err != nil {
			return "", err
		}
		var of struct{ Scraper string }
		if err := json.Unmarshal(stored, &of); err != nil {
			return "", failf("the DocType %s cannot be read", i.DocType).because(err)
		}
		if name = of.Scraper; name == "" {
			name = strings.ToLower(i.DocType)
		}
	}
	stored, err := at.Get(ctx, "Scraper", name)
	switch {
	case err == nil:
		var of struct{ Feeds string }
		if err := json.Unmarshal(stored, &of); err != nil {
			return "", failf("the Scraper %s cannot be read", name).because(err)
		}
		if of.Feeds != i.DocType {
			return "", failf("the Scraper %s feeds %s, not %s", name, of.Feeds, i.DocType).hint("name another one with --scraper")
		}
		return name, nil
	case codeOf(err) != "not_found":
		return "", err
	case i.Scraper != "":
		return "", failf("there is no Scraper %s", name).
			hint("make it with: dochook fixtures load; or leave --scraper out, and one named like the DocType is made").because(err)
	}
	definition, err := json.Marshal(map[string]string{"name": name, "feeds": i.DocType})
	if err != nil {
		return "", err
	}
	if _, err := at.Insert(ctx, "Scraper", definition); err != nil {
		return "", err
	}
	return name, printf(s.Err, "made the Scraper %s, feeding %s\n", name, i.DocType)
}

func (i *Import) createJob(ctx context.Context, at *place.Opened, scraper string) (place.Run, error) {
	body := map[string]any{}
	if i.Full {
		body["mode"] = "full"
	}
	if i.Expect != nil {
		body["expect"] = *i.Expect
	}
	if i.Baseline {
		body["baseline"] = true
	}
	files := make([]string, len(i.Files))
	for n, name := range i.Files {
		files[n] = filepath.Base(shownName(name))
	}
	body["files"] = files
	text, err := json.Marshal(body)
	if err != nil {
		return place.Run{}, err
	}
	made, err := at.CreateRun(ctx, scraper, text)
	if codeOf(err) == "conflict" {
		return made, failf("%s", explain(i.explain(err)).Message).
			hint(fmt.Sprintf("see it with: dochook jobs list --scraper %s; end it with: dochook jobs stop ID", scraper)).because(err)
	}
	return made, err
}

// endJob ends the job, also after an interrupt.
func (i *Import) endJob(ctx context.Context, at *place.Opened, id string, broken error, reason string) (place.Run, error) {
	ending := map[string]string{"status": "finished"}
	switch {
	case ctx.Err() != nil:
		ending = map[string]string{"status": "stopped", "reason": "the import was interrupted"}
	case broken != nil:
		ending = map[string]string{"status": "failed", "reason": reason}
	}
	text, err := json.Marshal(ending)
	if err != nil {
		return place.Run{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	return at.OnRun(ctx, place.Finish, id, text)
}
