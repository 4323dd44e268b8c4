package collection

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dochook/server/web"
)

// frappeTime is how Frappe spells a time; ours are UTC.
const frappeTime = "2006-01-02 15:04:05.000000"

// stamp spells a time as Frappe does, the zero time as "".
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(frappeTime)
}

// micros is stamp of microseconds since 1970; 0 is null.
func micros(us int64) *string {
	if us == 0 {
		return nil
	}
	s := stamp(time.UnixMicro(us))
	return &s
}

// standard are the fields that every Frappe document has.
type standard struct {
	Name       string `json:"name"`
	DocType    string `json:"doctype"`
	Owner      string `json:"owner"`
	Creation   string `json:"creation"`
	Modified   string `json:"modified"`
	ModifiedBy string `json:"modified_by"`
	DocStatus  int    `json:"docstatus"`
	Index      int    `json:"idx"`
}

// findable refuses, as not found, what neither a DocType nor a document can be
// called: databases do not take NUL in a question.
func findable(name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return web.Errorf("not_found", "name", "nothing is called %.100q", name)
	}
	return nil
}
