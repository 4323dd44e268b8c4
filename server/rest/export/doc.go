// Package export writes the Webhook Request Log out whole, as NDJSON or CSV, however long it is: it is read page by page and written
// as it is read. The fields have the names and values that lists of the log answer.
package export
