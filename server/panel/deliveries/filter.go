package deliveries

import (
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"dochook/hooks/ledger"
	"dochook/hooks/requestlog"
	"dochook/server/panel/page"
)

// filter is what the address of the list asks for.
type filter struct {
	requestlog.Filter
	values url.Values // its members as they were typed
}

// members of a filter, as the address and the form name them.
var members = []string{"webhook", "status", "doctype", "document", "job", "run", "from", "to"} //nolint:gochecknoglobals // a table

// readFilter reads the members and notes at the fields what is wrong.
func readFilter(form *page.Form) filter {
	f := filter{values: url.Values{}}
	for _, m := range members {
		if v := form.Get(m); v != "" {
			f.values.Set(m, v)
		}
	}
	f.Webhook, f.Status, f.DocType, f.Document = form.Get("webhook"), form.Get("status"), form.Get("doctype"), form.Get("document")
	f.Job, f.Run = form.Get("job"), form.Get("run")
	var day bool
	f.From, _ = readTime(form, "from")
	if f.To, day = readTime(form, "to"); day {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f
}

// readTime reads a time, which is UTC unless it says otherwise; day says that it has no hour.
func readTime(form *page.Form, field string) (at time.Time, day bool) {
	text := form.Get(field)
	if text == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 && at.Year() <= 9000 {
			return at.UTC(), layout == time.DateOnly
		}
	}
	form.Wrong(field, "this is not a time such as 2026-01-31T23:59")
	return time.Time{}, false
}

// url is the list with this filter, and further parameters.
func (f filter) url(more ...parameter) string { return f.at(page.Path("deliveries"), more...) }

// parameter is one of an address.
type parameter struct{ name, value string }

// at is an address with this filter. An empty value takes a parameter away.
func (f filter) at(path string, more ...parameter) string {
	v := maps.Clone(f.values)
	for _, m := range more {
		if v.Set(m.name, m.value); m.value == "" {
			v.Del(m.name)
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

func (f filter) tabs() []tab {
	var out []tab
	for _, t := range []struct{ status, title string }{
		{"", "All"}, {ledger.Retrying, "Waiting"}, {ledger.Dead, "Dead"}, {ledger.Delivered, "Delivered"}, {ledger.Skipped, "Skipped"},
	} {
		out = append(out, tab{t.title, f.url(parameter{"status", t.status}), f.Status == t.status})
	}
	return out
}

// Any reports whether something is left out.
func (f filter) Any() bool { return len(f.values) > 0 }

// Again is the page that sends all of it again.
func (f filter) Again() string { return f.at(page.Path("deliveries", "again"), parameter{"run", ""}) }

// RunURL is the run whose deliveries are listed, or "".
func (f filter) RunURL() string {
	if f.Run == "" {
		return ""
	}
	return page.Path("deliveries", "run", f.Run)
}

// NDJSON is the file of what is listed.
func (f filter) NDJSON() string { return f.file(url.Values{"format": {"ndjson"}, "attempts": {"1"}}) }

// CSV is the same as a table.
func (f filter) CSV() string { return f.file(url.Values{"format": {"csv"}}) }

func (f filter) file(v url.Values) string {
	var filters [][]string
	add := func(field, op, value string) {
		if value != "" {
			filters = append(filters, []string{field, op, value})
		}
	}
	add("webhook", "=", f.Webhook)
	add("status", "=", f.Status)
	add("reference_doctype", "=", f.DocType)
	add("reference_name", "=", f.Document)
	add("job", "=", f.Job)
	add("run", "=", f.Run)
	if f.Run == "" && (f.Job != "" || f.DocType != "" && f.Document != "") { // as the list leaves them out
		add("run", "is", "not set")
	}
	if !f.From.IsZero() {
		add("creation", ">=", f.From.Format("2006-01-02T15:04:05Z07:00"))
	}
	if !f.To.IsZero() {
		add("creation", "<", f.To.Format("2006-01-02T15:04:05Z07:00"))
	}
	if len(filters) > 0 {
		text, err := json.Marshal(filters)
		if err != nil { // texts
			return ""
		}
		v.Set("filters", string(text))
	}
	return page.Path("deliveries", "export") + "?" + v.Encode()
}
