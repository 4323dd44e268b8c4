package path

import "strconv"

// The words [Error.Code] answers.
const (
	CodeInvalid  = "invalid_path" // a path that does not parse
	CodeTooLarge = "too_large"    // a path that could make too much of the text it is applied to
)

// Error is every error of this package. Its text holds only what the author of the path wrote, never a value of a
// document, so it is safe for clients.
type Error struct {
	Kind    string // one of the Code constants
	Pos     int    // byte offset of the mistake in the path; -1 for none
	Message string // what is wrong, without the position
}

// Code is the word for programs.
func (e *Error) Code() string { return e.Kind }

// Error is the text for people: message and position.
func (e *Error) Error() string {
	if e.Pos < 0 {
		return e.Message
	}
	return e.Message + " (at offset " + strconv.Itoa(e.Pos) + ")"
}

func parseError(pos int, message string) *Error {
	return &Error{Kind: CodeInvalid, Pos: pos, Message: message}
}
