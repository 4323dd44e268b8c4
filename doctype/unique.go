package doctype

import (
	"context"
	"slices"
	"strings"

	"dochook/migrations/rows"
)

// uniqueFields are the fields no two live documents may share a value of.
func (d *Definition) uniqueFields() []string {
	var out []string
	for i := range d.Fields {
		if d.Fields[i].Unique {
			out = append(out, d.Fields[i].Fieldname)
		}
	}
	return out
}

type uniqueKey struct{ field, value string }

// claimUnique keeps the table of unique values in step with the states about to
// be saved, and rejects the writes whose values others hold: their states are
// no longer dirty.
func (t *txn) claimUnique(ctx context.Context, writes []*write, states map[string]*state) error {
	def := writes[0].def
	fields := def.uniqueFields()
	var names, values []string
	for _, w := range writes {
		if st := states[w.name]; st.dirty {
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
			w.err = Errorf(CodeUnique, k.field, "%s %q is already used by %s %s", k.field, k.value, def.Name, by)
			w.outcome, w.doc, st.dirty = Rejected, Document{}, false
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
	Members(st.Record, func(name string, raw []byte) bool {
		if !slices.Contains(fields, name) {
			return true
		}
		// 5 and 5.0 are one value, and so are two spellings of a string.
		if text := string(AppendCanonical(nil, raw)); text != "null" && text != `""` {
			out = append(out, uniqueKey{name, text})
		}
		return true
	})
	return out
}

func (t *txn) holders(ctx context.Context, doctype string, values []string) (map[uniqueKey]string, error) {
	out := map[uniqueKey]string{}
	for chunk := range slices.Chunk(values, 500) {
		args := []any{doctype}
		for _, v := range chunk {
			args = append(args, v)
		}
		rows, err := t.tx.QueryContext(ctx, "SELECT fieldname, value, name FROM unique_values WHERE doctype = ? AND value IN (?"+
			strings.Repeat(", ?", len(chunk)-1)+")", args...)
		if err != nil {
			return nil, wrap("look up unique values", err)
		}
		for rows.Next() {
			var k uniqueKey
			var name string
			if err := rows.Scan(&k.field, &k.value, &name); err != nil {
				_ = rows.Close()
				return nil, wrap("look up unique values", err)
			}
			out[k] = name
		}
		if err := rows.Err(); err != nil {
			return nil, wrap("look up unique values", err)
		}
		_ = rows.Close()
	}
	return out, nil
}

func (t *txn) writeUnique(ctx context.Context, doctype string, keep []*state, claim []uniqueKey, claimants []string) error {
	for _, st := range keep {
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM unique_values WHERE doctype = ? AND name = ?", doctype, st.Name); err != nil {
			return wrap("release unique values", err)
		}
	}
	n := len(claim)
	doctypes, fields, values := make([]string, n), make([]string, n), make([]string, n)
	for i, k := range claim {
		doctypes[i], fields[i], values[i] = doctype, k.field, k.value
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
func (s *Service) indexUnique(ctx context.Context, t *txn, was, now DocType) error {
	old, def := (&Definition{DocType: was}).uniqueFields(), &Definition{DocType: now}
	fields := def.uniqueFields()
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
	found, err := t.tx.QueryContext(ctx, "SELECT "+documentColumns+" FROM documents WHERE doctype = ? AND trashed_at IS NULL ORDER BY name", now.Name)
	if err != nil {
		return wrap("read documents", err)
	}
	defer func() { _ = found.Close() }()
	holders := map[uniqueKey]string{}
	var claim []uniqueKey
	var claimants []string
	for found.Next() {
		d, err := scanDocument(found, now.Name)
		if err != nil {
			return err
		}
		for _, k := range uniqueKeys(added, &state{Document: d, exists: true}) {
			if by, taken := holders[k]; taken {
				return Errorf(CodeUnique, k.field, "%s cannot be unique: %s and %s share %s", k.field, by, d.Name, k.value)
			}
			holders[k] = d.Name
			claim, claimants = append(claim, k), append(claimants, d.Name)
		}
	}
	if err := found.Err(); err != nil {
		return wrap("read documents", err)
	}
	_ = found.Close()
	return t.writeUnique(ctx, now.Name, nil, claim, claimants)
}
