package rest

import (
	"github.com/gin-gonic/gin"

	"dochook/server/rest/bulk"
	"dochook/server/rest/collection"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Ingest answers POST /api/ingest/{DocType}: the records of a body of any
// length, see [bulk.Intake.Take].
func (h *Handlers) Ingest(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	if col.Builtin() {
		return web.Errorf("forbidden", "", "%s takes one document at a time, at /api/resource", col.Name())
	}
	v, err := request.Parameters(c)
	if err != nil {
		return err
	}
	return h.Bulk.Take(ctx, c, bulk.Target{DocType: col.Name()}, v)
}
