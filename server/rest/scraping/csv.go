package scraping

import (
	"bufio"
	"context"
	"errors"

	"dochook/doctype/jobs"
	"dochook/doctype/record"
	"dochook/server/web"
)

// maxColumns bounds the header of a CSV, which is kept in memory.
const maxColumns = 10_000

// errEnough ends a walk through records.
var errEnough = errors.New("enough")

// walk calls fn for each record of the same job, from the first one on, each
// time it is called.
type walk func(fn func(data []byte) error) error

func (h *Handlers) writeCSV(ctx context.Context, j *jobs.Job, out *bufio.Writer) error {
	return newTable().write(out, func(fn func(data []byte) error) error {
		return h.Jobs.EachRow(ctx, j.ID, func(r jobs.Row) error { return fn(r.Data) })
	})
}

// table is records as CSV (RFC 4180): a column for each member that a record
// has, in the order in which they first come. Strings are written as their text,
// objects and arrays as JSON, null and what is absent as nothing; an empty string
// is "".
type table struct {
	names []string
	index map[string]int
	rows  int64
	cells [][]byte // of one row, used again
	line  []byte
}

func newTable() *table { return &table{index: map[string]int{}} }

// write goes through the records twice: the header comes first.
func (t *table) write(out *bufio.Writer, each walk) error {
	if err := each(t.look); err != nil || len(t.names) == 0 {
		return err
	}
	t.cells = make([][]byte, len(t.names))
	for i, name := range t.names {
		t.cells[i] = record.AppendQuote(nil, name)
	}
	if err := t.writeLine(out); err != nil {
		return err
	}
	err := each(func(data []byte) error {
		if t.rows == 0 { // others came meanwhile, perhaps with other columns
			return errEnough
		}
		t.rows--
		clear(t.cells)
		for name, value := range record.Members(data) {
			t.cells[t.index[name]] = value
		}
		return t.writeLine(out)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// look notes the columns of a record.
func (t *table) look(data []byte) error {
	t.rows++
	for name := range record.Members(data) {
		if _, known := t.index[name]; known {
			continue
		}
		if len(t.names) == maxColumns {
			return web.Errorf("invalid", "", "the records have more than %d different members: take them as results.ndjson", maxColumns)
		}
		t.index[name] = len(t.names)
		t.names = append(t.names, name)
	}
	return nil
}

// writeLine writes the cells, each JSON text.
func (t *table) writeLine(out *bufio.Writer) error {
	t.line = t.line[:0]
	for i, cell := range t.cells {
		if i > 0 {
			t.line = append(t.line, ',')
		}
		t.line = appendCell(t.line, cell)
	}
	if len(t.line) == 0 { // a blank line is no row to many readers
		t.line = append(t.line, '"', '"')
	}
	t.line = append(t.line, '\r', '\n')
	_, err := out.Write(t.line)
	return err
}

// appendCell appends a JSON value as a field of a CSV.
func appendCell(dst, value []byte) []byte {
	switch {
	case len(value) == 0 || value[0] == 'n':
		return dst
	case value[0] != '"' && value[0] != '{' && value[0] != '[':
		return append(dst, value...)
	}
	text := string(value)
	if value[0] == '"' {
		text = record.Unquote(value)
	}
	if plain(text) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for i := range len(text) {
		if text[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

// plain reports whether a text needs no quotes.
func plain(text string) bool {
	if text == "" || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	for i := range len(text) {
		switch text[i] {
		case '"', ',', '\n', '\r', '\t':
			return false
		}
	}
	return true
}
