package graph

import (
	"context"
	_ "embed" // the schema
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
	graphql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
	gqllog "github.com/graph-gophers/graphql-go/log"

	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/server/rest/request"
	"dochook/server/web"
)

//go:embed schema.graphql
var schemaText string

// What a request may ask for. The schema itself is two fields deep; introspection, which is not, needs fifteen.
const (
	maxQuery      = 64 << 10 // bytes
	maxDepth      = 16
	maxSelections = 500
	maxOverlaps   = 10_000 // pairs of selections that the validation compares
	maxBraces     = 200    // so many operations and fragments at most: the validation looks at each for each
)

// Services are what the schema is about; all are required.
type Services struct {
	Webhooks *hooks.Service
	Scrapers *scrapers.Service
}

// Options of a Handler; the zero value is ready for use.
type Options struct {
	// Logger gets faults of ours, which clients do not see. Default: discarded.
	Logger *slog.Logger
}

// Handler answers GraphQL requests.
type Handler struct {
	schema *graphql.Schema
	log    *slog.Logger
}

// New returns a Handler on the services; it starts nothing.
func New(s Services, o Options) *Handler {
	h := &Handler{log: o.Logger}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	r := &resolver{store{webhooks: s.Webhooks, scrapers: s.Scrapers, lock: make(chan struct{}, 1)}}
	h.schema = graphql.MustParseSchema(schemaText, r,
		graphql.UseStringDescriptions(),
		graphql.DisableFieldSelections(),
		graphql.MaxQueryLength(maxQuery),
		graphql.MaxDepth(maxDepth),
		graphql.MaxSelections(maxSelections),
		graphql.OverlapValidationLimit(maxOverlaps),
		graphql.Logger(gqllog.LoggerFunc(h.logPanic)),
		graphql.PanicHandler(panics{}),
	)
	return h
}

// Serve answers POST and GET requests; it is a web.Handler for admins.
func (h *Handler) Serve(c *gin.Context) error {
	q, err := readOperation(c)
	if err != nil {
		if code := web.Classify(err).Code; code == "truncated" || code == "request_timeout" {
			return err // nobody is left to read the answer
		}
		return h.write(c, h.refusal(c, err))
	}
	if q.text == "" {
		return web.JSON(c, http.StatusOK, map[string]string{
			"message": "GraphQL is spoken here: POST a JSON object with the member query. The schema answers introspection.",
			"example": "{ getWebhooks { id url event fields jobID } }",
		})
	}
	return h.write(c, h.execute(c, q))
}

func (h *Handler) execute(c *gin.Context, q operation) (a answer) {
	ctx, call := newCall(request.Context(c), q, c.Request.Method == http.MethodGet)
	// The library catches the panics of resolvers, not its own while it reads a query.
	defer func() {
		if v := recover(); v != nil {
			h.logPanic(ctx, v)
			a = h.refusal(c, errors.New("graphql panicked"))
		}
	}()
	res := h.schema.Exec(ctx, q.text, q.name, q.variables)
	if call.changes.Load() {
		return h.refusal(c, errReadOnly)
	}
	return h.answer(c, res)
}

// panics keeps the text of a panic from the client.
type panics struct{}

var errPanic = errors.New("a resolver panicked")

// MakePanicError is for the library.
func (panics) MakePanicError(context.Context, any) *gqlerrors.QueryError {
	return &gqlerrors.QueryError{Err: errPanic}
}

func (h *Handler) logPanic(ctx context.Context, v any) {
	h.log.ErrorContext(ctx, "graphql panic", "panic", v, "request_id", web.RequestID(ctx), "stack", string(debug.Stack()))
}
