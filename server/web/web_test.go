package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/server/access"
	"dochook/server/web"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// keyring authenticates from a map token → key and counts how often it is asked.
type keyring struct {
	keys  map[string]access.Key
	asked int
}

func (k *keyring) Authenticate(_ context.Context, token string) (access.Key, error) {
	k.asked++
	if key, ok := k.keys[token]; ok {
		return key, nil
	}
	return access.Key{}, &coded{code: "unauthenticated", text: "wrong"}
}

func newKeyring() *keyring {
	return &keyring{keys: map[string]access.Key{
		"r:s":     {Name: "r", Role: access.RoleReader},
		"w:s":     {Name: "w", Role: access.RoleWriter, DocTypes: []string{"A"}},
		"a:s":     {Name: "a", Role: access.RoleAdmin},
		"a:s:t:u": {Name: "colons", Role: access.RoleAdmin},
	}}
}

// door is an engine with one responder.
type door struct {
	t      *testing.T
	engine *gin.Engine
	keys   *keyring
	r      *web.Responder
	log    *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lines returns the log, one decoded line each.
func (l *logBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(l.b.String()) {
		var m map[string]any
		decode(t, []byte(line), &m)
		out = append(out, m)
	}
	return out
}

func newDoor(t *testing.T) *door {
	t.Helper()
	return newDoorWith(t, web.Options{})
}

func newDoorWith(t *testing.T, o web.Options) *door {
	t.Helper()
	d := &door{t: t, engine: gin.New(), keys: newKeyring(), log: &logBuffer{}}
	o.Logger = slog.New(slog.NewJSONHandler(d.log, nil))
	d.r = web.NewResponder(d.keys, o)
	d.engine.HandleMethodNotAllowed = true
	d.engine.NoRoute(d.r.NoRoute())
	d.engine.NoMethod(d.r.NoMethod())
	return d
}

func (d *door) handle(path string, h web.Handler) {
	d.engine.Any(path, d.r.Route(web.Public, web.Limits{}, h))
}

func (d *door) get(path string, h http.Header) *httptest.ResponseRecorder {
	return d.do(http.MethodGet, path, h, nil)
}

func (d *door) do(method, path string, h http.Header, body io.Reader) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(d.t.Context(), method, path, body)
	maps.Copy(req.Header, h)
	res := httptest.NewRecorder()
	d.engine.ServeHTTP(res, req)
	return res
}

func ok(c *gin.Context) error {
	return web.JSON(c, http.StatusOK, map[string]string{"key": web.Principal(c.Request.Context()).Name})
}

func newRequest(t *testing.T, path, remote string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	req.RemoteAddr = remote
	return req
}

func (d *door) serve(req *http.Request) *httptest.ResponseRecorder {
	res := httptest.NewRecorder()
	d.engine.ServeHTTP(res, req)
	return res
}
