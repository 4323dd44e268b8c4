package format

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"dochook/mapping/path"
)

// Column is one column of format rows: the id its values have in a row, and the name of the member they come from.
type Column struct{ ID, Name string }

// FieldID is the id of a field nobody gave one: "c" and 8 hexadecimal digits, the first 4 bytes of the SHA-256 of name.
func FieldID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "c" + hex.EncodeToString(sum[:4])
}

// Columns returns known, then the members of the records that are not in it, in the order in which they first come. New
// columns, and known ones without an id, get [FieldID] of their name; if another column has that id already, of the name
// with #2, #3 and so on behind it. The names and the ids in known must be different; known itself is not changed.
func Columns(known []Column, records [][]byte) []Column {
	all := columnSet{list: slices.Clone(known), byName: make(map[string]int, len(known)), ids: make(map[string]bool, len(known))}
	for i, c := range all.list {
		all.byName[c.Name] = i
		if c.ID != "" {
			all.ids[c.ID] = true
		}
	}
	for i := range all.list {
		if c := &all.list[i]; c.ID == "" {
			c.ID = all.freeID(c.Name)
		}
	}
	for _, record := range records {
		next := 0
		for quoted := range path.Members(record) {
			at := all.find(quoted, next)
			if at < 0 {
				at = all.add(string(all.plain(quoted)))
			}
			next = at + 1
		}
	}
	return all.list
}

// columnSet is the columns, found by name.
type columnSet struct {
	list   []Column
	byName map[string]int
	ids    map[string]bool // those that are taken
	names
}

// find returns the index of the column of a quoted name, or -1. Most records have their members in the order of the
// columns: next is where to look first.
func (s *columnSet) find(quoted []byte, next int) int {
	name := s.plain(quoted)
	if next < len(s.list) && s.list[next].Name == string(name) {
		return next
	}
	if at, ok := s.byName[string(name)]; ok {
		return at
	}
	return -1
}

// add appends a column and returns its index.
func (s *columnSet) add(name string) int {
	at := len(s.list)
	s.list = append(s.list, Column{ID: s.freeID(name), Name: name})
	s.byName[name] = at
	return at
}

// freeID takes the id of a name.
func (s *columnSet) freeID(name string) string {
	id := FieldID(name)
	for n := 2; s.ids[id]; n++ {
		id = FieldID(name + "#" + strconv.Itoa(n))
	}
	s.ids[id] = true
	return id
}

// Rows is what stands around the records in a body of format rows.
type Rows struct {
	Recipe, Table string
	Columns       []Column // with different ids and names, as [Columns] makes them
}

// Append appends the body: {"recipeName","tableName","fields":[{"id","name"}],"rows":[{<id>: value}]}. A row has the
// members its record has, in the order of the columns, values spelled as they are. A member without a column is left out.
func (h *Rows) Append(dst []byte, records [][]byte) []byte {
	dst = slices.Grow(dst, sizeOf(records)+len(h.Recipe)+len(h.Table)+64*len(h.Columns)+64)
	dst = appendQuote(append(dst, `{"recipeName":`...), h.Recipe)
	dst = appendQuote(append(dst, `,"tableName":`...), h.Table)
	dst = append(dst, `,"fields":[`...)
	w := rowWriter{
		columns: columnSet{list: h.Columns, byName: make(map[string]int, len(h.Columns))},
		keys:    make([][]byte, len(h.Columns)),
		values:  make([][]byte, len(h.Columns)),
	}
	for i, c := range h.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":`...)
		start := len(dst)
		dst = appendQuote(dst, c.ID)
		w.keys[i] = append(slices.Clone(dst[start:]), ':')
		dst = appendQuote(append(dst, `,"name":`...), c.Name)
		dst = append(dst, '}')
		w.columns.byName[c.Name] = i
	}
	dst = append(dst, `],"rows":[`...)
	for i, record := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.append(dst, record)
	}
	return append(dst, "]}"...)
}

// rowWriter makes rows of records.
type rowWriter struct {
	columns columnSet
	keys    [][]byte // "id": of each column
	values  [][]byte // of the record at hand, by column; nil where it has none
}

func (w *rowWriter) append(dst, record []byte) []byte {
	clear(w.values)
	next := 0
	for quoted, value := range path.Members(record) {
		if at := w.columns.find(quoted, next); at >= 0 {
			w.values[at] = value
			next = at + 1
		}
	}
	dst = append(dst, '{')
	begun := false
	for i, value := range w.values {
		if value == nil {
			continue
		}
		if begun {
			dst = append(dst, ',')
		}
		dst = append(append(dst, w.keys[i]...), value...)
		begun = true
	}
	return append(dst, '}')
}
