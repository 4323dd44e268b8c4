package ingest

import "fmt"

// The words an [Error] is coded with.
const (
	codeTruncated   = "truncated"
	codeNotJSON     = "not_json"
	codeUnsupported = "unsupported"
	codeTooLarge    = "too_large"
	codeInvalid     = "invalid"
)

// Error is a fault of a body or of one of its records.
type Error struct {
	// Offset is the byte, counted from 0 in the decompressed body, at which
	// the fault was seen.
	Offset int64
	// Line is the line or the number of the element, as in [Record].Line;
	// 0 where the fault belongs to none.
	Line int
	// Message says what is wrong, in words that are safe to show to a client.
	// It does not repeat Offset.
	Message string

	code  string
	cause error
}

// Code is the kind of the fault: "truncated" (the body ends early), "not_json",
// "unsupported" (an encoding), "too_large" (a record, or a body made to exhaust
// memory) or "invalid" (readable, but not what was asked for).
func (e *Error) Code() string { return e.code }

// Error is Message with the place of the fault.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (byte %d)", e.Message, e.Offset)
}

// Unwrap is the error of the reader or the decompressor behind this one, if
// any. It is not meant for clients.
func (e *Error) Unwrap() error { return e.cause }
