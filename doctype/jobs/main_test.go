package jobs_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// clock goes on by a millisecond each time it is read.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(c.at.Add(int64(time.Millisecond))))
}

func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// house is the services on one database.
type house struct {
	db       *migrations.DB
	clock    *clock
	docs     *documents.Service
	scrapers *scrapers.Service
	jobs     *jobs.Service
	feeds    int
}

const idle = time.Hour

func newHouse(db *migrations.DB) *house {
	c := &clock{}
	docs := documents.New(db, documents.Options{Now: c.now})
	return &house{
		db: db, clock: c, docs: docs, scrapers: scrapers.New(db, scrapers.Options{Now: c.now}),
		jobs: jobs.New(db, docs, jobs.Options{Idle: idle, BaseURL: "http://127.0.0.1:8000/"}),
	}
}

// each runs a test on both databases, beside other tests.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) { fn(t, newHouse(db)) })
}

// feed is a DocType named by sku, and a scraper of full jobs that feeds it.
type feed struct {
	*house
	docType, scraper string
	seen             int64 // the log up to here was looked at
}

// feed makes one; the texts are more members of the DocType and of the scraper, such as `"removal":{"misses":2}`.
func (h *house) feed(t *testing.T, docType, scraper string) *feed {
	t.Helper()
	h.feeds++
	f := &feed{house: h, docType: fmt.Sprintf("P%d", h.feeds), scraper: fmt.Sprintf("S%d", h.feeds)}
	h.defineDocType(t, fmt.Sprintf(`{"name":%q,"autoname":"field:sku"%s}`, f.docType, more(docType)))
	h.defineScraper(t, fmt.Sprintf(`{"name":%q,"feeds":%q%s}`, f.scraper, f.docType, more(scraper)))
	head, err := h.docs.Log().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.seen = head
	return f
}

func more(members string) string {
	if members == "" {
		return ""
	}
	return "," + members
}

func (h *house) defineDocType(t *testing.T, text string) {
	t.Helper()
	d, err := doctype.ParseDocType([]byte(text))
	if err == nil {
		_, err = h.docs.InsertDocType(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) defineScraper(t *testing.T, text string) {
	t.Helper()
	s, err := scrapers.Parse([]byte(text))
	if err == nil {
		_, err = h.scrapers.Insert(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// data writes a record: a is {"sku":"a"}, a=1 is {"sku":"a","v":1}, JSON is itself.
func data(text string) []byte {
	if strings.HasPrefix(text, "{") {
		return []byte(text)
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Appendf(nil, `{"sku":%q}`, name)
	}
	return fmt.Appendf(nil, `{"sku":%q,"v":%s}`, name, value)
}

func pageOf(records ...string) documents.Page {
	p := documents.Page{Number: 1}
	for i, text := range records {
		p.Records = append(p.Records, documents.Record{Line: i + 1, Data: data(text)})
	}
	return p
}

func (f *feed) create(t *testing.T, body string) jobs.Job {
	t.Helper()
	j, err := f.jobs.Create(t.Context(), f.scraper, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (f *feed) page(t *testing.T, id string, records ...string) documents.PageResult {
	t.Helper()
	r, err := f.jobs.WritePage(t.Context(), id, pageOf(records...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f *feed) finish(t *testing.T, id string) jobs.Job {
	t.Helper()
	j, err := f.jobs.Finish(t.Context(), id, jobs.Ending{Status: jobs.Finished})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// run is a whole job of one page.
func (f *feed) run(t *testing.T, body string, records ...string) jobs.Job {
	t.Helper()
	j := f.create(t, body)
	f.page(t, j.ID, records...)
	return f.finish(t, j.ID)
}

const full = `{"mode":"full"}`

// live lists the names of the live documents.
func (f *feed) live(t *testing.T) []string {
	t.Helper()
	docs, err := f.docs.List(t.Context(), f.docType, query.Query{Limit: query.All, Order: []query.Order{{Field: "name"}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range docs {
		names = append(names, d.Name)
	}
	return names
}

// fresh are the events of the DocType since it was asked last.
func (f *feed) fresh(t *testing.T) []doctype.Event {
	t.Helper()
	events, err := f.docs.Log().Events(t.Context(), eventlog.Range{After: f.seen, DocType: f.docType, Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) > 0 {
		f.seen = events[len(events)-1].Pos
	}
	return events
}

// log is fresh in words: "+a" inserted, "+a!" restored, "~a" updated, "-a" trashed, "started", "data", "finished" and so on.
func (f *feed) log(t *testing.T) string {
	t.Helper()
	var out []string
	for _, e := range f.fresh(t) {
		word := strings.TrimPrefix(e.Event, "job.")
		switch e.Event {
		case doctype.OnInsert:
			word = "+" + e.Name
		case doctype.OnUpdate:
			word = "~" + e.Name
		case doctype.OnTrash:
			word = "-" + e.Name
		}
		if e.Restored {
			word += "!"
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

func (f *feed) get(t *testing.T, id string) jobs.Job {
	t.Helper()
	j, err := f.jobs.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// results are the accepted records of a job.
func (h *house) results(t *testing.T, id string) []string {
	t.Helper()
	var out []string
	if err := h.jobs.EachRow(t.Context(), id, func(r jobs.Row) error {
		out = append(out, string(r.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if doctype.CodeOf(err) != code {
		t.Errorf("error %v (%s), want code %q", err, doctype.CodeOf(err), code)
	}
}

// wantField is an error of code invalid that names a field.
func wantField(t *testing.T, what string, err error, field string) {
	t.Helper()
	own, ok := errors.AsType[*doctype.Error](err)
	if !ok || own.CodeWord != doctype.CodeInvalid || own.Field != field || own.Message == "" {
		t.Errorf("%s: error %v, want one in the field %q", what, err, field)
	}
}

func wantWords(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// sorted is a copy of texts in order, joined.
func sorted(texts []string) string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return strings.Join(texts, " ")
}
