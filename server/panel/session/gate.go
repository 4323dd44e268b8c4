package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/server/access"
	"dochook/server/panel/page"
	"dochook/server/web"
)

//go:embed all:templates
var templates embed.FS

// Login finds the key of a token that somebody typed, and counts wrong ones.
type Login func(c *gin.Context, token string) (access.Key, error)

// Options of a Gate; the zero value is ready for use.
type Options struct {
	// PublicURL is under which others reach the service. Where it is https the
	// cookie of who comes that way is for https alone, and forms may come from there.
	PublicURL string
}

// Gate knows who is signed in.
type Gate struct {
	keys   *access.Service
	pages  *page.Set
	cross  *http.CrossOriginProtection
	public *url.URL
}

// New returns a Gate. The error is of PublicURL.
func New(keys *access.Service, pages *page.Set, o Options) (*Gate, error) {
	g := &Gate{keys: keys, pages: pages, cross: http.NewCrossOriginProtection()}
	public, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("session: the public URL: %w", err)
	}
	g.public = public
	if public.Host != "" {
		if err := g.cross.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, fmt.Errorf("session: the public URL: %w", err)
		}
	}
	return g, pages.Add("session", templates)
}

// Face is how the panel meets its callers.
func (g *Gate) Face() web.Face { return web.Face{Admit: g.admit, Answer: g.answer} }

const (
	cookieName = "dochook_session"
	// tokenField and tokenHeader carry the token of forms.
	tokenField  = "csrf"
	tokenHeader = "X-CSRF-Token"
)

// admit finds the key of the session; what is written from now on is written on
// behalf of its user.
func (g *Gate) admit(c *gin.Context) (access.Key, error) {
	id := sessionID(c)
	key, err := g.keys.Session(c.Request.Context(), id)
	if err != nil {
		return access.Key{}, err
	}
	page.SetToken(c, formToken(id))
	ctx := doctype.WithUser(c.Request.Context(), doctype.User{KeyID: key.Name, Name: key.Owner})
	c.Request = c.Request.WithContext(ctx)
	return key, nil
}

func sessionID(c *gin.Context) string {
	cookie, err := c.Request.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// formToken is a session's token of forms: who knows it does not know the id.
func formToken(id string) string {
	mac := hmac.New(sha256.New, []byte(id))
	_, _ = mac.Write([]byte("form")) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// answer tells a problem as a page. Who is not signed in is asked to sign in.
func (g *Gate) answer(c *gin.Context, p web.Problem) error {
	if p.Status != http.StatusUnauthorized {
		return g.pages.Problem(c, p)
	}
	switch {
	case c.Request.Method != http.MethodGet:
		return g.showLogin(c, http.StatusUnauthorized, page.Root, page.NewForm(nil), "Your session is over, so nothing was done. Sign in and try again.")
	case c.GetHeader("X-Fragment") != "" || strings.Contains(c.GetHeader("Accept"), "text/event-stream"):
		return g.pages.Problem(c, p) // a script cannot use the page to sign in
	}
	return page.Redirect(c, loginPath(c.Request.URL.RequestURI()), nil)
}

func loginPath(next string) string {
	if next = local(next); next == page.Root {
		return page.Path("login")
	}
	return page.Path("login") + "?next=" + url.QueryEscape(next)
}

// Protect refuses a request that changes something and does not come from one of
// our own pages.
func (g *Gate) Protect(next web.Handler) web.Handler {
	return func(c *gin.Context) error {
		if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			return next(c)
		}
		if err := g.sameSite(c.Request); err != nil {
			return err
		}
		form, err := page.Parse(c.Request)
		if err != nil {
			return err
		}
		given := c.GetHeader(tokenHeader)
		if given == "" {
			given = form.Get(tokenField)
		}
		form.Del(tokenField) // not what somebody typed
		if !hmac.Equal([]byte(given), []byte(formToken(sessionID(c)))) {
			return web.Errorf("forbidden", "", "the form does not belong to your session, so nothing was done: go back, reload the page and try again")
		}
		return next(c)
	}
}

func (g *Gate) sameSite(r *http.Request) error {
	if g.cross.Check(r) != nil {
		return web.Errorf("forbidden", "", "the form was sent by another site, so nothing was done")
	}
	return nil
}

// setCookie gives the browser a session; with "" it forgets the one it has.
func (g *Gate) setCookie(c *gin.Context, id string) {
	cookie := &http.Cookie{ //nolint:gosec // for plain HTTP on the own machine it cannot be Secure
		Name: cookieName, Value: id, Path: page.Root, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: g.secure(c.Request),
	}
	if id == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, cookie)
}

// secure reports whether the browser came by https: to us, to the public URL, or
// to a proxy beside us that says so.
func (g *Gate) secure(r *http.Request) bool {
	if r.TLS != nil || g.public.Scheme == "https" && strings.EqualFold(g.public.Host, r.Host) {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	near := err == nil && (peer.Addr().IsLoopback() || peer.Addr().IsPrivate())
	return near && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// local is the address if it is one of the panel's, else the panel's start: a
// link must not lead elsewhere by way of us.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "//") ||
		!page.Covers(u.EscapedPath()) || strings.Contains(u.EscapedPath(), "/..") || strings.HasPrefix(u.EscapedPath(), page.Path("log")) {
		return page.Root
	}
	return next
}

// signedIn is the key of the session, if there is one.
func (g *Gate) signedIn(ctx context.Context, id string) bool {
	_, err := g.keys.Session(ctx, id)
	return err == nil
}
