package hooks

import (
	"net/http"
	"strconv"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/hooks/condition"
	"dochook/mapping/format"
)

// Anchors reports whether an entry of the log leads to requests of a batched format. before is the entry before it, of the same
// DocType, nil if there is none: of documents that were written together, the first is the anchor.
func (c *Compiled) Anchors(e, before *doctype.Event) bool {
	if c.WebhookDocType != "" && e.DocType != c.WebhookDocType || c.Scraper != "" && e.Scraper != c.Scraper || c.Job != "" && e.Job != c.Job {
		return false
	}
	switch {
	case c.Format == FormatChanges && doctype.IsJobEvent(e.Event):
		return doctype.IsJobEnd(e.Event)
	case doctype.IsJobEvent(e.Event):
		return c.Wants(e)
	case c.OnlyJobEvents(), c.awaitsEnd(e):
		return false
	}
	return before == nil || !Together(e, before)
}

// awaitsEnd reports whether a document's event is sent when its job ends.
func (c *Compiled) awaitsEnd(e *doctype.Event) bool {
	return c.Format == FormatChanges && e.Job != "" && e.Page >= 0
}

// Together reports whether two neighbours in the log were written together: by one page, or by one end of a job.
func Together(a, b *doctype.Event) bool {
	return !doctype.IsJobEvent(a.Event) && !doctype.IsJobEvent(b.Event) && a.DocType == b.DocType && a.Job == b.Job && a.Page == b.Page &&
		(a.Page != 0 || a.Job != "")
}

// Matches reports whether an event of a document has a place in a batch.
func (c *Compiled) Matches(e *doctype.Event) (bool, error) {
	if !c.Wants(e) {
		return false, nil
	}
	return c.Holds(e)
}

// MatchesRecord reports whether a record of a page has a place in a batch.
func (c *Compiled) MatchesRecord(anchor *doctype.Event, data []byte) (bool, error) {
	if c.condition == nil {
		return true, nil
	}
	holds, err := c.condition.Holds(condition.Facts{Doc: data, Event: anchor.Event, Job: anchor.Job})
	if err != nil {
		err = inField("condition", err)
	}
	return holds, err
}

// Piece is one record on its way into a batch.
type Piece struct {
	At    int64 // its position in the log, or its place in the page
	Event *doctype.Event
	Data  []byte // the record
}

// Cutter says how a batch is split into requests.
type Cutter struct {
	webhook *Compiled
	at      []int64
	sizes   []int
}

// NewCutter returns a Cutter for the webhook's limits.
func (c *Compiled) NewCutter() *Cutter { return &Cutter{webhook: c} }

// Add takes the next piece.
func (k *Cutter) Add(p Piece) {
	size := len(p.Data) + 64 // around a product: its members' names
	if p.Event != nil {
		size += len(p.Event.Changed)
	}
	if k.webhook.Format == FormatRows { // names become ids, which may be longer
		for quoted := range record.QuotedMembers(p.Data) {
			size += max(0, 12-len(quoted))
		}
	}
	k.at, k.sizes = append(k.at, p.At), append(k.sizes, size)
}

// Parts are the requests to send, in order; none for no pieces. base is the size of a body around its records.
func (k *Cutter) Parts(base int) []Part {
	b := k.webhook.Batch
	ends := format.Cut(k.sizes, base, b.MaxRecords, b.MaxBytes)
	out := make([]Part, len(ends))
	start := 0
	for i, end := range ends {
		out[i] = Part{From: k.at[start], To: k.at[end-1], N: i + 1, Of: len(ends)}
		start = end
	}
	return out
}

// Page is what format rows needs to know beside the records of one request.
type Page struct {
	Records [][]byte // all of the page: they name the columns
	// For documents outside the page of a job, which says them itself:
	Columns       []Column // of the DocType
	Recipe, Table string   // what to call where they come from, and where they stand
}

// Column is a column of format rows.
type Column = format.Column

// Base is the size of a body without its records.
func (c *Compiled) Base(anchor *doctype.Event, page Page) int {
	const names = 256 // of the members, the times and ids around
	if c.Format != FormatRows {
		return names + len(anchor.Data)
	}
	h := c.rows(anchor, page)
	return len(h.Append(nil, nil)) + names
}

// RenderBatch makes the request of one part of a batch.
func (c *Compiled) RenderBatch(anchor *doctype.Event, part Part, pieces []Piece, page Page) (Request, error) {
	v := view{event: anchor, webhook: c}
	r, err := c.envelope(anchor, &v)
	if err != nil {
		return r, err
	}
	size := 1024
	for i := range pieces {
		size += len(pieces[i].Data) + 96
	}
	r.Body = c.batchBody(make([]byte, 0, size), anchor, pieces, page)
	if r.Header.Get("Content-Type") == "" {
		r.Header["Content-Type"] = []string{"application/json"}
	}
	setBatch(r.Header, part)
	r.Part = &part
	return r, nil
}

func setBatch(h http.Header, p Part) {
	if p.Of > 1 {
		h[BatchHeader] = []string{strconv.Itoa(p.N) + "/" + strconv.Itoa(p.Of)}
	}
}

func (c *Compiled) batchBody(dst []byte, anchor *doctype.Event, pieces []Piece, page Page) []byte {
	at := (&view{event: anchor}).at()
	if c.Format == FormatChanges {
		products := make([]format.Product, len(pieces))
		for i, p := range pieces {
			products[i] = format.Product{Event: productEvents[p.Event.Event], Data: p.Data, Changed: p.Event.Changed}
		}
		h := format.Changes{Timestamp: at, JobID: c.changesJob(anchor), Fields: c.Fields, OnlyChanged: bool(c.OnlyChanged)}
		return h.Append(dst, products)
	}
	records := make([][]byte, len(pieces))
	for i := range pieces {
		records[i] = pieces[i].Data
	}
	if c.Format == FormatRows {
		h := c.rows(anchor, page)
		return h.Append(dst, records)
	}
	status := record.Unquote(record.Member(anchor.Data, "status"))
	h := format.Job{Event: c.EventName(anchor), JobID: anchor.Job, Status: status, Timestamp: at, HasData: anchor.Event == doctype.JobData}
	return h.Append(dst, records)
}

var productEvents = map[string]string{doctype.OnInsert: "ADDED", doctype.OnUpdate: "UPDATED", doctype.OnTrash: "REMOVED"}

// changesJob is the jobID of a body: the scraper, or what is next to one where there is none.
func (c *Compiled) changesJob(anchor *doctype.Event) string {
	switch {
	case anchor.Scraper != "":
		return anchor.Scraper
	case c.Scraper != "":
		return c.Scraper
	default:
		return anchor.DocType
	}
}

// rows is the head of a body of format rows.
func (c *Compiled) rows(anchor *doctype.Event, page Page) format.Rows {
	h := format.Rows{Recipe: page.Recipe, Table: page.Table}
	known := page.Columns
	if anchor.Event == doctype.JobData {
		h.Recipe = record.Unquote(record.Member(anchor.Data, "title"))
		h.Table = record.Unquote(record.Member(anchor.Data, "table"))
		known = nil
		for column := range record.Elements(record.Member(anchor.Data, "columns")) {
			known = append(known, format.Column{
				ID: record.Unquote(record.Member(column, "id")), Name: record.Unquote(record.Member(column, "name")),
			})
		}
	}
	h.Columns = format.Columns(known, page.Records)
	return h
}
