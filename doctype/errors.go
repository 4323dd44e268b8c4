package doctype

import (
	"errors"
	"fmt"

	"dochook/doctype/record"
)

// The code words an Error of this package may carry. The list is closed: a face maps every one of them.
const (
	CodeInvalid     = "invalid"     // a value, definition or request that breaks a rule
	CodeMandatory   = "mandatory"   // a required field is absent, null or empty
	CodeLink        = "link"        // a link points to nothing
	CodeNotFound    = "not_found"   // no such DocType or document
	CodeConflict    = "conflict"    // a live document already has that name
	CodeUnique      = "unique"      // another document already has that value of a unique field
	CodeName        = "name"        // the key of a record is missing or unusable
	CodeImmutable   = "immutable"   // something that is fixed once set was changed, such as a key
	CodeStale       = "stale"       // the document changed since the caller read it
	CodeTrigger     = "trigger"     // an in-app trigger refused the write
	CodeForbidden   = "forbidden"   // the caller may not do this
	CodeTooLarge    = "too_large"   // a size limit was passed
	CodeUnavailable = "unavailable" // the database cannot answer now; the same call may work later
	CodeExpired     = "expired"     // it was there, and retention has removed it
	CodeInternal    = "internal"    // a fault of ours; the cause is in Err and for the log only
)

// Error is the one error type of this package. Message is written for clients and holds no foreign error text.
type Error struct {
	CodeWord string // one of the Code constants
	Field    string // the field or path concerned, such as "price" or "fields[2].fieldtype"; "" when none is
	Message  string // one sentence without the field's name
	Err      error  // the cause, never shown to clients; nil when the message says everything
}

// Errorf makes an Error. The format takes no %w: set Err for a cause that must stay out of the message.
func Errorf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Internal wraps a foreign error; clients see only that something went wrong inside.
func Internal(err error, doing string) *Error {
	return &Error{CodeWord: CodeInternal, Message: doing, Err: err}
}

// ofRecord makes an error of the raw JSON one of this package, its field found at a path.
func ofRecord(err error, at string) error {
	if own, ok := errors.AsType[*record.Error](err); ok {
		return &Error{CodeWord: own.CodeWord, Field: at + own.Field, Message: own.Message}
	}
	return err
}

// CodeOf returns the code word of an error of this module, "" for nil and CodeInternal for any foreign error.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	var coded interface{ Code() string }
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return CodeInternal
}

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// ClientMessage returns the text that may be shown to clients: the field and what is wrong with it.
func (e *Error) ClientMessage() string {
	if e.CodeWord == CodeInternal {
		return "internal error"
	}
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// FieldName returns the field or path concerned, or "".
func (e *Error) FieldName() string { return e.Field }

// Error returns the text for logs, with the cause.
func (e *Error) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
