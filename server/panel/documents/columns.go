package documents

import (
	"cmp"
	"slices"
	"strings"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/server/panel/documents/diff"
)

const (
	shownColumns = 6
	sampleSize   = 50
	maxColumns   = 30
	cellText     = 100 // characters of a value in a list
)

// frequent are the members that the documents of a sample have, the most frequent
// first, those of equal number in the order of the records. Members that hold
// objects or lists come last.
func frequent(sample []doctype.Document) []string {
	type seen struct {
		name      string
		n, nested int
	}
	var all []*seen
	byName := map[string]*seen{}
	for i := range sample {
		for name, value := range record.Members(sample[i].Record) {
			s := byName[name]
			if s == nil {
				s = &seen{name: name}
				byName[name] = s
				all = append(all, s)
			}
			s.n++
			if value[0] == '{' || value[0] == '[' {
				s.nested++
			}
		}
	}
	flat := func(s *seen) int {
		if s.nested*2 > s.n {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b *seen) int { return cmp.Or(cmp.Compare(flat(a), flat(b)), cmp.Compare(b.n, a.n)) })
	members := make([]string, len(all))
	for i, s := range all {
		members[i] = s.name
	}
	return members
}

// asked is the name under which a list asks for a member.
func asked(member string) string {
	if doctype.IsStandardField(member) {
		return "record." + member
	}
	return member
}

// column is one of a list.
type column struct {
	Name, Label string
	Sorted      string // ascending or descending, or ""
	URL         string // of the list in the order of the column
}

// cell is what stands in a column.
type cell struct {
	Text string
	Num  bool
	None bool // there is no such member, or it is null
}

// Short reports whether a text is better not broken.
func (c cell) Short() bool { return len(c.Text) <= 12 }

// cells are those of a document.
func cells(d *doctype.Document, columns []column) []cell {
	out := make([]cell, len(columns))
	for i := range columns {
		out[i] = cellOf(d, columns[i].Name)
	}
	return out
}

func cellOf(d *doctype.Document, name string) cell {
	switch name {
	case "owner":
		return cell{Text: d.Owner}
	case "modified_by":
		return cell{Text: d.ModifiedBy}
	case "creation":
		return cell{Text: d.Creation.Format("2006-01-02 15:04:05")}
	}
	if bare, ok := strings.CutPrefix(name, "record."); ok && doctype.IsStandardField(bare) {
		name = bare
	}
	v := record.Member(d.Record, name)
	if v == nil || string(v) == "null" {
		return cell{None: true}
	}
	if len(v) > 20*cellText {
		v = v[:20*cellText] // no longer JSON: it is shown as it stands
	}
	return cell{Text: diff.Shorten(strings.ToValidUTF8(diff.Text(v), ""), cellText), Num: record.IsNumber(v)}
}
