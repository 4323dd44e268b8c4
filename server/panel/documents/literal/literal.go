package literal

import (
	"encoding/json"
	"strings"

	"dochook/doctype/record"
)

// Of is a text as JSON: a number as it is spelled, anything else in quotes.
func Of(text string) []byte {
	if Valid(text) && record.IsNumber([]byte(text)) {
		return []byte(text)
	}
	return record.AppendQuote(nil, text)
}

// Valid reports whether a text is a JSON value that a record may hold.
func Valid(text string) bool {
	return json.Valid([]byte(text)) && record.Check([]byte(`{"v":`+text+`}`)) == nil
}

// Unix writes line ends as \n, whatever the browser made of them.
func Unix(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}
