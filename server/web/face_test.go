package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/access"
	"dochook/server/web"
)

// byHeader is a face that knows keys by the header Who and answers with a line.
func byHeader(keys *keyring) web.Face {
	return web.Face{
		Admit: func(c *gin.Context) (access.Key, error) {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), seen{}, "yes"))
			return keys.Authenticate(c.Request.Context(), c.GetHeader("Who"))
		},
		Answer: func(c *gin.Context, p web.Problem) error {
			c.String(p.Status, "told: %s", p.Code)
			return nil
		},
	}
}

type seen struct{}

func TestFace(t *testing.T) {
	for _, tc := range []struct {
		who, path string
		status    int
		body      string
	}{
		{"w:s", "/reader", 200, "w yes"},
		{"r:s", "/writer", 403, "told: forbidden"},
		{"nobody", "/reader", 401, "told: unauthenticated"},
		{"", "/reader", 401, "told: unauthenticated"},
		{"", "/public", 200, " <nil>"},
		{"a:s", "/public", 200, " <nil>"},
		{"r:s", "/panics", 500, "told: internal"},
		{"r:s", "/nowhere", 404, "told: not_found"},
		{"", "/nowhere", 401, "told: unauthenticated"},
	} {
		d := newDoor(t)
		face := d.r.Face(byHeader(d.keys))
		who := func(c *gin.Context) error {
			ctx := c.Request.Context()
			c.String(200, "%s %v", web.Principal(ctx).Name, ctx.Value(seen{}))
			return nil
		}
		d.engine.GET("/public", face.Route(web.Public, web.Limits{}, who))
		d.engine.GET("/reader", face.Route(web.Reader, web.Limits{}, who))
		d.engine.GET("/writer", face.Route(web.Writer, web.Limits{}, who))
		d.engine.GET("/panics", face.Route(web.Reader, web.Limits{}, func(*gin.Context) error {
			panic(tc.who) //nolint:forbidigo // it is what is tested
		}))
		d.engine.GET("/api", d.r.Route(web.Public, web.Limits{}, func(*gin.Context) error { return web.Errorf("not_found", "", "no") }))
		d.engine.NoRoute(face.NoRoute())
		res := d.get(tc.path, http.Header{"Who": {tc.who}, "Authorization": {"token a:s"}})
		if res.Code != tc.status || res.Body.String() != tc.body {
			t.Errorf("%s %s: %d %q, want %d %q", tc.who, tc.path, res.Code, res.Body, tc.status, tc.body)
		}
		if res.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s %s asks for a bearer token", tc.who, tc.path)
		}
		if res := d.get("/api", nil); res.Code != 404 || !strings.Contains(res.Body.String(), "exc_type") {
			t.Errorf("the other face answers %d %s", res.Code, res.Body)
		}
	}
}

// TestLogin: wrong tokens are counted by address and all together, right ones are
// not, and what is wrong is asked about once.
func TestLogin(t *testing.T) {
	keys, now := newKeyring(), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	r := web.NewResponder(keys, web.Options{
		Now: func() time.Time { return now }, Typed: web.Rate{PerSecond: 0.1, Burst: 3}, AllTyped: web.Rate{PerSecond: 0.1, Burst: 5},
	})
	login := func(address, token string) string {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		c.Request.RemoteAddr = address + ":1"
		key, err := r.Login(c, token)
		if err != nil {
			return web.Classify(err).Code
		}
		return key.Name
	}
	for range 20 {
		if got := login("10.0.0.1", "a:s"); got != "a" {
			t.Fatalf("a right token: %s", got)
		}
	}
	asked := keys.asked
	for i, tc := range []struct{ address, token, want string }{
		{"10.0.0.1", "nonsense", "unauthenticated"}, // nobody is asked, nothing is counted
		{"10.0.0.1", "a:1", "unauthenticated"},
		{"10.0.0.1", "a:1", "unauthenticated"}, // the same again is not counted
		{"10.0.0.1", "a:2", "unauthenticated"},
		{"10.0.0.1", "a:3", "unauthenticated"},
		{"10.0.0.1", "a:4", "throttled"},
		{"10.0.0.1", "a:s", "throttled"},
		{"10.0.0.2", "a:s", "a"},
		{"10.0.0.2", "a:1", "unauthenticated"},
		{"10.0.0.3", "a:1", "unauthenticated"},
		{"10.0.0.4", "a:s", "throttled"}, // five in all
	} {
		if got := login(tc.address, tc.token); got != tc.want {
			t.Errorf("step %d: %s, want %s", i, got, tc.want)
		}
	}
	if keys.asked-asked != 6 {
		t.Errorf("it was asked %d times", keys.asked-asked)
	}
	now = now.Add(time.Minute)
	if got := login("10.0.0.1", "a:s"); got != "a" {
		t.Errorf("a minute later: %s", got)
	}
	if got := login("10.0.0.9", fmt.Sprintf("a:%01500d", 1)); got != "unauthenticated" {
		t.Errorf("an endless token: %s", got)
	}
}
