package documents

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/panel/page"
)

// filterRow is a condition as it was typed.
type filterRow struct{ N, Field, Op, Value string }

const maxFilterRows = 10

// filterRows are the conditions in the address, and an empty one for the next.
func filterRows(form *page.Form) []filterRow {
	fields, ops, values := form.All("field"), form.All("op"), form.All("value")
	var out []filterRow
	for i, f := range fields {
		if f = strings.TrimSpace(f); f == "" || len(out) == maxFilterRows {
			continue
		}
		row := filterRow{N: strconv.Itoa(len(out)), Field: f, Op: "="}
		if i < len(ops) && ops[i] != "" {
			row.Op = ops[i]
		}
		if i < len(values) {
			row.Value = values[i]
		}
		out = append(out, row)
	}
	return append(out, filterRow{N: strconv.Itoa(len(out)), Op: "="})
}

func operators() []page.Option {
	return []page.Option{
		{Value: "=", Label: "is equal to"},
		{Value: "!=", Label: "is not"},
		{Value: "like", Label: "contains"},
		{Value: "not like", Label: "does not contain"},
		{Value: ">", Label: "is more than"},
		{Value: ">=", Label: "is at least"},
		{Value: "<", Label: "is less than"},
		{Value: "<=", Label: "is at most"},
		{Value: "in", Label: "is one of (a, b)"},
		{Value: "not in", Label: "is none of (a, b)"},
		{Value: "between", Label: "is between (a, b)"},
		{Value: "is", Label: "is (set / not set)"},
	}
}

// conditions are the filters of the rows. Errors are of type *query.Error.
func conditions(rows []filterRow) ([]query.Filter, error) {
	var list [][]any
	for _, r := range rows {
		if r.Field == "" {
			continue
		}
		var value any = r.Value
		switch query.Operator(r.Op) {
		case query.Like, query.NotLike:
			if !strings.Contains(r.Value, "%") {
				value = "%" + query.EscapeLike(r.Value) + "%"
			}
		case query.Between:
			from, to, _ := strings.Cut(r.Value, ",")
			value = []string{strings.TrimSpace(from), strings.TrimSpace(to)}
		case query.Is:
			value = strings.ToLower(strings.TrimSpace(r.Value))
		default:
		}
		list = append(list, []any{r.Field, r.Op, value})
	}
	if len(list) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return query.ParseFilters(text)
}

// fits reports whether a text is in the name or in a text or number of the
// document, and not only in the names of its members.
func fits(d *doctype.Document, text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(strings.ToLower(d.Name), text) || holds(d.Record, text)
}

func holds(v []byte, text string) bool {
	switch v[0] {
	case '{':
		for _, value := range record.Members(v) {
			if holds(value, text) {
				return true
			}
		}
		return false
	case '[':
		for value := range record.Elements(v) {
			if holds(value, text) {
				return true
			}
		}
		return false
	}
	return strings.Contains(strings.ToLower(record.Unquote(v)), text)
}

// choose are the columns of a list: those asked for, else the declared fields,
// else the most frequent members.
func choose(form *page.Form, declared, members []string) []string {
	chosen := form.All("columns")
	if len(chosen) == 0 {
		if chosen = declared; len(chosen) == 0 {
			chosen = members
		}
		chosen = chosen[:min(len(chosen), shownColumns)]
	}
	var out []string
	for _, name := range chosen[:min(len(chosen), maxColumns)] {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
