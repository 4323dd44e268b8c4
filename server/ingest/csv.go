package ingest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/server/ingest/body"
)

// separators are the bytes that may stand between cells; the one found most
// often in the header line is used, the first of them at a tie.
const separators = ",;\t"

// maxHeader bounds the header line, in bytes: it is repeated in every record.
const maxHeader = 64 << 10

// rows are the records of CSV (RFC 4180). Where a row ends is found here, for
// that must be possible in bounded memory and exact about lines; what its
// cells are is read by encoding/csv.
type rows struct {
	w       *body.Window
	seps    string
	line    int // of the next row
	columns []column
	in      bytes.Reader
	csv     *csv.Reader
	out     []byte
}

// column is a column of the header.
type column struct {
	quoted  []byte // its name as JSON
	name    string
	numeric bool
}

// csv reads the header and sets up the rows.
func (o *opening) csv() (splitter, string, *Error) {
	r := &rows{w: o.Window, seps: separators, line: o.line}
	at := o.Offset()
	row, _, tooLarge, err := r.read(maxHeader)
	if err != nil {
		return nil, "", err
	}
	p := body.Place{What: "CSV header"}
	if tooLarge {
		return nil, "", body.NewError(body.TooLarge, at, o.line, fmt.Sprintf("%s: larger than %d bytes", p, maxHeader))
	}
	r.seps = separator(row)
	names, perr := r.parse(row)
	if perr != nil {
		return nil, "", body.NewError(body.Invalid, at, o.line, p.String()+": "+perr.Error())
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		name = strings.TrimSpace(name)
		fault := ""
		switch {
		case name == "":
			fault = fmt.Sprintf("column %d has no name", i+1)
		case seen[name]:
			fault = fmt.Sprintf("the name %q appears twice", name)
		case !utf8.ValidString(name):
			fault = fmt.Sprintf("the name of column %d is not UTF-8", i+1)
		}
		if fault != "" {
			return nil, "", body.NewError(body.Invalid, at, o.line, p.String()+": "+fault)
		}
		seen[name] = true
		quoted, _ := jsontext.AppendQuote(nil, name)
		r.columns = append(r.columns, column{quoted: quoted, name: name, numeric: o.o.Numeric != nil && o.o.Numeric(name)})
	}
	return r, formatCSV, nil
}

func (r *rows) next() (item, error) {
	for start := r.w.Offset(); ; {
		at, it := r.w.Offset(), item{line: r.line}
		row, last, tooLarge, err := r.read(r.w.Limit())
		if err != nil {
			return item{}, err
		}
		switch {
		case tooLarge:
			it.err = r.w.TooLarge(at, it.line)
			return it, nil
		case len(row) == 0 && last:
			return item{}, io.EOF
		case len(trimEnd(row)) > 0:
			if it.data, it.err = r.record(row, last); it.err != nil {
				it.err.Offset, it.err.Line = at, it.line
				if it.err.Code() == body.Truncated {
					return item{}, it.err
				}
			}
			return it, nil
		case r.w.Offset()-start > int64(r.w.Limit()):
			return item{}, r.w.Endless(start)
		}
	}
}

// read uses up the next row and returns it with its line end. A row above the
// limit is skipped. The last row is the one without a line end, be it empty.
func (r *rows) read(limit int) (row []byte, last, tooLarge bool, err *Error) {
	var q quotes
	start := r.line
	for n := 0; ; {
		b := r.w.Bytes()
		end, found := q.rowEnd(b[n:], r.seps)
		r.line += bytes.Count(b[n:n+end], []byte{'\n'})
		n += end
		tooLarge = tooLarge || n > limit
		if tooLarge || found {
			r.w.Advance(n)
		}
		switch {
		case found && tooLarge:
			return nil, false, true, nil
		case found:
			return b[:n], false, false, nil
		case tooLarge:
			n = 0
		}
		if r.w.Fill() {
			continue
		}
		if r.w.Ended() != nil || q == quoted {
			return nil, true, false, r.w.Cut(body.Place{What: "the CSV row of line", N: start})
		}
		b = r.w.Bytes()
		r.w.Advance(len(b))
		return b, true, tooLarge, nil
	}
}

// quotes is the state of the search for the end of a row.
type quotes uint8

const (
	cellStart  quotes = iota // a quote here opens a quoted cell
	unquoted                 // quotes mean nothing
	quoted                   // line ends mean nothing
	quoteAgain               // behind a quote in a quoted cell: its end, or half of an escaped quote
)

// rowEnd goes on through b and returns how much of it belongs to the row and
// whether the row ends there.
func (q *quotes) rowEnd(b []byte, seps string) (n int, found bool) {
	for n < len(b) {
		if *q == quoted {
			end := bytes.IndexByte(b[n:], '"')
			if end < 0 {
				return len(b), false
			}
			n += end + 1
			*q = quoteAgain
			continue
		}
		c := b[n]
		n++
		switch {
		case c == '\n':
			return n, true
		case c == '"' && *q != unquoted:
			*q = quoted
		case strings.IndexByte(seps, c) >= 0:
			*q = cellStart
		default:
			*q = unquoted
		}
	}
	return n, false
}

// separator is the most frequent separator of a header line outside of quotes.
func separator(header []byte) string {
	counts := make([]int, len(separators))
	inside := false
	for _, c := range header {
		if c == '"' {
			inside = !inside
		} else if i := strings.IndexByte(separators, c); i >= 0 && !inside {
			counts[i]++
		}
	}
	best := slices.Index(counts, slices.Max(counts))
	return separators[best : best+1]
}

// parse returns the cells of one row; they are valid until the next call.
func (r *rows) parse(row []byte) ([]string, error) {
	r.in.Reset(row)
	if r.csv == nil {
		r.csv = csv.NewReader(&r.in)
		r.csv.ReuseRecord = true
		r.csv.FieldsPerRecord = -1
		r.csv.Comma = rune(r.seps[0])
	}
	cells, err := r.csv.Read()
	if err == nil {
		return cells, nil
	}
	r.csv = nil // it may hold the rest of the row
	if fault, ok := errors.AsType[*csv.ParseError](err); ok {
		err = fault.Err
	}
	return nil, err
}

// record makes a JSON object of a row; it is valid until the next call. A last
// row with too few cells and no line end was cut off. Errors are without their
// place.
func (r *rows) record(row []byte, last bool) ([]byte, *Error) {
	cells, err := r.parse(row)
	if err != nil {
		return nil, body.NewError(body.Invalid, 0, 0, "CSV row: "+err.Error())
	}
	if len(cells) != len(r.columns) {
		if last && len(cells) < len(r.columns) {
			return nil, body.NewError(body.Truncated, 0, 0, "the body ends within a CSV row")
		}
		return nil, body.NewError(body.Invalid, 0, 0, fmt.Sprintf("CSV row: %d cells, the header has %d", len(cells), len(r.columns)))
	}
	r.out = append(r.out[:0], '{')
	for i, cell := range cells {
		c := &r.columns[i]
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(append(r.out, c.quoted...), ':')
		if c.numeric && r.isNumber(cell) {
			r.out = append(r.out, cell...)
			continue
		}
		if r.out, err = jsontext.AppendQuote(r.out, cell); err != nil {
			return nil, body.NewError(body.Invalid, 0, 0, fmt.Sprintf("CSV row: the cell of column %q is not UTF-8", c.name))
		}
	}
	r.out = append(r.out, '}')
	if len(r.out) > r.w.Limit() {
		return nil, r.w.TooLarge(0, 0)
	}
	return r.out, nil
}

// isNumber reports whether a cell is a JSON number.
func (r *rows) isNumber(cell string) bool {
	if cell == "" || cell[0] != '-' && (cell[0] < '0' || cell[0] > '9') {
		return false
	}
	s := r.w.Scanner()
	return s.Scan([]byte(cell)) == len(cell) && s.EOF()
}

// trimEnd cuts the line end off a row.
func trimEnd(row []byte) []byte { return bytes.TrimRight(row, "\r\n") }

// looksLikeCSV guesses whether the body, which is nothing else, begins with a
// CSV header: a line of two or more cells that could be names.
func (o *opening) looksLikeCSV() (bool, *Error) {
	var q quotes
	n := 0
	for found := false; !found; {
		var end int
		end, found = q.rowEnd(o.Bytes()[n:], separators)
		n += end
		if !found && (n > maxHeader || !o.Fill()) {
			return false, o.Ended()
		}
	}
	if n > maxHeader {
		return false, nil
	}
	row := o.Bytes()[:n]
	probe := &rows{w: o.Window, seps: separator(row)}
	cells, err := probe.parse(row)
	if err != nil || len(cells) < 2 {
		return false, nil //nolint:nilerr // Not being CSV is an answer.
	}
	return !slices.ContainsFunc(cells, func(cell string) bool { return !probe.isName(cell) }), nil
}

// isName reports whether a cell could be the name of a column.
func (r *rows) isName(cell string) bool {
	const longest = 200
	cell = strings.TrimSpace(cell)
	switch cell {
	case "", "NaN", "Infinity", "null", "true", "false":
		return false
	}
	return len(cell) <= longest && utf8.ValidString(cell) && !r.isNumber(cell) && !strings.ContainsFunc(cell, unicode.IsControl)
}
