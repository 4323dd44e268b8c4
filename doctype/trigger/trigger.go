package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"

	"dochook/doctype"
	"dochook/doctype/record"
)

// Moments at which a trigger can run beside OnInsert, OnUpdate and OnTrash.
const (
	BeforeInsert = "before_insert" // the document is new (or comes back); may change it
	Validate     = "validate"      // before any insert or update; may change it
	BeforeSave   = "before_save"   // last before the comparison; may change it
	AfterCommit  = "after_commit"  // the transaction has ended well; errors are only logged
)

// Write is the change of a document as a trigger sees it.
type Write struct {
	Moment   string            // when the trigger runs
	Event    string            // on_insert, on_update or on_trash; "" before it is known
	Doc      *doctype.Document // as it will be or is saved; Record may be replaced before it is saved
	Old      *doctype.Document // previous version; nil on insert
	Changed  []record.Change   // what differs; set from on_update on
	Restored bool
}

// Of is the change that an event tells of; old is nil on insert.
func Of(ev *doctype.Event, doc doctype.Document, old *doctype.Document) Write {
	w := Write{Event: ev.Event, Doc: &doc, Old: old, Restored: ev.Restored}
	if ev.Changed != nil {
		w.Changed, _ = record.ParseChanges(ev.Changed) // our own words
	}
	return w
}

// Func is code that runs when a document is written. It may run again if the
// transaction has to be repeated, so effects outside the database belong in
// AfterCommit or in a durable subscriber. A call of
// the documents' service made with its ctx joins the transaction.
type Func func(ctx context.Context, w *Write) error

type handler struct {
	name string
	fn   Func
}

// Registry holds the triggers of a service. Its methods may be called from any goroutine.
type Registry struct {
	passes func(error) bool
	mu     sync.RWMutex
	list   map[[2]string][]handler // {doctype or "*", moment}
}

// NewRegistry returns an empty Registry. Errors that passes says yes to are the
// transaction's, not the trigger's, and are returned as they are.
func NewRegistry(passes func(error) bool) *Registry {
	return &Registry{passes: passes, list: map[[2]string][]handler{}}
}

// On registers a trigger for a DocType ("*" = all) and a moment, under a name
// that callers see when it rejects a document. Triggers of the DocType run
// first, then those of "*", in order of registration. Register before serving.
func (t *Registry) On(docType, moment, name string, fn Func) error {
	switch moment {
	case BeforeInsert, Validate, BeforeSave, doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash, AfterCommit:
	default:
		return doctype.Errorf(doctype.CodeInvalid, "moment", "no trigger runs at %q", moment)
	}
	if fn == nil || docType == "" || name == "" {
		return doctype.Errorf(doctype.CodeInvalid, "trigger", "a trigger needs a DocType (or *), a name and a function")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{docType, moment}
	t.list[key] = append(t.list[key], handler{name, fn})
	return nil
}

// InTransaction reports whether any trigger of the DocType runs inside the
// transaction, which is when documents are written one by one.
func (t *Registry) InTransaction(docType string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for key := range t.list {
		if (key[0] == docType || key[0] == "*") && key[1] != AfterCommit {
			return true
		}
	}
	return false
}

// Listens reports whether any trigger runs at a moment of the DocType.
func (t *Registry) Listens(docType, moment string) bool { return len(t.of(docType, moment)) > 0 }

func (t *Registry) of(docType, moment string) []handler {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Concat(t.list[[2]string{docType, moment}], t.list[[2]string{"*", moment}])
}

// Run calls the triggers of a moment in order and stops at the first error,
// which it names after its trigger.
func (t *Registry) Run(ctx context.Context, moment string, w *Write) error {
	w.Moment = moment
	for _, h := range t.of(w.Doc.DocType, moment) {
		if err := t.call(ctx, h, w); err != nil {
			return err
		}
	}
	return nil
}

func (t *Registry) call(ctx context.Context, h handler, w *Write) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &doctype.Error{
				CodeWord: doctype.CodeTrigger, Message: fmt.Sprintf("%s trigger %q panicked", w.Moment, h.name),
				Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	err = h.fn(ctx, w)
	if err == nil {
		return nil
	}
	if t.passes(err) {
		return err // of a nested write: the transaction's trouble, and not for callers to read
	}
	var own *doctype.Error
	if errors.As(err, &own) && own.CodeWord == doctype.CodeTrigger {
		return err // a nested write's trigger has named itself already
	}
	// The text is the program's own: it was registered by whoever runs this process.
	return &doctype.Error{CodeWord: doctype.CodeTrigger, Message: fmt.Sprintf("%s trigger %q: %s", w.Moment, h.name, err), Err: err}
}

// Committed runs the AfterCommit triggers of what was written.
func (t *Registry) Committed(ctx context.Context, log *slog.Logger, writes []Write) {
	for i := range writes {
		w := &writes[i]
		w.Moment = AfterCommit
		for _, h := range t.of(w.Doc.DocType, AfterCommit) {
			if err := t.call(ctx, h, w); err != nil {
				log.Error("after_commit trigger failed", "trigger", h.name, "doctype", w.Doc.DocType, "name", w.Doc.Name, "error", err)
			}
		}
	}
}
