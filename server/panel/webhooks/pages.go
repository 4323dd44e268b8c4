package webhooks

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/hooks/activity"
	"dochook/hooks/replay"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

//go:embed all:templates assets
var files embed.FS

// Options of Pages; the zero value is ready for use.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Sources are what the pages show and change; all are required.
type Sources struct {
	Set      *collection.Set
	Activity *activity.Store
	Runs     *replay.Service
}

// Pages are the pages about webhooks.
type Pages struct {
	set      *collection.Set
	activity *activity.Store
	runs     *replay.Service
	pages    *page.Set
	now      func() time.Time
}

// New returns Pages; it starts nothing.
func New(s Sources, pages *page.Set, o Options) (*Pages, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pages{set: s.Set, activity: s.Activity, runs: s.Runs, pages: pages, now: o.Now}, pages.Add("webhooks", files)
}

// Preparing a run writes all its items.
const runTime = 5 * time.Minute

// Routes are those of the pages, all for admins: a header or a URL may hold a
// credential.
func (p *Pages) Routes() []page.Route {
	root := page.Root + "/webhooks"
	one, run := root+"/webhook/:name", root+"/run/:id"
	return []page.Route{
		page.Get(root, web.Admin, p.list),
		page.Get(root+"/scrapers", web.Admin, p.findScrapers),
		page.Get(root+"/new", web.Admin, p.blank),
		page.Post(root+"/new", web.Admin, p.submit),
		page.Post(root+"/preview", web.Admin, p.preview),
		page.Get(one, web.Admin, p.show),
		page.Get(one+"/edit", web.Admin, p.edit),
		page.Post(one+"/edit", web.Admin, p.submit),
		page.Post(one+"/preview", web.Admin, p.preview),
		page.Get(one+"/try", web.Admin, p.try),
		page.Post(one+"/try", web.Admin, p.send),
		page.Post(one+"/enable", web.Admin, p.enable),
		page.Post(one+"/disable", web.Admin, p.disable),
		page.Post(one+"/retry", web.Admin, p.retry),
		page.Post(one+"/secret", web.Admin, p.rotate),
		page.Post(one+"/delete", web.Admin, p.remove),
		page.Get(one+"/replay", web.Admin, p.askReplay),
		page.Post(one+"/replay", web.Admin, p.startReplay).Within(0, runTime),
		page.Get(one+"/backfill", web.Admin, p.askBackfill),
		page.Post(one+"/backfill", web.Admin, p.startBackfill).Within(0, runTime),
		page.Get(run, web.Admin, p.showRun),
		page.Get(run+"/progress", web.Admin, p.progress),
		page.Post(run+"/cancel", web.Admin, p.cancel),
	}
}

func home() page.Crumb { return page.Crumb{Title: "Webhooks", URL: page.Path("webhooks")} }

func to(name string, more ...string) string {
	return page.Path(append([]string{"webhooks", "webhook", name}, more...)...)
}

// crumbs lead to a page of one webhook.
func crumbs(name string) []page.Crumb {
	return []page.Crumb{home(), {Title: name, URL: to(name)}}
}

// open is the collection of webhooks, for whom the request belongs to.
func (p *Pages) open(ctx context.Context, purpose collection.Purpose) (*collection.Collection, error) {
	return p.set.Open(ctx, "Webhook", purpose)
}

// act calls a method of the webhook that the path names.
func (p *Pages) act(c *gin.Context, method, body string) (name string, answer []byte, err error) {
	if name, err = page.Param(c, "name"); err != nil {
		return "", nil, err
	}
	col, err := p.open(c.Request.Context(), collection.Write)
	if err != nil {
		return name, nil, err
	}
	answer, err = col.Call(c.Request.Context(), name, method, []byte(body))
	return name, answer, err
}

// told is what went wrong as the line on the next page, or the error if it is
// none that is about what was asked.
func told(c *gin.Context, path string, err error) error {
	form := page.NewForm(nil)
	if !form.Failed(err) {
		return err
	}
	return page.Redirect(c, path, &page.Flash{Tone: "bad", Text: form.Errors[0].Message})
}

// failed is form.Failed, with the field called by its label.
func failed(form *page.Form, err error) bool {
	before := len(form.Errors)
	if !form.Failed(err) {
		return false
	}
	said := web.Classify(err)
	form.Errors[before].Message = called(said.Field, said.Message)
	return true
}

// labels of fields, by their names in mistakes.
var labels = map[string]string{
	"name": "The name", "scraper": "The scraper", "webhook_doctype": "The DocType", "format": "The format", "events": "Events", "condition": "The condition", "fields": "Monitored fields",
	"request_url": "The URL", "is_dynamic_url": "The URL", "request_method": "The method", "webhook_headers": "Header", "headers_template": "The headers template",
	"webhook_data": "Row", "webhook_json": "The template", "request_structure": "Sent as", "event_names": "Names of events",
	"timeout": "The timeout", "ordering": "The ordering", "retry.attempts": "Attempts", "retry.schedule": "The wait", "max_in_flight": "Requests at once",
	"max_per_second": "Requests in a second", "batch.max_records": "Records in one request", "batch.max_bytes": "Bytes in one request",
	"webhook_secret": "The secret", "ca_certificate": "The authority", "client_certificate": "The client certificate", "client_key": "The client key",
}

// called is a message in which a field is called by its label, and a row by its
// number from 1 on.
func called(field, message string) string {
	message = strings.TrimPrefix(message, field+": ")
	name, rest, row := strings.Cut(field, "[")
	label := labels[name]
	if label == "" {
		name, _, _ = strings.Cut(name, ":")
		label = labels[name]
	}
	if label == "" {
		return message
	}
	number, _, _ := strings.Cut(rest, "]")
	if n, err := strconv.Atoi(number); row && err == nil {
		label += " " + strconv.Itoa(n+1)
	}
	first, _, _ := strings.Cut(message, " ")
	switch first {
	case "is", "holds", "begins", "has", "cannot", "belongs", "must", "does":
		return label + " " + message
	}
	return label + ": " + message
}

// problem is what is wrong in words for people; ok is false where it is ours.
func problem(err error) (field, text string, ok bool) {
	if err == nil || errors.Is(err, context.Canceled) {
		return "", "", false
	}
	said := web.Classify(err)
	return said.Field, said.Message, said.Status < http.StatusInternalServerError && said.Status != http.StatusForbidden
}

func isNotFound(err error) bool { return doctype.CodeOf(err) == "not_found" }
