package definition

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/mapping"
)

// Check is a Frappe Check field: 0, 1, true or false in, 0 or 1 out.
type Check bool

// UnmarshalJSON accepts 0, 1, "0", "1", true, false and null.
func (c *Check) UnmarshalJSON(b []byte) error {
	var f doctype.Flag
	if string(b) == "null" {
		return nil
	}
	if err := f.UnmarshalJSON(b); err != nil {
		return err
	}
	*c = Check(f)
	return nil
}

// MarshalJSON writes 0 or 1.
func (c Check) MarshalJSON() ([]byte, error) {
	if c {
		return []byte("1"), nil
	}
	return []byte("0"), nil
}

// Header is one row of a webhook's headers; Value is a text template.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Retry is when failed deliveries are tried again. Zero values mean the default:
// 10 attempts, after 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h.
type Retry struct {
	Attempts int       `json:"attempts,omitempty"`
	Schedule []float64 `json:"schedule,omitempty"` // seconds after each failed attempt; the last repeats
}

// Batch is how much one request of a batched format may carry. Zero values mean the default.
type Batch struct {
	By         string `json:"by,omitempty"`          // page or job, as the format says
	MaxRecords int    `json:"max_records,omitempty"` // default 1000
	MaxBytes   int    `json:"max_bytes,omitempty"`   // default 1 MiB
}

// Webhook is a webhook as defined and answered, in Frappe's field names. Its secrets are written only: one that comes out is
// [Webhook.Masked], and the secret it signs with is not in it at all.
type Webhook struct {
	Name             string        `json:"name"`
	Description      string        `json:"description,omitempty"`
	Enabled          Check         `json:"enabled"`
	WebhookDocType   string        `json:"webhook_doctype"` // "" = all, for job events only
	WebhookDocEvent  string        `json:"webhook_docevent,omitempty"`
	Events           []string      `json:"events"`
	Fields           []string      `json:"fields,omitempty"`
	Condition        string        `json:"condition,omitempty"`
	RequestURL       string        `json:"request_url"`
	IsDynamicURL     Check         `json:"is_dynamic_url"`
	RequestMethod    string        `json:"request_method"`
	RequestStructure string        `json:"request_structure"`
	Timeout          int           `json:"timeout"` // seconds, of a whole attempt
	WebhookHeaders   []Header      `json:"webhook_headers"`
	WebhookData      []mapping.Row `json:"webhook_data"`
	WebhookJSON      string        `json:"webhook_json,omitempty"`
	HeadersTemplate  string        `json:"headers_template,omitempty"` // a JSON object of text templates
	Format           string        `json:"format"`
	Batch            *Batch        `json:"batch,omitempty"`
	OnlyChanged      Check         `json:"only_changed"` // productData of updates holds what changed alone
	// EventNames are what bodies call events, by the event's own name; others keep the names of their format.
	EventNames map[string]string `json:"event_names,omitempty"`
	// EventFields are the fields listed with events that no field can restrict, kept for who wrote them.
	EventFields map[string][]string `json:"event_fields,omitempty"`
	// DisabledReason is why, and DisabledAt when (RFC 3339), it was switched off by what its endpoint answered: gone after a 410,
	// failing after too many failures for too long. Both are only told, and over when it is enabled.
	DisabledReason string  `json:"disabled_reason,omitempty"`
	DisabledAt     string  `json:"disabled_at,omitempty"`
	Scraper        string  `json:"scraper,omitempty"` // only events of its jobs
	Job            string  `json:"job,omitempty"`     // only events of this job, which brought the webhook along
	MaxInFlight    int     `json:"max_in_flight"`
	MaxPerSecond   float64 `json:"max_per_second,omitempty"` // requests; 0 is no limit
	Ordering       string  `json:"ordering"`
	Retry          Retry   `json:"retry"`
	EnableSecurity Check   `json:"enable_security"`
	WebhookSecret  string  `json:"webhook_secret,omitempty"`
	// Of https, all in PEM: whom to trust instead of the system's authorities, and what to show an endpoint that asks.
	CACertificate     string `json:"ca_certificate,omitempty"`
	ClientCertificate string `json:"client_certificate,omitempty"` // with the chain behind it, if there is one
	ClientKey         string `json:"client_key,omitempty"`         // a secret

	behind *Webhook // what the masks of this one stand for; nil where there are none
}

const (
	defaultTimeout  = 5
	maxTimeout      = 20
	defaultInFlight = 32
	maxInFlight     = 256
	maxPerSecond    = 10_000
	maxAttempts     = 100
	maxRetryDelay   = 7 * 24 * 3600
)

// Members of a Frappe Webhook, or of its standard fields, that have no meaning here.
var ignoredMembers = []string{
	"doctype", "owner", "creation", "modified", "modified_by", "docstatus", "idx", "__islocal", "__unsaved",
	"background_jobs_queue", "html_condition", "meets_condition", "preview_document", "preview_request_body",
	"naming_series", "disabled_reason", "disabled_at", "_user_tags", "_comments", "_assign", "_liked_by", "version", "lag", "public_key",
}

// Parse reads a webhook over base: members absent from data keep base's value.
// Members nobody knows are refused by name.
func Parse(base Webhook, data []byte) (Webhook, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return base, errorf(CodeInvalid, "", "a webhook is a JSON object")
	}
	known := MemberNames()
	for name := range members {
		switch {
		case slices.Contains(known, name):
		case slices.Contains(ignoredMembers, name):
			delete(members, name)
		default:
			return base, errorf(CodeInvalid, name, "a webhook has no such field")
		}
	}
	_, hasEvents := members["events"]
	_, hasDocEvent := members["webhook_docevent"]
	w := base
	for name, raw := range members {
		if string(raw) == "null" {
			delete(members, name)
			continue
		}
		one, _ := json.Marshal(map[string]json.RawMessage{name: raw})
		if name == "webhook_headers" || name == "webhook_data" {
			var err error
			if one, err = readRows(name, raw); err != nil {
				return base, err
			}
		}
		d := json.NewDecoder(bytes.NewReader(one))
		d.DisallowUnknownFields()
		w.clear(name)
		if err := d.Decode(&w); err != nil {
			return base, errorf(CodeInvalid, name, "is of the wrong type%s", shapeOf(name))
		}
	}
	if w.Job != base.Job {
		return base, errorf(CodeInvalid, "job", "is set for the webhook that a job brings along, and by it alone")
	}
	w.refitBatch(&base)
	if w.Enabled {
		w.DisabledReason, w.DisabledAt = "", ""
	}
	// A client that sends the whole webhook back may have changed only the one
	// of the two that it knows.
	if hasDocEvent && w.WebhookDocEvent != "" && (!hasEvents || w.WebhookDocEvent != base.WebhookDocEvent && slices.Equal(w.Events, base.Events)) {
		w.Events = nil
	}
	return w, nil
}

// clear empties a list or object that comes anew: the decoder would merge into it.
func (w *Webhook) clear(member string) {
	switch member {
	case "events":
		w.Events = nil
	case "fields":
		w.Fields = nil
	case "webhook_headers":
		w.WebhookHeaders = nil
	case "webhook_data":
		w.WebhookData = nil
	case "retry":
		w.Retry = Retry{}
	case "batch":
		w.Batch = nil
	case "event_names":
		w.EventNames = nil
	case "event_fields":
		w.EventFields = nil
	}
}

func shapeOf(name string) string {
	switch name {
	case "webhook_json":
		return ": it is a text that holds the template"
	case "webhook_headers":
		return ": it is a list of {key, value}"
	case "webhook_data":
		return ": it is a list of {fieldname, key}"
	case "ca_certificate", "client_certificate", "client_key":
		return ": it is a text in PEM"
	default:
		return ""
	}
}

// readRows keeps of child rows what defines them: Frappe's clients send whole
// child documents back. A member that is neither is a typing mistake.
func readRows(name string, raw json.RawMessage) ([]byte, error) {
	want := []string{"key", "value"}
	if name == "webhook_data" {
		want = []string{"fieldname", "key"}
	}
	var rows []map[string]json.RawMessage
	if json.Unmarshal(raw, &rows) != nil {
		return nil, errorf(CodeInvalid, name, "is of the wrong type%s", shapeOf(name))
	}
	for i, r := range rows {
		at := name + "[" + strconv.Itoa(i) + "]"
		for k := range r {
			switch {
			case slices.Contains(want, k):
			case slices.Contains(ignoredMembers, k), k == "name", k == "parent", k == "parentfield", k == "parenttype":
				delete(r, k)
			default:
				return nil, errorf(CodeInvalid, at+"."+k, "a row has %s and %s", want[0], want[1])
			}
		}
		if name == "webhook_data" && r["key"] == nil {
			return nil, errorf(CodeMandatory, at+".key", "where in the body? (\"\" alone makes the value the whole body)")
		}
	}
	one, err := json.Marshal(map[string]any{name: rows})
	return one, wrap("read "+name, err)
}

// MemberNames are the members of a webhook.
func MemberNames() []string {
	return []string{
		"name", "description", "enabled", "webhook_doctype", "webhook_docevent", "events", "fields", "condition", "request_url",
		"is_dynamic_url", "request_method", "request_structure", "timeout", "webhook_headers", "webhook_data", "webhook_json",
		"format", "max_in_flight", "max_per_second", "ordering", "retry", "enable_security", "webhook_secret",
		"ca_certificate", "client_certificate", "client_key",
		"headers_template", "batch", "only_changed", "event_names", "event_fields", "scraper", "job",
	}
}

// Default is a webhook as it is before its members are read.
func Default() Webhook {
	return Webhook{Enabled: true, RequestMethod: "POST", Format: "document", Ordering: "document", Timeout: defaultTimeout, MaxInFlight: defaultInFlight}
}

// Normalise fills what a caller may leave out and checks the simple fields.
func (w *Webhook) Normalise() error {
	if err := w.checkName(); err != nil {
		return err
	}
	if err := w.normaliseFormat(); err != nil {
		return err
	}
	if err := w.normaliseEvents(); err != nil {
		return err
	}
	if err := w.checkMembers(); err != nil {
		return err
	}
	w.RequestMethod = strings.ToUpper(strings.TrimSpace(w.RequestMethod))
	switch w.RequestMethod {
	case "":
		w.RequestMethod = "POST"
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		return errorf(CodeInvalid, "request_method", "is POST, PUT, PATCH or DELETE, not %q", w.RequestMethod)
	}
	switch w.RequestStructure {
	case "", "JSON", "Form URL-Encoded":
	default:
		return errorf(CodeInvalid, "request_structure", `is "", "JSON" or "Form URL-Encoded", not %q`, w.RequestStructure)
	}
	switch w.Ordering {
	case "":
		w.Ordering = "document"
	case "document", "none":
	default:
		return errorf(CodeInvalid, "ordering", "is document or none, not %q", w.Ordering)
	}
	return w.normaliseNumbers()
}

func (w *Webhook) checkName() error {
	switch {
	case strings.TrimSpace(w.Name) == "":
		return errorf(CodeMandatory, "name", "a webhook needs a name")
	case len(w.Name) > 140:
		return errorf(CodeInvalid, "name", "is longer than 140 bytes")
	case strings.ContainsFunc(w.Name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return errorf(CodeInvalid, "name", "holds a control character")
	}
	return nil
}

func (w *Webhook) normaliseEvents() error {
	if len(w.Events) == 0 && w.WebhookDocEvent != "" {
		w.Events = []string{w.WebhookDocEvent}
	}
	if len(w.Events) == 0 {
		w.Events = formats[w.Format].events
	}
	if len(w.Events) == 0 {
		return errorf(CodeMandatory, "events", "which events? (%s)", formats[w.Format].offer())
	}
	var out []string
	for i, e := range w.Events {
		at := "events[" + strconv.Itoa(i) + "]"
		name, ok := doctype.ParseEventName(e)
		if !ok {
			return errorf(CodeInvalid, at, "there is no event %q, only %s", e, formats[w.Format].offer())
		}
		if !formats[w.Format].has(name) {
			return errorf(CodeInvalid, at, "format %s has no %s, only %s", w.Format, name, formats[w.Format].offer())
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	w.Events, w.WebhookDocEvent = out, ""
	if len(out) == 1 {
		w.WebhookDocEvent = out[0]
	}
	for i, f := range w.Fields {
		if strings.TrimSpace(f) == "" {
			return errorf(CodeInvalid, "fields["+strconv.Itoa(i)+"]", "is empty")
		}
	}
	return nil
}

func (w *Webhook) normaliseNumbers() error {
	if w.Timeout == 0 {
		w.Timeout = defaultTimeout
	}
	if w.Timeout < 1 || w.Timeout > maxTimeout {
		return errorf(CodeInvalid, "timeout", "is 1 to %d seconds", maxTimeout)
	}
	if w.MaxInFlight == 0 {
		w.MaxInFlight = defaultInFlight
	}
	if w.MaxInFlight < 1 || w.MaxInFlight > maxInFlight {
		return errorf(CodeInvalid, "max_in_flight", "is 1 to %d", maxInFlight)
	}
	if !(w.MaxPerSecond >= 0 && w.MaxPerSecond <= maxPerSecond) {
		return errorf(CodeInvalid, "max_per_second", "is more than 0 and at most %d, or 0 for no limit", maxPerSecond)
	}
	if w.Retry.Attempts < 0 || w.Retry.Attempts > maxAttempts {
		return errorf(CodeInvalid, "retry.attempts", "is 1 to %d", maxAttempts)
	}
	for i, s := range w.Retry.Schedule {
		if !(s >= 0 && s <= maxRetryDelay) {
			return errorf(CodeInvalid, "retry.schedule["+strconv.Itoa(i)+"]", "is 0 to %d seconds", maxRetryDelay)
		}
	}
	if len(w.Retry.Schedule) > maxAttempts {
		return errorf(CodeInvalid, "retry.schedule", "has more than %d entries", maxAttempts)
	}
	return nil
}

// ChooseBody drops the body the request structure does not use, as Frappe does.
func (w *Webhook) ChooseBody() {
	switch {
	case w.RequestStructure == "Form URL-Encoded":
		w.WebhookJSON = ""
	case w.RequestStructure == "JSON" && strings.TrimSpace(w.WebhookJSON) != "":
		w.WebhookData = nil
	}
	if strings.TrimSpace(w.WebhookJSON) == "" {
		w.WebhookJSON = ""
	}
}
