package doctype

import (
	"slices"
	"strconv"
	"time"
)

// viewTime is how Frappe spells a time; ours are UTC.
const viewTime = "2006-01-02 15:04:05.000000"

// Document is one stored record with what we know about it.
type Document struct {
	DocType    string
	Name       string
	Record     []byte // the exact JSON object that came in
	Version    int64  // 1 when it comes into being, one more with each change
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
	TrashedAt  *time.Time // nil while it lives
}

// standardField reports whether a name is one of the fields that every Frappe document has.
func standardField(name string) bool {
	switch name {
	case "name", "doctype", "owner", "creation", "modified", "modified_by", "docstatus", "idx":
		return true
	}
	return false
}

// IsStandardField reports whether a name is one of the fields that the Frappe view puts before the record's own:
// name, doctype, owner, creation, modified, modified_by, docstatus and idx.
func IsStandardField(name string) bool { return standardField(name) }

// AppendView appends the document as Frappe shows it: the standard fields, then the record's members in order.
// A member with the name of a standard field is found in the object "record". A member called record stands in
// it too when it would otherwise be mistaken for that object.
func (d *Document) AppendView(dst []byte) []byte {
	w := objectWriter{b: append(dst, '{')}
	w.b = appendQuote(append(w.b, `"name":`...), d.Name)
	w.text("doctype", d.DocType, true)
	w.text("owner", d.Owner, true)
	w.text("creation", d.Creation.UTC().Format(viewTime), true)
	w.text("modified", d.Modified.UTC().Format(viewTime), true)
	w.text("modified_by", d.ModifiedBy, true)
	w.raw("docstatus", strconv.AppendInt(nil, 0, 10))
	w.raw("idx", strconv.AppendInt(nil, 0, 10))

	shadowed := false
	for name, value := range members(d.Record) {
		shadowed = shadowed || standardField(name) || name == "record" && isShadow(value)
	}
	var shadow objectWriter
	c := elementsOf(d.Record, '{')
	for quoted, value := c.member(); quoted != nil; quoted, value = c.member() {
		if name := unquote(quoted); shadowed && (standardField(name) || name == "record") {
			shadow.quoted(quoted, value)
			continue
		}
		w.quoted(quoted, value)
	}
	if shadowed {
		w.raw("record", shadow.bytes())
	}
	return w.bytes()
}

// isShadow reports whether the value of a member "record" is what AppendView makes: an object whose names all
// are such that they had to make room.
func isShadow(value []byte) bool {
	n := 0
	for name := range members(value) {
		if n++; !standardField(name) && name != "record" {
			return false
		}
	}
	return n > 0
}

// SplitView takes a body as a client of the Frappe view sends it apart: own is the record in it, standard an
// object of the standard fields that were left out of it. Members that the view had moved into "record" come
// back. Standard fields named in keep stay in own, unless "record" has its own: with the DocType's KeyFields
// that is how a document gets its name from the body it is made from.
func SplitView(body []byte, keep ...string) (own, standard []byte) {
	var shadow []byte
	if v := Member(body, "record"); v != nil && isShadow(v) {
		shadow = v
	}
	var o, s objectWriter
	c := elementsOf(body, '{')
	for quoted, value := c.member(); quoted != nil; quoted, value = c.member() {
		name := unquote(quoted)
		switch {
		case name == "record" && shadow != nil:
			inner := elementsOf(shadow, '{')
			for q, v := inner.member(); q != nil; q, v = inner.member() {
				o.quoted(q, v)
			}
		case !standardField(name):
			o.quoted(quoted, value)
		case slices.Contains(keep, name) && Member(shadow, name) == nil:
			o.quoted(quoted, value)
		default:
			s.quoted(quoted, value)
		}
	}
	return o.bytes(), s.bytes()
}
