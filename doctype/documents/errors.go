package documents

import (
	"errors"
	"fmt"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/doctype/stored"
)

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unavailable is [eventlog.Unavailable] for writes that lost too many races, too.
func unavailable(err error) error {
	if _, told := errors.AsType[*doctype.Error](err); !told && errors.Is(err, stored.ErrRace) {
		return &doctype.Error{CodeWord: doctype.CodeUnavailable, Message: "the document is being changed by others; try again", Err: err}
	}
	return eventlog.Unavailable(err)
}
