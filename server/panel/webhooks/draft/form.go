package draft

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/mapping"
	"dochook/server/panel/page"
)

// What makes the body of Format document.
const (
	ByMapping  = "mapping"
	ByTemplate = "template"
	NoBody     = "none"
)

// Aliases say at which field of the form a mistake is shown.
func Aliases() map[string]string {
	return map[string]string{
		"retry.attempts": "attempts", "retry": "schedule", "batch.max_records": "max_records", "batch.max_bytes": "max_bytes", "batch": "max_records",
		"document": "try_document", "event": "try_event", "page": "try_page",
	}
}

// Fresh is the form of a new webhook.
func Fresh(docType, scraper string) *page.Form {
	form := page.NewForm(url.Values{
		"enabled": {"1"}, "webhook_doctype": {docType}, "scraper": {scraper}, "format": {hooks.FormatDocument}, "request_method": {"POST"},
		"events": {doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash}, "body": {ByMapping}, "ordering": {"document"},
	})
	form.Alias = Aliases()
	return form
}

// Filled is the form of a stored webhook. Of its secrets it says only that they
// are there.
func Filled(w *hooks.Stored) *page.Form {
	form := page.NewForm(url.Values{
		"version": {strconv.FormatInt(w.Version, 10)}, "name": {w.Name}, "description": {w.Description},
		"webhook_doctype": {w.WebhookDocType}, "scraper": {w.Scraper}, "format": {w.Format}, "events": w.Events,
		"fields": {strings.Join(w.Fields, "\n")}, "condition": {w.Condition},
		"request_url": {w.RequestURL}, "is_dynamic_url": {ticked(w.IsDynamicURL)}, "request_method": {w.RequestMethod}, "timeout": {strconv.Itoa(w.Timeout)},
		"body": {bodyOf(w)}, "request_structure": {w.RequestStructure}, "webhook_json": {w.WebhookJSON}, "headers_template": {w.HeadersTemplate},
		"only_changed": {ticked(w.OnlyChanged)}, "event_names": {joinNames(w.EventNames)},
		"max_in_flight": {strconv.Itoa(w.MaxInFlight)}, "ordering": {w.Ordering}, "schedule": {Spans(w.Retry.Schedule)},
		"enable_security": {ticked(w.EnableSecurity)}, "ca_certificate": {w.CACertificate}, "client_certificate": {w.ClientCertificate},
	})
	form.Alias = Aliases()
	if w.MaxPerSecond > 0 {
		form.Set("max_per_second", strconv.FormatFloat(w.MaxPerSecond, 'f', -1, 64))
	}
	if w.Retry.Attempts > 0 {
		form.Set("attempts", strconv.Itoa(w.Retry.Attempts))
	}
	if w.Batch != nil {
		form.Set("max_records", strconv.Itoa(w.Batch.MaxRecords))
		form.Set("max_bytes", strconv.Itoa(w.Batch.MaxBytes))
	}
	var headers, rows [][]string
	for _, h := range w.WebhookHeaders {
		headers = append(headers, []string{h.Key, h.Value})
	}
	for _, r := range w.WebhookData {
		rows = append(rows, []string{r.Fieldname, r.Key})
	}
	setRows(form, HeaderRows, headers)
	setRows(form, DataRows, rows)
	return form
}

func ticked(c hooks.Check) string {
	if c {
		return "1"
	}
	return ""
}

func bodyOf(w *hooks.Stored) string {
	switch {
	case len(w.WebhookData) > 0:
		return ByMapping
	case w.WebhookJSON != "":
		return ByTemplate
	default:
		return NoBody
	}
}

// reading makes the members of a webhook of a form.
type reading struct {
	form  *page.Form
	wrong []page.FieldError
}

func (r *reading) fail(field, format string, args ...any) {
	r.wrong = append(r.wrong, page.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// text is a field without the line ends of forms.
func (r *reading) text(field string) string {
	return strings.ReplaceAll(r.form.Get(field), "\r\n", "\n")
}

func (r *reading) line(field string) string { return strings.TrimSpace(r.form.Get(field)) }

// Read makes the members of a webhook of what was typed, without those that the
// chosen format does not use. Its mistakes are those of spelling alone: the rest
// is for the service to find.
func Read(form *page.Form, isNew bool) (map[string]any, []page.FieldError) {
	r := &reading{form: form}
	f := FormatOf(form.Get("format"))
	listens := []string{}
	for _, e := range form.All("events") {
		if f.has(e) {
			listens = append(listens, e)
		}
	}
	m := map[string]any{
		"description": r.line("description"), "webhook_doctype": form.Get("webhook_doctype"), "scraper": form.Get("scraper"),
		"format": form.Get("format"), "events": listens, "webhook_docevent": "", "condition": r.text("condition"), "fields": []string{},
		"request_url": r.line("request_url"), "is_dynamic_url": form.Checked("is_dynamic_url"), "request_method": form.Get("request_method"),
		"timeout": r.number("timeout"), "webhook_headers": r.headers(), "max_in_flight": r.number("max_in_flight"), "max_per_second": r.rate("max_per_second"),
		"ordering": form.Get("ordering"), "retry": map[string]any{"attempts": r.number("attempts"), "schedule": r.spans("schedule")},
		"enable_security": form.Checked("enable_security"), "ca_certificate": r.text("ca_certificate"), "client_certificate": r.text("client_certificate"),
	}
	if f.documents {
		m["fields"] = lines(r.text("fields"))
	}
	r.readBody(m, f)
	r.readSecret(m, "webhook_secret")
	r.readSecret(m, "client_key")
	if isNew {
		m["name"], m["enabled"] = r.line("name"), form.Checked("enabled")
	}
	return m, r.wrong
}

// readBody reads what the formats make bodies of.
func (r *reading) readBody(m map[string]any, f Format) {
	rows := r.rows() // numbers them also where they are not used
	m["webhook_data"], m["webhook_json"], m["request_structure"] = []mapping.Row{}, "", ""
	m["headers_template"], m["only_changed"], m["event_names"] = "", false, map[string]string{}
	by := ByTemplate
	if f.mapped {
		by = r.form.Get("body")
	}
	switch {
	case by == ByMapping:
		m["webhook_data"], m["request_structure"] = rows, r.form.Get("request_structure")
	case by == ByTemplate && f.template:
		m["webhook_json"] = r.text("webhook_json")
	}
	switch f.Value {
	case hooks.FormatTemplate:
		m["headers_template"] = strings.TrimSpace(r.text("headers_template"))
	case hooks.FormatChanges:
		m["only_changed"] = r.form.Checked("only_changed")
	}
	if f.Value != hooks.FormatChanges {
		m["event_fields"] = map[string]any{} // no other format has them
	}
	if f.Value != hooks.FormatRows && f.Value != hooks.FormatChanges {
		m["event_names"] = r.names("event_names")
	}
	if f.batched {
		m["batch"] = map[string]any{"max_records": r.number("max_records"), "max_bytes": r.number("max_bytes")}
	}
}

// readSecret reads a field that is only written: NoBody it keeps what is stored,
// unless that is to be forgotten.
func (r *reading) readSecret(m map[string]any, field string) {
	text := strings.TrimSpace(r.text(field))
	switch {
	case text != "":
		m[field] = text
	case r.form.Checked("forget_" + field):
		m[field] = ""
	}
}

func (r *reading) headers() []hooks.Header {
	out := []hooks.Header{}
	for _, row := range TakeRows(r.form, HeaderRows) {
		out = append(out, hooks.Header{Key: strings.TrimSpace(row[0]), Value: row[1]})
	}
	return out
}

func (r *reading) rows() []mapping.Row {
	out := []mapping.Row{}
	for _, row := range TakeRows(r.form, DataRows) {
		out = append(out, mapping.Row{Fieldname: strings.TrimSpace(row[0]), Key: strings.TrimSpace(row[1])})
	}
	return out
}

// number reads a whole number; none is 0, which means the default everywhere.
func (r *reading) number(field string) int {
	text := r.line(field)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.fail(field, "%.40q is not a whole number", text)
	}
	return n
}

func (r *reading) rate(field string) float64 {
	text := r.line(field)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		r.fail(field, "%.40q is not a number", text)
		return 0
	}
	return n
}

// units of time spans as they are typed, in seconds, the largest first.
var units = []struct {
	letter  string
	seconds float64
}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}

// spans reads time spans such as "5s, 5m 2h"; a bare number is seconds.
func (r *reading) spans(field string) []float64 {
	out := []float64{}
	for _, word := range strings.FieldsFunc(r.form.Get(field), func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\n' || c == '\r' || c == '\t' }) {
		digits, factor := word, 1.0
		for _, u := range units {
			if rest, ok := strings.CutSuffix(strings.ToLower(word), u.letter); ok {
				digits, factor = rest, u.seconds
			}
		}
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			r.fail(field, "%.40q is not a time span such as 5s, 30m or 2h", word)
			return out
		}
		out = append(out, n*factor)
	}
	return out
}

// Spans writes time spans as they are typed.
func Spans(seconds []float64) string {
	out := make([]string, len(seconds))
	for i, n := range seconds {
		for _, u := range units {
			if u.letter == "s" || n > 0 && math.Mod(n, u.seconds) == 0 {
				out[i] = strconv.FormatFloat(n/u.seconds, 'f', -1, 64) + u.letter
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

// names reads lines of "event = text".
func (r *reading) names(field string) map[string]string {
	out := map[string]string{}
	for _, line := range lines(r.text(field)) {
		name, text, ok := strings.Cut(line, "=")
		if name, text = strings.TrimSpace(name), strings.TrimSpace(text); !ok || name == "" || text == "" {
			r.fail(field, "%.60q does not say which event is called what, such as job.finished = DONE", line)
			continue
		}
		out[name] = text
	}
	return out
}

func joinNames(names map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, name+" = "+names[name])
	}
	return strings.Join(out, "\n")
}

// lines are the lines that are not blank.
func lines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
