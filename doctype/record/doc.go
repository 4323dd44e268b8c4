// Package record works on the raw JSON of a record: it is checked once, then
// read, merged and compared as it stands, and never re-encoded. Order of
// members, spelling of numbers and every character of a string come out as they
// went in; no value passes through a float or a map.
//
// Check decides what a record is. Everything else reads text that Check has
// accepted; on other input it stops early and never panics. Values that are
// handed out are parts of the text they come from.
package record
