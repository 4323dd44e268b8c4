package session_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// form is how browsers send forms.
const form = "Content-Type: application/x-www-form-urlencoded"

func TestBrowser_signIn(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			b := site.Browser(t, look)
			if status := b.Go(t, "/app/keys?page=2"); status != 200 || !strings.HasPrefix(b.Path(t), "/app/login?next=") {
				t.Fatalf("%d at %s", status, b.Path(t))
			}
			b.Screenshot(t, "login-"+look.String())
			b.Accessible(t)
			b.Fill(t, "#f-token", "admin:wrong-"+look.String())
			if status := b.Follow(t, "main button"); status != 401 || !strings.Contains(b.Text(t, "#f-token-error"), "wrong, disabled or revoked") {
				t.Errorf("%d: %s", status, b.Text(t, "main"))
			}
			b.Screenshot(t, "login-wrong-"+look.String())
			b.Accessible(t)
			b.Fill(t, "#f-token", paneltest.Admin)
			if status := b.Follow(t, "main button"); status != 200 || b.Path(t) != "/app/keys?page=2" {
				t.Errorf("%d at %s", status, b.Path(t))
			}
			if status := b.Go(t, "/app/nothing/here"); status != 404 {
				t.Errorf("status %d", status)
			}
			b.Screenshot(t, "error-"+look.String())
			b.Accessible(t)
			b.Follow(t, ".who button")
			if b.Path(t) != "/app/login" || !strings.Contains(b.Text(t, "main"), "You are signed out.") {
				t.Errorf("at %s: %s", b.Path(t), b.Text(t, "main"))
			}
			if b.Go(t, "/app"); b.Path(t) != "/app/login" {
				t.Errorf("still signed in, at %s", b.Path(t))
			}
		})
	}
}

// TestCookie: it cannot be read by scripts nor sent by other sites, goes to the
// panel alone, and is for https alone where the browser came that way.
func TestCookie(t *testing.T) {
	for _, tc := range []struct {
		public, header string
		secure         bool
	}{
		{"", "", false},
		{"", "X-Forwarded-Proto: https", true},
		{"", "X-Forwarded-Proto: http", false},
		{"https://hooks.example", "Host: hooks.example", true},
		{"https://hooks.example", "Host: elsewhere.example", false},
	} {
		site := paneltest.Start(t, dbtest.New(t, dbtest.SQLite), server.Config{PublicURL: tc.public})
		r := site.Guest(t).Do(t, "POST", "/app/login", "token="+url.QueryEscape(paneltest.Admin), form, tc.header)
		cookie := r.Header.Get("Set-Cookie")
		for _, part := range []string{"dochook_session=", "Path=/app", "HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("%q lacks %s (%d)", cookie, part, r.Status)
			}
		}
		if strings.Contains(cookie, "Secure") != tc.secure {
			t.Errorf("%+v: %q", tc, cookie)
		}
	}
}

// TestNext: who signs in comes to where he was going, but never elsewhere.
func TestNext(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for next, want := range map[string]string{
		"/app/system": "/app/system", "/app/documents/a%2Fb?x=%3D&y": "/app/documents/a%2Fb?x=%3D&y", "/app": "/app", "": "/app",
		"/": "/app", "/appendix": "/app", "https://evil.example/app": "/app", "//evil.example/app": "/app", "/\\evil.example/app": "/app",
		"/app\\..\\..\\x": "/app", "/app/../healthz": "/app", "javascript:alert(1)": "/app", "/app/\r\nX: y": "/app", "/app/login": "/app", "/app/logout": "/app",
		"\t//evil.example": "/app", "/app@evil.example": "/app", "http:/app/x": "/app",
	} {
		c := site.Guest(t)
		r := c.Post(t, "/app/login", url.Values{"token": {paneltest.Admin}, "next": {next}})
		if r.Status != http.StatusSeeOther || r.Location() != want {
			t.Errorf("next=%q: %d to %q, want %q", next, r.Status, r.Location(), want)
		}
		if r := c.Get(t, "/app/login?next="+url.QueryEscape(next)); r.Status != http.StatusSeeOther || r.Location() != want {
			t.Errorf("next=%q, signed in: %d to %q", next, r.Status, r.Location())
		}
		body := site.Guest(t).Get(t, "/app/login?next="+url.QueryEscape(next)).Body
		if strings.Contains(body, "evil") || strings.Contains(body, "javascript:") {
			t.Errorf("next=%q stands in the page", next)
		}
	}
	r := site.Guest(t).Get(t, "/app/keys/key/a%2Fb?x=1")
	if want := "/app/login?next=" + url.QueryEscape("/app/keys/key/a%2Fb?x=1"); r.Status != http.StatusSeeOther || r.Location() != want {
		t.Errorf("%d to %q, want %q", r.Status, r.Location(), want)
	}
}

// TestProtect: what changes something needs the session's token, from our pages.
func TestProtect(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := paneltest.New(t, db)
		c, other := site.SignIn(t, "admin"), site.SignIn(t, "admin")
		post := func(token, header string) paneltest.Reply {
			t.Helper()
			body := url.Values{"name": {"made"}, "role": {"reader"}}
			if token != "" {
				body.Set("csrf", token)
			}
			headers := []string{form}
			if header != "" {
				headers = append(headers, strings.Split(header, "; ")...)
			}
			return c.Do(t, "POST", "/app/keys/new", body.Encode(), headers...)
		}
		for _, tc := range []struct {
			name, token, header string
		}{
			{"no token", "", ""},
			{"a wrong token", "x" + c.CSRF(), ""},
			{"the token of another session", other.CSRF(), ""},
			{"an empty header", "", "X-CSRF-Token: "},
			{"a wrong header beside a right token", c.CSRF(), "X-CSRF-Token: wrong"},
			{"another site", c.CSRF(), "Origin: https://evil.example"},
			{"another site, as browsers say", c.CSRF(), "Sec-Fetch-Site: cross-site"},
			{"a neighbour", c.CSRF(), "Sec-Fetch-Site: same-site; Origin: http://evil.127.0.0.1"},
			{"no site at all", c.CSRF(), "Origin: null"},
		} {
			if r := post(tc.token, tc.header); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "nothing was done") {
				t.Errorf("%s: %d", tc.name, r.Status)
			}
		}
		keys, err := site.App.Keys.List(t.Context())
		if err != nil || len(keys) != 4 {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for i, header := range []string{"", "Origin: " + site.URL, "Sec-Fetch-Site: same-origin", "X-CSRF-Token: " + c.CSRF()} {
			token := c.CSRF()
			if strings.HasPrefix(header, "X-CSRF") {
				token = ""
			}
			r := c.Do(t, "POST", "/app/keys/new", url.Values{"name": {fmt.Sprint("made", i)}, "role": {"reader"}, "csrf": {token}}.Encode(), strings.Split(form+"; "+header, "; ")...)
			if r.Status != http.StatusOK {
				t.Errorf("%q: %d", header, r.Status)
			}
		}
		if r := c.Do(t, "POST", "/app/login", "token="+url.QueryEscape(paneltest.Admin), form, "Sec-Fetch-Site: cross-site"); r.Status != http.StatusForbidden {
			t.Errorf("another site signs people in: %d", r.Status)
		}
	})
}

// TestEnds: a session is over at once when it is closed or its key is no more.
func TestEnds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := paneltest.New(t, db)
		off := site.SignIn(t, "writer")
		out, still := site.SignIn(t, "reader"), site.SignIn(t, "reader")
		if r := out.Post(t, "/app/logout", nil); r.Status != http.StatusSeeOther || r.Location() != "/app/login" {
			t.Errorf("%d to %s", r.Status, r.Location())
		}
		admin := site.SignIn(t, "admin")
		if r := admin.Post(t, "/app/keys/key/writer", url.Values{"role": {"writer"}}); r.Status != http.StatusSeeOther {
			t.Fatalf("disable: %d", r.Status)
		}
		for name, c := range map[string]*paneltest.Client{"signed out": out, "disabled": off} {
			if r := c.Get(t, "/app"); r.Status != http.StatusSeeOther || !strings.HasPrefix(r.Location(), "/app/login") {
				t.Errorf("%s: %d", name, r.Status)
			}
			if r := c.Post(t, "/app/logout", nil); r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, "nothing was done") {
				t.Errorf("%s: %d", name, r.Status)
			}
		}
		if r := still.Get(t, "/app"); r.Status != http.StatusOK {
			t.Errorf("another session of the key: %d", r.Status)
		}
		if r := admin.Post(t, "/app/keys/key/reader/revoke", nil); r.Status != http.StatusSeeOther {
			t.Errorf("revoke: %d", r.Status)
		}
		if r := still.Get(t, "/app"); r.Status != http.StatusSeeOther {
			t.Errorf("a session of a revoked key: %d", r.Status)
		}
		if r := site.Guest(t).Post(t, "/app/login", url.Values{"token": {site.Tokens["reader"]}}); r.Status != http.StatusUnauthorized {
			t.Errorf("a revoked key signs in: %d", r.Status)
		}
	})
}

// TestLogin_pasted: what the service prints at its first start can be pasted as it stands there.
func TestLogin_pasted(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for _, before := range []string{"", "  ", "token ", "Token  ", "Authorization: token ", " authorization:token ", "Bearer ", "Authorization: Bearer "} {
		if r := site.Guest(t).Post(t, "/app/login", url.Values{"token": {before + paneltest.Admin + " \n"}}); r.Status != http.StatusSeeOther || r.Location() != "/app" {
			t.Errorf("%q before the token: %d to %q", before, r.Status, r.Location())
		}
	}
	for _, wrong := range []string{"token", "token ", "Authorization:", "Authorization: token ", "tokens " + paneltest.Admin, "Basic " + paneltest.Admin} {
		if r := site.Guest(t).Post(t, "/app/login", url.Values{"token": {wrong}}); r.Status != http.StatusUnauthorized && r.Status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", wrong, r.Status)
		}
	}
}

// TestLogin_wrong: wrong tokens are told at the field, are not sent back, and are
// counted.
func TestLogin_wrong(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	c := site.Guest(t)
	try := func(token string) paneltest.Reply { return c.Post(t, "/app/login", url.Values{"token": {token}}) }
	for token, status := range map[string]int{"": 422, "x": 401, "admin:": 401, "admin:guess": 401, "nobody:guess": 401, paneltest.Hostile: 401} {
		r := try(token)
		if r.Status != status || !strings.Contains(r.Body, `aria-invalid="true"`) || !strings.Contains(r.Body, `id="f-token-error"`) {
			t.Errorf("%q: %d", token, r.Status)
		}
		if strings.Contains(r.Body, "guess") || strings.Contains(r.Body, "alert(1)") {
			t.Errorf("%q is sent back", token)
		}
	}
	limited := 0
	for i := range 30 {
		if r := try(fmt.Sprintf("admin:guess%d", i)); r.Status == http.StatusTooManyRequests {
			if limited++; r.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if limited < 15 {
		t.Errorf("%d of 30 guesses were refused", limited)
	}
	if r := try(paneltest.Admin); r.Status != http.StatusTooManyRequests {
		t.Errorf("after too many guesses: %d", r.Status)
	}
	if r := c.Get(t, "/readyz"); r.Status != http.StatusOK {
		t.Errorf("the API suffers: %d", r.Status)
	}
}

// TestHeaders: every answer of the panel forbids what we do not need, errors
// included, and nothing else gets these headers.
func TestHeaders(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for path, want := range map[string]int{
		"/app": 200, "/app/": 200, "/app/keys": 200, "/app/keys/new": 200, "/app/keys/key/admin": 200, "/app/system": 200, "/app/keys/key/none": 404, "/app/none": 404, "/app/logout": 405,
		"/app/assets/panel.css": 200, "/app/assets/none": 404, "/app/login": 303,
	} {
		r := site.SignIn(t, "admin").Get(t, path)
		if r.Status != want {
			t.Errorf("%s: %d, want %d", path, r.Status, want)
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin",
		} {
			if r.Header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, r.Header.Get(name))
			}
		}
		if cache := r.Header.Get("Cache-Control"); cache != "no-store" && path != "/app/assets/panel.css" {
			t.Errorf("%s: Cache-Control is %q", path, cache)
		}
		if want >= 400 && !strings.Contains(r.Body, fmt.Sprintf(`<p class="status">%d</p>`, want)) {
			t.Errorf("%s is not told as a page: %s", path, r.Body)
		}
	}
	guest := site.Guest(t)
	if r := guest.Get(t, "/app/none"); r.Status != http.StatusSeeOther {
		t.Errorf("a guest learns what there is: %d", r.Status)
	}
	if r := guest.Get(t, "/app/live", "Accept: text/event-stream"); r.Status != http.StatusUnauthorized {
		t.Errorf("a script without a session: %d", r.Status)
	}
	if r := guest.Get(t, "/none"); r.Status != http.StatusNotFound || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the API: %d %v", r.Status, r.Header)
	}
}
