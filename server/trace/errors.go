package trace

// Error is a wrong setting. Its text is safe for people to read.
type Error struct{ Message string }

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Code returns "invalid": every error of this package is the operator's.
func (e *Error) Code() string { return "invalid" }

// ClientMessage returns the text that may be shown to clients.
func (e *Error) ClientMessage() string { return e.Message }
