package again

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"dochook/hooks/replay"
	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Replay sends again what a webhook was told before.
type Replay struct {
	cli.Place
	Webhook  string `arg:"" help:"Name of the webhook."`
	Status   string `help:"Only deliveries that are delivered, dead or skipped." enum:",delivered,dead,skipped" default:"" placeholder:"STATUS"`
	Source   string `help:"deliveries: what was tried; log: what the webhook would have been told, tried or not." enum:"deliveries,log" default:"deliveries"`
	From     string `help:"Only from this time on: of the first attempt, or in the log of the event. Without a zone it is UTC." placeholder:"TIME"`
	To       string `help:"Only before this time; a day is meant as a whole." placeholder:"TIME"`
	Job      string `help:"Only events of this scrape job." placeholder:"ID"`
	Event    string `help:"Only this event, such as on_update." placeholder:"EVENT"`
	Document string `help:"Only events of this document." placeholder:"NAME"`
	Asking
}

// Run counts, asks and sends.
func (r *Replay) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	return r.send(ctx, r.Place, &conversation{Globals: g, Streams: s}, replay.Request{Webhook: r.Webhook, Kind: replay.Replay, Filter: replay.Filter{
		Source: r.Source, Status: r.Status, From: r.From, To: r.To, Job: r.Job, Event: r.Event, Document: r.Document,
	}})
}

// Backfill sends all live documents of a webhook's DocType to it.
type Backfill struct {
	cli.Place
	Webhook  string `arg:"" help:"Name of the webhook."`
	Document string `help:"Only this document." placeholder:"NAME"`
	Filters  string `help:"Only documents that pass these filters, as in lists." placeholder:"JSON"`
	Asking
}

// Run counts, asks and sends.
func (b *Backfill) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	r := replay.Request{Webhook: b.Webhook, Kind: replay.Backfill, Filter: replay.Filter{Document: b.Document}}
	if b.Filters != "" {
		if !json.Valid([]byte(b.Filters)) {
			return usage("--filters is not JSON", `write it as '{"status":"Open"}' or '[["price",">",10]]'`)
		}
		r.Filters = json.RawMessage(b.Filters)
	}
	return b.send(ctx, b.Place, &conversation{Globals: g, Streams: s}, r)
}

// Asking is how much a verb asks and waits.
type Asking struct {
	Yes  bool `help:"Do not ask." short:"y"`
	Wait bool `help:"Wait for the end and show the progress; exit code 1 unless everything was delivered or passed over."`
}

func (a *Asking) send(ctx context.Context, at cli.Place, c *conversation, r replay.Request) error {
	if c.JSON && !a.Yes {
		return usage("--json asks nothing", "add --yes")
	}
	return c.with(ctx, at, func(p *place) error {
		if a.Wait && p.alone {
			return usage("--wait would wait for ever: nothing is sent while this database is open here", "name the running service with --server, or leave --wait out")
		}
		found, err := p.count(ctx, r)
		if err != nil {
			return err
		}
		if err := a.confirm(c, r, &found); err != nil {
			return err
		}
		r.Expect = &found.Count
		run, err := p.start(ctx, r)
		if err != nil {
			return err
		}
		if a.Wait {
			return c.await(ctx, p, run)
		}
		if c.JSON {
			return terminal.PrintJSON(c.Out, run)
		}
		later := ""
		if p.alone {
			later = " when the service is started"
		}
		_, err = fmt.Fprintf(c.Out, "%s %s: %d to send to %s%s\nlook: dochook replays get %s\n", run.Kind, run.ID, run.Total, run.Webhook, later, run.ID)
		return err
	})
}

// confirm tells what is going to be sent, and asks whether it may be.
func (a *Asking) confirm(c *conversation, r replay.Request, found *replay.Preview) error {
	what := "events"
	if r.Kind == replay.Backfill {
		what = "documents"
	}
	gone := ""
	if found.Expired > 0 {
		gone = fmt.Sprintf("; %d more have left the log and cannot be", found.Expired)
	}
	if found.Count == 0 {
		return failed("there is nothing to send to "+r.Webhook+gone, "")
	}
	if a.Yes && c.JSON {
		return nil
	}
	span := ""
	if found.First != nil && found.Last != nil {
		span = fmt.Sprintf(", of %s to %s", found.First.Format(time.DateTime), found.Last.Format(time.DateTime))
	}
	if _, err := fmt.Fprintf(c.Err, "%d %s%s, to be sent to %s%s\n", found.Count, what, span, r.Webhook, gone); err != nil || a.Yes {
		return err
	}
	if _, err := io.WriteString(c.Err, "Send them? [y/N] "); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && answer == "" {
		return usage("nobody answers", "add --yes")
	}
	if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
		return failed("nothing was sent", "")
	}
	return nil
}

const poll = 500 * time.Millisecond

// await shows the progress of a run until it ends.
func (c *conversation) await(ctx context.Context, p *place, run replay.Run) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	watched := isTerminal(c.Err)
	for run.Open() {
		if watched {
			if _, err := fmt.Fprintf(c.Err, "\r\x1b[K%s", progress(&run)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return failed("the "+run.Kind+" goes on", "end it with: dochook replays cancel "+run.ID)
		case <-tick.C:
		}
		next, err := p.get(ctx, run.ID)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			run = next
		}
	}
	if watched {
		if _, err := io.WriteString(c.Err, "\r\x1b[K"); err != nil {
			return err
		}
	}
	if err := c.tell(&run); err != nil {
		return err
	}
	if run.Status != replay.Finished || run.Dead > 0 {
		return &cli.Error{CodeWord: cli.CodeFailed, Message: "not all of it was delivered", Quiet: true}
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// progress is how a run stands, on one line.
func progress(r *replay.Run) string {
	parts := []string{fmt.Sprintf("%d of %d", r.Done, r.Total)}
	for _, part := range []struct {
		word string
		n    int64
	}{{"delivered", r.Delivered}, {"dead", r.Dead}, {"skipped", r.Skipped}, {"to be retried", r.Retrying}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}

func (c *conversation) tell(r *replay.Run) error {
	if c.JSON {
		return terminal.PrintJSON(c.Out, r)
	}
	_, err := fmt.Fprintf(c.Out, "%s %s to %s is %s: %s\n", r.Kind, r.ID, r.Webhook, r.Status, progress(r))
	return err
}
