package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	graphql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"

	"dochook/server/web"
)

// A query of many mistakes is told of the first.
const (
	maxErrors    = 20
	maxLocations = 10
)

// answer is the body of an answer, and its status.
type answer struct {
	status int
	Errors []failure       `json:"errors,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"` // absent when nothing was executed
}

// failure is one error of an answer. Extensions hold code and, where they are known, field and request_id.
type failure struct {
	Message    string               `json:"message"`
	Locations  []gqlerrors.Location `json:"locations,omitempty"`
	Path       []any                `json:"path,omitempty"`
	Extensions map[string]string    `json:"extensions"`
}

// refusal answers a request that was not executed.
func (h *Handler) refusal(c *gin.Context, err error) answer {
	f, status := h.failure(c.Request.Context(), err)
	if status == http.StatusMethodNotAllowed {
		c.Header("Allow", http.MethodPost)
	}
	return answer{status: status, Errors: []failure{f}}
}

// answer makes an answer of the library's.
func (h *Handler) answer(c *gin.Context, res *graphql.Response) answer {
	ctx := c.Request.Context()
	a := answer{status: http.StatusOK, Data: res.Data}
	executed := len(res.Data) > 0
	for i, e := range res.Errors {
		if i == maxErrors {
			break
		}
		f, status := h.failure(ctx, causeOf(e))
		f.Path, f.Locations = e.Path, e.Locations[:min(len(e.Locations), maxLocations)]
		a.Errors = append(a.Errors, f)
		if errors.Is(e, graphql.ErrTooManySelections) {
			executed = false
		}
		if i == 0 {
			a.status = status
		}
	}
	if executed {
		a.status = http.StatusOK
	} else {
		a.Data = nil
	}
	return a
}

// causeOf is the error behind one of the library's, with a code word.
func causeOf(e *gqlerrors.QueryError) error {
	switch {
	case e.ResolverError != nil:
		return e.ResolverError
	case errors.Is(e, errPanic), errors.Is(e, context.DeadlineExceeded), errors.Is(e, context.Canceled):
		return e.Err
	case e.Rule == "OverlapValidationLimitExceeded":
		return web.Errorf("too_large", "", "the query repeats too many fields or fragments in one place")
	case errors.Is(e, graphql.ErrTooManySelections), e.Rule == "MaxDepthExceeded":
		return web.Errorf("too_large", "", "%s", e.Message)
	case e.Message == subscriptionText:
		return web.Errorf("bad_request", "", "there are no subscriptions")
	default:
		return web.Errorf("bad_request", "", "%s", e.Message)
	}
}

// subscriptionText is what the library says to a subscription.
const subscriptionText = "graphql-ws protocol header is missing"

// failure is how an error looks to the client, and the status that belongs to it. Faults of ours are logged.
func (h *Handler) failure(ctx context.Context, err error) (failure, int) {
	p := web.Classify(err)
	f := failure{Message: p.Message, Extensions: map[string]string{"code": p.Code}}
	if p.Field != "" {
		f.Extensions["field"] = p.Field
	}
	if p.Status >= http.StatusInternalServerError {
		f.Extensions["request_id"] = web.RequestID(ctx)
		h.log.ErrorContext(ctx, "graphql error", "error", err.Error(), "cause", rootOf(err), "error_code", p.Code, "request_id", web.RequestID(ctx))
	}
	return f, p.Status
}

// rootOf is the text of the innermost cause, which a coded error keeps from its own text.
func rootOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// The media type of answers, for clients that ask for it.
const responseType = "application/graphql-response+json"

func (h *Handler) write(c *gin.Context, a answer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the answer is never sniffed as HTML
	if err := e.Encode(a); err != nil {
		return fmt.Errorf("graphql: encode the answer: %w", err)
	}
	kind := "application/json"
	if strings.Contains(c.GetHeader("Accept"), responseType) {
		kind = responseType
	}
	c.Header("Content-Type", kind)
	c.Header("Content-Length", strconv.Itoa(b.Len()))
	c.Status(a.status)
	if _, err := c.Writer.Write(b.Bytes()); err != nil {
		return fmt.Errorf("graphql: write the answer: %w", err)
	}
	return nil
}
