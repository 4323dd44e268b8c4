package documents

import (
	"errors"

	"dochook/doctype"
	"dochook/doctype/stored"
	"dochook/doctype/trigger"
	"dochook/migrations"
)

// Moments at which a trigger can run beside OnInsert, OnUpdate and OnTrash.
const (
	BeforeInsert = trigger.BeforeInsert
	Validate     = trigger.Validate
	BeforeSave   = trigger.BeforeSave
	AfterCommit  = trigger.AfterCommit
)

// Write is the change of a document as a trigger sees it.
type Write = trigger.Write

// Trigger is code that runs when a document is written, see [trigger.Func].
type Trigger = trigger.Func

// On registers a trigger for a DocType ("*" = all) and a moment, under a name
// that callers see when it rejects a document. Triggers of the DocType run
// first, then those of "*", in order of registration. Register before serving.
func (s *Service) On(docType, moment, name string, fn Trigger) error {
	return s.triggers.On(docType, moment, name, fn)
}

// written is the change that an event has made of the state before it.
func written(st *stored.State, ev *doctype.Event, before *stored.State) Write {
	if before.Live() {
		return trigger.Of(ev, st.Document, &before.Document)
	}
	return trigger.Of(ev, st.Document, nil)
}

// ofTransaction reports whether an error of a trigger's nested write is the
// transaction's trouble, and not for callers to read.
func ofTransaction(err error) bool {
	return errors.Is(err, stored.ErrRace) || migrations.IsRetryable(err) || migrations.IsUnavailable(err)
}
