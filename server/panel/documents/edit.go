package documents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/server/panel/documents/literal"
	"dochook/server/panel/page"
)

// Editors, by what a member is edited as.
const (
	asLine   = "line"   // text on one line
	asText   = "text"   // text on several
	asNumber = "number" // as it is spelled
	asCheck  = "check"
	asChoice = "choice"
	asJSON   = "json"
	asFixed  = "fixed" // too long to be edited
)

const (
	maxMembers  = 200
	maxEditable = 64 << 10 // bytes of a value
	lineText    = 120      // characters that are edited on one line
	newMembers  = 3        // rows for members that are not there yet
)

// member is one member of a record in the form. Its fields are n.N (name), k.N
// (editor), h.N (what was shown, hashed) and v.N (value).
type member struct {
	N, Name, Label, Hint string
	Editor               string
	Shown                string // hash of what was shown
	Size                 int    // bytes, of what is not edited
	Options              []page.Option
	Required, Code       bool
	New                  bool // it has no name yet
	Rows                 int
}

// members are the rows of the form of a record: what names it, declared fields,
// then the others, then empty ones. The form gets their values. An empty record is
// a new document's.
func members(def *doctype.Definition, data []byte, form *page.Form) (rows []member, omitted int) {
	var order []string
	add := func(name string) {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	keys := def.KeyFields()
	for _, name := range keys {
		if def.Autoname != "prompt" {
			add(name)
		}
	}
	for i := range def.Fields {
		add(def.Fields[i].Fieldname)
	}
	for name := range record.Members(data) {
		add(name)
	}
	if omitted = max(len(order)-maxMembers, 0); omitted > 0 {
		order = order[:maxMembers]
	}
	for _, name := range order {
		m := newMember(def, name, record.Member(data, name), form, len(rows))
		if slices.Contains(keys, name) {
			m.Hint = strings.TrimSuffix("Names the document. "+m.Hint, " ")
			m.Required = m.Editor != asFixed
		}
		rows = append(rows, m)
	}
	if def.Open {
		for range newMembers {
			m := member{N: strconv.Itoa(len(rows)), Editor: asJSON, New: true, Shown: hash("")}
			form.Set("k."+m.N, m.Editor)
			form.Set("h."+m.N, m.Shown)
			rows = append(rows, m)
		}
	}
	return rows, omitted
}

func newMember(def *doctype.Definition, name string, value []byte, form *page.Form, n int) member {
	m := member{N: strconv.Itoa(n), Name: name, Label: name, Rows: 4}
	f := def.Field(name)
	fieldtype := ""
	if f != nil {
		fieldtype, m.Required = f.Fieldtype, bool(f.Reqd)
		m.Label = f.Label
		if m.Label == "" {
			m.Label = name
		}
		m.Hint = hint(f)
	}
	m.Editor = editorOf(fieldtype, value)
	text := ""
	switch {
	case m.Editor == asFixed:
		m.Size = len(value)
	case value == nil, string(value) == "null" && m.Editor != asJSON:
	case m.Editor == asJSON:
		text = indent(value)
		m.Rows = min(max(strings.Count(text, "\n")+1, 2), 16)
	case m.Editor == asCheck:
		text = map[bool]string{true: "yes", false: "no"}[string(value) == "true" || string(value) == "1"]
	default:
		text = record.Unquote(value)
	}
	if m.Editor == asChoice {
		m.Options = append(m.Options, page.Option{Label: "not set"})
		for line := range strings.Lines(f.Options) {
			line = strings.TrimRight(line, "\r\n")
			m.Options = append(m.Options, page.Option{Value: line, Label: line})
		}
	}
	m.Shown = hash(text)
	form.Set("n."+m.N, name)
	form.Set("k."+m.N, m.Editor)
	form.Set("h."+m.N, m.Shown)
	form.Set("v."+m.N, text)
	return m
}

func hint(f *doctype.Field) string {
	out := f.Fieldtype
	if f.Label != "" && f.Label != f.Fieldname {
		out = f.Fieldname + " · " + out
	}
	if f.Unique {
		out += " · unique"
	}
	switch f.Compare {
	case "", "exact":
	case "ignore":
		out += " · a change of it alone is no change"
	default:
		out += " · compared as " + f.Compare
	}
	return out
}

// editorOf is the editor for a value of a field of that type, "" for a member
// that is not declared.
func editorOf(fieldtype string, value []byte) string {
	if len(value) > maxEditable {
		return asFixed
	}
	missing := value == nil || string(value) == "null"
	if !missing && value[0] == '"' && fieldtype != "Select" {
		if text := record.Unquote(value); len([]rune(text)) > lineText || strings.ContainsAny(text, "\r\n") {
			return asText
		}
		return asLine
	}
	switch fieldtype {
	case "Data", "Link", "URL", "Attach", "Attach Image", "Date", "Datetime":
		if missing {
			return asLine
		}
	case "Text", "Small Text", "Long Text":
		if missing {
			return asText
		}
	case "Int", "Float", "Percent", "Currency":
		if missing || record.IsNumber(value) {
			return asNumber
		}
	case "Check":
		return asCheck
	case "Select":
		return asChoice
	}
	if !missing && record.IsNumber(value) {
		return asNumber
	}
	return asJSON
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(literal.Unix(text)))
	return hex.EncodeToString(sum[:8])
}

// again are the rows of a form that came back, as members made them.
func again(def *doctype.Definition, form *page.Form) []member {
	var rows []member
	for i := range maxMembers + newMembers {
		n := strconv.Itoa(i)
		editor := form.Get("k." + n)
		if editor == "" {
			break
		}
		name := form.Get("n." + n)
		m := member{N: n, Name: name, Label: name, Editor: editor, Shown: form.Get("h." + n), New: form.Get("new."+n) != "", Rows: 4}
		if f := def.Field(name); f != nil && !m.New {
			m.Hint, m.Required = hint(f), bool(f.Reqd)
			if f.Label != "" {
				m.Label = f.Label
			}
			for line := range strings.Lines(f.Options) {
				line = strings.TrimRight(line, "\r\n")
				m.Options = append(m.Options, page.Option{Value: line, Label: line})
			}
		}
		m.Options = append([]page.Option{{Label: "not set"}}, m.Options...)
		if m.Editor == asJSON {
			m.Rows = min(max(strings.Count(form.Get("v."+n), "\n")+1, 2), 16)
		}
		if slices.Contains(def.KeyFields(), name) && !m.New {
			m.Hint = strings.TrimSuffix("Names the document. "+m.Hint, " ")
		}
		rows = append(rows, m)
	}
	return rows
}

// patch is what was changed in the form, as the body of a change in Frappe's view.
// Mistakes are noted in the form, and where errors of the service belong.
func patch(rows []member, form *page.Form, stored []byte) (body []byte, changed int) {
	form.Alias = map[string]string{"modified": "", "name": ""}
	var own, shadow record.Writer
	taken := map[string]bool{}
	for _, m := range rows {
		if m.Name != "" {
			if _, had := form.Alias[m.Name]; !had || m.Name == "name" {
				form.Alias[m.Name] = "v." + m.N
			}
		}
		text := literal.Unix(form.Get("v." + m.N))
		switch {
		case m.Editor == asFixed, m.Name == "" && strings.TrimSpace(text) == "":
			continue
		case m.Name == "":
			form.Wrong("n."+m.N, "a value needs the name of its field")
			continue
		case m.New && text == "":
			form.Wrong("v."+m.N, "%s needs a value: JSON such as 5, \"text\" or null", m.Name)
			continue
		case taken[m.Name]:
			form.Wrong("n."+m.N, "%s is there twice", m.Name)
			continue
		}
		taken[m.Name] = true
		if hash(text) == m.Shown {
			continue
		}
		value, err := valueOf(m.Editor, text, record.Member(stored, m.Name))
		if err != nil {
			form.Wrong("v."+m.N, "%s: %s", m.Name, err)
			continue
		}
		changed++
		if doctype.IsStandardField(m.Name) || m.Name == "record" {
			shadow.Raw(m.Name, value)
			continue
		}
		own.Raw(m.Name, value)
	}
	if text := shadow.Bytes(); string(text) != "{}" {
		own.Raw("record", text)
	}
	return own.Bytes(), changed
}

// valueOf is the JSON of what was typed.
func valueOf(editor, text string, stored []byte) ([]byte, error) {
	bare := strings.TrimSpace(text)
	switch editor {
	case asNumber:
		if bare == "" {
			return []byte("null"), nil
		}
		return literal.Of(bare), nil
	case asCheck:
		numeric := len(stored) == 1 // 0 or 1
		switch {
		case text == "":
			return []byte("null"), nil
		case numeric:
			return []byte(map[bool]string{true: "1", false: "0"}[text == "yes"]), nil
		}
		return strconv.AppendBool(nil, text == "yes"), nil
	case asJSON:
		if bare == "" {
			return nil, fmt.Errorf("an empty value is written null, or \"\"")
		}
		if !literal.Valid(bare) {
			return nil, fmt.Errorf("this is not JSON: text stands in quotes, as \"text\"")
		}
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(bare)); err != nil {
			return nil, fmt.Errorf("this is not JSON")
		}
		return b.Bytes(), nil
	}
	return record.AppendQuote(nil, text), nil
}
