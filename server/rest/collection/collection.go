package collection

import (
	"context"
	"math"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/server/access"
	"dochook/server/web"
)

// Services are what the collections are made of; all are required.
type Services struct {
	Documents *documents.Service
	Webhooks  *hooks.Service
	Ledger    *ledger.Store
	Couriers  *courier.Engine
	Keys      *access.Service
	Scrapers  *scrapers.Service
	Jobs      *jobs.Service
}

// Set is every collection.
type Set struct {
	Services

	builtins map[string]*Collection
	now      func() time.Time
}

// The built-in DocTypes.
const (
	docTypeName  = "DocType"
	webhookName  = "Webhook"
	deliveryName = "Webhook Request Log"
	keyName      = "API Key"
	scraperName  = "Scraper"
	jobName      = "Scrape Job"
)

// New returns the collections on the services; it starts nothing.
func New(s Services) *Set {
	set := &Set{Services: s, now: time.Now}
	set.builtins = map[string]*Collection{
		docTypeName:  set.docTypes(),
		webhookName:  set.webhooks(),
		deliveryName: set.deliveries(),
		keyName:      set.keys(),
		scraperName:  set.scrapers(),
		jobName:      set.jobs(),
	}
	for _, col := range set.builtins {
		col.builtin = true
	}
	return set
}

// Purpose is what a collection is opened for.
type Purpose int

// The purposes. Actions are writes.
const (
	Read Purpose = iota
	Write
)

// Collection is the documents of one DocType, or what answers as such. Those of
// its functions that are nil are refused.
type Collection struct {
	name        string
	builtin     bool
	read, write web.Access
	known       func(field string) bool // besides the standard fields

	list   func(ctx context.Context, q query.Query) ([][]byte, error)
	count  func(ctx context.Context, q query.Query) (int64, error)
	get    func(ctx context.Context, name string) ([]byte, error)
	insert func(ctx context.Context, body []byte) ([]byte, error)
	update func(ctx context.Context, name string, body []byte) ([]byte, error)
	remove func(ctx context.Context, name string) error

	history func(ctx context.Context, name string, before int64, limit int) ([]doctype.Event, error)
	actions map[string]action
}

// action is a method of a document; it returns the JSON of its answer.
type action func(ctx context.Context, name string, body []byte) ([]byte, error)

// Open finds the collection of a DocType and checks that the request ctx
// belongs to may use it. Errors: forbidden, not_found.
func (set *Set) Open(ctx context.Context, docType string, p Purpose) (*Collection, error) {
	col, builtin := set.builtins[docType]
	if !builtin {
		return set.openDocuments(ctx, docType, p)
	}
	level := col.read
	if p == Write {
		level = col.write
	}
	return col, web.Check(ctx, level)
}

func (set *Set) openDocuments(ctx context.Context, name string, p Purpose) (*Collection, error) {
	if err := findable(name); err != nil {
		return nil, err
	}
	level := web.Reader
	if p == Write {
		level = web.Writer
	}
	if err := web.Check(ctx, level); err != nil {
		return nil, err
	}
	if err := web.CheckDocType(ctx, name); err != nil {
		return nil, err
	}
	def, err := set.Documents.Definition(ctx, name)
	if err != nil {
		return nil, err
	}
	return set.documents(def), nil
}

// Name is the DocType's.
func (col *Collection) Name() string { return col.name }

// Builtin reports whether nobody defined it: then it has no definition, and its
// documents are not in the log.
func (col *Collection) Builtin() bool { return col.builtin }

// Known reports whether a list may ask for the field, besides the standard
// ones.
func (col *Collection) Known(field string) bool { return col.known(field) }

// List returns the documents that pass the query, whole.
func (col *Collection) List(ctx context.Context, q query.Query) ([][]byte, error) {
	return col.list(ctx, q)
}

// Count counts the documents that pass the query's filters.
func (col *Collection) Count(ctx context.Context, q query.Query) (int64, error) {
	return col.count(ctx, q)
}

// Get returns one document; not_found if there is none.
func (col *Collection) Get(ctx context.Context, name string) ([]byte, error) {
	if err := findable(name); err != nil {
		return nil, err
	}
	return col.get(ctx, name)
}

// Create makes a document of a checked JSON object and returns it.
func (col *Collection) Create(ctx context.Context, body []byte) ([]byte, error) {
	if col.insert == nil {
		return nil, col.refuse("made by hand")
	}
	return col.insert(ctx, body)
}

// Update merges the members of a checked JSON object into a document and
// returns it.
func (col *Collection) Update(ctx context.Context, name string, body []byte) ([]byte, error) {
	if col.update == nil {
		return nil, col.refuse("changed")
	}
	if err := findable(name); err != nil {
		return nil, err
	}
	return col.update(ctx, name, body)
}

// Delete removes a document.
func (col *Collection) Delete(ctx context.Context, name string) error {
	if col.remove == nil {
		return col.refuse("deleted by hand")
	}
	if err := findable(name); err != nil {
		return err
	}
	return col.remove(ctx, name)
}

// History lists at most limit events of one document that are still in the
// log, newest first, from the one before a position on; not_found if there never
// was such a document, as far as the log goes.
func (col *Collection) History(ctx context.Context, name string, before int64, limit int) ([]doctype.Event, error) {
	if col.history == nil {
		return nil, web.Errorf("not_found", "", "a %s has no events", col.name)
	}
	if err := findable(name); err != nil {
		return nil, err
	}
	events, err := col.history(ctx, name, before, limit)
	if err == nil && len(events) == 0 && before == math.MaxInt64 {
		_, err = col.get(ctx, name)
	}
	return events, err
}

// Call calls a method of a document with a checked JSON object and returns its
// JSON answer.
func (col *Collection) Call(ctx context.Context, name, method string, body []byte) ([]byte, error) {
	do, ok := col.actions[method]
	if !ok {
		return nil, web.Errorf("not_found", "method", "a %s has no method %.60q", col.name, method)
	}
	if err := findable(name); err != nil {
		return nil, err
	}
	return do(ctx, name, body)
}

func (col *Collection) refuse(what string) error {
	return web.Errorf("forbidden", "", "a %s cannot be %s", col.name, what)
}
