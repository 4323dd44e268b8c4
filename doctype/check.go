package doctype

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
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
	naming    naming
	keyFields []string
	kinds     map[string]*checkedField
	checked   []checkedField
	rules     map[string]*rule
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
	if len(d.Removal) > 0 && string(d.Removal) != "null" && d.Removal[0] != '{' {
		return nil, Errorf(CodeInvalid, "removal", "must be an object")
	}
	d.Fields = slices.Clone(d.Fields)
	def := &Definition{DocType: d, kinds: make(map[string]*checkedField), rules: make(map[string]*rule)}
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
	r, err := compileRule(f, at)
	if err != nil {
		return err
	}
	if r.compare != compareExact || r.tolerance != nil {
		d.rules[f.Fieldname] = r
	}
	c.money = f.Fieldtype == "Currency" && r.compare == compareNumber
	return d.compileDefault(f, c, at)
}

func (d *Definition) compileDefault(f *Field, c *checkedField, at string) error {
	raw := bytes.TrimSpace(f.Default)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if err := CheckRecord([]byte(`{"default":` + string(raw) + `}`)); err != nil {
		return Errorf(CodeInvalid, at+"default", "must be JSON")
	}
	if c.kind == "int" || c.kind == "number" || c.kind == "check" {
		// Frappe writes every default in quotes.
		if text := []byte(unquote(raw)); raw[0] == '"' && c.fits(text) == "" {
			raw = text
		}
	}
	if why := c.fits(raw); why != "" {
		return Errorf(CodeInvalid, at+"default", "%s", why)
	}
	d.defaults = append(d.defaults, defaultValue{name: f.Fieldname, value: raw})
	return nil
}

func compileRule(f *Field, at string) (*rule, error) {
	r := &rule{compare: comparison(f.Compare)}
	switch r.compare {
	case "":
		r.compare = compareExact
	case compareExact, compareIgnore, compareText, compareNumber, compareSet, compareURL:
	default:
		return r, Errorf(CodeInvalid, at+"compare", "%q is none of exact, ignore, text, number, set and url", f.Compare)
	}
	options := strings.FieldsFunc(f.CompareOptions, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	if len(options) > 0 && r.compare != compareURL {
		return r, Errorf(CodeInvalid, at+"compare_options", "only compare url has options")
	}
	for _, o := range options {
		r.dropped = append(r.dropped, strings.ToLower(o))
	}
	return r, r.setTolerance(f.Tolerance, at+"tolerance")
}

func (r *rule) setTolerance(raw []byte, at string) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if r.compare != compareExact && r.compare != compareNumber {
		return Errorf(CodeInvalid, at, "needs compare exact or number")
	}
	text := strings.TrimSpace(unquote(raw))
	text, r.percent = strings.CutSuffix(text, "%")
	text = strings.TrimSpace(text)
	amount, ok := decimal.Decimal{}, isJSONNumber(text)
	if ok {
		amount, ok = parseDecimal(text)
	}
	if !ok || amount.IsNegative() || checkNumber([]byte(text), 0) != nil {
		return Errorf(CodeInvalid, at, `must be a number from 0 on, or a part such as "5%%"`)
	}
	r.tolerance = &amount
	return nil
}

// isJSONNumber reports whether a text is a number in JSON's grammar.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() (n int) {
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	n := digits()
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	if s = s[n:]; strings.HasPrefix(s, ".") {
		s = s[1:]
		if n = digits(); n == 0 {
			return false
		}
		s = s[n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n = digits()
		return n > 0 && n == len(s)
	}
	return s == ""
}

// Validate checks a record that CheckRecord accepted against the fields: required ones are there and not null
// or empty (code mandatory), values fit their fieldtype (null always does), and a closed DocType has no other
// members (code invalid). The error names the field.
//
// Text fields take strings, numbers, true and false; Int a number without fraction; Float, Percent and Currency
// a number; a Currency with compare "number" also an amount in a string; Check true, false, 0 or 1; Date and
// Datetime a string as ISO 8601 or Frappe spells it; Select one of its options; Link, Attach and URL a string;
// Table an array of objects; JSON anything.
func (d *Definition) Validate(record []byte) error {
	for i := range d.checked {
		if c := &d.checked[i]; c.reqd {
			if v := Member(record, c.name); v == nil || string(v) == "null" || string(v) == `""` {
				return Errorf(CodeMandatory, c.name, "a value is required")
			}
		}
	}
	if bool(d.Open) && len(d.checked) == 0 {
		return nil
	}
	for name, value := range members(record) {
		c := d.kinds[name]
		if c == nil {
			if !bool(d.Open) && !slices.Contains(d.keyFields, name) {
				return Errorf(CodeInvalid, name, "%s has no such field", d.Name)
			}
			continue
		}
		if why := c.fits(value); why != "" {
			return Errorf(CodeInvalid, name, "%s", why)
		}
	}
	return nil
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
		if !isNumber(v) || !parseNumber(v).integral() {
			return "must be a whole number"
		}
	case "number":
		if isNumber(v) {
			break
		}
		if c.money && isString {
			if _, _, ok := parseAmount(v); ok || string(v) == `""` {
				break
			}
		}
		return "must be a number"
	case "check":
		switch string(v) {
		case "true", "false", "0", "1":
		default:
			return "must be true, false, 0 or 1"
		}
	case "date", "datetime":
		if !isString || !isTime(unquote(v), c.kind == "datetime") {
			return "must be a " + c.kind + " such as " + timeExample(c.kind)
		}
	case "select":
		if !isString || !slices.Contains(c.choices, unquote(v)) && string(v) != `""` {
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
	c := elementsOf(v, '[')
	for row := c.value(); row != nil; row = c.value() {
		if row[0] != '{' {
			return false
		}
	}
	return true
}
