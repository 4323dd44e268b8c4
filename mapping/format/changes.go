package format

import (
	"slices"

	"dochook/mapping/path"
)

// What became of a product.
const (
	Added   = "ADDED"
	Updated = "UPDATED"
	Removed = "REMOVED"
)

// Product is one entry of format changes.
type Product struct {
	Event   string // [Added], [Updated] or [Removed]
	Data    []byte // the record: the new state, of a removed product the last known one
	Changed []byte // JSON list of {name, from, to}; nil or null where what changed is not known
}

// Changes is what stands around the products in a body of format changes.
type Changes struct {
	Timestamp, JobID string
	Fields           []string // the monitored fields; none = all
	OnlyChanged      bool     // productData of UPDATED has only the monitored fields that changed
}

// Append appends the body: {"timestamp","jobID","products":[{"event","productData","changedFields":[{name, from, to}]}]}.
//
// changedFields stands in UPDATED entries alone and lists the monitored fields in the order of Changed, with from and to
// as they are and left out where Changed has none; [] when no monitored field changed. Where Changed is not known, it is
// left out. OnlyChanged trims productData of UPDATED to the fields in changedFields that the record still has, in the
// record's order; where Changed is not known, productData stays whole.
func (h *Changes) Append(dst []byte, products []Product) []byte {
	size := len(h.Timestamp) + len(h.JobID) + 64
	for i := range products {
		size += len(products[i].Data) + len(products[i].Changed) + 64
	}
	dst = slices.Grow(dst, size)
	dst = appendQuote(append(dst, `{"timestamp":`...), h.Timestamp)
	dst = appendQuote(append(dst, `,"jobID":`...), h.JobID)
	dst = append(dst, `,"products":[`...)
	w := productWriter{onlyChanged: h.OnlyChanged, all: len(h.Fields) == 0}
	for _, name := range h.Fields {
		w.monitored.add(name)
	}
	for i := range products {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.append(dst, &products[i])
	}
	return append(dst, "]}"...)
}

// productWriter makes entries of products.
type productWriter struct {
	onlyChanged, all bool
	monitored        nameSet // unless all
	told             []change
	toldNames        nameSet
	names
}

func (w *productWriter) append(dst []byte, p *Product) []byte {
	dst = appendQuote(append(dst, `{"event":`...), p.Event)
	dst = append(dst, `,"productData":`...)
	if changed := trim(p.Changed); p.Event != Updated || len(changed) == 0 || changed[0] != '[' {
		return append(append(dst, trim(p.Data)...), '}')
	}
	w.told = w.told[:0]
	for object := range path.Elements(p.Changed) {
		if c := w.change(object); w.wants(c.name) {
			w.told = append(w.told, c)
		}
	}
	if w.onlyChanged {
		dst = w.appendTrimmed(dst, p.Data)
	} else {
		dst = append(dst, trim(p.Data)...)
	}
	dst = append(dst, `,"changedFields":[`...)
	for i := range w.told {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.told[i].append(dst)
	}
	return append(dst, "]}"...)
}

// appendTrimmed appends the members of the record whose change is told.
func (w *productWriter) appendTrimmed(dst, record []byte) []byte {
	w.toldNames.reset()
	for i := range w.told {
		w.toldNames.add(string(w.plain(w.told[i].name)))
	}
	dst = append(dst, '{')
	begun := false
	for quoted, value := range path.Members(record) {
		if !w.toldNames.has(w.plain(quoted)) {
			continue
		}
		if begun {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, quoted...), ':'), value...)
		begun = true
	}
	return append(dst, '}')
}

// change is one entry of Product.Changed, as written; nil where it has none.
type change struct{ name, from, to []byte }

func (w *productWriter) change(object []byte) (c change) {
	for quoted, value := range path.Members(object) {
		switch string(w.plain(quoted)) {
		case "name":
			c.name = value
		case "from":
			c.from = value
		case "to":
			c.to = value
		}
	}
	return c
}

func (c *change) append(dst []byte) []byte {
	dst = append(append(dst, `{"name":`...), c.name...)
	if c.from != nil {
		dst = append(append(dst, `,"from":`...), c.from...)
	}
	if c.to != nil {
		dst = append(append(dst, `,"to":`...), c.to...)
	}
	return append(dst, '}')
}

// wants tells whether a change of the quoted name is to be told.
func (w *productWriter) wants(quoted []byte) bool {
	return len(quoted) > 1 && quoted[0] == '"' && (w.all || w.monitored.has(w.plain(quoted)))
}
