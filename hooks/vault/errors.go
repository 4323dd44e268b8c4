package vault

import "fmt"

// Codes of this package's errors.
const (
	CodeInvalid    = "invalid"     // no master key can be made of the setting
	CodeMissingKey = "missing_key" // a text is sealed and there is no master key
	CodeWrongKey   = "wrong_key"   // a text is sealed with another master key
	CodeDamaged    = "damaged"     // a sealed text was changed or cut
)

// Error is a setting that is no master key, or a sealed text that does not open. It never holds a key or a secret.
type Error struct {
	CodeWord string
	Message  string
}

func (e *Error) Error() string { return e.Message }

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// ClientMessage returns the text that may be shown to clients.
func (e *Error) ClientMessage() string { return e.Message }

func errorf(code, format string, args ...any) *Error {
	return &Error{CodeWord: code, Message: fmt.Sprintf(format, args...)}
}
