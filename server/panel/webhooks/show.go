package webhooks

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/hooks"
	"dochook/hooks/replay"
	"dochook/server/panel/page"
	"dochook/server/panel/standing"
	"dochook/server/panel/webhooks/draft"
	"dochook/server/rest/collection"
)

// shown is what the page of a webhook shows.
type shown struct {
	*hooks.Stored

	Standing standing.Webhook
	Format   draft.Format
	Spans    string // of the retry policy, "" = the default
	Runs     []replay.Run
	Waits    bool // something would be skipped
	JSON     []byte
	Backfill bool // it listens to documents
}

const shownRuns = 5

func (p *Pages) show(c *gin.Context) error {
	ctx := c.Request.Context()
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	col, err := p.open(ctx, collection.Read)
	if err != nil {
		return err
	}
	d := shown{Stored: w, Format: draft.FormatOf(w.Format), Spans: draft.Spans(w.Retry.Schedule), Backfill: !w.OnlyJobEvents()}
	all, err := p.standings(ctx, []hooks.Stored{*w})
	if err != nil {
		return err
	}
	d.Standing = all[0]
	// Of an older one the log may have forgotten what was sent.
	if d.Standing.State == standing.Working && p.now().Sub(w.Creation) < failureTime {
		sent, known, err := p.activity.Sent(ctx, hooks.Walker(w.Name), w.Creation)
		if err != nil {
			return err
		}
		if known && !sent {
			d.Standing.State, d.Standing.Tone, d.Standing.Text = "nothing sent yet", "plain", "It is called with the next event that it listens to."
		}
	}
	d.Waits = d.Standing.Events > 0 || d.Standing.Retries > 0
	if d.Runs, err = p.runs.List(ctx, w.Name, shownRuns); err != nil {
		return err
	}
	if d.JSON, err = col.Get(ctx, w.Name); err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "webhooks/show", page.View{Title: w.Name, Crumbs: []page.Crumb{home()}, Data: d})
}

func (p *Pages) enable(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	body, text := `{}`, "Enabled. It goes on where it stood."
	if form.Checked("skip") {
		body, text = `{"skip":1}`, "Enabled. What waited is skipped; it begins with what happens from now on."
	}
	name, _, err := p.act(c, "enable", body)
	if err != nil {
		return told(c, to(name), err)
	}
	return page.Redirect(c, to(name), page.Done(text))
}

func (p *Pages) disable(c *gin.Context) error {
	name, _, err := p.act(c, "disable", `{}`)
	if err != nil {
		return told(c, to(name), err)
	}
	return page.Redirect(c, to(name), page.Done("Disabled. What happens from now on waits for it."))
}

func (p *Pages) retry(c *gin.Context) error {
	name, _, err := p.act(c, "retry", `{}`)
	if err != nil {
		return told(c, to(name), err)
	}
	return page.Redirect(c, to(name), page.Done("What waited for its next attempt is tried now."))
}

// rotate answers with the new secret: a page that is shown this once.
func (p *Pages) rotate(c *gin.Context) error {
	name, raw, err := p.act(c, "rotate_secret", `{}`)
	if err != nil {
		return told(c, to(name), err)
	}
	var made struct {
		Secret  string  `json:"webhook_secret"`
		Public  string  `json:"public_key"`
		Overlap float64 `json:"old_secret_signs_for_seconds"`
	}
	if err := json.Unmarshal(raw, &made); err != nil {
		return err
	}
	w, err := p.set.Webhooks.Get(c.Request.Context(), name)
	if err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "webhooks/secret", page.View{
		Title: "New secret", Crumbs: crumbs(name),
		Data: struct {
			Name, Secret, Public string
			Overlap              float64
			Signs                bool
		}{name, made.Secret, made.Public, made.Overlap, bool(w.EnableSecurity)},
	})
}

func (p *Pages) remove(c *gin.Context) error {
	ctx := c.Request.Context()
	name, err := page.Param(c, "name")
	if err != nil {
		return err
	}
	col, err := p.open(ctx, collection.Write)
	if err != nil {
		return err
	}
	if err := col.Delete(ctx, name); err != nil {
		return told(c, to(name), err)
	}
	return page.Redirect(c, page.Path("webhooks"), page.Done("Deleted the webhook "+name+"."))
}
