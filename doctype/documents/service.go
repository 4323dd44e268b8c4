package documents

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/definitions"
	"dochook/doctype/eventlog"
	"dochook/doctype/group"
	"dochook/doctype/outlook"
	"dochook/doctype/trigger"
	"dochook/migrations"
)

// Options of a Service; the zero value is ready for use.
type Options struct {
	// Now is the clock of creation, modified and event times. Default time.Now.
	Now func() time.Time
	// Logger receives what no caller can be told, such as a failed
	// after_commit trigger. Default: discarded.
	Logger *slog.Logger
	// Committed is called after each commit with the DocTypes that have new
	// events, on the writer's goroutine: it must not block. Default: nothing.
	Committed func(doctypes []string)
	// Logged is called after each commit, before Committed and as it, with the events that it put into the log; the slice is its own, what
	// they point to is not. Default: nothing.
	Logged func(events []doctype.Event)
	// Defined is called after a DocType was made, changed or deleted. Default: nothing.
	Defined func()
	// DefinitionTTL is how long another process may go on with a DocType that
	// was changed here, when no notification reaches it. Default 5 s.
	DefinitionTTL time.Duration
}

// Service is the only writer of documents and events. Its methods may be
// called from any goroutine.
type Service struct {
	db       *migrations.DB
	events   *eventlog.Log
	now      func() time.Time
	log      *slog.Logger
	notify   func([]string)
	logged   func([]doctype.Event)
	defined  func()
	seen     func(ctx context.Context, tx bun.Tx, docType string, names []string) error
	triggers *trigger.Registry
	defs     *definitions.Cache
	group    *group.Committer[*write]
	outlook  outlook.Outlook
}

// New returns a Service on db; it starts nothing.
func New(db *migrations.DB, o Options) *Service {
	s := &Service{db: db, events: eventlog.New(db), now: o.Now, notify: o.Committed, logged: o.Logged, defined: o.Defined}
	s.log = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	s.defs = definitions.New(cmp.Or(max(o.DefinitionTTL, 0), 5*time.Second))
	if s.now == nil {
		s.now = time.Now
	}
	if s.notify == nil {
		s.notify = func([]string) {}
	}
	if s.defined == nil {
		s.defined = func() {}
	}
	s.group = group.New(groupWrites, s.writeGroup)
	s.triggers = trigger.NewRegistry(ofTransaction)
	return s
}

// OnSeen sets what is called in the transaction of each page with the names
// of the documents that came in it, changed or not. Call it before serving.
func (s *Service) OnSeen(fn func(ctx context.Context, tx bun.Tx, docType string, names []string) error) {
	s.seen = fn
}

// Log returns the log that this Service writes its events to.
func (s *Service) Log() *eventlog.Log { return s.events }

// Now is the time as the next transaction would carry it.
func (s *Service) Now() time.Time { return s.moment() }

// moment is now in µs, as stored.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// definitionsLag is for how long others may judge by a definition that is no longer, and how far their clocks may be off.
const definitionsLag = time.Minute

// Definition returns the compiled DocType; not_found if there is none.
func (s *Service) Definition(ctx context.Context, name string) (*doctype.Definition, error) {
	if def := s.defs.Get(name); def != nil {
		return def, nil
	}
	stored, err := s.DocType(ctx, name)
	if err != nil {
		return nil, err
	}
	def, err := doctype.Compile(stored.DocType)
	if err != nil {
		return nil, err
	}
	if stored.Modified.After(stored.Creation) {
		def.Since = stored.Modified.Add(definitionsLag)
	}
	if txnOf(ctx, s) != nil {
		return def, nil // it may be rolled back
	}
	s.defs.Put(def)
	return def, nil
}

// Forget drops what is cached of DocTypes, as after a change by another process.
func (s *Service) Forget() { s.defs.Forget() }
