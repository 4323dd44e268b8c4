package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

// Invalid is the status of a form that is shown again because of what was typed.
const Invalid = http.StatusUnprocessableEntity

// Form is what stands in the fields of a form and what is wrong with it. What was
// typed is kept as it was typed.
type Form struct {
	// Prefix makes the ids of the fields unique where a page has several forms.
	Prefix string
	// Alias says where an error is shown: the name in the error, or its part
	// before the first dot or bracket, → the name of the field. Default: the same.
	Alias  map[string]string
	Values url.Values
	Errors []FieldError
}

// FieldError is a mistake; Field is "" where it is one of the whole form.
type FieldError struct{ Field, Message string }

// NewForm returns a Form with these values, which may be nil. It is one for which
// nothing has been typed yet.
func NewForm(values url.Values) *Form {
	if values == nil {
		values = url.Values{}
	}
	return &Form{Values: values}
}

// Submitted is the form that was posted. Errors are those of reading the body,
// or bad_request.
func Submitted(c *gin.Context) (*Form, error) {
	values, err := Parse(c.Request)
	if err != nil {
		return nil, err
	}
	return NewForm(values), nil
}

const formMemory = 4 << 20

// Parse reads a posted form, once; later calls return the same values. Errors are
// those of reading the body, or bad_request.
func Parse(r *http.Request) (url.Values, error) {
	if r.Form != nil {
		return r.PostForm, nil
	}
	err := r.ParseForm()
	if err == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(formMemory) //nolint:gosec // the route's limit bounds the body
	}
	if err == nil {
		return r.PostForm, nil
	}
	if web.Classify(err).Code != "internal" {
		return nil, err // of reading the body
	}
	return nil, web.Errorf("bad_request", "", "the form is not encoded correctly")
}

// Get is the value of a field, "" if it has none.
func (f *Form) Get(name string) string { return f.Values.Get(name) }

// All are the values of a field that may have several.
func (f *Form) All(name string) []string { return f.Values[name] }

// Checked reports whether a checkbox is ticked.
func (f *Form) Checked(name string) bool { return f.Values.Get(name) != "" }

// Set gives a field a value.
func (f *Form) Set(name string, values ...string) { f.Values[name] = values }

// Wrong notes a mistake; field may be "".
func (f *Form) Wrong(field, format string, args ...any) {
	f.Errors = append(f.Errors, FieldError{field, fmt.Sprintf(format, args...)})
}

// Failed notes err if it is about what was typed, at the field its FieldName
// names, and reports whether it was: then the form is rendered again with the
// status Invalid. Other errors (not_found, forbidden, internal, …) are for the
// caller to return.
func (f *Form) Failed(err error) bool {
	if err == nil {
		return false
	}
	p := web.Classify(err)
	switch p.Status {
	case http.StatusExpectationFailed, http.StatusConflict, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
	default:
		return false
	}
	f.Wrong(f.fieldOf(p.Field), "%s", p.Message)
	return true
}

func (f *Form) fieldOf(name string) string {
	if to, ok := f.Alias[name]; ok {
		return to
	}
	if i := strings.IndexAny(name, ".["); i > 0 {
		if to, ok := f.Alias[name[:i]]; ok {
			return to
		}
		if !f.Values.Has(name) {
			return name[:i]
		}
	}
	return name
}

// Status is Invalid if something is wrong, else 200.
func (f *Form) Status() int {
	if len(f.Errors) > 0 {
		return Invalid
	}
	return http.StatusOK
}

// messages are those of one field.
func (f *Form) messages(name string) []string {
	var out []string
	for _, e := range f.Errors {
		if e.Field == name {
			out = append(out, e.Message)
		}
	}
	return out
}

// id is that of a field.
func (f *Form) id(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return "f-" + f.Prefix + clean
}

// Link is the address of a mistake's field within the page, or "".
func (f *Form) Link(e FieldError) string {
	if e.Field == "" {
		return ""
	}
	return "#" + f.id(e.Field)
}

// Option is a choice.
type Option struct{ Value, Label string }

// Choices are options that are labelled by their values.
func Choices(values ...string) []Option {
	out := make([]Option, len(values))
	for i, v := range values {
		out[i] = Option{v, v}
	}
	return out
}

// Field is one field of a form, as the partial templates of fields want it.
type Field struct {
	Name, ID, Label, Hint string
	Type                  string // of input: text unless said otherwise
	Value                 string
	Values                []string
	Errors                []string
	Options               []Option
	Required, ReadOnly    bool
	Code                  bool // monospaced, no spelling
	Wide                  bool
	Rows                  int
	Placeholder           string
	Autocomplete          string
	InputMode             string
	List                  []string // suggestions
	Min, Max, Step        string
}

// Has reports whether a value is among those chosen.
func (f Field) Has(value string) bool { return slices.Contains(f.Values, value) }

// Described are the ids of what describes the field: its hint and its error.
func (f Field) Described() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if len(f.Errors) > 0 {
		ids = append(ids, f.ID+"-error")
	}
	return strings.Join(ids, " ")
}

// newField makes a field of pairs such as "label", "Name", "required", true.
func newField(form *Form, name string, pairs ...any) (Field, error) {
	if form == nil {
		form = NewForm(nil)
	}
	f := Field{
		Name: name, ID: form.id(name), Label: name, Type: "text", Value: form.Get(name), Values: form.All(name), Errors: form.messages(name), Rows: 4,
		Autocomplete: "off",
	}
	if len(pairs)%2 != 0 {
		return f, fmt.Errorf("field %s: names and values do not pair", name)
	}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok || !f.set(key, pairs[i+1]) {
			return f, fmt.Errorf("field %s: cannot set %v to %v", name, pairs[i], pairs[i+1])
		}
	}
	return f, nil
}

// set sets a member by the name templates use for it.
func (f *Field) set(key string, value any) (ok bool) {
	texts := map[string]*string{
		"label": &f.Label, "hint": &f.Hint, "type": &f.Type, "placeholder": &f.Placeholder, "autocomplete": &f.Autocomplete,
		"inputmode": &f.InputMode, "min": &f.Min, "max": &f.Max, "step": &f.Step, "value": &f.Value, "id": &f.ID,
	}
	flags := map[string]*bool{"required": &f.Required, "readonly": &f.ReadOnly, "code": &f.Code, "wide": &f.Wide}
	if at := texts[key]; at != nil {
		*at, ok = value.(string)
		return ok
	}
	if at := flags[key]; at != nil {
		*at, ok = value.(bool)
		return ok
	}
	switch key {
	case "rows":
		f.Rows, ok = value.(int)
	case "options":
		f.Options, ok = value.([]Option)
	case "list":
		f.List, ok = value.([]string)
	}
	return ok
}
