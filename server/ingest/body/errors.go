package body

import (
	"fmt"
	"strconv"
)

// The words an [Error] is coded with.
const (
	// Truncated says that the body ends early.
	Truncated = "truncated"
	// NotJSON says that the bytes are not what JSON or the compression allows.
	NotJSON = "not_json"
	// Unsupported says that the body is packed or encoded in a way we do not read.
	Unsupported = "unsupported"
	// TooLarge says that a value is above the limit, or that the body is made
	// to exhaust memory.
	TooLarge = "too_large"
	// Invalid says that the body is readable, but not what was asked for.
	Invalid = "invalid"
)

// Error is a fault of a body or of a part of it.
type Error struct {
	// Offset is the byte, counted from 0 in the decompressed body, at which
	// the fault was seen.
	Offset int64
	// Line is the number of the part it belongs to, as in [Place].N; 0 where
	// the fault belongs to none.
	Line int
	// Message says what is wrong, in words that are safe to show to a client.
	// It does not repeat Offset.
	Message string

	code  string
	cause error
}

// NewError returns a fault seen at the offset at. The code is one of the
// constants here, the rest is as in the fields of [Error].
func NewError(code string, at int64, line int, message string) *Error {
	return &Error{Offset: at, Line: line, Message: message, code: code}
}

// Code is the kind of the fault: [Truncated], [NotJSON], [Unsupported],
// [TooLarge] or [Invalid].
func (e *Error) Code() string { return e.code }

// Error is Message with the place of the fault.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (byte %d)", e.Message, e.Offset)
}

// Unwrap is the error of the reader or the decompressor behind this one, if
// any. It is not meant for clients.
func (e *Error) Unwrap() error { return e.cause }

// Place is the part of a body a fault belongs to: "line 3", "the wrapper".
type Place struct {
	// What names the part, or the kind of part that N counts.
	What string
	// N counts from 1; 0 means that What says it all.
	N int
}

// String is the place as it stands in messages.
func (p Place) String() string {
	if p.N == 0 {
		return p.What
	}
	return p.What + " " + strconv.Itoa(p.N)
}
