package stored

import (
	"strings"

	"dochook/doctype/listing"
	"dochook/doctype/record"
)

// Selection is a part of the documents of a DocType. The zero value is all live ones.
type Selection struct {
	Trashed bool // those that are trashed; their modified time is when they were
	// Text must be in the name or somewhere in the JSON text of the record, which costs less than a filter on its members. The case of
	// the letters a to z does not count. "" is all.
	Text string
}

// Narrow makes a list of a DocType's live documents one of the selection.
func (sel Selection) Narrow(t *listing.Table, postgres bool) {
	if sel.Trashed {
		t.Restrict = "doctype = ? AND trashed_at IS NOT NULL"
	}
	if sel.Text == "" {
		return
	}
	var like []string
	add := func(column, text string) {
		like = append(like, contains(column, postgres))
		t.Args = append(t.Args, "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)+"%")
	}
	quoted := string(record.AppendQuote(nil, sel.Text))
	add("name", sel.Text)
	add("data", quoted[1:len(quoted)-1])
	if strings.Contains(sel.Text, "/") { // some writers of JSON escape it
		add("data", strings.ReplaceAll(quoted[1:len(quoted)-1], "/", `\/`))
	}
	t.Restrict += " AND (" + strings.Join(like, " OR ") + ")"
}

// contains is a condition that does not mind the case of ASCII letters, as LIKE of SQLite.
func contains(column string, postgres bool) string {
	if postgres {
		return "lower(" + column + ` COLLATE "C") LIKE lower(CAST(? AS text) COLLATE "C") ESCAPE '!'`
	}
	return column + " LIKE ? ESCAPE '!'"
}
