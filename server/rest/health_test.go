package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/rest/collection"
)

// TestReadyz_of_couriers: a process that lives, with a database that answers, is
// not ready while its couriers do not do their work.
func TestReadyz_of_couriers(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	db := dbtest.New(t, dbtest.SQLite)
	store, guard := ledger.New(db), &sender.Guard{}
	engine := courier.New(eventlog.New(db), hooks.New(db, guard, store, hooks.Options{}), store, guard, courier.Options{Exclusive: true})
	if err := engine.Subscribe("audit", courier.SubscribeOptions{}, nobody); err != nil {
		t.Fatal(err)
	}
	h := New(Services{
		Services: collection.Services{Couriers: engine}, Schema: func(ctx context.Context) error { return migrations.Check(ctx, db) },
	}, Options{})
	router := gin.New()
	router.GET("/readyz", func(c *gin.Context) {
		if err := h.Readyz(c); err != nil {
			t.Error(err)
		}
	})
	ask := func() (status int, couriers string) {
		res := httptest.NewRecorder()
		router.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		var answer struct{ Checks map[string]string }
		if err := json.Unmarshal(res.Body.Bytes(), &answer); err != nil || answer.Checks["database"] != "ok" {
			t.Errorf("%s: %v", res.Body, err)
		}
		return res.Code, answer.Checks["couriers"]
	}
	if status, why := ask(); status != http.StatusServiceUnavailable || why != "the couriers are not running" {
		t.Errorf("before the start: %d %q", status, why)
	}

	if err := engine.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { engine.Run(ctx); close(ended) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); len(engine.States()) == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("no walker has come round")
		}
	}
	if status, why := ask(); status != http.StatusOK || why != "ok" {
		t.Errorf("at work: %d %q", status, why)
	}
	stop()
	<-ended
	// The same service, a while after its couriers came to an end.
	h.now = func() time.Time { return time.Now().Add(time.Minute) }
	if status, why := ask(); status != http.StatusServiceUnavailable || why == "ok" || why != engine.Stuck(h.now()) {
		t.Errorf("standing still: %d %q", status, why)
	}
}

// nobody is a subscriber that takes every event.
func nobody(context.Context, doctype.Event) error { return nil }

// TestRoot: a browser comes to the panel, everybody else gets JSON.
func TestRoot(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.GET("/", func(c *gin.Context) {
		if err := New(Services{}, Options{}).Root(c); err != nil {
			t.Error(err)
		}
	})
	for accept, want := range map[string]int{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": http.StatusSeeOther,
		"application/json;q=0.5, text/html":                               http.StatusSeeOther,
		"":                                                                http.StatusOK,
		"*/*":                                                             http.StatusOK,
		"application/json, text/html;q=0.9":                               http.StatusOK,
		"application/json, text/html":                                     http.StatusOK,
		"text/html;q=0":                                                   http.StatusOK,
		"text/html;q=x, ;;":                                               http.StatusOK,
	} {
		res := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Header.Set("Accept", accept)
		router.ServeHTTP(res, req)
		if res.Code != want || res.Header().Get("Vary") != "Accept" || (want == http.StatusSeeOther) != (res.Header().Get("Location") == "/app") {
			t.Errorf("Accept %q: %d %v", accept, res.Code, res.Header())
		}
	}
}
