package foreign

import (
	"fmt"

	"dochook/doctype/record"
	"dochook/server/ingest/body"
)

// The code words an [Error] may carry, which are those of package ingest. The
// list is closed.
const (
	CodeInvalid   = body.Invalid   // readable, but not what the format asks for
	CodeNotJSON   = body.NotJSON   // the text is not JSON
	CodeTruncated = body.Truncated // the text ends early
	CodeTooLarge  = body.TooLarge  // a record, or what the body would become, is too large
)

// Error is the one error type of this package. Its text holds only what the
// sender wrote and our own words, so it is safe for clients.
type Error struct {
	CodeWord string // one of the Code constants
	Field    string // the member concerned, such as "fields[2].name"; "" when it is the body or record itself
	Message  string // what is wrong, without Field
}

func failf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// ofRecord makes an error of the raw JSON one of this package; a byte that it
// names is counted from the record's start.
func ofRecord(err *record.Error) *Error {
	code := CodeInvalid
	if err.CodeWord == record.CodeTooLarge {
		code = CodeTooLarge
	}
	return &Error{CodeWord: code, Message: err.ClientMessage()}
}

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the member concerned, or "".
func (e *Error) FieldName() string { return e.Field }

// Error returns the member and what is wrong with it.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}
