package documents

import (
	"errors"
	"fmt"

	"dochook/doctype"
	"dochook/doctype/eventlog"
)

// errRace: another transaction wrote one of our documents in between. The whole
// transaction is run again.
var errRace = errors.New("documents changed concurrently")

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unavailable is [eventlog.Unavailable] for writes that lost too many races, too.
func unavailable(err error) error {
	if _, told := errors.AsType[*doctype.Error](err); !told && errors.Is(err, errRace) {
		return &doctype.Error{CodeWord: doctype.CodeUnavailable, Message: "the document is being changed by others; try again", Err: err}
	}
	return eventlog.Unavailable(err)
}
