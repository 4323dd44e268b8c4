package rest

import (
	"context"
	"time"

	"dochook/server/rest/bulk"
	"dochook/server/rest/collection"
	"dochook/server/rest/feed"
)

// Services are what the handlers answer for; all are required.
type Services struct {
	collection.Services

	Bulk *bulk.Intake
	// Schema is nil when the database answers and its schema is the one this
	// program needs.
	Schema func(ctx context.Context) error
}

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// Version is shown at "/". Default "dev".
	Version string
	// Feed wakes those who follow the log. Default: they look for themselves,
	// every two seconds.
	Feed *feed.Broadcast
}

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct {
	Services

	set     *collection.Set
	options Options
	methods map[string]method
	now     func() time.Time
}

// New returns Handlers on the services; it starts nothing.
func New(s Services, o Options) *Handlers {
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Feed == nil {
		o.Feed = &feed.Broadcast{}
	}
	h := &Handlers{Services: s, set: collection.New(s.Services), options: o, now: time.Now}
	h.methods = h.clientMethods()
	return h
}
