package rest

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

const (
	checkTime = 3 * time.Second
	panelPath = "/app"
)

// Root answers GET / with what this is; a browser is sent to the panel.
func (h *Handlers) Root(c *gin.Context) error {
	c.Header("Vary", "Accept")
	if prefersPage(c.Request.Header.Values("Accept")) {
		c.Redirect(http.StatusSeeOther, panelPath)
		return nil
	}
	return web.JSON(c, http.StatusOK, map[string]string{
		"service": "dochook", "version": h.options.Version,
		"documents": "/api/resource/{DocType}", "ingest": "/api/ingest/{DocType}", "health": "/readyz",
		"panel": panelPath, "docs": "/docs", "openapi": "/openapi.json",
	})
}

// prefersPage reports whether an Accept header wants text/html more than JSON.
func prefersPage(accept []string) bool {
	page, data := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, given := parameters["q"]; given {
			quality, _ = strconv.ParseFloat(q, 64) // 0 if it is no number
		}
		switch kind {
		case "text/html":
			page = max(page, quality)
		case "application/json":
			data = max(data, quality)
		}
	}
	return page > data
}

// Healthz answers that the process runs.
func (h *Handlers) Healthz(c *gin.Context) error {
	return web.JSON(c, http.StatusOK, map[string]string{"status": "ok"})
}

// Readyz answers 200 if the service can do its work, else 503 with why not: the
// database does not answer or has another schema, or the couriers, though the
// process lives, do not come round or cannot write down what they delivered.
func (h *Handlers) Readyz(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTime)
	defer cancel()
	checks, status := map[string]string{"database": "ok", "couriers": "ok"}, http.StatusOK
	if err := h.Schema(ctx); err != nil {
		checks["database"], status = reason(err), http.StatusServiceUnavailable
	}
	if why := h.Couriers.Stuck(h.now()); why != "" {
		checks["couriers"], status = why, http.StatusServiceUnavailable
	}
	word := "ready"
	if status != http.StatusOK {
		word = "not ready"
	}
	return web.JSON(c, status, map[string]any{"status": word, "checks": checks})
}

// reason is what everybody may be told of an error: how the schema differs, not
// where the database is.
func reason(err error) string {
	var coded interface {
		error
		Code() string
	}
	if errors.As(err, &coded) && strings.HasPrefix(coded.Code(), "schema_") {
		return coded.Error()
	}
	return "the database does not answer"
}
