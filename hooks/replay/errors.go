package replay

import (
	"fmt"

	"dochook/doctype/eventlog"
)

// Codes of this package's errors; not_found also comes from webhooks, invalid from the filters of lists.
const (
	CodeInvalid   = "invalid"
	CodeMandatory = "mandatory"
	CodeNotFound  = "not_found"
	CodeConflict  = "conflict" // it cannot be now: another run goes on, the webhook is disabled, the count is another one
)

// Error is what a caller asked wrongly, or at the wrong time.
type Error struct {
	CodeWord string
	Field    string // of the request, or ""
	Message  string // safe for clients
}

// Error returns the field and what is wrong with it.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the field of the request, or "".
func (e *Error) FieldName() string { return e.Field }

func errorf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return eventlog.Unavailable(fmt.Errorf("%s: %w", doing, err))
}
