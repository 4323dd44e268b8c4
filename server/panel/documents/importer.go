package documents

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/server/panel/page"
	"dochook/server/rest/bulk"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// importView is what the page of an import shows.
type importView struct {
	DocType, Naming string
	Modes, Kinds    []page.Option
	Formats         []page.Option
	Done            *bulk.Summary // what became of an import
	Broken          string        // why it ended early
	Source          string        // what was imported
	Options         bool          // one of them is set, or wrong
	Found           *wrapped      // a list inside of what was refused as one record
}

// Refused reports whether there were records, and none was accepted.
func (v *importView) Refused() bool {
	return v.Done != nil && v.Done.Received > 0 && v.Done.Rejected == v.Done.Received
}

// Pasted reports whether the records were no file.
func (v *importView) Pasted() bool { return v.Source == pasted }

const pasted = "the pasted text"

// wrapped is a list of records that stands inside an object.
type wrapped struct {
	Path string
	N    int
}

const wrappedBytes = 16 << 20 // that are looked through for one

// inside reads once more what was imported: an object in which one member alone is
// a list of objects is meant as the envelope of it. nil: it is none.
func (v *importView) inside(c *gin.Context, form *page.Form) (*wrapped, error) {
	kind := ""
	body, err := v.source(c, form, &kind)
	if err != nil || body == nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	dec := json.NewDecoder(io.LimitReader(body, wrappedBytes))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil //nolint:nilnil // it is no object
	}
	var found *wrapped
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil {
			return nil, nil //nolint:nilnil // it is no JSON, or too long to be looked through
		}
		if value[0] != '[' {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil || found != nil {
			return nil, nil //nolint:nilnil // there are several
		}
		if path, ok := name.(string); ok && len(list) > 0 && list[0][0] == '{' {
			found = &wrapped{path, len(list)}
		}
	}
	if _, err := dec.Token(); err != nil { // the end of the object
		return nil, nil //nolint:nilnil // it was cut
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // there are more records behind it
	}
	return found, nil
}

func newImportView(def *doctype.Definition) importView {
	return importView{
		DocType: def.Name, Naming: def.Autoname,
		Modes: []page.Option{
			{Value: "replace", Label: "Replace: a record is the whole new state of its document"},
			{Value: "merge", Label: "Merge: the members of a record are written over those stored"},
		},
		Kinds: []page.Option{
			{Label: "Look at the content"},
			{Value: "application/x-ndjson", Label: "NDJSON: a record on each line"},
			{Value: "application/json", Label: "JSON: an array, an object of records, or one record"},
			{Value: "text/csv", Label: "CSV: the names of the fields on the first line"},
		},
		Formats: []page.Option{
			{Label: "Plain records"},
			{Value: "rows", Label: "rows: columns and rows of a scraping service"},
			{Value: "changes", Label: "changes: added, updated and removed products"},
		},
	}
}

func (p *Pages) importForm(c *gin.Context) error {
	_, def, err := p.open(c, collection.Write)
	if err != nil {
		return err
	}
	return p.importing(c, def, page.NewForm(url.Values{"mode": {"replace"}}), newImportView(def))
}

func (p *Pages) importing(c *gin.Context, def *doctype.Definition, form *page.Form, v importView) error {
	for _, name := range []string{"kind", "format", "path", "map"} {
		v.Options = v.Options || form.Get(name) != ""
	}
	v.Options = v.Options || form.Get("mode") == "merge" || slices.ContainsFunc(form.Errors, func(e page.FieldError) bool { return e.Field != "" && e.Field != "text" })
	return p.pages.Render(c, form.Status(), "documents/import", page.View{Title: "Import into " + def.Name, Crumbs: crumbs(def.Name), Form: form, Data: &v})
}

// importRecords does with a pasted text or a file what POST /api/ingest does with
// a body.
func (p *Pages) importRecords(c *gin.Context) error {
	_, def, err := p.open(c, collection.Write)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	v := newImportView(def)
	form.Alias = map[string]string{"records": "path", "shape": "path"}
	kind := form.Get("kind")
	body, err := v.source(c, form, &kind)
	if err != nil {
		return err
	}
	if body == nil {
		form.Wrong("text", "paste records, or choose a file")
		return p.importing(c, def, form, v)
	}
	defer func() { _ = body.Close() }()
	ask := url.Values{"mode": {form.Get("mode")}, "format": {form.Get("format")}, "records": {strings.TrimSpace(form.Get("path"))}}
	if form.Checked("map") {
		ask.Set("shape", "map")
	}
	done, err := p.store(c, def.Name, body, kind, ask)
	if err != nil {
		if done.Received == 0 {
			if !form.Failed(err) {
				return err
			}
			if form.Errors[0].Field == "" || form.Link(form.Errors[0]) == "" {
				form.Errors[0].Field = "text"
			}
			return p.importing(c, def, form, v)
		}
		said := web.Classify(err)
		if said.Status >= http.StatusInternalServerError && said.Code == "internal" {
			return err
		}
		v.Broken = said.Message
	}
	v.Done = done
	if v.Refused() && ask.Get("records") == "" && !form.Checked("map") {
		if v.Found, err = v.inside(c, form); err != nil {
			return err
		}
	}
	if done.Rejected > 0 || v.Broken != "" {
		return p.importing(c, def, form, v)
	}
	return p.importing(c, def, page.NewForm(url.Values{"mode": {form.Get("mode")}}), v)
}

// source opens the file that was sent, else what was pasted; nil if there is
// neither. The name of a file says what is in it, unless the form does.
func (v *importView) source(c *gin.Context, form *page.Form, kind *string) (io.ReadCloser, error) {
	if m := c.Request.MultipartForm; m != nil {
		for _, file := range m.File["file"] {
			if file.Filename == "" && file.Size == 0 {
				continue
			}
			v.Source = file.Filename
			if *kind == "" && strings.EqualFold(path.Ext(file.Filename), ".csv") {
				*kind = "text/csv"
			}
			return openFile(file)
		}
	}
	text := form.Get("text")
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // there is nothing to read
	}
	v.Source = pasted
	return io.NopCloser(strings.NewReader(text)), nil
}

func openFile(file *multipart.FileHeader) (io.ReadCloser, error) {
	f, err := file.Open()
	if err != nil {
		return nil, doctype.Internal(err, "open the uploaded file")
	}
	return f, nil
}

// store hands the records to the intake as if they were the body of the request.
func (p *Pages) store(c *gin.Context, docType string, body io.ReadCloser, kind string, ask url.Values) (*bulk.Summary, error) {
	r := c.Request
	defer func() { c.Request = r }()
	sent := r.Clone(r.Context())
	sent.Body = body
	sent.Header = http.Header{}
	if kind != "" {
		sent.Header.Set("Content-Type", kind)
	}
	c.Request = sent
	return p.intake.Store(r.Context(), c, bulk.Target{DocType: docType}, ask)
}
