package ledger

import (
	"errors"
	"fmt"
)

// Codes of this package's errors.
const (
	CodeNotFound = "not_found"
	CodeConflict = "conflict"
)

// ErrLost is returned to a holder whose lease another process has taken.
var ErrLost = errors.New("lease lost")

// ErrLocked is returned while somebody else changes a cursor: it may be tried again soon.
var ErrLocked = errors.New("cursor is being changed")

// Error is what a caller asked wrongly.
type Error struct {
	CodeWord, Message string
}

func (e *Error) Error() string { return e.Message }

// Code returns the code word.
func (e *Error) Code() string { return e.CodeWord }

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
