package unique

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype/record"
	"dochook/doctype/stored"
	"dochook/migrations/rows"
)

// Key is one value of one field; the value in canonical JSON, so that 5 and 5.0
// are one, and so are two spellings of a text.
type Key struct{ Field, Value string }

// Keys are the values a record has of the fields; null and "" can be had by all.
func Keys(fields []string, data []byte) []Key {
	var out []Key
	for name, raw := range record.Members(data) {
		if !slices.Contains(fields, name) {
			continue
		}
		if text := string(record.AppendCanonical(nil, raw)); text != "null" && text != `""` {
			out = append(out, Key{name, text})
		}
	}
	return out
}

// Holdings are the values and who holds them.
type Holdings struct {
	holder map[Key]string
	held   map[string][]Key
}

// Load reads who holds the given values, and what the given documents hold.
func Load(ctx context.Context, tx bun.Tx, docType string, keys []Key, names []string) (*Holdings, error) {
	h := &Holdings{holder: map[Key]string{}, held: map[string][]Key{}}
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = k.Value
	}
	for column, wanted := range map[string][]string{"value": values, "name": names} {
		for chunk := range slices.Chunk(wanted, 500) {
			if err := h.read(ctx, tx, "SELECT fieldname, value, name FROM unique_values WHERE doctype = ? AND "+column+" IN (?)", docType, bun.List(chunk)); err != nil {
				return nil, fmt.Errorf("look up unique values: %w", err)
			}
		}
	}
	return h, nil
}

func (h *Holdings) read(ctx context.Context, tx bun.Tx, query string, args ...any) error {
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var k Key
		var name string
		if err := found.Scan(&k.Field, &k.Value, &name); err != nil {
			return err
		}
		if _, known := h.holder[k]; !known {
			h.holder[k] = name
			h.held[name] = append(h.held[name], k)
		}
	}
	return found.Err()
}

// Take gives a document its values and frees those it held before. ok is false,
// and nothing is taken, if another document holds one of them: which, and who.
func (h *Holdings) Take(name string, keys []Key) (taken Key, by string, ok bool) {
	for _, k := range keys {
		if by, held := h.holder[k]; held && by != name {
			return k, by, false
		}
	}
	for _, k := range h.held[name] {
		delete(h.holder, k)
	}
	h.held[name] = keys
	for _, k := range keys {
		h.holder[k] = name
	}
	return Key{}, "", true
}

// Save replaces what the documents hold by what they took; [stored.ErrRace] if another transaction has claimed one of the values
// meanwhile.
func (h *Holdings) Save(ctx context.Context, tx bun.Tx, docType string, names []string) error {
	for chunk := range slices.Chunk(names, 500) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM unique_values WHERE doctype = ? AND name IN (?)", docType, bun.List(chunk)); err != nil {
			return fmt.Errorf("release unique values: %w", err)
		}
	}
	var doctypes, fields, values, holders []string
	for _, name := range names {
		for _, k := range h.held[name] {
			doctypes, fields, values, holders = append(doctypes, docType), append(fields, k.Field), append(values, k.Value), append(holders, name)
		}
	}
	written, err := rows.Insert(ctx, tx, "unique_values", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "fieldname", Values: fields}, {Name: "value", Values: values}, {Name: "name", Values: holders},
	}, "ON CONFLICT DO NOTHING")
	if err != nil {
		return fmt.Errorf("claim unique values: %w", err)
	}
	if written != int64(len(values)) {
		return stored.ErrRace
	}
	return nil
}

// Drop forgets all values of a field.
func Drop(ctx context.Context, tx bun.Tx, docType, field string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM unique_values WHERE doctype = ? AND fieldname = ?", docType, field); err != nil {
		return fmt.Errorf("drop unique values: %w", err)
	}
	return nil
}
