package documents

import (
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/stored"
	"dochook/doctype/unique"
)

// claimUnique keeps the table of unique values in step with the states about to
// be saved, and rejects the writes whose values others hold: their states are
// no longer dirty.
func (t *txn) claimUnique(ctx context.Context, writes []*write, states map[string]*stored.State) error {
	def := writes[0].def
	fields := def.UniqueFields()
	var names []string
	var keys []unique.Key
	for _, w := range writes {
		if st := states[w.name]; st.Dirty && len(fields) > 0 {
			names, keys = append(names, w.name), append(keys, uniqueKeys(st, fields)...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	holdings, err := unique.Load(ctx, t.tx, def.Name, keys, names)
	if err != nil {
		return err
	}
	for _, w := range writes {
		st := states[w.name]
		if !st.Dirty {
			continue
		}
		if k, by, ok := holdings.Take(w.name, uniqueKeys(st, fields)); !ok {
			w.err = doctype.Errorf(doctype.CodeUnique, k.Field, "%s %s is already used by %s %s", k.Field, k.Value, def.Name, by)
			w.outcome, w.doc, st.Dirty = Rejected, doctype.Document{}, false
			names = slices.DeleteFunc(names, func(n string) bool { return n == w.name })
		}
	}
	return holdings.Save(ctx, t.tx, def.Name, names)
}

func uniqueKeys(st *stored.State, fields []string) []unique.Key {
	if !st.Live() {
		return nil
	}
	return unique.Keys(fields, st.Record)
}
