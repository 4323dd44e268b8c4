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
	return saved(holdings.Save(ctx, t.tx, def.Name, names))
}

func saved(ok bool, err error) error {
	if err == nil && !ok {
		return stored.ErrRace // another transaction claimed one of them meanwhile
	}
	return err
}

func uniqueKeys(st *stored.State, fields []string) []unique.Key {
	if !st.Live() {
		return nil
	}
	return unique.Keys(fields, st.Record)
}

// indexUnique fills the table for fields that become unique, and refuses if live
// documents share a value already.
func (s *Service) indexUnique(ctx context.Context, t *txn, was, now doctype.DocType) error {
	old, fields := was.UniqueFields(), now.UniqueFields()
	added := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return slices.Contains(old, f) })
	for _, f := range slices.Concat(old, added) { // what a process with an old definition left of an added one too
		if slices.Contains(added, f) || !slices.Contains(fields, f) {
			if err := unique.Drop(ctx, t.tx, now.Name, f); err != nil {
				return err
			}
		}
	}
	if len(added) == 0 {
		return nil
	}
	holdings, err := unique.Load(ctx, t.tx, now.Name, nil, nil)
	if err != nil {
		return err
	}
	var names []string
	err = stored.Each(ctx, t.tx, now.Name, nil, func(d doctype.Document) error {
		if k, by, ok := holdings.Take(d.Name, unique.Keys(fields, d.Record)); !ok {
			return doctype.Errorf(doctype.CodeUnique, k.Field, "%s cannot be unique: %s and %s share %s", k.Field, by, d.Name, k.Value)
		}
		names = append(names, d.Name)
		return nil
	})
	if err != nil {
		return err
	}
	return saved(holdings.Save(ctx, t.tx, now.Name, names))
}
