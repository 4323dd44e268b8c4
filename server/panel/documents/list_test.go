package documents_test

import (
	"bytes"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

var rowName = regexp.MustCompile(`<th scope="row" data-label="Name"><a href="[^"]*"><bdi>([^<]*)</bdi>`)

func rows(body string) string {
	var out []string
	for _, m := range rowName.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, " ")
}

var link = regexp.MustCompile(`<a class="button small" rel="(prev|next)" href="([^"]*)">`)

// follow is the address of the next or the previous page.
func follow(body, rel string) string {
	for _, m := range link.FindAllStringSubmatch(body, -1) {
		if m[1] == rel {
			return html.UnescapeString(m[2])
		}
	}
	return ""
}

func TestList(t *testing.T) {
	s := site(t)
	c := s.SignIn(t, "reader")
	c.Get(t, products).Want(t, http.StatusOK, "No documents yet")
	c.Get(t, products+"?state=deleted").Want(t, http.StatusOK, "Nothing is deleted")
	s.Ingest(t, "Product", `{"sku":"a","price":10,"about":"warm","owner":"x"}
{"sku":"b","price":9.5,"about":"100% wool","extra":{"deep":[1,2]}}
{"sku":"c","about":"cold"}
`)
	for query, names := range map[string]string{
		"":                                   "a b c",
		"sort=name&dir=desc":                 "c b a",
		"sort=price&dir=asc":                 "c b a",
		"sort=price&dir=desc":                "a b c",
		"q=wool":                             "b",
		"q=100%25":                           "b",
		"q=B":                                "b",
		"q=nothing":                          "",
		"field=price&op=%3E&value=9":         "a b",
		"field=price&op=is&value=not+set":    "c",
		"field=about&op=like&value=o":        "b c",
		"field=about&op=not+like&value=o":    "a",
		"field=price&op=between&value=9,9.7": "b",
		"field=name&op=in&value=a,c":         "a c",
		"field=record.owner&op=%3D&value=x":  "a",
		"field=price&op=%3E&value=9&field=price&op=%3C&value=10": "b",
	} {
		if got := rows(c.Get(t, products+"?"+query).Body); got != names {
			t.Errorf("%s: %q, want %q", query, got, names)
		}
	}
	c.Get(t, products+"?q=nothing").Want(t, http.StatusOK, "Nothing found")
	c.Get(t, products+"?columns=record.owner&columns=extra").Want(t, http.StatusOK, `<bdi>{"deep":[1,2]}</bdi>`, `<bdi>x</bdi>`)
	c.Get(t, products+"?field=modified&op=%3E&value=soon").Want(t, page.Invalid, "is not a time", `value="soon"`)
	c.Get(t, products+"?field=price&op=is&value=perhaps").Want(t, page.Invalid, "set or not set", `value="perhaps"`)
	s.Insert(t, "DocType", `{"name":"Closed","autoname":"field:k","open":0,"fields":[{"fieldname":"k"}]}`)
	c.Get(t, page.Path("documents", "doctype", "Closed")+"?sort=none").Want(t, page.Invalid, "Field not permitted")
}

func TestPaging(t *testing.T) {
	s := site(t)
	for page := range 3 { // three times of change
		var b strings.Builder
		for i := range 60 {
			fmt.Fprintf(&b, `{"sku":"%d-%02d","price":%d}`+"\n", page, i, i)
		}
		s.Ingest(t, "Product", b.String())
	}
	c := s.SignIn(t, "reader")
	for _, sort := range []string{"", "?sort=modified&dir=asc", "?sort=name&dir=asc", "?sort=name&dir=desc", "?sort=price&dir=asc", "?field=price&op=%3E%3D&value=0"} {
		var all, forward []string
		at := products + sort
		for at != "" {
			body := c.Get(t, at).Body
			forward = append(forward, at)
			all = append(all, strings.Fields(rows(body))...)
			at = follow(body, "next")
		}
		seen := map[string]bool{}
		for _, name := range all {
			seen[name] = true
		}
		if len(all) != 180 || len(seen) != 180 || len(forward) != 4 {
			t.Errorf("%s: %d rows, %d names, %d pages", sort, len(all), len(seen), len(forward))
		}
		if strings.Contains(sort, "field") {
			continue
		}
		last := c.Get(t, forward[3]).Body
		third := c.Get(t, follow(last, "prev")).Body
		if got := rows(third); got != strings.Join(all[100:150], " ") {
			t.Errorf("%s: back from the last page: %s", sort, got)
		}
		paneltest.Reply{Status: 200, Body: third}.Want(t, 200, "101–150")
		second := c.Get(t, follow(third, "prev")).Body
		first := c.Get(t, follow(second, "prev")).Body
		if rows(first) != strings.Join(all[:50], " ") || follow(first, "prev") != "" {
			t.Errorf("%s: back at the beginning: %s", sort, rows(first))
		}
	}
	for _, bad := range []string{"a", "x", "a1.2", "a1.2.", "o99999999999.0.", "o-1.0.", "b1.9223372036854775807.a", "a1.1.\x00"} {
		if r := c.Get(t, products+"?at="+url.QueryEscape(bad)); r.Status != 200 {
			t.Errorf("%q: %d", bad, r.Status)
		}
	}
}

func TestImport(t *testing.T) {
	s := site(t)
	c := s.SignIn(t, "limited")
	at := products + "/import"
	count := func(r paneltest.Reply, word string, n int) {
		t.Helper()
		r.Want(t, http.StatusOK, "<dt>"+word+"</dt><dd>"+strconv.Itoa(n)+"</dd>")
	}
	text := "{\"sku\":\"a\",\"price\":1.50}\r\n{\"sku\":\"b\",\"price\":\"cheap\"}\r\n{\"price\":1}\r\n{\"sku\":\"a\",\"price\":2.50}"
	r := c.Post(t, at, url.Values{"text": {text}, "mode": {"replace"}})
	count(r, "New", 1)
	count(r, "Came twice", 1)
	count(r, "Refused", 2)
	r.Want(t, http.StatusOK, "must be a number", "the key is missing", `{"sku":"b","price":"cheap"}`)
	if got := stored(t, s, "a"); got != `{"sku":"a","price":2.50}` {
		t.Fatal(got)
	}
	r = c.Post(t, at, url.Values{"text": {`{"data":{"items":[{"sku":"a","stock":1},{"sku":"c"}]}}`}, "path": {"data.items"}, "mode": {"merge"}})
	count(r, "Changed", 1)
	if got := stored(t, s, "a"); got != `{"sku":"a","price":2.50,"stock":1}` {
		t.Fatal(got)
	}
	if !strings.Contains(r.Body, "that are not in the pasted text stay") {
		t.Error("it is not said what becomes of the others")
	}
	wrong := c.Post(t, at, url.Values{"text": {`{"total":2,"products":[{"sku":"w1"},{"sku":"w2"}]}`}, "mode": {"replace"}})
	wrong.Want(t, http.StatusOK, `<div class="notice bad">The only record was refused.`, "There is a list of 2 under <code><bdi>products</bdi></code>", `import-options" open`)
	count(c.Post(t, at, url.Values{"text": {"sku,price\nd,7\ne,8\n"}, "mode": {"replace"}}), "New", 2)
	c.Post(t, at, url.Values{"text": {"  "}, "mode": {"replace"}}).Want(t, page.Invalid, "paste records")
	c.Post(t, at, url.Values{"text": {"<html>"}, "mode": {"replace"}}).Want(t, page.Invalid, "not JSON", "<html>")
	c.Post(t, at, url.Values{"text": {"{}"}, "mode": {"append"}}).Want(t, page.Invalid, "mode is replace or merge")
	c.Post(t, at, url.Values{"text": {`[{"sku":"z"}`}, "mode": {"replace"}}).Want(t, page.Invalid, `[{"sku":"z"}`)

	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range map[string]string{"csrf": c.CSRF(), "mode": "replace"} {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", `list"<b>.csv`)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprint(file, "sku,about\nf1,one\nf2,\"two\nlines\"\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r = c.Do(t, http.MethodPost, at, b.String(), "Content-Type: "+w.FormDataContentType(), "Origin: "+s.URL, "Sec-Fetch-Site: same-origin")
	count(r, "New", 2)
	if got := stored(t, s, "f2"); got != `{"sku":"f2","about":"two\nlines"}` {
		t.Fatal(got)
	}
	if strings.Contains(r.Body, "<b>.csv") {
		t.Error("the name of the file is markup")
	}
}
