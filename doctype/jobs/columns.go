package jobs

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/migrations/rows"
)

// Columns are the columns of a DocType that have ids: its fields, then those that other systems sent records of.
func (s *Service) Columns(ctx context.Context, docType string) ([]Column, error) {
	def, err := s.docs.Definition(ctx, docType)
	if err != nil {
		return nil, err
	}
	learnt, err := learntColumns(ctx, s.db.Read, docType)
	return merged(def, learnt), eventlog.Unavailable(err)
}

// merged are the fields of a definition, and what was learnt of others. A field's own id wins, unless nobody gave it one
// and another system did.
func merged(def *doctype.Definition, learnt []Column) []Column {
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

func learntColumns(ctx context.Context, db bun.IDB, docType string) ([]Column, error) {
	found, err := db.QueryContext(ctx, "SELECT id, fieldname FROM column_ids WHERE doctype = ? ORDER BY place, id", docType)
	if err != nil {
		return nil, wrap("read columns", err)
	}
	defer func() { _ = found.Close() }()
	var out []Column
	for found.Next() {
		var c Column
		if err := found.Scan(&c.ID, &c.Name); err != nil {
			return nil, wrap("read columns", err)
		}
		out = append(out, c)
	}
	return out, wrap("read columns", found.Err())
}

// LearnColumns remembers the ids under which another system sends columns, in their order. An id that is known keeps its name.
func (s *Service) LearnColumns(ctx context.Context, docType string, columns []Column) error {
	known, err := s.Columns(ctx, docType)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(columns), func(c Column) bool {
		return slices.ContainsFunc(known, func(k Column) bool { return k.ID == c.ID })
	})
	if len(fresh) == 0 {
		return nil
	}
	n := len(fresh)
	doctypes, ids, names, places := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, c := range fresh {
		doctypes[i], ids[i], names[i], places[i] = docType, c.ID, c.Name, int64(len(known)+i)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := rows.Insert(ctx, tx, "column_ids", []rows.Column{
			{Name: "doctype", Values: doctypes}, {Name: "id", Values: ids}, {Name: "fieldname", Values: names}, {Name: "place", Values: places},
		}, "ON CONFLICT (doctype, id) DO NOTHING")
		return wrap("remember columns", err)
	})
	return eventlog.Unavailable(err)
}
