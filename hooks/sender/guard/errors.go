package guard

// Codes of [Error].
const (
	// CodeInvalid is a URL, a secret or an allow list entry that is not well formed.
	CodeInvalid = "invalid"
	// CodeRefused is a well-formed target the [Guard] does not let through.
	CodeRefused = "refused"
)

// Error is every error this package returns. Its text is written for people, holds neither credentials nor a
// query string, and may be shown to clients.
type Error struct {
	code    string
	message string
}

// Error returns the text for people.
func (e *Error) Error() string { return e.message }

// Code returns [CodeInvalid] or [CodeRefused].
func (e *Error) Code() string { return e.code }

// Invalid returns an error with [CodeInvalid].
func Invalid(message string) *Error { return invalid(message) }

func invalid(message string) *Error { return &Error{code: CodeInvalid, message: message} }

func refused(message string) *Error { return &Error{code: CodeRefused, message: message} }
