package jobs

import (
	"context"
	"database/sql"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/migrations/rows"
)

// Columns are the columns of a DocType that have ids, each with one: its fields, then those that other systems sent records of.
func (s *Service) Columns(ctx context.Context, docType string) ([]Column, error) {
	def, learnt, err := s.columnsOf(ctx, docType)
	if err != nil {
		return nil, err
	}
	return merged(def, learnt), nil
}

// ColumnNames are the names of columns by any id that they have here or were sent under.
func (s *Service) ColumnNames(ctx context.Context, docType string) (map[string]string, error) {
	def, learnt, err := s.columnsOf(ctx, docType)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(def.Fields)+len(learnt))
	for _, c := range learnt {
		out[c.ID] = c.Name
	}
	for i := range def.Fields {
		out[def.Fields[i].ID] = def.Fields[i].Fieldname
	}
	return out, nil
}

func (s *Service) columnsOf(ctx context.Context, docType string) (*doctype.Definition, []Column, error) {
	def, err := s.docs.Definition(ctx, docType)
	if err != nil {
		return nil, nil, err
	}
	learnt, err := learntColumns(ctx, s.docs.Reader(ctx), docType)
	return def, learnt, eventlog.Unavailable(err)
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
	var out []Column
	err := listing.Query(ctx, db, func(found *sql.Rows) error {
		var c Column
		err := found.Scan(&c.ID, &c.Name)
		out = append(out, c)
		return wrap("read columns", err)
	}, "SELECT id, fieldname FROM column_ids WHERE doctype = ? ORDER BY place, id", docType)
	return out, err
}

// LearnColumns remembers the ids under which another system sends columns, in their order. An id that is known keeps its name.
func (s *Service) LearnColumns(ctx context.Context, docType string, columns []Column) error {
	known, err := s.ColumnNames(ctx, docType)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(columns), func(c Column) bool { return known[c.ID] != "" })
	if len(fresh) == 0 {
		return nil
	}
	n := len(fresh)
	doctypes, ids, names, places := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, c := range fresh {
		doctypes[i], ids[i], names[i], places[i] = docType, c.ID, c.Name, int64(len(known)+i)
	}
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
		_, err := rows.Insert(ctx, tx.Tx, "column_ids", []rows.Column{
			{Name: "doctype", Values: doctypes}, {Name: "id", Values: ids}, {Name: "fieldname", Values: names}, {Name: "place", Values: places},
		}, "ON CONFLICT (doctype, id) DO NOTHING")
		return wrap("remember columns", err)
	})
	return eventlog.Unavailable(err)
}
