package export

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/hooks/ledger"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct{ store *ledger.Store }

// New returns Handlers on the log that is in store; it starts nothing.
func New(store *ledger.Store) *Handlers { return &Handlers{store} }

// Deliveries answers GET /api/export/deliveries?format=&filters=&or_filters=&fields=&attempts= with the Webhook Request Log as a file,
// see [Parse]. It is written as it is read: nothing holds all of it, and an error after the first bytes cuts the answer off. It is for
// admins, as the log is.
func (h *Handlers) Deliveries(c *gin.Context) error {
	ctx := request.Context(c)
	if err := web.Check(ctx, web.Admin); err != nil {
		return err
	}
	v, err := request.Only(c, "format", "filters", "or_filters", "fields", "attempts")
	if err != nil {
		return err
	}
	r, err := Parse(v)
	if err != nil {
		return err
	}
	out := &answer{c: c, r: &r}
	if _, err := Write(ctx, h.store, r, out); err != nil {
		return err
	}
	out.begin() // also when there is nothing
	return nil
}

// answer is the body of a file that is downloaded. Its headers are written with its first bytes, so that an error before them is
// answered as one.
type answer struct {
	c     *gin.Context
	r     *Request
	begun bool
}

func (a *answer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	a.c.Header("Content-Type", a.r.Type())
	a.c.Header("Content-Disposition", `attachment; filename="deliveries`+a.r.Extension()+`"`)
	a.c.Status(http.StatusOK)
	a.c.Writer.WriteHeaderNow()
}

// Write writes on.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.c.Writer.Write(p)
}
