package foreign

import (
	"cmp"
	"slices"

	"dochook/doctype/record"
)

var rowsLayout = layout{
	format:  formatRows,
	example: `{"recipeName", "tableName", "fields": [{"id", "name"}], "rows": [{id: value}]}`,
	members: []string{"recipeName", "tableName", "fields", "rows"},
}

// Ids become names, which may be longer: how much all records of a body may
// become, as a multiple of its size, and what is allowed in any case.
const (
	maxGrowth = 8
	minGrown  = 32 << 20
)

// Rows reads a body of format rows, {recipeName, tableName, fields: [{id,
// name}], rows: [{id: value}]}. A record has the members its row has, in the
// order of fields, each under the name of its column.
//
// Known are the names of column ids learnt before, or declared by the DocType;
// nil is none. They outdo the names that were sent, so that a renamed column
// keeps its member. Of two columns with one name the first keeps it and the
// others get name_2, name_3 and so on, whatever is free; a column without a
// name is called by its id. A row with an id that is neither in fields nor
// known is refused alone.
func Rows(body []byte, known map[string]string) (Push, error) {
	e, err := rowsLayout.open(body)
	if err != nil {
		return Push{}, err
	}
	var p Push
	if p.Recipe, err = e.text("recipeName"); err != nil {
		return Push{}, err
	}
	if p.Table, err = e.text("tableName"); err != nil {
		return Push{}, err
	}
	fields, err := e.array("fields")
	if err != nil {
		return Push{}, err
	}
	rows, err := e.array("rows")
	if err != nil {
		return Push{}, err
	}
	h, err := newHeader(fields, known)
	if err != nil {
		return Push{}, err
	}
	t := table{header: h, left: max(minGrown, maxGrowth*len(body))}
	p.Columns = h.columns
	if p.Records, err = collect(rows, "rows", t.record); err != nil {
		return Push{}, err
	}
	if t.left < 0 {
		return Push{}, failf(CodeTooLarge, "fields", "the names are so long that the records would be more than %d times as large as the body", maxGrowth)
	}
	return p, nil
}

// table makes records of rows.
type table struct {
	*header
	left  int    // bytes that records may still take; below 0: too many
	cells []cell // of one row, used again
}

// cell is a value of a row and the place of its column's name.
type cell struct {
	column int
	value  []byte
}

// record makes the record of one row.
func (t *table) record(row []byte) Record {
	if t.left < 0 { // the body is refused
		return Record{}
	}
	if err := check("a row", row); err != nil {
		return Record{Err: err}
	}
	t.cells = t.cells[:0]
	size := len("{}")
	for id, value := range record.Members(row) {
		i, ok := t.find(id)
		if !ok {
			return Record{Err: failf(CodeInvalid, "", "there is no field with the id %.60q", id)}
		}
		t.cells = append(t.cells, cell{i, value})
		size += len(t.quoted[i]) + len(value) + len(":,")
	}
	if size > record.MaxSize {
		return Record{Err: failf(CodeTooLarge, "", "with the names of its columns the record has more than %d bytes", record.MaxSize)}
	}
	if t.left -= size; t.left < 0 {
		return Record{}
	}
	byColumn := func(a, b cell) int { return cmp.Compare(a.column, b.column) }
	if !slices.IsSortedFunc(t.cells, byColumn) {
		slices.SortFunc(t.cells, byColumn)
	}
	w := record.NewWriter(make([]byte, 0, size))
	for _, c := range t.cells {
		w.Quoted(t.quoted[c.column], c.value)
	}
	return Record{Data: w.Bytes()}
}
