package again

import (
	"context"
	"fmt"
	"time"

	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Replays looks at replays and backfills, and ends them.
type Replays struct {
	List   List   `cmd:"" help:"List replays and backfills, newest first."`
	Get    Get    `cmd:"" help:"Show how far one is."`
	Cancel Cancel `cmd:"" help:"End one: what was not sent yet is not going to be."`
}

// List lists runs.
type List struct {
	cli.Place
	Webhook string `help:"Only those of this webhook." placeholder:"WEBHOOK"`
	Limit   int    `help:"At most so many." default:"20" placeholder:"N"`
}

// Run lists them.
func (l *List) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	if l.Limit < 1 || l.Limit > 1000 {
		return usage("--limit is from 1 to 1000", "")
	}
	c := &conversation{g, s, true}
	return c.with(ctx, l.Place, func(p *place) error {
		list, err := p.list(ctx, l.Webhook, l.Limit)
		if err != nil {
			return err
		}
		if g.JSON {
			return terminal.PrintJSON(s.Out, list)
		}
		w := terminal.NewTable(s.Out)
		if _, err := fmt.Fprintln(w, "ID\tKIND\tWEBHOOK\tSTATUS\tDONE\tTOTAL\tDELIVERED\tDEAD\tBY\tCREATED"); err != nil {
			return err
		}
		for i := range list {
			r := &list[i]
			if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n",
				r.ID, r.Kind, r.Webhook, r.Status, r.Done, r.Total, r.Delivered, r.Dead, r.Owner, r.Creation.UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// Get shows a run.
type Get struct {
	cli.Place
	ID   string `arg:"" help:"Id of the replay or backfill."`
	Wait bool   `help:"Wait for its end."`
}

// Run shows it.
func (v *Get) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	c := &conversation{g, s, true}
	return c.with(ctx, v.Place, func(p *place) error {
		r, err := p.get(ctx, v.ID)
		if err == nil && v.Wait {
			return c.await(ctx, p, r)
		}
		if err == nil {
			err = c.tell(&r)
		}
		return err
	})
}

// Cancel ends a run.
type Cancel struct {
	cli.Place
	ID string `arg:"" help:"Id of the replay or backfill."`
}

// Run ends it.
func (v *Cancel) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	c := &conversation{Globals: g, Streams: s}
	return c.with(ctx, v.Place, func(p *place) error {
		r, err := p.cancel(ctx, v.ID)
		if err == nil {
			err = c.tell(&r)
		}
		return err
	})
}
