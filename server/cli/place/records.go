package place

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/record"
	"dochook/fixtures/peer"
	"dochook/server/ingest"
)

// maxListed is how many rejected lines of a body are listed.
const maxListed = 1000

// Body is a bulk body and how it is read; see the parameters of the bulk door.
type Body struct {
	Text        io.Reader
	ContentType string // a hint
	Records     string
	Mode        string // replace or merge
	Shape       string
}

func (b *Body) parameters() url.Values {
	p := url.Values{}
	for key, value := range map[string]string{"records": b.Records, "mode": b.Mode, "shape": b.Shape} {
		if value != "" {
			p.Set(key, value)
		}
	}
	return p
}

// Feed writes the records of a body into a DocType, as pages of a job if one is
// named. With an error the answer holds what was committed before it.
func (o *Opened) Feed(ctx context.Context, docType, job string, b Body) (peer.Ingested, error) {
	switch {
	case o.client == nil && job == "":
		return o.write(ctx, docType, b, func(p documents.Page) (documents.PageResult, error) { return o.docs.WritePage(ctx, docType, p) })
	case o.client == nil:
		return o.write(ctx, docType, b, func(p documents.Page) (documents.PageResult, error) { return o.jobs.WritePage(ctx, job, p) })
	case job == "":
		return o.client.Ingest(ctx, docType, b.parameters(), b.ContentType, b.Text)
	default:
		return o.client.PostResults(ctx, job, b.parameters(), b.ContentType, b.Text)
	}
}

// write writes the body page by page.
func (o *Opened) write(ctx context.Context, docType string, b Body, page func(documents.Page) (documents.PageResult, error)) (peer.Ingested, error) {
	var total peer.Ingested
	definition, err := o.docs.Definition(ctx, docType)
	if err != nil {
		return total, err
	}
	reader := ingest.NewReader(b.Text, ingest.Options{
		ContentType: b.ContentType, Shape: b.Shape, Records: b.Records, Key: hasKey(definition), Numeric: numeric(definition),
	})
	for {
		next, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		records := make([]documents.Record, len(next.Records))
		for n, r := range next.Records {
			records[n] = documents.Record{Line: r.Line, Key: r.Key, Data: r.Data, Err: r.Err}
		}
		result, err := page(documents.Page{Records: records, Mode: documents.Mode(b.Mode), Number: next.Number})
		if err != nil {
			return total, err
		}
		addPage(&total, &result)
	}
}

func addPage(total *peer.Ingested, page *documents.PageResult) {
	total.Received += page.Received
	total.Inserted += page.Inserted
	total.Updated += page.Updated
	total.Unchanged += page.Unchanged
	total.Duplicates += page.Duplicates
	total.Rejected += page.Rejected
	for _, l := range page.Lines {
		switch {
		case l.Outcome != documents.Rejected:
		case len(total.Errors) >= maxListed:
			total.Omitted++
		default:
			total.Errors = append(total.Errors, peer.LineError{Line: l.Line, Code: l.Code, Field: l.Field, Message: l.Message})
		}
	}
}

// hasKey tells records from a map of records.
func hasKey(d *doctype.Definition) func(record []byte) bool {
	fields := d.KeyFields()
	if len(fields) == 0 && !strings.Contains(d.Autoname, "@key") {
		return nil // made-up names: nothing tells them apart
	}
	return func(data []byte) bool {
		return slices.ContainsFunc(fields, func(f string) bool { return record.Member(data, f) != nil })
	}
}

// numeric says which CSV columns hold numbers.
func numeric(d *doctype.Definition) func(column string) bool {
	return func(column string) bool {
		f := d.Field(column)
		if f == nil {
			return false
		}
		switch f.Fieldtype {
		case "Int", "Float", "Percent", "Currency", "Check":
			return true
		default:
			return false
		}
	}
}
