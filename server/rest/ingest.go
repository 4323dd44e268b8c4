package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/record"
	"dochook/server/ingest"
	"dochook/server/rest/collection"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

const (
	maxReported    = 1000 // rejected lines that an answer lists
	maxIdempotency = 255  // bytes of an Idempotency-Key
)

// ingestOptions are the query parameters of a bulk request.
type ingestOptions struct {
	shape, records string
	mode           documents.Mode
	lines          bool // answer each record
}

// readIngest reads the parameters; one that nobody knows is a typing mistake
// that would be found out too late.
func readIngest(v url.Values) (ingestOptions, error) {
	o := ingestOptions{mode: documents.Replace}
	for name := range v {
		value := v.Get(name)
		switch name {
		case "shape":
			if o.shape = value; value != "" && value != "map" {
				return o, web.Errorf("invalid", name, "shape is map, or left out, not %.60q", value)
			}
		case "records":
			o.records = value
		case "mode":
			if o.mode = documents.Mode(value); value == "" {
				o.mode = documents.Replace
			}
			if o.mode != documents.Replace && o.mode != documents.Merge {
				return o, web.Errorf("invalid", name, "mode is replace or merge, not %.60q", value)
			}
		case "results":
			if o.lines = value == "lines"; !o.lines && value != "" {
				return o, web.Errorf("invalid", name, "results is lines, or left out, not %.60q", value)
			}
		case "job", "format":
			return o, web.Errorf("invalid", name, "%s is not supported by this version", name)
		default:
			return o, web.Errorf("invalid", name, "there is no parameter %.60q: known are shape, records, mode and results", name)
		}
	}
	return o, nil
}

// lineError is a rejected record as the answer lists it.
type lineError struct {
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// summary is the answer to a bulk request.
type summary struct {
	Job        *string     `json:"job"`
	Received   int         `json:"received"`
	Inserted   int         `json:"inserted"`
	Updated    int         `json:"updated"`
	Unchanged  int         `json:"unchanged"`
	Duplicates int         `json:"duplicates"`
	Rejected   int         `json:"rejected"`
	Errors     []lineError `json:"errors"`
	Omitted    int         `json:"errors_omitted"`
}

func (s *summary) add(r *documents.PageResult) {
	s.Received += r.Received
	s.Inserted += r.Inserted
	s.Updated += r.Updated
	s.Unchanged += r.Unchanged
	s.Duplicates += r.Duplicates
	s.Rejected += r.Rejected
	for i := range r.Lines {
		l := &r.Lines[i]
		switch {
		case l.Outcome != documents.Rejected:
		case len(s.Errors) == maxReported:
			s.Omitted++
		default:
			s.Errors = append(s.Errors, lineError{l.Line, l.Code, l.Field, l.Message})
		}
	}
}

// brokenOff is an error after which the pages before it stand.
type brokenOff struct {
	err error
	sum *summary
}

func (b *brokenOff) Error() string { return b.err.Error() }
func (b *brokenOff) Unwrap() error { return b.err }

// Details are the counts of what was committed.
func (b *brokenOff) Details() map[string]any {
	return map[string]any{
		"job": nil, "received": b.sum.Received, "inserted": b.sum.Inserted, "updated": b.sum.Updated, "unchanged": b.sum.Unchanged,
		"duplicates": b.sum.Duplicates, "rejected": b.sum.Rejected, "errors": b.sum.Errors, "errors_omitted": b.sum.Omitted,
	}
}

// intake is one bulk request on its way.
type intake struct {
	docs   *documents.Service
	reader *ingest.Reader
	page   documents.Page // what each page has in common
	target string         // the DocType
	sum    summary
	each   func(*documents.PageResult) error // nil: only the summary is answered
}

// Ingest answers POST /api/ingest/{DocType}: the records of a body of any
// length, written page by page. Once the body was read to its end the status is
// 200, whatever became of single records.
func (h *Handlers) Ingest(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	if col.Builtin() {
		return web.Errorf("forbidden", "", "%s takes one document at a time, at /api/resource", col.Name())
	}
	v, err := parameters(c)
	if err != nil {
		return err
	}
	o, err := readIngest(v)
	if err != nil {
		return err
	}
	in, release, err := h.newIntake(ctx, c, col.Name(), o)
	if err != nil {
		return err
	}
	defer release()
	if o.lines {
		return in.stream(ctx, c)
	}
	if err := in.run(ctx); err != nil {
		return &brokenOff{err, &in.sum}
	}
	return web.JSON(c, http.StatusOK, &in.sum)
}

func (h *Handlers) newIntake(ctx context.Context, c *gin.Context, dt string, o ingestOptions) (*intake, func(), error) {
	def, err := h.Documents.Definition(ctx, dt)
	if err != nil {
		return nil, nil, err
	}
	in := &intake{docs: h.Documents, target: dt, page: documents.Page{Mode: o.mode}, sum: summary{Errors: []lineError{}}}
	in.reader = ingest.NewReader(c.Request.Body, ingest.Options{
		ContentType: c.GetHeader("Content-Type"), ContentEncoding: c.GetHeader("Content-Encoding"),
		Shape: o.shape, Records: o.records, Key: keyFinder(def), Numeric: numeric(def),
		MaxRecord: record.MaxSize,
	})
	release, err := h.idempotent(ctx, c, &in.page)
	in.page.Scope = strings.Join([]string{dt, string(o.mode), o.shape, o.records}, "\x1f")
	return in, release, err
}

// idempotent takes the request's Idempotency-Key, which two requests cannot
// use at the same time. Other keys' owners cannot see or block it.
func (h *Handlers) idempotent(ctx context.Context, c *gin.Context, p *documents.Page) (release func(), err error) {
	given := c.GetHeader("Idempotency-Key")
	if given == "" {
		return func() {}, nil
	}
	if len(given) > maxIdempotency || strings.ContainsFunc(given, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return nil, web.Errorf("invalid", "Idempotency-Key", "an Idempotency-Key is at most %d printable ASCII characters", maxIdempotency)
	}
	key := web.Principal(ctx).Name + "\x1f" + given
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, taken := h.busy[key]; taken {
		return nil, web.Errorf("idempotency_busy", "Idempotency-Key", "another request with this Idempotency-Key is still running")
	}
	h.busy[key] = struct{}{}
	p.IdempotencyKey = key
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.busy, key)
	}, nil
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

// run writes page after page until the body ends. What was committed by then
// stands in sum, also when it fails.
func (in *intake) run(ctx context.Context) error {
	for {
		p, err := in.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		page := in.page
		page.Number, page.Records = p.Number, make([]documents.Record, len(p.Records))
		for i, r := range p.Records {
			page.Records[i] = documents.Record{Line: r.Line, Key: r.Key, Data: r.Data, Err: r.Err}
		}
		result, err := in.docs.WritePage(ctx, in.target, page)
		if err != nil {
			return err
		}
		in.sum.add(&result)
		if in.each != nil {
			if err := in.each(&result); err != nil {
				return err
			}
		}
	}
}

// stream answers each record in order, page by page as they are committed, as
// lines of JSON; the last line is the summary. A client has to read while it
// sends.
func (in *intake) stream(ctx context.Context, c *gin.Context) error {
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
	in.each = func(r *documents.PageResult) error {
		for i := range r.Lines {
			if err := write(&r.Lines[i]); err != nil {
				return err
			}
		}
		c.Writer.Flush()
		return nil
	}
	last := map[string]any{"summary": &in.sum}
	if err := in.run(ctx); err != nil {
		if !begun {
			return &brokenOff{err, &in.sum}
		}
		p := web.Classify(err)
		last["error"] = map[string]any{"code": p.Code, "message": p.Message, "status": p.Status, "request_id": web.RequestID(ctx)}
		if p.Status >= http.StatusInternalServerError {
			return errors.Join(write(last), err) // to be logged
		}
	}
	return write(last)
}
