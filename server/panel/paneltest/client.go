package paneltest

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Client is a browser without a screen: it keeps cookies and follows nothing.
type Client struct {
	site *Site
	http *http.Client
	csrf string
}

// Reply is an answer.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Location is where a redirect leads.
func (r Reply) Location() string { return r.Header.Get("Location") }

// Guest is a client that is not signed in.
func (s *Site) Guest(tb testing.TB) *Client {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Client{site: s, http: &http.Client{
		Jar: jar, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	tb.Cleanup(c.http.CloseIdleConnections)
	return c
}

// SignIn is a client that is signed in with the key of that name: admin, writer,
// limited (a writer of the DocType Product alone) or reader; "" is Guest.
func (s *Site) SignIn(tb testing.TB, key string) *Client {
	tb.Helper()
	c := s.Guest(tb)
	if key == "" {
		return c
	}
	if r := c.Post(tb, "/app/login", url.Values{"token": {s.Tokens[key]}}); r.Status != http.StatusSeeOther {
		tb.Fatalf("sign in as %s: %d %s", key, r.Status, r.Body)
	}
	found := metaToken.FindStringSubmatch(c.Get(tb, "/app").Body)
	if found == nil {
		tb.Fatal("the first page has no token for forms")
	}
	c.csrf = found[1]
	return c
}

var metaToken = regexp.MustCompile(`<meta name="csrf-token" content="([^"]+)">`)

// CSRF is the token of forms.
func (c *Client) CSRF() string { return c.csrf }

// Get asks for a path.
func (c *Client) Get(tb testing.TB, path string, headers ...string) Reply {
	tb.Helper()
	return c.Do(tb, http.MethodGet, path, "", headers...)
}

// Post posts a form as a page of the panel would, with its token.
func (c *Client) Post(tb testing.TB, path string, form url.Values) Reply {
	tb.Helper()
	sent := url.Values{"csrf": {c.csrf}}
	maps.Copy(sent, form)
	return c.Do(tb, http.MethodPost, path, sent.Encode(), "Content-Type: application/x-www-form-urlencoded", "Origin: "+c.site.URL, "Sec-Fetch-Site: same-origin")
}

// Do sends a request; headers are "Name: value".
func (c *Client) Do(tb testing.TB, method, path, body string, headers ...string) Reply {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, c.site.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for _, h := range headers {
		switch name, value, _ := strings.Cut(h, ": "); name {
		case "":
		case "Host":
			req.Host = value
		default:
			req.Header.Set(name, value)
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
	return Reply{res.StatusCode, res.Header, string(got)}
}

// Stream asks for a path that answers for as long as it is read; it ends with the
// test, and after 20 s.
func (c *Client) Stream(tb testing.TB, path string) *bufio.Reader {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), waitTime)
	tb.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.site.URL+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := c.http.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		tb.Fatalf("%s: %d %v", path, res.StatusCode, res.Header)
	}
	return bufio.NewReader(res.Body)
}
