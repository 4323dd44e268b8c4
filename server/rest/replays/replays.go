package replays

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/hooks/replay"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Handlers are the handlers of the routes, each a web.Handler. Paths arrive escaped.
type Handlers struct{ runs *replay.Service }

// New returns Handlers on the service; it starts nothing.
func New(runs *replay.Service) *Handlers { return &Handlers{runs} }

const (
	path      = "/api/replays"
	listed    = 20
	maxListed = 1000
)

// data is the shape of answers.
type data struct {
	Data any `json:"data"`
}

// order is the body of a POST.
type order struct {
	replay.Request
	DryRun bool `json:"dry_run"` // count, and change nothing
}

// Create answers POST /api/replays with 201 and the run it began, or for a dry run with 200 and a count. The body is
// {webhook, kind: replay | backfill, expect, max, dry_run}, for a replay with {source: deliveries | log, status, from, to, job, event,
// document}, for a backfill with {document, filters}; all but webhook may be left out.
func (h *Handlers) Create(c *gin.Context) error {
	ctx := request.Context(c)
	if _, err := request.Only(c); err != nil {
		return err
	}
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	var in order
	if err := decode(body, &in); err != nil {
		return err
	}
	if in.DryRun {
		p, err := h.runs.Count(ctx, in.Request)
		if err != nil {
			return err
		}
		return web.JSON(c, http.StatusOK, data{p})
	}
	run, err := h.runs.Start(ctx, in.Request)
	if err != nil {
		return err
	}
	c.Header("Location", path+"/"+url.PathEscape(run.ID))
	return web.JSON(c, http.StatusCreated, data{run})
}

// List answers GET /api/replays?webhook=&limit= with the last runs, newest first.
func (h *Handlers) List(c *gin.Context) error {
	v, err := request.Only(c, "webhook", "limit")
	if err != nil {
		return err
	}
	limit, err := request.Number(v, "limit", listed, 1, maxListed)
	if err != nil {
		return err
	}
	list, err := h.runs.List(request.Context(c), v.Get("webhook"), int(limit))
	if err != nil {
		return err
	}
	return web.JSON(c, http.StatusOK, data{list})
}

// Get answers GET /api/replays/{id} with the run, and how far it is.
func (h *Handlers) Get(c *gin.Context) error {
	id, err := h.id(c)
	if err != nil {
		return err
	}
	run, err := h.runs.Get(request.Context(c), id)
	if err != nil {
		return err
	}
	return web.JSON(c, http.StatusOK, data{run})
}

// Cancel answers DELETE /api/replays/{id} with the run as it was canceled; one that has finished is a conflict.
func (h *Handlers) Cancel(c *gin.Context) error {
	id, err := h.id(c)
	if err != nil {
		return err
	}
	run, err := h.runs.Cancel(request.Context(c), id)
	if err != nil {
		return err
	}
	return web.JSON(c, http.StatusOK, data{run})
}

func (h *Handlers) id(c *gin.Context) (string, error) {
	if _, err := request.Only(c); err != nil {
		return "", err
	}
	return request.Name(c, "id")
}

// decode reads a body. A member that nobody knows is refused: more would be sent than was meant.
func decode(body []byte, into *order) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return web.Errorf("invalid", strings.Trim(name, `"`), "there is no member %.60s", name)
	}
	return web.Errorf("invalid", "", "a member is of the wrong type")
}
