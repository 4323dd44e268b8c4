package definition

import "fmt"

// Codes of this package's errors.
const (
	CodeInvalid          = "invalid"
	CodeMandatory        = "mandatory"
	CodeNotFound         = "not_found"
	CodeConflict         = "conflict"
	CodeLink             = "link"
	CodeInvalidCondition = "invalid_condition"
	CodeInvalidURL       = "invalid_url"
	CodeRenderFailed     = "render_failed"
)

// Error is a mistake in a webhook, or a failure to make its request.
type Error struct {
	CodeWord string
	Field    string // of the webhook, e.g. webhook_headers[1].value
	Message  string // safe for clients
	Err      error  // cause, for logs
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the field of the webhook, or "".
func (e *Error) FieldName() string { return e.Field }

// ClientMessage returns the text that may be shown to clients.
func (e *Error) ClientMessage() string { return e.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error.
func Errorf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

func errorf(code, field, format string, args ...any) *Error {
	return Errorf(code, field, format, args...)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
