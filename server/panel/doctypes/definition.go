package doctypes

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/record"
	"dochook/server/panel/documents/literal"
	"dochook/server/panel/page"
)

// definitionView is what the form of a DocType needs.
type definitionView struct {
	Stored  *documents.Stored // nil: a new one
	Rows    []string          // the numbers of its rows
	Types   []page.Option
	Rules   []page.Option
	Namings []page.Option

	Zero, Nameless []page.Option // of two brakes
	Open           opened
}

// opened says which parts of the form are unfolded: those that hold something, or
// a mistake.
type opened struct{ Fields, Brakes, Source bool }

func openedOf(form *page.Form) opened {
	holds := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return form.Get(name) != "" || slices.ContainsFunc(form.Errors, func(e page.FieldError) bool { return e.Field == name })
		})
	}
	o := opened{Fields: form.Checked("more"), Brakes: holds(brakes()...), Source: holds("scraper", "table")}
	for _, n := range rowNumbers(form) {
		o.Fields = o.Fields || holds("fieldname."+n, "label."+n, "options."+n, "default."+n, "compare_options."+n, "tolerance."+n)
	}
	for _, e := range form.Errors {
		_, row, _ := strings.Cut(e.Field, ".")
		_, err := strconv.Atoi(row)
		o.Fields = o.Fields || err == nil
	}
	return o
}

// brakeChoices are those of a brake that is on or off.
func brakeChoices(usual string) []page.Option {
	return []page.Option{{Label: "as usual: " + usual}, {Value: "hold", Label: "hold the removals"}, {Value: "allow", Label: "allow them"}}
}

func namings() []page.Option {
	return []page.Option{
		{Value: "field", Label: "By a field: its value is the name, such as the SKU. The same record comes to the same document again"},
		{Value: "format", Label: "By a text of several fields, such as {shop}-{sku}"},
		{Value: "prompt", Label: "By the record itself: its member name, or the key under which it stands in an object"},
		{Value: "hash", Label: "By chance: each record that comes in is a new document"},
	}
}

// rules are the ways to compare; each choice says what it does.
func rules() []page.Option {
	return []page.Option{
		{Value: "", Label: "exact: the same JSON value; 50 is 50.0"},
		{Value: "ignore", Label: "ignore: a change of it alone is no change"},
		{Value: "text", Label: "text: blanks and line breaks do not count"},
		{Value: "number", Label: "number: by amount; “$1,299.00” is 1299"},
		{Value: "set", Label: "set: a list in any order"},
		{Value: "url", Label: "url: without #… and the parameters named"},
	}
}

func fieldtypes() []page.Option {
	return []page.Option{
		{Value: "Data", Label: "Data: text, a number, true or false"},
		{Value: "Text", Label: "Text: longer text"},
		{Value: "Int", Label: "Int: a whole number"},
		{Value: "Float", Label: "Float: a number"},
		{Value: "Percent", Label: "Percent: a number"},
		{Value: "Currency", Label: "Currency: a number; with number also “$9.90”"},
		{Value: "Check", Label: "Check: yes or no"},
		{Value: "Date", Label: "Date"},
		{Value: "Datetime", Label: "Datetime"},
		{Value: "Select", Label: "Select: one of the options"},
		{Value: "Link", Label: "Link: the name of another document"},
		{Value: "URL", Label: "URL"},
		{Value: "Attach", Label: "Attach: address of a file"},
		{Value: "Attach Image", Label: "Attach Image: address of a picture"},
		{Value: "Table", Label: "Table: a list of objects"},
		{Value: "JSON", Label: "JSON: anything"},
		{Value: "Small Text", Label: "Small Text"},
		{Value: "Long Text", Label: "Long Text"},
	}
}

const (
	addedRows = 3
	maxRows   = 500
)

// rowNumbers are the numbers of the rows of fields in the form.
func rowNumbers(form *page.Form) []string {
	n, _ := strconv.Atoi(form.Get("rows"))
	out := make([]string, min(max(n, 0), maxRows))
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}

// moreRows adds rows to the form if that is what it was sent for.
func moreRows(form *page.Form) bool {
	if !form.Checked("more") {
		return false
	}
	form.Set("rows", strconv.Itoa(min(len(rowNumbers(form))+addedRows, maxRows)))
	return true
}

// brakes are the members of removal and their fields.
func brakes() []string {
	return []string{"on_zero", "on_nameless", "min_ratio", "max_ratio", "max_removals", "misses"}
}

// ofDefinition is the form of a stored definition.
func ofDefinition(d *doctype.DocType) *page.Form {
	form := page.NewForm(url.Values{
		"title": {d.Title}, "description": {d.Description}, "scraper": {d.Scraper}, "table": {d.Table},
		"rows": {strconv.Itoa(len(d.Fields) + 1)},
	})
	tick := func(name string, on doctype.Flag) {
		if on {
			form.Set(name, "1")
		}
	}
	tick("open", d.Open)
	tick("track_changes", d.TrackChanges)
	kind, rest, _ := strings.Cut(d.Autoname, ":")
	form.Set("naming", cmp.Or(kind, "hash"))
	form.Set("naming_"+kind, rest)
	for name, value := range record.Members(d.Removal) {
		text := record.Unquote(value)
		if text == "null" {
			text = none
		}
		form.Set(name, text)
	}
	for i := range d.Fields {
		f, n := &d.Fields[i], "."+strconv.Itoa(i)
		for name, value := range map[string]string{
			"id": f.ID, "fieldname": f.Fieldname, "label": f.Label, "fieldtype": f.Fieldtype, "options": f.Options, "default": record.Unquote(f.Default),
			"compare": f.Compare, "compare_options": f.CompareOptions, "tolerance": record.Unquote(f.Tolerance), "position": strconv.Itoa(i + 1),
		} {
			form.Set(name+n, value)
		}
		if f.Compare == "exact" {
			form.Set("compare"+n, "")
		}
		tick("reqd"+n, f.Reqd)
		tick("unique"+n, f.Unique)
		tick("hidden"+n, f.Hidden)
	}
	return form
}

// none is what is typed for a brake that is taken off.
const none = "none"

// compose is the JSON of the definition that stands in the form, or of what it
// makes of the stored one. The form learns which of its fields errors are about.
func compose(form *page.Form, stored *doctype.DocType) []byte {
	form.Alias = map[string]string{"fields": "", "removal": ""}
	var w record.Writer
	if stored == nil {
		w.Text("name", form.Get("name"))
	}
	naming := form.Get("naming")
	switch naming {
	case "field", "format":
		w.Text("autoname", naming+":"+form.Get("naming_"+naming))
		form.Alias["autoname"] = "naming_" + naming
	default:
		w.Text("autoname", naming)
		form.Alias["autoname"] = "naming"
	}
	for _, name := range []string{"title", "description", "scraper", "table"} {
		w.Text(name, literal.Unix(form.Get(name)))
	}
	for _, name := range []string{"open", "track_changes"} {
		w.Raw(name, strconv.AppendBool(nil, form.Checked(name)))
	}
	var removal record.Writer
	for _, name := range brakes() {
		form.Alias["removal."+name] = name
		switch text := strings.TrimSpace(form.Get(name)); {
		case text == "":
		case strings.EqualFold(text, none):
			removal.Raw(name, []byte("null"))
		default:
			removal.Raw(name, literal.Of(text))
		}
	}
	if text := removal.Bytes(); string(text) != "{}" {
		w.Raw("removal", text)
	} else if stored != nil && stored.Removal != nil {
		w.Raw("removal", []byte("null"))
	}
	w.Raw("fields", composeFields(form))
	return w.Bytes()
}

// composeFields is the array of the fields, in the order of their positions; rows
// that say nothing are none.
func composeFields(form *page.Form) []byte {
	type row struct {
		n    string
		rank int
	}
	var rows []row
	for i, n := range rowNumbers(form) {
		said := false
		for _, name := range []string{"fieldname", "label", "options", "default", "compare_options", "tolerance"} {
			said = said || strings.TrimSpace(form.Get(name+"."+n)) != ""
		}
		if !said || form.Checked("drop."+n) {
			continue
		}
		rank, err := strconv.Atoi(form.Get("position." + n))
		if err != nil {
			rank = i + 1
		}
		rows = append(rows, row{n, rank})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
	out := []byte{'['}
	for i, r := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, composeField(form, r.n)...)
		for _, name := range []string{"id", "fieldname", "label", "fieldtype", "options", "default", "compare", "compare_options", "tolerance"} {
			form.Alias[fmt.Sprintf("fields[%d].%s", i, name)] = name + "." + r.n
		}
	}
	return append(out, ']')
}

func composeField(form *page.Form, n string) []byte {
	var w record.Writer
	for _, name := range []string{"id", "fieldname", "label", "fieldtype", "options", "compare", "compare_options"} {
		if text := literal.Unix(form.Get(name + "." + n)); text != "" {
			w.Text(name, text)
		}
	}
	for _, name := range []string{"reqd", "unique", "hidden"} {
		if form.Checked(name + "." + n) {
			w.Raw(name, []byte("true"))
		}
	}
	if text := strings.TrimSpace(form.Get("tolerance." + n)); text != "" {
		w.Raw("tolerance", literal.Of(text))
	}
	if text := literal.Unix(form.Get("default." + n)); text != "" {
		w.Raw("default", defaultValue(form.Get("fieldtype."+n), text))
	}
	return w.Bytes()
}

// defaultValue is the JSON of a default: what is typed for a text is the text.
func defaultValue(fieldtype, text string) []byte {
	switch fieldtype {
	case "Int", "Float", "Percent", "Currency", "Check", "JSON", "Table":
		if literal.Valid(text) {
			return []byte(text)
		}
	}
	return record.AppendQuote(nil, text)
}
