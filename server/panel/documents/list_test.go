package documents_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
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
			return unescape(m[2])
		}
	}
	return ""
}

func TestList(t *testing.T) {
	s := site(t)
	c := s.SignIn(t, "reader")
	want(t, c.Get(t, products), http.StatusOK, "No documents yet")
	want(t, c.Get(t, products+"?state=deleted"), http.StatusOK, "Nothing is deleted")
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
	want(t, c.Get(t, products+"?q=nothing"), http.StatusOK, "Nothing found")
	want(t, c.Get(t, products+"?columns=record.owner&columns=extra"), http.StatusOK, `<bdi>{"deep":[1,2]}</bdi>`, `<bdi>x</bdi>`)
	want(t, c.Get(t, products+"?field=modified&op=%3E&value=soon"), page.Invalid, "is not a time", `value="soon"`)
	want(t, c.Get(t, products+"?field=price&op=is&value=perhaps"), page.Invalid, "set or not set", `value="perhaps"`)
	s.Insert(t, "DocType", `{"name":"Closed","autoname":"field:k","open":0,"fields":[{"fieldname":"k"}]}`)
	want(t, c.Get(t, page.Path("documents", "doctype", "Closed")+"?sort=none"), page.Invalid, "Field not permitted")
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
		want(t, paneltest.Reply{Status: 200, Body: third}, 200, "101–150")
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

func TestDocTypes(t *testing.T) {
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	c := s.SignIn(t, "admin")
	want(t, c.Get(t, "/app/documents"), http.StatusOK, "No DocTypes yet", "New DocType")
	form := url.Values{
		"name": {"Game"}, "open": {"1"}, "naming": {"format"}, "naming_format": {"{store"}, "rows": {"3"}, "title": {"Games"}, "min_ratio": {"0.9"}, "max_ratio": {"none"}, "on_zero": {"allow"},
		"fieldname.0": {"price"}, "fieldtype.0": {"Float"}, "compare.0": {"number"}, "tolerance.0": {"5%"}, "default.0": {"1.50"}, "position.0": {"2"},
		"fieldname.1": {"store"}, "fieldtype.1": {"Select"}, "options.1": {"x\r\ny"}, "reqd.1": {"1"}, "default.1": {"x"}, "position.1": {"1"},
		"fieldtype.2": {"Data"},
	}
	want(t, c.Post(t, "/app/documents/new", form), page.Invalid, "a { without }", `id="f-naming_format-error"`, `value="{store"`, `value="5%"`)
	form.Set("naming_format", "{store}-{id}")
	form.Set("tolerance.0", "much")
	want(t, c.Post(t, "/app/documents/new", form), page.Invalid, `id="f-tolerance-0-error"`, `value="much"`)
	form.Set("tolerance.0", "5%")
	form.Set("min_ratio", "2")
	want(t, c.Post(t, "/app/documents/new", form), page.Invalid, `id="f-min_ratio-error"`)
	form.Set("min_ratio", "0.9")
	form.Set("more", "1")
	want(t, c.Post(t, "/app/documents/new", form), http.StatusOK, `name="rows" value="6"`, `id="f-fieldname-5"`, `value="5%"`)
	form.Del("more")
	if r := c.Post(t, "/app/documents/new", form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	d, err := s.App.Documents.DocType(t.Context(), "Game")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`"id":"[^"]*",`)
	before := `{"name":"Game","autoname":"format:{store}-{id}","title":"Games","fields":[{"fieldname":"store","fieldtype":"Select","reqd":true,"options":"x\ny","default":"x"},` +
		`{"fieldname":"price","fieldtype":"Float","default":1.50,"compare":"number","tolerance":"5%"}],"open":true,"track_changes":false,"removal":{"on_zero":"allow","min_ratio":0.9,"max_ratio":null}}`
	if got := ids.ReplaceAllString(string(d.JSON()), ""); got != before {
		t.Fatalf("got  %s\nwant %s", got, before)
	}

	// Saved as it stands it stays as it is, ids of columns included.
	edit := page.Path("documents", "doctype", "Game", "edit")
	r := c.Get(t, edit)
	form = formOf(r.Body)
	form.Set("naming", "format")
	form.Set("open", "1")
	form.Set("reqd.0", "1")
	was := string(d.JSON())
	if r = c.Post(t, edit, form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	if d, err = s.App.Documents.DocType(t.Context(), "Game"); err != nil || string(d.JSON()) != was {
		t.Fatalf("got  %s\nwant %s (%v)", d.JSON(), was, err)
	}
	s.Ingest(t, "Game", `{"store":"x","id":1}`)
	form.Set("naming", "hash")
	want(t, c.Post(t, edit, form), page.Invalid, "cannot change while it has documents")
	form.Set("naming", "format")
	form.Set("drop.1", "1")
	for _, name := range []string{"min_ratio", "max_ratio", "on_zero"} {
		form.Set(name, "")
	}
	if r = c.Post(t, edit, form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	if d, err = s.App.Documents.DocType(t.Context(), "Game"); err != nil || len(d.Fields) != 1 || strings.Contains(string(d.Removal), "ratio") {
		t.Fatalf("%s %v", d.JSON(), err)
	}
	remove := page.Path("documents", "doctype", "Game", "delete")
	want(t, c.Get(t, c.Post(t, remove, nil).Location()), http.StatusOK, "still has documents")
	if err := s.API(t).Delete(t.Context(), "Game", "x-1"); err != nil {
		t.Fatal(err)
	}
	if r = c.Post(t, remove, nil); r.Location() != "/app/documents" {
		t.Fatal(r.Status, r.Location())
	}
	want(t, c.Get(t, edit), http.StatusNotFound)
}

func TestImport(t *testing.T) {
	s := site(t)
	c := s.SignIn(t, "limited")
	at := products + "/import"
	count := func(r paneltest.Reply, word string, n int) {
		t.Helper()
		want(t, r, http.StatusOK, "<dt>"+word+"</dt><dd>"+strconv.Itoa(n)+"</dd>")
	}
	text := "{\"sku\":\"a\",\"price\":1.50}\r\n{\"sku\":\"b\",\"price\":\"cheap\"}\r\n{\"price\":1}\r\n{\"sku\":\"a\",\"price\":2.50}"
	r := c.Post(t, at, url.Values{"text": {text}, "mode": {"replace"}})
	count(r, "New", 1)
	count(r, "Came twice", 1)
	count(r, "Refused", 2)
	want(t, r, http.StatusOK, "must be a number", "the key is missing", `{"sku":"b","price":"cheap"}`)
	if got := stored(t, s, "a"); got != `{"sku":"a","price":2.50}` {
		t.Fatal(got)
	}
	r = c.Post(t, at, url.Values{"text": {`{"data":{"items":[{"sku":"a","stock":1},{"sku":"c"}]}}`}, "path": {"data.items"}, "mode": {"merge"}})
	count(r, "Changed", 1)
	if got := stored(t, s, "a"); got != `{"sku":"a","price":2.50,"stock":1}` {
		t.Fatal(got)
	}
	count(c.Post(t, at, url.Values{"text": {"sku,price\nd,7\ne,8\n"}, "mode": {"replace"}}), "New", 2)
	want(t, c.Post(t, at, url.Values{"text": {"  "}, "mode": {"replace"}}), page.Invalid, "paste records")
	want(t, c.Post(t, at, url.Values{"text": {"<html>"}, "mode": {"replace"}}), page.Invalid, "not JSON", "<html>")
	want(t, c.Post(t, at, url.Values{"text": {"{}"}, "mode": {"append"}}), page.Invalid, "mode is replace or merge")
	want(t, c.Post(t, at, url.Values{"text": {`[{"sku":"z"}`}, "mode": {"replace"}}), page.Invalid, `[{"sku":"z"}`)

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
