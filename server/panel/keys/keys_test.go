package keys_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// token is where a new key is shown.
var token = regexp.MustCompile(`id="token" tabindex="0"><code>([^<]+)</code>`)

func TestCreate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := paneltest.New(t, db)
		c := site.SignIn(t, "admin")
		blank := c.Get(t, "/app/keys/new").Body
		name := regexp.MustCompile(`name="name" type="text" value="([a-z2-7]{15})"`).FindStringSubmatch(blank)
		if name == nil {
			t.Fatalf("the form proposes no name:\n%s", blank)
		}
		form := url.Values{"name": {name[1]}, "role": {"writer"}, "doctypes": {" Product \r\n\r\nSales, Order\r\n"}, "description": {paneltest.Hostile}, "user": {"jo"}}
		r := c.Post(t, "/app/keys/new", form)
		shown := token.FindStringSubmatch(r.Body)
		if r.Status != http.StatusOK || shown == nil {
			t.Fatalf("%d:\n%s", r.Status, r.Body)
		}
		key, err := site.App.Keys.Authenticate(t.Context(), shown[1])
		if err != nil || key.Name != name[1] || key.Role != access.RoleWriter || key.Owner != "jo" || strings.Join(key.DocTypes, "|") != "Product|Sales, Order" ||
			key.Description != paneltest.Hostile || key.ModifiedBy != "Administrator" {
			t.Errorf("%+v, %v", key, err)
		}
		secret := strings.TrimPrefix(shown[1], key.Name+":")
		if again := c.Post(t, "/app/keys/new", form); again.Status != 422 || !strings.Contains(again.Body, "already") {
			t.Errorf("sent twice: %d", again.Status)
		}
		for _, path := range []string{"/app/keys", "/app/keys/key/" + key.Name} {
			if body := c.Get(t, path).Body; strings.Contains(body, secret) || strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
				t.Errorf("%s shows what it must not", path)
			}
		}
	})
}

// TestForm_wrong: what was typed stays, and the mistake stands at its field.
func TestForm_wrong(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	c := site.SignIn(t, "admin")
	for _, tc := range []struct {
		path, field string
		form        url.Values
	}{
		{"/app/keys/new", "name", url.Values{"name": {"a b"}, "role": {"reader"}, "description": {"kept"}}},
		{"/app/keys/new", "name", url.Values{"name": {"admin"}, "role": {"reader"}, "description": {"kept"}}},
		{"/app/keys/new", "role", url.Values{"role": {"king"}, "description": {"kept"}}},
		{"/app/keys/new", "doctypes", url.Values{"role": {"reader"}, "doctypes": {"Product\nkept"}, "description": {"kept"}}},
		{"/app/keys/key/writer", "user", url.Values{"role": {"writer"}, "user": {strings.Repeat("x", 200)}, "description": {"kept"}}},
		{"/app/keys/key/writer", "description", url.Values{"role": {"writer"}, "description": {"kept" + strings.Repeat("x", 2000)}}},
	} {
		r := c.Post(t, tc.path, tc.form)
		if r.Status != 422 || !strings.Contains(r.Body, `id="f-`+tc.field+`-error"`) || !strings.Contains(r.Body, `href="#f-`+tc.field+`"`) {
			t.Errorf("%s %v: %d\n%s", tc.path, tc.form, r.Status, r.Body)
		}
		if !strings.Contains(r.Body, `value="kept`) {
			t.Errorf("%v: what was typed is lost", tc.form)
		}
	}
	for path, form := range map[string]url.Values{
		"/app/keys/key/admin":        {"role": {"admin"}}, // which disables it
		"/app/keys/key/admin/revoke": nil,
	} {
		r := c.Post(t, path, form)
		body := r.Body
		if r.Status == http.StatusSeeOther {
			body = c.Get(t, r.Location()).Body
		}
		if !strings.Contains(body, "the last enabled admin key") {
			t.Errorf("%s: %d\n%s", path, r.Status, body)
		}
	}
	if r := c.Post(t, "/app/keys/key/none", url.Values{"role": {"reader"}}); r.Status != http.StatusNotFound {
		t.Errorf("a key that is not there: %d", r.Status)
	}
}

func TestBrowser(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for i, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			name := fmt.Sprintf("made%d", i)
			b := site.Browser(t, look)
			b.SignIn(t, "admin")
			b.Follow(t, `.nav a[href="/app/keys"]`)
			b.Screenshot(t, "keys-"+look.String())
			b.Accessible(t)
			b.Follow(t, ".heading .button.primary")
			b.Fill(t, "#f-name", "no good")
			if status := b.Follow(t, "main form button"); status != 422 {
				t.Errorf("status %d", status)
			}
			b.Screenshot(t, "keys-wrong-"+look.String())
			b.Accessible(t)
			b.Fill(t, "#f-name", name)
			b.Choose(t, "#f-role", "writer")
			b.Fill(t, "#f-doctypes", "Product")
			if status := b.Follow(t, "main form button"); status != 200 || !strings.Contains(b.Text(t, "#token"), name+":") {
				t.Fatalf("%d: %s", status, b.Text(t, "main"))
			}
			b.Screenshot(t, "keys-made-"+look.String())
			b.Accessible(t)
			b.Follow(t, "main a.button")
			b.Follow(t, `a[href="/app/keys/key/`+name+`"]`)
			b.Click(t, ".confirm > summary")
			b.Screenshot(t, "keys-revoke-"+look.String())
			b.Accessible(t)
			if status := b.Follow(t, ".confirm-box button"); status != 200 || !strings.Contains(b.Text(t, "main"), "Revoked the key "+name) {
				t.Errorf("%d: %s", status, b.Text(t, "main"))
			}
			if b.Count(t, `a[href="/app/keys/key/`+name+`"]`) != 0 {
				t.Error("the key is still listed")
			}
		})
	}
}
