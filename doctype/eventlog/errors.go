package eventlog

import (
	"errors"
	"fmt"

	"dochook/doctype"
	"dochook/migrations"
)

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Unavailable gives errors of a database that is away or full the code that
// tells callers to come back; others stay as they are.
func Unavailable(err error) error {
	var own *doctype.Error
	switch {
	case errors.As(err, &own):
		return err
	case migrations.IsFull(err):
		return &doctype.Error{CodeWord: doctype.CodeUnavailable, Message: "the database is full; nothing was saved", Err: err}
	case migrations.IsUnavailable(err), migrations.IsRetryable(err):
		return &doctype.Error{CodeWord: doctype.CodeUnavailable, Message: "the database cannot be reached; nothing was saved", Err: err}
	default:
		return err
	}
}
