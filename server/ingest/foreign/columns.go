package foreign

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"dochook/doctype/record"
)

// header is what the columns of one body are called in its records.
type header struct {
	columns []Column
	quoted  [][]byte       // fieldnames as JSON strings; those behind columns came with a row
	index   map[string]int // of an id in quoted
	known   map[string]string
	names   naming
}

// newHeader reads the list of fields and gives each its name: the known one, or
// the one it was sent with.
func newHeader(fields []byte, known map[string]string) (*header, error) {
	h := &header{known: known, index: map[string]int{}, names: naming{taken: map[string]bool{}, next: map[string]int{}}}
	for field := range record.Elements(fields) {
		at := fmt.Sprintf("fields[%d]", len(h.columns))
		c, err := readColumn(field, at)
		if err != nil {
			return nil, err
		}
		if _, twice := h.index[c.ID]; twice {
			return nil, failf(CodeInvalid, at+".id", "%.60q is also the id of a field before", c.ID)
		}
		h.index[c.ID] = len(h.columns)
		h.columns = append(h.columns, c)
	}
	h.settle()
	return h, nil
}

// readColumn reads one {id, name}.
func readColumn(field []byte, at string) (Column, error) {
	if field[0] != '{' {
		return Column{}, failf(CodeInvalid, at, "must be an object {id, name}, it is %s", kind(field))
	}
	var c Column
	for _, part := range []struct {
		name string
		into *string
	}{{"id", &c.ID}, {"name", &c.Name}} {
		var value []byte
		for name, v := range record.Members(field) {
			if name != part.name {
				continue
			}
			if value != nil {
				return c, failf(CodeInvalid, at+"."+part.name, "comes twice")
			}
			value = v
		}
		switch {
		case value == nil:
			return c, failf(CodeInvalid, at+"."+part.name, "is missing")
		case value[0] != '"':
			return c, failf(CodeInvalid, at+"."+part.name, "must be a string, it is %s", kind(value))
		}
		var ok bool
		if *part.into, ok = textOf(value); !ok {
			return c, failf(CodeInvalid, at+"."+part.name, "holds invalid Unicode or a control character")
		}
	}
	if c.ID == "" {
		return c, failf(CodeInvalid, at+".id", "is empty")
	}
	return c, nil
}

// settle chooses the fieldnames. Known ones go first, then whoever comes first
// with a name keeps it, and the rest take what is free: so no column takes the
// name that another one already has or was sent with.
func (h *header) settle() {
	wanted := make([]string, len(h.columns))
	for i, c := range h.columns {
		known, ok := h.knownName(c.ID)
		if ok && h.names.take(known) {
			h.columns[i].Fieldname = known
		}
		switch {
		case ok:
			wanted[i] = known
		case c.Name == "":
			wanted[i] = c.ID
		default:
			wanted[i] = c.Name
		}
	}
	for i := range h.columns {
		if c := &h.columns[i]; c.Fieldname == "" && h.names.take(wanted[i]) {
			c.Fieldname = wanted[i]
		}
	}
	for i := range h.columns {
		c := &h.columns[i]
		if c.Fieldname == "" {
			c.Fieldname = h.names.free(wanted[i])
		}
		h.quoted = append(h.quoted, record.AppendQuote(nil, c.Fieldname))
	}
}

// knownName is the known name of an id, if a record can have such a member.
func (h *header) knownName(id string) (string, bool) {
	name := h.known[id]
	return name, name != "" && utf8.ValidString(name) && !strings.ContainsRune(name, 0)
}

// find returns the place of an id in quoted. An id that is no field of this
// body but known gets a place behind the fields.
func (h *header) find(id string) (int, bool) {
	if i, ok := h.index[id]; ok {
		return i, true
	}
	name, ok := h.knownName(id)
	if !ok {
		return 0, false
	}
	if !h.names.take(name) {
		name = h.names.free(name)
	}
	i := len(h.quoted)
	h.index[id] = i
	h.quoted = append(h.quoted, record.AppendQuote(nil, name))
	return i, true
}

// naming gives out names, each once.
type naming struct {
	taken map[string]bool
	next  map[string]int // the number to try next behind a name
}

// take takes a name if nobody has it and it is not empty.
func (n *naming) take(name string) bool {
	if name == "" || n.taken[name] {
		return false
	}
	n.taken[name] = true
	return true
}

// free takes name_2, name_3 and so on, the first that nobody has.
func (n *naming) free(name string) string {
	for i := max(n.next[name], 2); ; i++ {
		if numbered := name + "_" + strconv.Itoa(i); n.take(numbered) {
			n.next[name] = i + 1
			return numbered
		}
	}
}
