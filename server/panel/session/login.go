package session

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/server/panel/page"
	"dochook/server/web"
)

// Routes are those of signing in and out; login is asked for the key of a token.
func (g *Gate) Routes(login Login) []page.Route {
	return []page.Route{
		page.Get(page.Path("login"), web.Public, g.loginPage),
		page.Post(page.Path("login"), web.Public, g.signIn(login)).Within(64<<10, 0),
		page.Post(page.Path("logout"), web.Reader, g.Protect(g.signOut)).Within(64<<10, 0),
	}
}

func (g *Gate) loginPage(c *gin.Context) error {
	next := local(c.Query("next"))
	if g.signedIn(c.Request.Context(), sessionID(c)) {
		return page.Redirect(c, next, nil)
	}
	return g.showLogin(c, http.StatusOK, next, page.NewForm(nil), "")
}

func (g *Gate) showLogin(c *gin.Context, status int, next string, form *page.Form, notice string) error {
	return g.pages.Render(c, status, "session/login", page.View{
		Title: "Sign in", Form: form, Data: struct{ Next, Notice string }{next, notice},
	})
}

func (g *Gate) signIn(login Login) web.Handler {
	return func(c *gin.Context) error {
		if err := g.sameSite(c.Request); err != nil {
			return err
		}
		form, err := page.Submitted(c)
		if err != nil {
			return err
		}
		next := local(form.Get("next"))
		token := bare(form.Get("token"))
		form.Set("token", "") // what is secret is not sent back
		if token == "" {
			form.Wrong("token", "Enter the token of an API key.")
			return g.showLogin(c, page.Invalid, next, form, "")
		}
		key, err := login(c, token)
		if err != nil {
			p := web.Classify(err)
			if p.Status != http.StatusUnauthorized && p.Status != http.StatusTooManyRequests {
				return err
			}
			if p.RetryAfter > 0 {
				c.Header("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
			}
			form.Wrong("token", "%s", sentence(p.Message))
			return g.showLogin(c, p.Status, next, form, "")
		}
		if old := sessionID(c); old != "" {
			if err := g.keys.CloseSession(c.Request.Context(), old); err != nil {
				return err
			}
		}
		id, err := g.keys.OpenSession(c.Request.Context(), key.Name)
		if err != nil {
			return err
		}
		g.setCookie(c, id)
		return page.Redirect(c, next, nil)
	}
}

// bare is a token without what stands before it in the service's banner and in requests: Authorization: token key:secret.
func bare(s string) string {
	s = strings.TrimSpace(s)
	for _, before := range []string{"Authorization:", "token ", "Bearer "} {
		if n := len(before); len(s) >= n && strings.EqualFold(s[:n], before) {
			s = strings.TrimSpace(s[n:])
		}
	}
	return s
}

func (g *Gate) signOut(c *gin.Context) error {
	if err := g.keys.CloseSession(c.Request.Context(), sessionID(c)); err != nil {
		return err
	}
	g.setCookie(c, "")
	return page.Redirect(c, page.Path("login"), page.Done("You are signed out."))
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
