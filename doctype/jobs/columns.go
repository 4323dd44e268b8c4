package jobs

import (
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/columns"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
)

// Columns are the columns of a DocType that have ids, each with one: its fields, then those that other systems sent records of.
func (s *Service) Columns(ctx context.Context, docType string) ([]Column, error) {
	def, learnt, err := s.columnsOf(ctx, docType)
	if err != nil {
		return nil, err
	}
	return columns.Merge(def, learnt), nil
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
	learnt, err := columns.Learnt(ctx, s.docs.Reader(ctx), docType)
	return def, learnt, eventlog.Unavailable(err)
}

// LearnColumns remembers the ids under which another system sends columns, in their order. An id that is known keeps its name.
func (s *Service) LearnColumns(ctx context.Context, docType string, sent []Column) error {
	known, err := s.ColumnNames(ctx, docType)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(sent), func(c Column) bool { return known[c.ID] != "" })
	if len(fresh) == 0 {
		return nil
	}
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
		return columns.Remember(ctx, tx.Tx, docType, len(known), fresh)
	})
	return eventlog.Unavailable(err)
}
