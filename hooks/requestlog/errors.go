package requestlog

import "fmt"

// Codes of this package's errors.
const (
	CodeInvalid  = "invalid"
	CodeNotFound = "not_found"
)

// Error is what a caller asked wrongly.
type Error struct {
	CodeWord, Field, Message string
}

func (e *Error) Error() string { return e.Message }

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the member of the Filter, in lower case, or "".
func (e *Error) FieldName() string { return e.Field }

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("requestlog: %s: %w", doing, err)
}
