package draft

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"dochook/server/panel/page"
)

// The row editors of the form. A field of a row is called NAME[0].COLUMN, as
// mistakes in it are.
const (
	HeaderRows = "webhook_headers"
	DataRows   = "webhook_data"
	FilterRows = "filters"
)

// How many rows are shown.
const (
	SpareRows = 2    // empty ones under those that are filled
	MoreRows  = 5    // when somebody asks for more
	maxRows   = 1000 // of an editor
)

// Columns are those of an editor.
func Columns(name string) []string {
	switch name {
	case HeaderRows:
		return []string{"key", "value"}
	case DataRows:
		return []string{"fieldname", "key"}
	default:
		return []string{"field", "op", "value"}
	}
}

// Cell is the name of a field of a row, counted from 0.
func Cell(name string, row int, column string) string {
	return name + "[" + strconv.Itoa(row) + "]." + column
}

// setRows writes rows into a form.
func setRows(form *page.Form, name string, rows [][]string) {
	for i, row := range rows {
		for j, column := range Columns(name) {
			form.Set(Cell(name, i, column), row[j])
		}
	}
}

// TakeRows reads the rows of a form, in their order, without those that are
// empty but for what is chosen in column "op", and numbers them anew in it: rows may have
// been taken out, or left empty in between.
func TakeRows(form *page.Form, name string) [][]string {
	columns := Columns(name)
	numbers := map[int]bool{}
	for _, field := range slices.Collect(maps.Keys(form.Values)) {
		rest, ok := strings.CutPrefix(field, name+"[")
		number, column, cut := strings.Cut(rest, "].")
		if n, err := strconv.Atoi(number); ok && cut && err == nil && n >= 0 && slices.Contains(columns, column) {
			numbers[n] = true
		}
	}
	var rows [][]string
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		row, blank := make([]string, len(columns)), true
		for j, column := range columns {
			row[j] = form.Get(Cell(name, n, column))
			blank = blank && (column == "op" || strings.TrimSpace(row[j]) == "")
			form.Values.Del(Cell(name, n, column))
		}
		if !blank && len(rows) < maxRows {
			rows = append(rows, row)
		}
	}
	setRows(form, name, rows)
	return rows
}

// Place is where a row stands in an editor.
type Place struct {
	N  int // from 0 on, as in names of fields
	No int // from 1 on, as people count
}

// Places are the places of the rows to show: of those that are filled, and of
// spare ones.
func Places(form *page.Form, name string, spare int) []Place {
	n := 0
	for form.Values.Has(Cell(name, n, Columns(name)[0])) {
		n++
	}
	out := make([]Place, n+spare)
	for i := range out {
		out[i] = Place{i, i + 1}
	}
	return out
}
