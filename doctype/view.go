package doctype

import (
	"bytes"
	"slices"
	"time"

	"dochook/doctype/record"
)

// viewTime is how Frappe spells a time; ours are UTC.
const (
	viewTime   = "2006-01-02 15:04:05.000000"
	quotedTime = `"` + viewTime + `"`
)

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
	Scraper    string     // whose job wrote it last, "" = none did
}

// IsStandardField reports whether a name is one of the fields that the Frappe view puts before the record's own:
// name, doctype, owner, creation, modified, modified_by, docstatus and idx.
func IsStandardField(name string) bool {
	switch name {
	case "name", "doctype", "owner", "creation", "modified", "modified_by", "docstatus", "idx":
		return true
	}
	return false
}

// standardFields are those of [IsStandardField] in the order of the view.
var standardFields = []string{"name", "doctype", "owner", "creation", "modified", "modified_by", "docstatus", "idx"}

// AppendStandard appends an object of some of the standard fields, as they stand in the view.
func (d *Document) AppendStandard(dst []byte, names []string) []byte {
	w := record.NewWriter(dst)
	d.standard(w, names)
	return w.Bytes()
}

func (d *Document) standard(w *record.Writer, names []string) {
	var room [len(viewTime) + 2]byte
	var at []byte // of times that are the same, one is spelled
	var of time.Time
	spell := func(t time.Time) []byte {
		if at == nil || !t.Equal(of) {
			at, of = t.UTC().AppendFormat(room[:0], quotedTime), t
		}
		return at
	}
	for _, name := range names {
		switch name {
		case "name":
			w.Text(name, d.Name)
		case "doctype":
			w.Text(name, d.DocType)
		case "owner":
			w.Text(name, d.Owner)
		case "creation":
			w.Raw(name, spell(d.Creation))
		case "modified":
			w.Raw(name, spell(d.Modified))
		case "modified_by":
			w.Text(name, d.ModifiedBy)
		case "docstatus", "idx":
			w.Raw(name, zero)
		}
	}
}

// AppendView appends the document as Frappe shows it: the standard fields, then the record's members in order.
// A member with the name of a standard field is found in the object "record". A member called record stands in
// it too when it would otherwise be mistaken for that object.
func (d *Document) AppendView(dst []byte) []byte {
	w := record.NewWriter(dst)
	d.standard(w, standardFields)
	if !d.shadows() {
		w.All(d.Record)
		return w.Bytes()
	}
	var shadow record.Writer
	for quoted, value := range record.QuotedMembers(d.Record) {
		if name := record.Unquote(quoted); IsStandardField(name) || name == "record" {
			shadow.Quoted(quoted, value)
			continue
		}
		w.Quoted(quoted, value)
	}
	w.Raw("record", shadow.Bytes())
	return w.Bytes()
}

var zero = []byte("0")

// shadows reports whether the record has a member that must make room.
func (d *Document) shadows() bool {
	for quoted, value := range record.QuotedMembers(d.Record) {
		if len(quoted) > len(`"modified_by"`) && bytes.IndexByte(quoted, '\\') < 0 {
			continue
		}
		if name := record.Unquote(quoted); IsStandardField(name) || name == "record" && isShadow(value) {
			return true
		}
	}
	return false
}

// isShadow reports whether the value of a member "record" is what AppendView makes: an object whose names all
// are such that they had to make room.
func isShadow(value []byte) bool {
	n := 0
	for name := range record.Members(value) {
		if n++; !IsStandardField(name) && name != "record" {
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
	if v := record.Member(body, "record"); v != nil && isShadow(v) {
		shadow = v
	}
	var o, s record.Writer
	for quoted, value := range record.QuotedMembers(body) {
		name := record.Unquote(quoted)
		switch {
		case name == "record" && shadow != nil:
			for q, v := range record.QuotedMembers(shadow) {
				o.Quoted(q, v)
			}
		case !IsStandardField(name):
			o.Quoted(quoted, value)
		case slices.Contains(keep, name) && record.Member(shadow, name) == nil:
			o.Quoted(quoted, value)
		default:
			s.Quoted(quoted, value)
		}
	}
	return o.Bytes(), s.Bytes()
}
