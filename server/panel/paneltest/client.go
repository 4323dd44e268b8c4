package paneltest

import (
	"bufio"
	"context"
	"html"
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

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	textField   = regexp.MustCompile(`<input id="[^"]*" name="([^"]+)" type="text" value="([^"]*)"`)
	longField   = regexp.MustCompile(`(?s)<textarea id="[^"]*" name="([^"]+)"[^>]*>\n(.*?)</textarea>`)
	selectField = regexp.MustCompile(`(?s)<select id="[^"]*" name="([^"]+)".*?</select>`)
	chosen      = regexp.MustCompile(`<option value="([^"]*)" selected>`)
)

// Form is what a browser would post of the page's forms if nobody typed: hidden
// fields, texts and selects, but not the token nor what is ticked.
func (r Reply) Form() url.Values {
	out := url.Values{}
	for _, expression := range []*regexp.Regexp{hiddenField, textField, longField} {
		for _, m := range expression.FindAllStringSubmatch(r.Body, -1) {
			if m[1] != "csrf" {
				out.Set(m[1], html.UnescapeString(m[2]))
			}
		}
	}
	for _, m := range selectField.FindAllStringSubmatch(r.Body, -1) {
		out.Set(m[1], "")
		if c := chosen.FindStringSubmatch(m[0]); c != nil {
			out.Set(m[1], html.UnescapeString(c[1]))
		}
	}
	return out
}

// Want ends the test unless the answer has that status and, on its page, each of
// the texts.
func (r Reply) Want(tb testing.TB, status int, texts ...string) {
	tb.Helper()
	if r.Status != status {
		tb.Fatalf("status %d, want %d: %s", r.Status, status, r.Body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(r.Body), text) {
			tb.Fatalf("no %q in %s", text, r.Body)
		}
	}
}

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
