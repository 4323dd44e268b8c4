package doctype

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype/record"
)

// Flag is a yes or no of a definition. In JSON it is read from true, false, 0, 1, "0", "1" and null (no), as
// Frappe's Check fields are spelled in the wild, and written as true or false.
type Flag bool

// UnmarshalJSON reads any of the spellings.
func (f *Flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", "1", `"1"`:
		*f = true
	case "false", "0", `"0"`, "null", `""`:
		*f = false
	default:
		return errors.New("must be true, false, 0 or 1")
	}
	return nil
}

// MarshalJSON writes true or false.
func (f Flag) MarshalJSON() ([]byte, error) { return strconv.AppendBool(nil, bool(f)), nil }

// Field is one field of a DocType.
type Field struct {
	// ID names the field's column in bodies that carry ids (format rows). It stays when the field is renamed.
	ID        string `json:"id,omitempty"`
	Fieldname string `json:"fieldname"` // the member's exact name in the record; at most 140 characters
	Label     string `json:"label,omitempty"`
	Fieldtype string `json:"fieldtype"` // see Compile; Data when absent
	Reqd      Flag   `json:"reqd,omitempty"`
	Unique    Flag   `json:"unique,omitempty"`
	// Options are the choices of a Select, one a line, or the target DocType of a Link or Table.
	Options string `json:"options,omitempty"`
	// Default is the value an absent field gets: JSON text of the field's type. A number may be quoted as in
	// Frappe. Absent, null and "" mean none.
	Default json.RawMessage `json:"default,omitempty"`
	// Compare says when two values count as the same: exact (default), ignore, text, number, set or url.
	Compare string `json:"compare,omitempty"`
	// CompareOptions belong to Compare. For url: names of query parameters that do not count, separated by
	// commas or blanks; a name may end in * (utm_*).
	CompareOptions string `json:"compare_options,omitempty"`
	// Tolerance is how far two numbers may lie apart and still count as the same: a number of units (0.5 or
	// "0.5") or a part of the older value ("5%").
	Tolerance json.RawMessage `json:"tolerance,omitempty"`
	Hidden    Flag            `json:"hidden,omitempty"`
}

// DocType is the definition of one kind of document as its author wrote it. Compile makes it usable.
type DocType struct {
	Name        string  `json:"name"`               // 1 to 140 characters
	Autoname    string  `json:"autoname,omitempty"` // field:path, format:{path}…, hash, prompt; "" is hash
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Fields      []Field `json:"fields,omitempty"`
	// Open keeps members that are no field of the DocType; a closed one refuses records that have some.
	// ParseDocType sets it when the text has none.
	Open Flag `json:"open"`
	// TrackChanges lists the history of a document. ParseDocType sets it when the text has none.
	TrackChanges Flag            `json:"track_changes"`
	Scraper      string          `json:"scraper,omitempty"` // the scraper that feeds it
	Table        string          `json:"table,omitempty"`   // the table's name in bodies that carry one
	Removal      json.RawMessage `json:"removal,omitempty"` // the brakes on removals, an object
}

// Knows reports whether a record of the DocType may have a member of that name: any in an open DocType, the
// declared ones in a closed.
func (d *DocType) Knows(field string) bool {
	return bool(d.Open) || slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Fieldname == field })
}

// UniqueFields returns the names of the fields that no two live documents may share a value of.
func (d *DocType) UniqueFields() []string {
	var out []string
	for i := range d.Fields {
		if d.Fields[i].Unique {
			out = append(out, d.Fields[i].Fieldname)
		}
	}
	return out
}

// ColumnID is the id of a field's column that nobody gave one.
func ColumnID(fieldname string) string {
	sum := sha256.Sum256([]byte(fieldname))
	return "c" + hex.EncodeToString(sum[:4])
}

// AssignIDs gives fields without an ID one that is made of their names.
func (d *DocType) AssignIDs() {
	d.Fields = slices.Clone(d.Fields)
	taken := map[string]bool{}
	for i := range d.Fields {
		taken[d.Fields[i].ID] = true
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		for seed := f.Fieldname; f.ID == ""; seed += "'" {
			if id := ColumnID(seed); !taken[id] {
				f.ID, taken[id] = id, true
			}
		}
	}
}

// ignoredDocType are members of a Frappe DocType document without a meaning here.
var ignoredDocType = words(`doctype owner creation modified modified_by docstatus idx
	module custom naming_rule istable issingle is_submittable is_tree is_virtual is_calendar_and_gantt beta app
	permissions links actions states engine migration_hash sort_field sort_order title_field search_fields
	show_title_field_in_link translated_doctype image_field timeline_field default_view
	default_email_template default_print_format email_append_to sender_field sender_name_field subject_field
	recipient_account_field allow_rename allow_import allow_copy allow_events_in_timeline allow_auto_repeat
	allow_guest_to_view editable_grid quick_entry read_only hide_toolbar in_create icon color document_type
	documentation has_web_view route is_published_field website_search_field index_web_pages_for_search
	track_seen track_views max_attachments make_attachments_public queue_in_background rows_threshold_for_grid_search
	force_re_route_to_default_view show_name_in_global_search show_preview_popup nsm_parent_field restrict_to_domain
	row_format grid_page_length protect_attached_files field_order __islocal __unsaved __onload _comments _assign
	_liked_by _user_tags print_outline colour tag_fields menu_index parent_node smallicon version name_case`)

// ignoredField are members of a Frappe field (DocField) without a meaning here.
var ignoredField = words(`name doctype owner creation modified modified_by docstatus idx parent parentfield parenttype
	description in_list_view in_standard_filter in_global_search in_preview in_filter bold collapsible
	collapsible_depends_on depends_on mandatory_depends_on read_only_depends_on read_only permlevel precision length
	columns width print_width print_hide print_hide_if_no_value report_hide search_index no_copy
	set_only_once allow_on_submit allow_in_quick_entry allow_bulk_edit fetch_from fetch_if_empty translatable
	ignore_user_permissions ignore_xss_filter is_virtual not_nullable non_negative oldfieldname oldfieldtype
	placeholder remember_last_selected_value show_dashboard show_on_timeline show_preview_popup sort_options hide_border
	hide_days hide_seconds link_filters make_attachment_public max_height documentation_url mask sticky
	hide_seconds trigger button_color alignment __islocal __unsaved`)

// words makes a set of the words of a text.
func words(text string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// ParseDocType reads a definition from JSON. Members it does not know are refused by name; standard document
// fields and properties of Frappe that mean nothing here are passed over. It reads shapes only: Compile checks
// what they say. Errors are of type *Error with the path of the member, such as fields[2].fieldtype.
func ParseDocType(data []byte) (DocType, error) {
	d := DocType{Open: true, TrackChanges: true}
	if err := record.Check(data); err != nil {
		return d, ofRecord(err, "")
	}
	for name, raw := range record.Members(data) {
		if err := d.set(name, raw); err != nil {
			return d, err
		}
	}
	if d.Autoname == "" { // Frappe's default, said aloud
		d.Autoname = "hash"
	}
	return d, nil
}

// IsMember reports whether a DocType's own JSON can have a member of that name.
func IsMember(name string) bool {
	switch name {
	case "name", "autoname", "title", "description", "open", "track_changes", "scraper", "table", "removal", "fields":
		return true
	default:
		return false
	}
}

func (d *DocType) set(name string, raw []byte) error {
	switch name {
	case "name":
		return readMember(name, raw, &d.Name)
	case "autoname":
		return readMember(name, raw, &d.Autoname)
	case "title":
		return readMember(name, raw, &d.Title)
	case "description":
		return readMember(name, raw, &d.Description)
	case "open":
		return readMember(name, raw, &d.Open)
	case "track_changes":
		return readMember(name, raw, &d.TrackChanges)
	case "scraper":
		return readMember(name, raw, &d.Scraper)
	case "table":
		return readMember(name, raw, &d.Table)
	case "removal":
		d.Removal = bytes.Clone(raw)
		return nil
	case "fields":
		return d.setFields(raw)
	}
	if ignoredDocType[name] {
		return nil
	}
	return Errorf(CodeInvalid, name, "unknown member of a DocType")
}

func (d *DocType) setFields(raw []byte) error {
	d.Fields = nil
	if string(raw) == "null" {
		return nil
	}
	if raw[0] != '[' {
		return Errorf(CodeInvalid, "fields", "must be an array of fields")
	}
	for v := range record.Elements(raw) {
		at := fmt.Sprintf("fields[%d]", len(d.Fields))
		if v[0] != '{' {
			return Errorf(CodeInvalid, at, "must be an object")
		}
		var f Field
		for name, value := range record.Members(v) {
			if err := f.set(at+"."+name, name, value); err != nil {
				return err
			}
		}
		d.Fields = append(d.Fields, f)
	}
	return nil
}

func (f *Field) set(at, name string, raw []byte) error {
	switch name {
	case "id":
		return readMember(at, raw, &f.ID)
	case "fieldname":
		return readMember(at, raw, &f.Fieldname)
	case "label":
		return readMember(at, raw, &f.Label)
	case "fieldtype":
		return readMember(at, raw, &f.Fieldtype)
	case "reqd":
		return readMember(at, raw, &f.Reqd)
	case "unique":
		return readMember(at, raw, &f.Unique)
	case "hidden":
		return readMember(at, raw, &f.Hidden)
	case "options":
		return readMember(at, raw, &f.Options)
	case "compare":
		return readMember(at, raw, &f.Compare)
	case "compare_options":
		return readMember(at, raw, &f.CompareOptions)
	case "default":
		f.Default = bytes.Clone(raw)
		return nil
	case "tolerance":
		f.Tolerance = bytes.Clone(raw)
		return nil
	}
	if ignoredField[name] {
		return nil
	}
	return Errorf(CodeInvalid, at, "unknown member of a field")
}

// readMember decodes a string or Flag; null leaves the zero value of a string.
func readMember(at string, raw []byte, into any) error {
	switch into := into.(type) {
	case *string:
		if string(raw) == "null" {
			*into = ""
			return nil
		}
		if raw[0] != '"' {
			return Errorf(CodeInvalid, at, "must be a string")
		}
		*into = record.Unquote(raw)
	case *Flag:
		if err := into.UnmarshalJSON(raw); err != nil {
			return Errorf(CodeInvalid, at, "%s", err)
		}
	}
	return nil
}

// JSON returns the definition as it is stored and answered: members in the order of the struct, values that
// say nothing left out, the raw members exactly as they came.
func (d DocType) JSON() []byte {
	var w record.Writer
	w.Text("name", d.Name)
	textUnlessEmpty(&w, "autoname", d.Autoname)
	textUnlessEmpty(&w, "title", d.Title)
	textUnlessEmpty(&w, "description", d.Description)
	if len(d.Fields) > 0 {
		fields := []byte{'['}
		for i, f := range d.Fields {
			if i > 0 {
				fields = append(fields, ',')
			}
			fields = append(fields, f.json()...)
		}
		w.Raw("fields", append(fields, ']'))
	}
	w.Raw("open", strconv.AppendBool(nil, bool(d.Open)))
	w.Raw("track_changes", strconv.AppendBool(nil, bool(d.TrackChanges)))
	textUnlessEmpty(&w, "scraper", d.Scraper)
	textUnlessEmpty(&w, "table", d.Table)
	w.Raw("removal", d.Removal)
	return w.Bytes()
}

func (f Field) json() []byte {
	var w record.Writer
	textUnlessEmpty(&w, "id", f.ID)
	w.Text("fieldname", f.Fieldname)
	textUnlessEmpty(&w, "label", f.Label)
	w.Text("fieldtype", f.Fieldtype)
	flagIfSet(&w, "reqd", f.Reqd)
	flagIfSet(&w, "unique", f.Unique)
	textUnlessEmpty(&w, "options", f.Options)
	w.Raw("default", f.Default)
	textUnlessEmpty(&w, "compare", f.Compare)
	textUnlessEmpty(&w, "compare_options", f.CompareOptions)
	w.Raw("tolerance", f.Tolerance)
	flagIfSet(&w, "hidden", f.Hidden)
	return w.Bytes()
}

func textUnlessEmpty(w *record.Writer, name, value string) {
	if value != "" {
		w.Text(name, value)
	}
}

func flagIfSet(w *record.Writer, name string, value Flag) {
	if value {
		w.Raw(name, []byte("true"))
	}
}
