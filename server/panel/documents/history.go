package documents

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/record"
	"dochook/server/panel/documents/diff"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

const (
	eventsOnPage = 20
	linesOfField = 12
	linesOfEvent = 60
)

// eventRow is an event of a document as its history shows it.
type eventRow struct {
	Pos, Version int64
	Event        string
	At           time.Time
	By, Job      string
	Restored     bool
	Lines        []diff.Line
	Omitted      int
	Members      int // of the record
	Now          bool
}

func (p *Pages) history(c *gin.Context) error {
	col, def, d, err := p.document(c, collection.Read)
	if err != nil {
		return err
	}
	before, err := strconv.ParseInt(c.Query("before"), 10, 64)
	if err != nil || before < 1 {
		before = math.MaxInt64
	}
	events, err := col.History(c.Request.Context(), d.Name, before, eventsOnPage+1)
	if err != nil && doctype.CodeOf(err) != doctype.CodeNotFound { // a trashed one whose events are gone has none
		return err
	}
	v := documentView{Doc: &d, DocType: def.Name, Tab: "history", Begun: before == math.MaxInt64}
	if len(events) > eventsOnPage {
		events = events[:eventsOnPage]
		v.Older = with(c.Request.URL, "before", strconv.FormatInt(events[eventsOnPage-1].Pos, 10))
	}
	for i := range events {
		row := newEventRow(&events[i])
		row.Now = row.Version == d.Version
		v.Events = append(v.Events, row)
	}
	return p.render(c, page.NewForm(nil), v)
}

func newEventRow(e *doctype.Event) eventRow {
	row := eventRow{Pos: e.Pos, Version: e.Version, Event: e.Event, At: e.At, By: e.ModifiedBy, Job: e.Job, Restored: e.Restored}
	for range record.Members(e.Data) {
		row.Members++
	}
	changes, err := record.ParseChanges(e.Changed)
	if err != nil { // of an event that changed nothing
		return row
	}
	for _, change := range changes {
		lines, omitted := diff.Lines(change.Name, change.From, change.To, min(linesOfField, linesOfEvent-len(row.Lines)))
		row.Lines, row.Omitted = append(row.Lines, lines...), row.Omitted+omitted
	}
	return row
}

// event finds an event of a document.
func (p *Pages) event(ctx context.Context, d *doctype.Document, text string) (*doctype.Event, error) {
	gone := web.Errorf("not_found", "", "the log has no such version of this document any more")
	pos, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, gone
	}
	found, err := p.set.Documents.Log().At(ctx, []int64{pos})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].DocType != d.DocType || found[0].Name != d.Name || doctype.IsJobEvent(found[0].Event) {
		return nil, gone
	}
	return &found[0], nil
}

// goBack makes an old version the document's state.
func (p *Pages) goBack(c *gin.Context) error {
	_, def, d, err := p.document(c, collection.Write)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	e, err := p.event(ctx, &d, form.Get("pos"))
	if err != nil {
		return err
	}
	_, err = p.set.Documents.Replace(ctx, def.Name, d.Name, e.Data, documents.UpdateOptions{})
	return p.done(c, documentPath(def.Name, d.Name, "history"), err, page.Done("The document is again as it was in version "+strconv.FormatInt(e.Version, 10)+"."))
}
