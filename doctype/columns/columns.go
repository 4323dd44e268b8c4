package columns

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/migrations/rows"
)

// Column is a column of the DocType's table as other systems know it.
type Column struct{ ID, Name string }

// Merge returns the fields of a definition, and what was learnt of others. A field's own id wins, unless nobody gave it one
// and another system did.
func Merge(def *doctype.Definition, learnt []Column) []Column {
	var out []Column
	byName := make(map[string]string, len(learnt))
	for _, c := range learnt {
		if byName[c.Name] == "" {
			byName[c.Name] = c.ID
		}
	}
	for i := range def.Fields {
		f := &def.Fields[i]
		if id := byName[f.Fieldname]; id != "" && f.ID == doctype.ColumnID(f.Fieldname) {
			out = append(out, Column{id, f.Fieldname})
			continue
		}
		out = append(out, Column{f.ID, f.Fieldname})
	}
	for _, c := range learnt {
		if def.Field(c.Name) == nil && !slices.ContainsFunc(out, func(o Column) bool { return o.ID == c.ID || o.Name == c.Name }) {
			out = append(out, c)
		}
	}
	return out
}

// Learnt returns the columns of a DocType that other systems sent records of, in the order in which they came.
func Learnt(ctx context.Context, db bun.IDB, docType string) ([]Column, error) {
	var out []Column
	err := listing.Query(ctx, db, func(found *sql.Rows) error {
		var c Column
		err := found.Scan(&c.ID, &c.Name)
		out = append(out, c)
		return wrap("read columns", err)
	}, "SELECT id, fieldname FROM column_ids WHERE doctype = ? ORDER BY place, id", docType)
	return out, err
}

// Remember keeps the ids of columns, behind those that are known already. An id that is known keeps its name.
func Remember(ctx context.Context, tx bun.Tx, docType string, known int, fresh []Column) error {
	n := len(fresh)
	doctypes, ids, names, places := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, c := range fresh {
		doctypes[i], ids[i], names[i], places[i] = docType, c.ID, c.Name, int64(known+i)
	}
	_, err := rows.Insert(ctx, tx, "column_ids", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "id", Values: ids}, {Name: "fieldname", Values: names}, {Name: "place", Values: places},
	}, "ON CONFLICT (doctype, id) DO NOTHING")
	return wrap("remember columns", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
