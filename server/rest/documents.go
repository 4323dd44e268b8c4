package rest

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/doctype/query"
	"dochook/server/rest/collection"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// List answers GET /api/resource/{DocType}.
func (h *Handlers) List(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	q, err := pathQuery(c, col)
	if err != nil {
		return err
	}
	views, err := fetch(ctx, col, q)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", rows(views, q))
}

func pathQuery(c *gin.Context, col *collection.Collection) (query.Query, error) {
	v, err := request.Parameters(c)
	if err != nil {
		return query.Query{}, err
	}
	return listQuery(v, col)
}

// Get answers GET /api/resource/{DocType}/{name}; without a name it lists.
func (h *Handlers) Get(c *gin.Context) error {
	if request.Segment(c, "name") == "" {
		return h.List(c)
	}
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	return h.get(ctx, c, col, request.Segment(c, "name"))
}

func (h *Handlers) get(ctx context.Context, c *gin.Context, col *collection.Collection, escaped string) error {
	name, err := request.Unescape(escaped)
	if err != nil {
		return err
	}
	view, err := col.Get(ctx, name)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", view)
}

// Create answers POST /api/resource/{DocType}: a new document, 409 for a live
// name.
func (h *Handlers) Create(c *gin.Context) error {
	if request.Segment(c, "name") != "" {
		return web.Errorf("method_not_allowed", "", "POST makes documents at /api/resource/<DocType>; use PUT to change one")
	}
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	view, err := col.Create(ctx, body)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", view)
}

// Update answers PUT /api/resource/{DocType}/{name}: members are merged.
func (h *Handlers) Update(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	name, err := givenName(c)
	if err != nil {
		return err
	}
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	view, err := col.Update(ctx, name, body)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", view)
}

// Delete answers DELETE /api/resource/{DocType}/{name}.
func (h *Handlers) Delete(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	name, err := givenName(c)
	if err != nil {
		return err
	}
	if err := col.Delete(ctx, name); err != nil {
		return err
	}
	// Frappe before and since version 15.
	return answer(c, http.StatusAccepted, "data", []byte(`"ok"`), `"message":"ok"`)
}

func givenName(c *gin.Context) (string, error) {
	if request.Segment(c, "name") == "" {
		return "", web.Errorf("bad_request", "name", "which one? The path ends with the document's name")
	}
	return request.Unescape(request.Segment(c, "name"))
}
