package export

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"strings"

	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/hooks/ledger"
	"dochook/server/web"
)

// Formats of an export.
const (
	NDJSON = "ndjson" // an object on each line
	CSV    = "csv"    // RFC 4180, with a header; null is nothing
)

// Request is what is to be written.
type Request struct {
	Filters  query.Query // of which only the filters count
	Attempts bool        // NDJSON only: each delivery has its attempts_log

	format  string
	columns []column
}

// Parse reads the parameters format (ndjson if absent, or csv), filters, or_filters and fields (all if absent), in the shapes that
// lists take, and attempts (0 or 1). The error is invalid, with the parameter's name.
func Parse(v url.Values) (Request, error) {
	r := Request{format: NDJSON}
	if f := v.Get("format"); f != "" {
		r.format = f
	}
	if r.format != NDJSON && r.format != CSV {
		return r, web.Errorf("invalid", "format", "format is ndjson or csv")
	}
	switch v.Get("attempts") {
	case "", "0", "false":
	case "1", "true":
		r.Attempts = true
	default:
		return r, web.Errorf("invalid", "attempts", "attempts is 0 or 1")
	}
	if r.Attempts && r.format == CSV {
		return r, web.Errorf("invalid", "attempts", "attempts do not fit into a CSV: take format=ndjson")
	}
	q, err := query.Parse(url.Values{"fields": v["fields"], "filters": v["filters"], "or_filters": v["or_filters"]})
	if err != nil {
		return r, err
	}
	if v.Get("fields") == "" {
		q.Fields = nil
	}
	r.Filters = query.Query{Filters: q.Filters, OrFilters: q.OrFilters}
	r.columns, err = chosen(q.Fields)
	return r, err
}

// Type is the media type of what is written.
func (r *Request) Type() string {
	if r.format == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/x-ndjson"
}

// Extension is that of a file's name, with its dot.
func (r *Request) Extension() string { return "." + r.format }

// Write writes the deliveries that the request is about to out, oldest event first, and returns how many they were. Nothing is written
// when a filter is wrong.
func Write(ctx context.Context, store *ledger.Store, r Request, out io.Writer) (n int64, err error) {
	b := bufio.NewWriterSize(out, 64<<10)
	one, end := ndjson(&r, b), func() error { return nil }
	if r.format == CSV {
		one, end = table(&r, b)
	}
	err = store.Each(ctx, r.Filters, r.Attempts, func(l *ledger.Logged, attempts []ledger.Attempt) error {
		n++
		return one(l, attempts)
	})
	if err != nil {
		return n, err
	}
	if err := end(); err != nil {
		return n, err
	}
	return n, b.Flush()
}

type writer func(l *ledger.Logged, attempts []ledger.Attempt) error

func ndjson(r *Request, out *bufio.Writer) writer {
	return func(l *ledger.Logged, attempts []ledger.Attempt) error {
		line, err := r.object(l, attempts)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		return err
	}
}

// object is a delivery as a JSON object.
func (r *Request) object(l *ledger.Logged, attempts []ledger.Attempt) ([]byte, error) {
	var w record.Writer
	for _, c := range r.columns {
		w.Raw(c.name, c.value(l))
	}
	if r.Attempts {
		tried, err := attemptsLog(attempts)
		if err != nil {
			return nil, err
		}
		w.Raw("attempts_log", tried)
	}
	return w.Bytes(), nil
}

// table writes the header with the first row, or at the end. Texts come as they are: encoding/csv would rewrite their line ends.
func table(r *Request, out *bufio.Writer) (one writer, end func() error) {
	var line []byte
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		_, err := out.WriteString(strings.Join(names(r.columns), ",") + "\r\n")
		return err
	}
	one = func(l *ledger.Logged, _ []ledger.Attempt) error {
		if err := begin(); err != nil {
			return err
		}
		line = line[:0]
		for i, c := range r.columns {
			if i > 0 {
				line = append(line, ',')
			}
			line = appendCell(line, c.value(l))
		}
		if len(line) == 0 { // a blank line is no row to many readers
			line = append(line, '"', '"')
		}
		_, err := out.Write(append(line, '\r', '\n'))
		return err
	}
	return one, begin
}

// appendCell appends a JSON text, number or null as a field of a CSV.
func appendCell(dst, value []byte) []byte {
	switch value[0] {
	case 'n':
		return dst
	case '"':
	default:
		return append(dst, value...)
	}
	s := record.Unquote(value)
	if !strings.ContainsAny(s, "\",\r\n\t") && s == strings.TrimSpace(s) {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// Object is a delivery as a line of an NDJSON with all fields, and with its attempts_log unless attempts is nil.
func Object(l *ledger.Logged, attempts []ledger.Attempt) ([]byte, error) {
	r := Request{Attempts: attempts != nil, columns: columns}
	return r.object(l, attempts)
}
