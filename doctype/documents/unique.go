package documents

import (
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/migrations/rows"
)

type uniqueKey struct{ field, value string }

// claimUnique keeps the table of unique values in step with the states about to
// be saved, and rejects the writes whose values others hold: their states are
// no longer dirty.
func (t *txn) claimUnique(ctx context.Context, writes []*write, states map[string]*state) error {
	def := writes[0].def
	fields := def.UniqueFields()
	var names, values []string
	for _, w := range writes {
		if st := states[w.name]; st.dirty && len(fields) > 0 {
			names = append(names, w.name)
			for _, k := range uniqueKeys(fields, st) {
				values = append(values, k.value)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	holders, err := t.holders(ctx, def.Name, values)
	if err != nil {
		return err
	}
	var keep []*state
	var claim []uniqueKey
	var claimants []string
	for _, w := range writes {
		st := states[w.name]
		if !st.dirty {
			continue
		}
		keys := uniqueKeys(fields, st)
		if k, by, taken := firstTaken(keys, holders, w.name); taken {
			w.err = doctype.Errorf(doctype.CodeUnique, k.field, "%s %q is already used by %s %s", k.field, k.value, def.Name, by)
			w.outcome, w.doc, st.dirty = Rejected, doctype.Document{}, false
			continue
		}
		for k, by := range holders { // what this document held before is free for those after it
			if by == w.name {
				delete(holders, k)
			}
		}
		for _, k := range keys {
			holders[k] = w.name
			claim, claimants = append(claim, k), append(claimants, w.name)
		}
		keep = append(keep, st)
	}
	return t.writeUnique(ctx, def.Name, keep, claim, claimants)
}

func firstTaken(keys []uniqueKey, holders map[uniqueKey]string, name string) (uniqueKey, string, bool) {
	for _, k := range keys {
		if by, ok := holders[k]; ok && by != name {
			return k, by, true
		}
	}
	return uniqueKey{}, "", false
}

func uniqueKeys(fields []string, st *state) []uniqueKey {
	if !st.live() {
		return nil
	}
	var out []uniqueKey
	for name, raw := range record.Members(st.Record) {
		if !slices.Contains(fields, name) {
			continue
		}
		// 5 and 5.0 are one value, and so are two spellings of a string.
		if text := string(record.AppendCanonical(nil, raw)); text != "null" && text != `""` {
			out = append(out, uniqueKey{name, text})
		}
	}
	return out
}

func (t *txn) holders(ctx context.Context, docType string, values []string) (map[uniqueKey]string, error) {
	out := map[uniqueKey]string{}
	for chunk := range slices.Chunk(values, 500) {
		rows, err := t.lookUp(ctx, "fieldname, value, name FROM unique_values", "value", docType, chunk)
		err = each(rows, err, func() error {
			var k uniqueKey
			var name string
			err := rows.Scan(&k.field, &k.value, &name)
			out[k] = name
			return err
		})
		if err != nil {
			return nil, wrap("look up unique values", err)
		}
	}
	return out, nil
}

func (t *txn) writeUnique(ctx context.Context, docType string, keep []*state, claim []uniqueKey, claimants []string) error {
	for _, st := range keep {
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM unique_values WHERE doctype = ? AND name = ?", docType, st.Name); err != nil {
			return wrap("release unique values", err)
		}
	}
	n := len(claim)
	doctypes, fields, values := make([]string, n), make([]string, n), make([]string, n)
	for i, k := range claim {
		doctypes[i], fields[i], values[i] = docType, k.field, k.value
	}
	written, err := rows.Insert(ctx, t.tx, "unique_values", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "fieldname", Values: fields}, {Name: "value", Values: values}, {Name: "name", Values: claimants},
	}, "ON CONFLICT DO NOTHING")
	if err != nil {
		return wrap("claim unique values", err)
	}
	if written != int64(n) {
		return errRace // another transaction claimed one of them meanwhile
	}
	return nil
}

// indexUnique fills the table for fields that become unique, and refuses if live
// documents share a value already.
func (s *Service) indexUnique(ctx context.Context, t *txn, was, now doctype.DocType) error {
	old, fields := was.UniqueFields(), now.UniqueFields()
	for _, f := range old {
		if !slices.Contains(fields, f) {
			if _, err := t.tx.ExecContext(ctx, "DELETE FROM unique_values WHERE doctype = ? AND fieldname = ?", now.Name, f); err != nil {
				return wrap("drop unique values", err)
			}
		}
	}
	added := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return slices.Contains(old, f) })
	if len(added) == 0 {
		return nil
	}
	holders := map[uniqueKey]string{}
	var claim []uniqueKey
	var claimants []string
	rows, err := t.tx.QueryContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = ? AND trashed_at IS NULL ORDER BY name", now.Name)
	err = each(rows, err, func() error {
		d, err := scanDocument(rows, now.Name)
		if err != nil {
			return err
		}
		for _, k := range uniqueKeys(added, &state{Document: d, exists: true}) {
			if by, taken := holders[k]; taken {
				return doctype.Errorf(doctype.CodeUnique, k.field, "%s cannot be unique: %s and %s share %s", k.field, by, d.Name, k.value)
			}
			holders[k] = d.Name
			claim, claimants = append(claim, k), append(claimants, d.Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.writeUnique(ctx, now.Name, nil, claim, claimants)
}
