package doctype

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dochook/doctype/record"
)

// maxLabel is the length in characters of a DocType's and of a field's name.
const maxLabel = 140

// builtIn are names of DocTypes that the service itself answers.
var builtIn = []string{"DocType", "Webhook", "Webhook Request Log", "Scraper", "Scrape Job", "API Key"}

// fieldtypes are the types a field may have and the kind of value each stands for.
var fieldtypes = map[string]string{
	"Data": "text", "Text": "text", "Small Text": "text", "Long Text": "text",
	"Int": "int", "Float": "number", "Percent": "number", "Currency": "number",
	"Check": "check", "Date": "date", "Datetime": "datetime", "Select": "select",
	"Link": "string", "Attach Image": "string", "Attach": "string", "URL": "string",
	"JSON": "any", "Table": "table",
}

// Definition is a compiled DocType. It never changes and may be used by many goroutines at once.
type Definition struct {
	DocType
	// Since is when it took the place of another definition: documents written later were judged by this one. Zero: it is the first.
	Since time.Time

	naming    naming
	keyFields []string
	kinds     map[string]*checkedField
	checked   []checkedField
	rules     record.Rules
	defaults  []defaultValue
}

type defaultValue struct {
	name  string
	value []byte
}

// checkedField is a field with what Validate needs.
type checkedField struct {
	name    string
	kind    string
	reqd    bool
	money   bool // text that spells an amount is a number
	choices []string
}

// Compile checks a definition and makes it usable. Fieldtypes are Data, Text (also Small Text, Long Text), Int,
// Float (also Percent), Currency, Check, Date, Datetime, Select, Link, JSON, Table, Attach, Attach Image and URL.
// Errors are of type *Error with the path of what is wrong, such as fields[2].options.
func Compile(d DocType) (*Definition, error) {
	if err := checkDocTypeName(d.Name); err != nil {
		return nil, err
	}
	if _, err := ParseRemoval(d.Removal); err != nil {
		return nil, err
	}
	d.Fields = slices.Clone(d.Fields)
	def := &Definition{DocType: d, kinds: make(map[string]*checkedField), rules: make(record.Rules)}
	var err error
	if def.naming, err = compileNaming(d.Autoname); err != nil {
		return nil, err
	}
	def.keyFields = def.naming.keyFields()
	def.checked = make([]checkedField, len(d.Fields))
	for i := range d.Fields {
		if err := def.compileField(i, fmt.Sprintf("fields[%d].", i)); err != nil {
			return nil, err
		}
	}
	return def, nil
}

func checkDocTypeName(name string) error {
	switch {
	case name == "":
		return Errorf(CodeMandatory, "name", "a DocType needs a name")
	case slices.Contains(builtIn, name):
		return Errorf(CodeInvalid, "name", "%s is a built-in DocType", name)
	}
	return checkLabel("name", name)
}

// checkLabel checks the name of a DocType or field.
func checkLabel(at, name string) error {
	switch {
	case name == "":
		return Errorf(CodeMandatory, at, "must not be empty")
	case !utf8.ValidString(name):
		return Errorf(CodeInvalid, at, "is not valid UTF-8")
	case utf8.RuneCountInString(name) > maxLabel:
		return Errorf(CodeInvalid, at, "has more than %d characters", maxLabel)
	case strings.ContainsFunc(name, unicode.IsControl):
		return Errorf(CodeInvalid, at, "has a control character")
	case strings.TrimSpace(name) != name:
		return Errorf(CodeInvalid, at, "begins or ends with a blank")
	}
	return nil
}

func (d *Definition) compileField(i int, at string) error {
	f := &d.Fields[i]
	if err := checkLabel(at+"fieldname", f.Fieldname); err != nil {
		return err
	}
	if _, twice := d.kinds[f.Fieldname]; twice {
		return Errorf(CodeInvalid, at+"fieldname", "%s is there twice", f.Fieldname)
	}
	if err := d.checkID(i, at); err != nil {
		return err
	}
	if f.Fieldtype == "" {
		f.Fieldtype = "Data"
	}
	kind, ok := fieldtypes[f.Fieldtype]
	if !ok {
		return Errorf(CodeInvalid, at+"fieldtype", "%q is none of Data, Text, Int, Float, Currency, Check, Date, Datetime, Select, Link, JSON, Table, Attach, Attach Image and URL", f.Fieldtype)
	}
	c := &d.checked[i]
	*c = checkedField{name: f.Fieldname, kind: kind, reqd: bool(f.Reqd)}
	d.kinds[f.Fieldname] = c
	if kind == "select" {
		for line := range strings.Lines(f.Options) {
			c.choices = append(c.choices, strings.TrimRight(line, "\r\n"))
		}
		if len(c.choices) == 0 {
			return Errorf(CodeInvalid, at+"options", "a Select needs its choices, one a line")
		}
	}
	if (f.Fieldtype == "Link" || f.Fieldtype == "Table") && f.Options != "" {
		if err := checkLabel(at+"options", f.Options); err != nil {
			return err
		}
	}
	rule, err := record.ParseRule(f.Compare, f.CompareOptions, f.Tolerance)
	if err != nil {
		return ofRecord(err, at)
	}
	if rule != nil {
		d.rules[f.Fieldname] = rule
	}
	c.money = f.Fieldtype == "Currency" && f.Compare == "number"
	return d.compileDefault(f, c, at)
}

func (d *Definition) checkID(i int, at string) error {
	id := d.Fields[i].ID
	if id == "" {
		return nil
	}
	if err := checkLabel(at+"id", id); err != nil {
		return err
	}
	for j := range d.Fields[:i] {
		if d.Fields[j].ID == id {
			return Errorf(CodeInvalid, at+"id", "%s is the id of %s already", id, d.Fields[j].Fieldname)
		}
	}
	return nil
}

func (d *Definition) compileDefault(f *Field, c *checkedField, at string) error {
	raw := bytes.TrimSpace(f.Default)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if err := record.Check([]byte(`{"default":` + string(raw) + `}`)); err != nil {
		return Errorf(CodeInvalid, at+"default", "must be JSON")
	}
	if c.kind == "int" || c.kind == "number" || c.kind == "check" {
		// Frappe writes every default in quotes.
		if text := []byte(record.Unquote(raw)); raw[0] == '"' && c.fits(text) == "" {
			raw = text
		}
	}
	if why := c.fits(raw); why != "" {
		return Errorf(CodeInvalid, at+"default", "%s", why)
	}
	d.defaults = append(d.defaults, defaultValue{name: f.Fieldname, value: raw})
	return nil
}

// Changes compares two versions of a record by the rules of the fields: see [record.Rules.Changes].
func (d *Definition) Changes(old, new []byte) []record.Change { return d.rules.Changes(old, new) }

// Field returns the field of that name, nil when the DocType does not define it.
func (d *Definition) Field(name string) *Field {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Fieldname == name })
	if i < 0 {
		return nil
	}
	return &d.Fields[i]
}

// Validate checks a record that record.Check accepted against the fields: required ones are there and not null
// or empty (code mandatory), values fit their fieldtype (null always does), and a closed DocType has no other
// members (code invalid). The error names the field.
//
// Text fields take strings, numbers, true and false; Int a number without fraction; Float, Percent and Currency
// a number; a Currency with compare "number" also an amount in a string; Check true, false, 0 or 1; Date and
// Datetime a string as ISO 8601 or Frappe spells it; Select one of its options; Link, Attach and URL a string;
// Table an array of objects; JSON anything.
func (d *Definition) Validate(data []byte) error {
	for i := range d.checked {
		if c := &d.checked[i]; c.reqd {
			if v := record.Member(data, c.name); v == nil || string(v) == "null" || string(v) == `""` {
				return Errorf(CodeMandatory, c.name, "a value is required")
			}
		}
	}
	if bool(d.Open) && len(d.checked) == 0 {
		return nil
	}
	for quoted, value := range record.QuotedMembers(data) {
		c := d.kind(quoted)
		if c == nil {
			if name := record.Unquote(quoted); !bool(d.Open) && !slices.Contains(d.keyFields, name) {
				return Errorf(CodeInvalid, name, "%s has no such field", d.Name)
			}
			continue
		}
		if why := c.fits(value); why != "" {
			return Errorf(CodeInvalid, c.name, "%s", why)
		}
	}
	return nil
}

// kind finds the field of a quoted name; it is asked for every member of every record, and allocates for none but escaped names.
func (d *Definition) kind(quoted []byte) *checkedField {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return d.kinds[record.Unquote(quoted)]
	}
	return d.kinds[string(quoted[1:len(quoted)-1])]
}

// fits returns why a value does not fit, "" when it does.
func (c *checkedField) fits(v []byte) string {
	if string(v) == "null" {
		return ""
	}
	isString := v[0] == '"'
	switch c.kind {
	case "text":
		if v[0] == '{' || v[0] == '[' {
			return "must be text, not an object or array"
		}
	case "string":
		if !isString {
			return "must be a string"
		}
	case "int":
		if !record.IsInteger(v) {
			return "must be a whole number"
		}
	case "number":
		if !record.IsNumber(v) && !(c.money && isString && (record.IsAmount(v) || string(v) == `""`)) {
			return "must be a number"
		}
	case "check":
		switch string(v) {
		case "true", "false", "0", "1":
		default:
			return "must be true, false, 0 or 1"
		}
	case "date", "datetime":
		if !isString || !isTime(record.Unquote(v), c.kind == "datetime") {
			return "must be a " + c.kind + " such as " + timeExample(c.kind)
		}
	case "select":
		if !isString || !slices.Contains(c.choices, record.Unquote(v)) && string(v) != `""` {
			return "must be one of " + strings.Join(c.choices, ", ")
		}
	case "table":
		if !isTable(v) {
			return "must be an array of objects"
		}
	}
	return ""
}

func timeExample(kind string) string {
	if kind == "date" {
		return "2026-01-31"
	}
	return "2026-01-31 23:59:59 or 2026-01-31T23:59:59Z"
}

// isTime reports whether a string is a date, or also a date with a time. Empty is what Frappe sends for none.
func isTime(s string, clock bool) bool {
	layouts := []string{time.DateOnly}
	if clock {
		layouts = append(layouts, "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339,
			"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z07:00")
	}
	return s == "" || slices.ContainsFunc(layouts, func(layout string) bool {
		_, err := time.Parse(layout, s)
		return err == nil
	})
}

func isTable(v []byte) bool {
	if v[0] != '[' {
		return false
	}
	for row := range record.Elements(v) {
		if row[0] != '{' {
			return false
		}
	}
	return true
}

// WithDefaults returns the record with the defaults of the fields it lacks, in the order of the fields, after
// its own members. A field that is null is not absent. Without such fields it is the record itself.
func (d *Definition) WithDefaults(data []byte) []byte {
	lacks := func(f defaultValue) bool { return record.Member(data, f.name) == nil }
	if !slices.ContainsFunc(d.defaults, lacks) {
		return data
	}
	var w record.Writer
	for quoted, value := range record.QuotedMembers(data) {
		w.Quoted(quoted, value)
	}
	for _, f := range d.defaults {
		if lacks(f) {
			w.Raw(f.name, f.value)
		}
	}
	return w.Bytes()
}
