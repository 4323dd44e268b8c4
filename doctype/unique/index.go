package unique

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/stored"
)

// Index fills the table for fields that become unique, and refuses if live documents share a value already.
func Index(ctx context.Context, tx bun.Tx, was, now doctype.DocType) error {
	old, fields := was.UniqueFields(), now.UniqueFields()
	added := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return slices.Contains(old, f) })
	for _, f := range slices.Concat(old, added) { // what a process with an old definition left of an added one too
		if slices.Contains(added, f) || !slices.Contains(fields, f) {
			if err := Drop(ctx, tx, now.Name, f); err != nil {
				return err
			}
		}
	}
	if len(added) == 0 {
		return nil
	}
	holdings, err := Load(ctx, tx, now.Name, nil, nil)
	if err != nil {
		return err
	}
	var names []string
	err = stored.Each(ctx, tx, now.Name, nil, func(d doctype.Document) error {
		if k, by, ok := holdings.Take(d.Name, Keys(fields, d.Record)); !ok {
			return doctype.Errorf(doctype.CodeUnique, k.Field, "%s cannot be unique: %s and %s share %s", k.Field, by, d.Name, k.Value)
		}
		names = append(names, d.Name)
		return nil
	})
	if err != nil {
		return err
	}
	return holdings.Save(ctx, tx, now.Name, names)
}
