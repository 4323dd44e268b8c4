package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/record"
	"dochook/server/ingest"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// Options of an Intake; the zero value is ready for use.
type Options struct {
	// Page is called before a page is written, with the DocType and the ctx of the request; the page is written under the ctx that it
	// returns, and done is told what became of it. Default: nobody hears of pages.
	Page func(ctx context.Context, docType string) (inner context.Context, done func(*documents.PageResult, error))
}

// Intake takes bulk requests. Its methods may be called from any goroutine.
type Intake struct {
	docs   *documents.Service
	jobs   *jobs.Service
	claims claims
	watch  func(ctx context.Context, docType string) (context.Context, func(*documents.PageResult, error))
}

// New returns an Intake that writes by the services; it starts nothing. All
// doors of a process share one, so that an Idempotency-Key is busy at all of
// them.
func New(docs *documents.Service, j *jobs.Service, o Options) *Intake {
	return &Intake{docs: docs, jobs: j, claims: claims{busy: map[string]struct{}{}}, watch: o.Page}
}

// Target is where the records of a request go.
type Target struct {
	DocType string
	// Job takes the records as its pages and feeds DocType; nil is none, unless
	// a parameter or the body names one.
	Job *jobs.Job
}

// run is one bulk request on its way.
type run struct {
	*Intake
	parameters

	docType string
	job     string         // whose pages they are; "" is none
	page    documents.Page // what each page has in common
	next    source
	release func() // gives the idempotency key back
	sum     summary
	each    func(*documents.PageResult) error // nil: only the summary is answered
}

// source hands out page after page, numbered from 1, and io.EOF at the end.
type source func() (number int, records []documents.Record, err error)

// Take answers a bulk request with the parameters v: the records of its body
// are written page by page. Once the body was read to its end the status is
// 200, whatever became of single records.
//
// The answer is {job, received, inserted, updated, unchanged, duplicates,
// rejected, errors: [{line, code, field, message}], errors_omitted}, and trashed
// where records were removed; with results=lines NDJSON, a line
// {line, name, result, code, field, message} for each record in order and a
// last one {summary, error}.
func (in *Intake) Take(ctx context.Context, c *gin.Context, t Target, v url.Values) error {
	r, err := in.begin(ctx, c, t, v)
	defer func() { r.release() }()
	if err != nil {
		return err
	}
	if r.lines {
		return r.stream(ctx, c)
	}
	if err := r.write(ctx, c); err != nil {
		return &brokenOff{err, &r.sum}
	}
	return web.JSON(c, http.StatusOK, &r.sum)
}

// begin is what comes before the first page of a body. What it took is given back by release, also after an error.
func (in *Intake) begin(ctx context.Context, c *gin.Context, t Target, v url.Values) (*run, error) {
	r := &run{Intake: in, docType: t.DocType, release: func() {}, sum: summary{Errors: []lineError{}}}
	var err error
	if r.parameters, err = readParameters(v); err != nil {
		return r, err
	}
	if err := r.enter(ctx, t.Job); err != nil {
		return r, err
	}
	return r, r.open(ctx, c)
}

// enter finds the job that the request names, in its path or by a parameter.
func (r *run) enter(ctx context.Context, j *jobs.Job) error {
	named := r.parameters.job
	switch {
	case named == "" && j == nil:
		return nil
	case j == nil:
		found, err := r.jobs.Get(ctx, named)
		if err != nil {
			return err
		}
		if found.DocType != r.docType {
			return web.Errorf("invalid", "job", "job %s feeds %.100q, not %.100q: send its records to /api/ingest/<its DocType>, or to /scrapers/jobs/%s/results",
				found.ID, found.DocType, r.docType, found.ID)
		}
		j = &found
	case named != "" && named != j.ID:
		return web.Errorf("invalid", "job", "the path names another job, %s", j.ID)
	}
	r.join(j)
	return nil
}

// join makes the pages those of a job.
func (r *run) join(j *jobs.Job) {
	r.job, r.page.Run.Scraper = j.ID, j.Scraper
	r.sum.Job = &r.job
}

// open makes ready to read the body.
func (r *run) open(ctx context.Context, c *gin.Context) error {
	def, err := r.docs.Definition(ctx, r.docType)
	if err != nil {
		return err
	}
	r.page.Mode = r.mode
	r.page.Scope = strings.Join([]string{r.docType, string(r.mode), r.shape, r.parameters.records, r.format, r.job}, sep)
	key, err := givenKey(ctx, c)
	if err != nil {
		return err
	}
	if err := r.claim(key); err != nil {
		return err
	}
	if r.format != "" {
		return r.readPush(ctx, c)
	}
	r.next = r.shaped(c, def)
	return nil
}

// claim takes an idempotency key for as long as the request is running; "" is
// none.
func (r *run) claim(key string) (err error) {
	if key == "" {
		return nil
	}
	if r.release, err = r.claims.take(key); err != nil {
		r.release = func() {}
		return err
	}
	r.page.IdempotencyKey = key
	return nil
}

// shaped reads a body of one of our own shapes.
func (r *run) shaped(c *gin.Context, def *doctype.Definition) source {
	reader := ingest.NewReader(c.Request.Body, ingest.Options{
		ContentType: c.GetHeader("Content-Type"), ContentEncoding: c.GetHeader("Content-Encoding"),
		Shape: r.shape, Records: r.records, Key: keyFinder(def), Numeric: numeric(def),
		MaxRecord: record.MaxSize,
	})
	return func() (int, []documents.Record, error) {
		p, err := reader.Next()
		if err != nil {
			return 0, nil, err
		}
		records := make([]documents.Record, len(p.Records))
		for i, rec := range p.Records {
			records[i] = documents.Record{Line: rec.Line, Key: rec.Key, Data: rec.Data, Err: rec.Err}
		}
		return p.Number, records, nil
	}
}

// keyFinder tells a record from a map of records: it has a key at its top.
func keyFinder(def *doctype.Definition) func([]byte) bool {
	fields := def.KeyFields()
	if len(fields) == 0 && !strings.Contains(def.Autoname, "@key") {
		return nil // a hash: nothing tells them apart
	}
	return func(data []byte) bool {
		return slices.ContainsFunc(fields, func(f string) bool { return record.Member(data, f) != nil })
	}
}

// numeric says which columns of a CSV hold numbers.
func numeric(def *doctype.Definition) func(string) bool {
	return func(column string) bool {
		f := def.Field(column)
		if f == nil {
			return false
		}
		switch f.Fieldtype {
		case "Int", "Float", "Currency", "Check":
			return true
		}
		return false
	}
}

// write writes page after page until the body ends. What was committed by then
// stands in sum, also when it fails.
func (r *run) write(ctx context.Context, c *gin.Context) error {
	pages, stop := r.ahead(ctx, c)
	early := true
	defer func() { stop(early) }()
	var before documents.PageResult
	for {
		p := <-pages
		early = p.err == nil
		if errors.Is(p.err, io.EOF) {
			return nil
		}
		if p.err != nil {
			return p.err
		}
		p.page.Behind(&before)
		result, err := r.commit(ctx, p.page)
		if err != nil {
			return err
		}
		before = result
		r.sum.add(&result)
		if r.each != nil {
			if err := r.each(&result); err != nil {
				return err
			}
		}
	}
}

// fetched is a page that is ready to be written, or why there is none.
type fetched struct {
	page documents.Page
	err  error
}

// ahead reads pages, and checks those that were read, while the one before them is written: the first waits for the client, the
// last for the database.
func (r *run) ahead(ctx context.Context, c *gin.Context) (pages <-chan fetched, stop func(early bool)) {
	done := make(chan struct{})
	read, readEnded := stage(done, r.read)
	out, ended := stage(done, func() fetched {
		f, more := <-read
		if !more { // stopped
			return fetched{err: context.Canceled}
		}
		return r.prepare(ctx, f)
	})
	return out, func(early bool) {
		close(done)
		if early {
			r.interrupt(c, readEnded)
		}
		<-readEnded
		<-ended
	}
}

// stage hands out what next returns, on a goroutine of its own, until an error or done. ended is closed when it is over.
func stage(done <-chan struct{}, next func() fetched) (out <-chan fetched, ended <-chan struct{}) {
	pages, over := make(chan fetched), make(chan struct{})
	go func() {
		defer close(over)
		defer close(pages)
		for {
			f := next()
			select {
			case pages <- f:
			case <-done:
				return
			}
			if f.err != nil {
				return
			}
		}
	}()
	return pages, over
}

// interrupt ends a read of the body that may never end: the client may send no more until it is answered. What such a connection
// would bring next is not a request.
func (r *run) interrupt(c *gin.Context, ended <-chan struct{}) {
	grace := time.NewTimer(100 * time.Millisecond)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		c.Header("Connection", "close")
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now())
	}
}

func (r *run) read() (f fetched) {
	defer recovered(&f)
	f.page = r.page
	f.page.Number, f.page.Records, f.err = r.next()
	return f
}

func (r *run) prepare(ctx context.Context, f fetched) (out fetched) {
	defer recovered(&out)
	if out = f; f.err == nil {
		out.err = r.docs.Prepare(ctx, r.docType, &out.page)
	}
	return out
}

// recovered turns a panic into an error: on a goroutine of its own it would end the process.
func recovered(f *fetched) {
	if p := recover(); p != nil {
		f.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

func (r *run) commit(ctx context.Context, page documents.Page) (result documents.PageResult, err error) {
	if r.watch != nil {
		inner, done := r.watch(ctx, r.docType)
		ctx = inner
		defer func() { done(&result, err) }()
	}
	if r.job == "" {
		return r.docs.WritePage(ctx, r.docType, page)
	}
	return r.jobs.WritePage(ctx, r.job, page)
}

// stream answers each record in order, page by page as they are committed, as
// lines of JSON; the last line is the summary. A client has to read while it
// sends.
func (r *run) stream(ctx context.Context, c *gin.Context) error {
	// Otherwise the first write would swallow or cut off the rest of the body.
	_ = http.NewResponseController(c.Writer).EnableFullDuplex() // HTTP/2 always is
	begun := false
	write := func(v any) error {
		if !begun {
			begun = true
			c.Header("Content-Type", "application/x-ndjson")
			c.Status(http.StatusOK)
		}
		line, err := rawjson.Encode(v)
		if err != nil {
			return err
		}
		_, err = c.Writer.Write(append(line, '\n'))
		return err
	}
	r.each = func(p *documents.PageResult) error {
		for i := range p.Lines {
			if err := write(&p.Lines[i]); err != nil {
				return err
			}
		}
		c.Writer.Flush()
		return nil
	}
	last := map[string]any{"summary": &r.sum}
	if err := r.write(ctx, c); err != nil {
		if !begun {
			return &brokenOff{err, &r.sum}
		}
		p := web.Classify(err)
		last["error"] = map[string]any{"code": p.Code, "message": p.Message, "status": p.Status, "request_id": web.RequestID(ctx)}
		if p.Status >= http.StatusInternalServerError {
			return errors.Join(write(last), err) // to be logged
		}
	}
	return write(last)
}
