package access

import (
	"fmt"

	"dochook/migrations"
)

// Error is a refusal whose text is safe to show to a client.
type Error struct {
	// CodeWord is one of unauthenticated, invalid, mandatory, name, not_found,
	// conflict, unavailable.
	CodeWord string
	// Field is the member of the key that is wrong, or "".
	Field string
	// Message says what is wrong and, where possible, what to do.
	Message string

	cause error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Code returns the word that names the kind of error.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the member of the key that is wrong, or "".
func (e *Error) FieldName() string { return e.Field }

// Unwrap returns what the error was made from; its text is not for clients.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// foreign wraps an error of the database. Only "unavailable" is worth a word
// of its own here, since the caller may come back; the rest stays uncoded and
// is therefore shown to nobody.
func foreign(doing string, err error) error {
	if migrations.IsUnavailable(err) {
		return &Error{CodeWord: "unavailable", Message: "the database does not answer, try again later", cause: err}
	}
	return fmt.Errorf("access: %s: %w", doing, err)
}
