package rest

import (
	"context"
	"sync"
	"time"

	"dochook/server/rest/collection"
)

// Services are what the handlers answer for; all are required.
type Services struct {
	collection.Services

	// Schema is nil when the database answers and its schema is the one this
	// program needs.
	Schema func(ctx context.Context) error
}

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// Version is shown at "/". Default "dev".
	Version string
}

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct {
	Services

	set     *collection.Set
	options Options
	methods map[string]method
	now     func() time.Time

	mu   sync.Mutex
	busy map[string]struct{} // idempotency keys in use by this process
}

// New returns Handlers on the services; it starts nothing.
func New(s Services, o Options) *Handlers {
	if o.Version == "" {
		o.Version = "dev"
	}
	h := &Handlers{Services: s, set: collection.New(s.Services), options: o, now: time.Now, busy: map[string]struct{}{}}
	h.methods = h.clientMethods()
	return h
}
