package web_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

func basic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestCarriers(t *testing.T) {
	for _, tc := range []struct {
		what   string
		header http.Header
		status int
		key    string
	}{
		{"none", nil, 403, ""},
		{"token", http.Header{"Authorization": {"token r:s"}}, 200, "r"},
		{"Token, blanks", http.Header{"Authorization": {"  Token   r:s "}}, 200, "r"},
		{"Bearer", http.Header{"Authorization": {"Bearer r:s"}}, 200, "r"},
		{"Basic", http.Header{"Authorization": {basic("r:s")}}, 200, "r"},
		{"Basic without padding", http.Header{"Authorization": {strings.TrimRight(basic("r:s"), "=")}}, 200, "r"},
		{"x-api-key", http.Header{"X-Api-Key": {"r:s"}}, 200, "r"},
		{"colons in the secret", http.Header{"X-Api-Key": {"a:s:t:u"}}, 200, "colons"},
		{"Basic with colons in the secret", http.Header{"Authorization": {basic("a:s:t:u")}}, 200, "colons"},
		{"wrong secret", http.Header{"Authorization": {"token r:x"}}, 401, ""},
		{"first one decides", http.Header{"Authorization": {"token r:x"}, "X-Api-Key": {"r:s"}}, 401, ""},
		{"first one decides, both right", http.Header{"Authorization": {"token r:s"}, "X-Api-Key": {"a:s"}}, 200, "r"},
		{"empty one is absent", http.Header{"Authorization": {""}, "X-Api-Key": {"r:s"}}, 200, "r"},
		{"scheme alone is absent", http.Header{"Authorization": {"token "}, "X-Api-Key": {"r:s"}}, 200, "r"},
		{"empty Bearer is absent", http.Header{"Authorization": {"Bearer"}, "X-Api-Key": {"r:s"}}, 200, "r"},
		{"empty Basic is absent", http.Header{"Authorization": {basic(":")}, "X-Api-Key": {"r:s"}}, 200, "r"},
		{"all empty", http.Header{"Authorization": {" "}, "X-Api-Key": {" "}}, 403, ""},
		{"two headers, one empty", http.Header{"Authorization": {"", "token r:s"}}, 200, "r"},
		{"unknown scheme", http.Header{"Authorization": {"Digest r:s"}}, 401, ""},
		{"no scheme", http.Header{"Authorization": {"r:s"}, "X-Api-Key": {"r:s"}}, 401, ""},
		{"no colon", http.Header{"Authorization": {"token rs"}}, 401, ""},
		{"no secret", http.Header{"X-Api-Key": {"r:"}}, 401, ""},
		{"no key", http.Header{"X-Api-Key": {":s"}}, 401, ""},
		{"Basic, not base64", http.Header{"Authorization": {"Basic r:s"}}, 401, ""},
		{"endless", http.Header{"X-Api-Key": {"r:" + strings.Repeat("s", 5000)}}, 401, ""},
	} {
		t.Run(tc.what, func(t *testing.T) {
			d := newDoor(t)
			d.engine.GET("/x", d.r.Route(web.Reader, web.Limits{}, ok))
			res := d.get("/x", tc.header)
			if res.Code != tc.status {
				t.Fatalf("status %d, want %d: %s", res.Code, tc.status, res.Body)
			}
			var body struct{ Key, Message string }
			decode(t, res.Body.Bytes(), &body)
			if body.Key != tc.key {
				t.Errorf("key %q, want %q", body.Key, tc.key)
			}
			// Everything but a wrong token gets told how to do it.
			if d.keys.asked == 0 && !strings.Contains(body.Message, "Authorization: token <key>:<secret>") {
				t.Errorf("no hint in %q", body.Message)
			}
			if tc.status == 401 && d.keys.asked > 0 && body.Message != "wrong" {
				t.Errorf("message %q", body.Message)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	levels := []web.Access{web.Public, web.Reader, web.Writer, web.Admin}
	for _, tc := range []struct {
		token string
		want  [4]int // public, reader, writer, admin
	}{
		{"", [4]int{200, 403, 403, 403}},
		{"x:x", [4]int{200, 401, 401, 401}},
		{"r:s", [4]int{200, 200, 403, 403}},
		{"w:s", [4]int{200, 200, 200, 403}},
		{"a:s", [4]int{200, 200, 200, 200}},
	} {
		for i, level := range levels {
			t.Run(fmt.Sprintf("%s at %s", tc.token, level), func(t *testing.T) {
				d := newDoor(t)
				d.engine.GET("/fixed", d.r.Route(level, web.Limits{}, ok))
				// The same level, asked inside the handler.
				d.engine.GET("/asked", d.r.Route(min(level, web.Reader), web.Limits{}, func(c *gin.Context) error {
					if err := web.Check(c.Request.Context(), level); err != nil {
						return err
					}
					return ok(c)
				}))
				for _, path := range []string{"/fixed", "/asked"} {
					h := http.Header{"Authorization": {"token " + tc.token}}
					if res := d.get(path, h); res.Code != tc.want[i] {
						t.Errorf("%s: %d, want %d: %s", path, res.Code, tc.want[i], res.Body)
					}
				}
			})
		}
	}
}

func TestCheckDocType(t *testing.T) {
	d := newDoor(t)
	d.engine.GET("/doc/:dt", d.r.Route(web.Reader, web.Limits{}, func(c *gin.Context) error {
		if err := web.CheckDocType(c.Request.Context(), c.Param("dt")); err != nil {
			return err
		}
		return ok(c)
	}))
	for _, tc := range []struct {
		token, doctype string
		want           int
	}{{"w:s", "A", 200}, {"w:s", "B", 403}, {"r:s", "B", 200}, {"a:s", "B", 200}} {
		if res := d.get("/doc/"+tc.doctype, http.Header{"X-Api-Key": {tc.token}}); res.Code != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.token, tc.doctype, res.Code, tc.want)
		}
	}
}

func TestPrincipalOutside(t *testing.T) {
	ctx := t.Context()
	if k := web.Principal(ctx); k.Name != "" || web.RequestID(ctx) != "" {
		t.Errorf("principal %+v of no request", k)
	}
	if web.Check(ctx, web.Public) != nil || web.Check(ctx, web.Reader) == nil || web.CheckDocType(ctx, "A") == nil {
		t.Error("nobody may do something")
	}
	if err := web.Check(ctx, web.Access(9)); err == nil {
		t.Error("an unknown level admits")
	}
}

// TestGuessing tries wrong tokens from one address.
func TestGuessing(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDoorWith(t, web.Options{Now: func() time.Time { return now }, Failures: web.Rate{PerSecond: 1, Burst: 3}})
	d.engine.GET("/x", d.r.Route(web.Reader, web.Limits{}, ok))
	try := func(token string, want int) {
		t.Helper()
		if res := d.get("/x", http.Header{"X-Api-Key": {token}}); res.Code != want {
			t.Fatalf("%s: %d, want %d: %s", token, res.Code, want, res.Body)
		} else if want == 429 && res.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", res.Header().Get("Retry-After"))
		}
	}
	// One stale token again and again: refused, looked up once, counted once.
	for range 50 {
		try("old:token", 401)
	}
	if d.keys.asked != 1 {
		t.Errorf("looked up %d times", d.keys.asked)
	}
	try("r:s", 200)
	try("guess:1", 401)
	try("guess:2", 401)
	try("guess:3", 429)
	try("r:s", 429) // otherwise the answer would tell a right guess from a wrong one
	if d.keys.asked != 4 {
		t.Errorf("looked up %d times", d.keys.asked)
	}
	now = now.Add(time.Second)
	try("r:s", 200)
	try("guess:3", 401)
	try("guess:4", 429)
	now = now.Add(time.Hour)
	for i := range 3 {
		try(fmt.Sprintf("again:%d", i), 401)
	}
	try("again:3", 429)
}

// TestRecovers: a token that was refused works once it is made, within the two
// seconds that good tokens are remembered as well.
func TestRecovers(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDoorWith(t, web.Options{Now: func() time.Time { return now }})
	d.engine.GET("/x", d.r.Route(web.Reader, web.Limits{}, ok))
	h := http.Header{"X-Api-Key": {"new:s"}}
	if res := d.get("/x", h); res.Code != 401 {
		t.Fatal(res.Code)
	}
	d.keys.keys["new:s"] = d.keys.keys["r:s"]
	now = now.Add(2 * time.Second)
	if res := d.get("/x", h); res.Code != 200 {
		t.Errorf("still %d", res.Code)
	}
}

func TestAddressesAreCountedApart(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		what, first, second string
		shared              bool
	}{
		{"two IPv4", "192.0.2.1:1", "192.0.2.2:1", false},
		{"two ports", "192.0.2.1:1", "192.0.2.1:2", true},
		{"mapped", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"one /64", "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true},
		{"two /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
	} {
		t.Run(tc.what, func(t *testing.T) {
			d := newDoorWith(t, web.Options{Now: func() time.Time { return now }, PerAddress: web.Rate{PerSecond: 1, Burst: 1}})
			d.handle("/x", ok)
			statuses := make([]int, 0, 2)
			for _, remote := range []string{tc.first, tc.second} {
				req := newRequest(t, "/x", remote)
				req.Header.Set("X-Forwarded-For", "198.51.100.7") // believed by nobody here
				statuses = append(statuses, d.serve(req).Code)
			}
			if want := map[bool]int{true: 429, false: 200}[tc.shared]; statuses[0] != 200 || statuses[1] != want {
				t.Errorf("statuses %v, want the second %d", statuses, want)
			}
		})
	}
}

// TestTrustProxy: behind a proxy the engine trusts, its clients are apart.
func TestTrustProxy(t *testing.T) {
	d := newDoorWith(t, web.Options{TrustProxy: true, PerAddress: web.Rate{PerSecond: 0.001, Burst: 1}})
	if err := d.engine.SetTrustedProxies([]string{"192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	d.handle("/x", ok)
	for _, tc := range []struct {
		remote, client string
		want           int
	}{
		{"192.0.2.1:1", "198.51.100.1", 200},
		{"192.0.2.1:1", "198.51.100.2", 200},
		{"192.0.2.1:1", "198.51.100.1", 429},
		{"203.0.113.9:1", "198.51.100.3", 200},
		{"203.0.113.9:1", "198.51.100.4", 429}, // not a proxy of ours
	} {
		req := newRequest(t, "/x", tc.remote)
		req.Header.Set("X-Forwarded-For", tc.client)
		if got := d.serve(req).Code; got != tc.want {
			t.Errorf("%s for %s: %d, want %d", tc.remote, tc.client, got, tc.want)
		}
	}
}

func TestNoRateLimit(t *testing.T) {
	off := web.Rate{PerSecond: -1}
	d := newDoorWith(t, web.Options{PerKey: off, PerAddress: off, Failures: off})
	d.engine.GET("/x", d.r.Route(web.Reader, web.Limits{}, ok))
	for i := range 300 {
		for token, want := range map[string]int{"": 403, "r:s": 200, fmt.Sprintf("x:%d", i): 401} {
			if res := d.get("/x", http.Header{"X-Api-Key": {token}}); res.Code != want {
				t.Fatalf("%q: %d, want %d", token, res.Code, want)
			}
		}
	}
}

func TestRatePerKey(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := newDoorWith(t, web.Options{Now: func() time.Time { return now }, PerKey: web.Rate{PerSecond: 0.5, Burst: 2}})
	d.engine.GET("/x", d.r.Route(web.Reader, web.Limits{}, ok))
	try := func(token string, want int) {
		t.Helper()
		res := d.get("/x", http.Header{"X-Api-Key": {token}})
		if res.Code != want {
			t.Errorf("%d, want %d", res.Code, want)
		}
		if want == 429 && res.Header().Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", res.Header().Get("Retry-After"))
		}
	}
	try("r:s", 200)
	try("r:s", 200)
	try("r:s", 429)
	try("a:s", 200)
	now = now.Add(2 * time.Second)
	try("r:s", 200)
	try("r:s", 429)
}
