package record

import "fmt"

// The code words an Error of this package may carry. The list is closed.
const (
	CodeInvalid  = "invalid"   // a text, rule or list of changes that breaks a rule
	CodeTooLarge = "too_large" // the record is larger than MaxSize
)

// Error is the one error type of this package. Message is written for clients and holds no foreign error text.
type Error struct {
	CodeWord string // one of the Code constants
	Field    string // the property concerned, such as "tolerance"; "" when it is the record itself
	Message  string // one sentence without the field's name
}

func failf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the property concerned, or "".
func (e *Error) FieldName() string { return e.Field }

// ClientMessage returns the text that may be shown to clients: the field and what is wrong with it.
func (e *Error) ClientMessage() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Error returns the same text: there is nothing in it that clients may not see.
func (e *Error) Error() string { return e.ClientMessage() }
