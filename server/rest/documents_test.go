package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestValuesComeBack sends what decoders like to spoil.
func TestValuesComeBack(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		record := `"z":1,"price":2500.0,"big":12345678901234567890123,"exp":1E-7,"minus":-0.0,"null":null,"empty":{},"list":[],` +
			`"html":"<b>&</b>","emoji":"😀 \u00e9","slash":"\/","n":{"b":1,"a":[true,null]}`
		r := s.must("POST", "/api/resource/Product", ` {"sku": "A", `+record+"}\n")
		if want := `"docstatus":0,"idx":0,"sku":"A",` + record + "}}"; !strings.HasSuffix(string(r.body), want) {
			t.Errorf("made:\n%s\nwant at the end\n%s", r.body, want)
		}
		for _, path := range []string{"/api/resource/Product/A", "/api/v1/resource/Product/A", "/api/v2/document/Product/A"} {
			if got := s.must("GET", path, ""); string(got.body) != string(r.body) {
				t.Errorf("%s:\n%s\nwant\n%s", path, got.body, r.body)
			}
		}
		if got := s.must("GET", "/api/resource/Product?fields=[%22price%22,%22big%22,%22none%22]", ""); string(got.body) != `{"data":[{"price":2500.0,"big":12345678901234567890123,"none":null}]}` {
			t.Errorf("listed: %s", got.body)
		}
	})
}

// TestNames uses every name that a router or a database could take apart.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		for _, name := range []string{
			"plain", "a/b", "/leading", "trailing/", "//", "ü ö", "a+b", "a%2Fb", "100%", "q?x=1", "#1", "a b", "a&b=c", `quo"te'`, "\\", ".",
			"..", "../etc", "a/../b", "count", "events", "method/x", "a/method/b", "a/events", "日本", "😀", "null", "0", "x;y", ":p", "*", "?", "'; DROP TABLE documents; --",
			strings.Repeat("n", 1000),
		} {
			t.Run(fmt.Sprintf("%.20s", name), func(t *testing.T) {
				s := s.at(t)
				doc := fmt.Sprintf(`{"sku":%q}`, name)
				s.must("POST", "/api/resource/Product", doc)
				s.refused(no{409, "conflict", "already exists"}, "POST", "/api/resource/Product", doc)
				for _, base := range []string{"/api/resource/Product/", "/api/v1/resource/Product/", "/api/v2/document/Product/"} {
					for _, end := range []string{"", "/"} {
						path := base + strings.ReplaceAll(url.PathEscape(name), ".", "%2E") + end
						if got := s.must("GET", path, "").get(t, "data", "name"); got != name {
							t.Errorf("%s is %q", path, got)
						}
					}
				}
				path := "/api/v2/document/Product/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
				s.must("PUT", path, `{"a":1}`).is(t, "1", "data", "a")
				s.must("GET", path+"/events", "").is(t, "2", "data", "0", "version")
				s.must("DELETE", path, "").is(t, `{"data":"ok","message":"ok"}`)
				s.refused(no{404, "not_found", "not found"}, "GET", path, "")
				s.must("POST", path+"/method/restore", "").is(t, "1", "data", "a")
			})
		}
		// Without escapes a slash in the old API belongs to the name.
		s.must("GET", "/api/resource/Product/a/b", "").is(t, `"a/b"`, "data", "name")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/a%00b", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/%FF", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Pro%00duct/x", "")
		s.refused(no{404, "not_found", ""}, "DELETE", "/api/resource/Product/a%00b", "")
		s.refused(no{400, "bad_request", "which one"}, "PUT", "/api/resource/Product/", "{}")
		s.refused(no{400, "bad_request", "which one"}, "DELETE", "/api/resource/Product/", "")
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		for i, color := range []string{"red", "green", "blue", "red"} {
			s.must("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"p%d","color":%q,"price":%d.5}`, i, color, i*10))
		}
		list := func(v ...string) string {
			q := url.Values{}
			for i := 0; i < len(v); i += 2 {
				q.Set(v[i], v[i+1])
			}
			return "/api/resource/Product?" + q.Encode()
		}
		const byName = "name asc"
		for _, tc := range []struct{ path, want string }{
			{"/api/resource/Product", `[{"name":"p3"},{"name":"p2"},{"name":"p1"},{"name":"p0"}]`},
			{"/api/resource/Product/", `[{"name":"p3"},{"name":"p2"},{"name":"p1"},{"name":"p0"}]`},
			{list("order_by", "", "as_dict", "true", "limit", "1"), `[{"name":"p3"}]`},
			{list("order_by", byName, "fields", `["name","color"]`, "limit", "2", "limit_start", "1"), `[{"name":"p1","color":"green"},{"name":"p2","color":"blue"}]`},
			{list("order_by", byName, "fields", `["name","name","price"]`, "as_dict", "false", "limit_page_length", "2"), `[["p0",0.5],["p1",10.5]]`},
			{list("order_by", byName, "filters", `{"color":"red"}`), `[{"name":"p0"},{"name":"p3"}]`},
			{list("order_by", byName, "filters", `[["price",">",10],["Product","color","!=","red"]]`), `[{"name":"p1"},{"name":"p2"}]`},
			{list("order_by", byName, "filters", `[["color","in",["red","blue"]]]`), `[{"name":"p0"},{"name":"p2"},{"name":"p3"}]`},
			{list("order_by", byName, "filters", `[["color","like","%ee%"]]`), `[{"name":"p1"}]`},
			{list("order_by", byName, "filters", `[["price","between",[10,21]]]`), `[{"name":"p1"},{"name":"p2"}]`},
			{list("order_by", byName, "filters", `[["size","is","not set"],["name","<=","p0"]]`), `[{"name":"p0"}]`},
			{list("order_by", byName, "or_filters", `[["color","=","blue"],["name","=","p0"]]`), `[{"name":"p0"},{"name":"p2"}]`},
			{list("order_by", "color desc, name desc", "limit", "0"), `[{"name":"p3"},{"name":"p0"},{"name":"p1"},{"name":"p2"}]`},
			{list("filters", `[["name","=","'; DROP TABLE documents; --"]]`), `[]`},
		} {
			s.must("GET", tc.path, "").is(t, tc.want, "data")
		}
		for _, tc := range []struct{ path, words string }{
			{list("filters", "{"), "filters"},
			{list("filters", `[["color","~","x"]]`), "operators"},
			{list("order_by", "count(*)"), "count()"},
			{list("limit", "-1"), "limit"},
			{list("limit_start", "x"), "limit_start"},
			{list("group_by", "color"), "group_by"},
			{list("as_dict", "perhaps"), "as_dict"},
			{list("fields", "[1]"), "fields"},
		} {
			s.refused(no{417, "invalid", tc.words}, "GET", tc.path, "")
		}
		s.refused(no{400, "bad_request", "2 times"}, "GET", "/api/resource/Product?limit=1&limit=2", "")
		s.refused(no{400, "bad_request", "escaped"}, "GET", "/api/resource/Product?filters=%zz", "")
		s.must("GET", "/api/v2/document/Product?limit=3&order_by=name", "").is(t, `{"data":[{"name":"p0"},{"name":"p1"},{"name":"p2"}],"has_next_page":true}`)
		s.must("GET", "/api/v2/document/Product?limit=4&order_by=name&start=1", "").is(t, `{"data":[{"name":"p1"},{"name":"p2"},{"name":"p3"}],"has_next_page":false}`)
		s.must("GET", "/api/v2/document/Product/?limit=0&order_by=name", "").is(t, `false`, "has_next_page")
		s.must("GET", "/api/v2/doctype/Product/count?filters="+url.QueryEscape(`{"color":"red"}`), "").is(t, `{"data":2}`)
		s.must("GET", "/api/v2/doctype/Product/meta", "").is(t, `"field:sku"`, "data", "autoname")
	})
}

func TestTooManyRows(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(`{"name":"Row","autoname":"field:n"}`)
		var b strings.Builder
		for i := range 10_001 {
			fmt.Fprintf(&b, "{\"n\":%d}\n", i)
		}
		s.must("POST", "/api/ingest/Row", b.String()).is(t, "10001", "inserted")
		s.refused(no{417, "invalid", "in pages"}, "GET", "/api/resource/Row?limit=0", "")
		s.refused(no{417, "invalid", "in pages"}, "GET", "/api/resource/Row?limit=99999999", "")
		if got := s.must("GET", "/api/resource/Row?limit=10000", "").get(t, "data").([]any); len(got) != 10_000 {
			t.Errorf("%d rows", len(got))
		}
		if got := s.must("GET", "/api/v2/document/Row?limit=0", ""); len(got.get(t, "data").([]any)) != 10_000 || got.get(t, "has_next_page") != true {
			t.Errorf("%d rows, next %v", len(got.get(t, "data").([]any)), got.get(t, "has_next_page"))
		}
	})
}

func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"A","price":1,"stock":5}`)
		before := s.must("GET", "/api/resource/Product/A", "")
		s.must("PUT", "/api/resource/Product/A", `{"price":2}`).is(t, "5", "data", "stock")
		s.must("PATCH", "/api/v2/document/Product/A", `{"stock":6}`).is(t, "2", "data", "price")

		// A client that sends back what it read may not undo what came since.
		old := string(before.body[len(`{"data":`) : len(before.body)-1])
		s.refused(no{417, "stale", "modified after you opened it"}, "PUT", "/api/resource/Product/A", old)
		s.isType(s.do("PUT", "/api/resource/Product/A", old), "TimestampMismatchError")
		s.refused(no{417, "invalid", "modified"}, "PUT", "/api/resource/Product/A", `{"modified":"yesterday"}`)
		now := s.must("GET", "/api/resource/Product/A", "")
		same := s.must("PUT", "/api/resource/Product/A", string(now.body[len(`{"data":`):len(now.body)-1]))
		if string(same.body) != string(now.body) {
			t.Errorf("sending it back changed it:\n%s\n%s", now.body, same.body)
		}

		// Standard fields are nobody's business; the key does not change.
		s.must("PUT", "/api/resource/Product/A", `{"owner":"evil","creation":"1999-01-01","docstatus":1,"name":"B","doctype":"X"}`).is(t, `"Administrator"`, "data", "owner")
		s.refused(no{417, "immutable", "sku"}, "PUT", "/api/resource/Product/A", `{"sku":"B"}`)
		s.refused(no{404, "not_found", "not found"}, "PUT", "/api/resource/Product/B", `{"price":1}`)
		s.refused(no{404, "not_found", "not found"}, "DELETE", "/api/resource/Product/B", ``)
		s.must("GET", "/api/v2/document/Product/A/events?limit=2", "").is(t, `[{"name":"stock","from":5,"to":6}]`, "data", "0", "changed")
		s.refused(no{417, "invalid", "limit"}, "GET", "/api/v2/document/Product/A/events?limit=many", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/v2/document/Product/never/events", "")

		s.must("DELETE", "/api/resource/Product/A", "")
		s.must("GET", "/api/v2/document/Product/A/events", "").is(t, `"on_trash"`, "data", "0", "event")
		s.must("POST", "/api/v2/document/Product/A/method/restore", "")
		s.refused(no{409, "conflict", "not trashed"}, "POST", "/api/v2/document/Product/A/method/restore", "")
		s.must("GET", "/api/v2/document/Product/A/events", "").is(t, `true`, "data", "0", "restored")
		s.refused(no{404, "not_found", "no method"}, "POST", "/api/v2/document/Product/A/method/explode", "")
		s.refused(no{405, "method_not_allowed", "POST"}, "GET", "/api/v2/document/Product/A/method/restore", "")
		s.refused(no{405, "method_not_allowed", "PUT"}, "POST", "/api/resource/Product/A", "{}")
	})
}

func (s *site) isType(r reply, want string) {
	s.t.Helper()
	if got := r.get(s.t, "exc_type"); got != want {
		s.t.Errorf("exc_type %v, want %s", got, want)
	}
}

// TestOwnFields has records with members that Frappe's standard fields hide.
func TestOwnFields(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(`{"name":"Named","autoname":"field:name"}`)
		s.define(`{"name":"Asked","autoname":"prompt"}`)
		s.must("POST", "/api/resource/Named", `{"name":"N","price":1}`).is(t, `{"name":"N"}`, "data", "record")
		s.must("POST", "/api/ingest/Named", `{"name":"M","owner":"me","price":1}`)
		s.must("GET", "/api/resource/Named/M", "").is(t, `{"name":"M","owner":"me"}`, "data", "record")
		s.must("GET", "/api/resource/Named?filters="+url.QueryEscape(`{"record.owner":"me"}`)+"&fields="+url.QueryEscape(`["name","record.owner"]`), "").
			is(t, `[{"name":"M","record.owner":"me"}]`, "data")
		read := s.must("GET", "/api/resource/Named/M", "")
		again := s.must("PUT", "/api/resource/Named/M", string(read.body[len(`{"data":`):len(read.body)-1]))
		if string(read.body) != string(again.body) {
			t.Errorf("sending it back changed it:\n%s\n%s", read.body, again.body)
		}
		s.must("POST", "/api/resource/Asked", `{"name":"P","price":1}`).is(t, `"P"`, "data", "name")
		s.must("PUT", "/api/resource/Asked/P", `{"name":"Q","price":2}`).is(t, `"P"`, "data", "record", "name")
		s.refused(no{409, "name", ""}, "POST", "/api/resource/Asked", `{"price":1}`)
	})
}

// TestBodies sends documents in the ways clients wrap them.
func TestBodies(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const form = "Content-Type: application/x-www-form-urlencoded"
		doc := func(sku string) string { return `{"sku":"` + sku + `","a":1.0}` }
		for i, tc := range []struct{ body, header string }{
			{doc("b0"), "Content-Type: application/json; charset=utf-8"},
			{doc("b1"), "Content-Type: text/plain"},
			{doc("b2"), form}, // curl -d without a header
			{"data=" + url.QueryEscape(doc("b3")), form},
			{"\n" + doc("b4") + "\n", "Accept: */*"},
		} {
			s.must("POST", "/api/resource/Product", tc.body, tc.header).is(t, "1.0", "data", "a")
			s.must("GET", fmt.Sprintf("/api/resource/Product/b%d", i), "", "Content-Type: application/json")
		}
		s.must("POST", "/api/resource/Product", "sku=b5&a=1", form).is(t, `"1"`, "data", "a")
		s.refused(no{400, "bad_request", "form"}, "POST", "/api/resource/Product", "data=%zz", form)
		s.refused(no{415, "unsupported", "JSON"}, "POST", "/api/resource/Product", "--x", "Content-Type: multipart/form-data; boundary=x")
		s.refused(no{409, "name", "key is missing"}, "POST", "/api/resource/Product", "")
	})
}

// TestConcurrentUpdates has many clients write different fields of one
// document: none is lost, and each change is an event.
func TestConcurrentUpdates(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"A"}`)
		read := s.must("GET", "/api/resource/Product/A", "").get(t, "data", "modified")
		var wg sync.WaitGroup
		statuses := make([]int, 20)
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = s.do("PUT", "/api/resource/Product/A", fmt.Sprintf(`{"f%d":%d}`, i, i)).status
			})
		}
		wg.Wait()
		got := s.must("GET", "/api/resource/Product/A", "")
		for i, status := range statuses {
			if status != http.StatusOK {
				t.Errorf("update %d: %d", i, status)
			}
			got.is(t, fmt.Sprint(i), "data", fmt.Sprintf("f%d", i))
		}
		if n := len(s.must("GET", "/api/v2/document/Product/A/events", "").get(t, "data").([]any)); n != 21 {
			t.Errorf("%d events, want 21", n)
		}
		// With the lock one of two wins.
		now := s.must("GET", "/api/resource/Product/A", "").get(t, "data", "modified")
		if now == read {
			t.Fatal("modified did not move")
		}
		won := 0
		for i := range 8 {
			wg.Go(func() {
				r := s.do("PUT", "/api/resource/Product/A", fmt.Sprintf(`{"w":%d,"modified":%q}`, i, now))
				if statuses[i] = r.status; r.status != 200 {
					s.isRefusal(r, 417, "stale", "")
				}
			})
		}
		wg.Wait()
		for _, status := range statuses[:8] {
			if status == 200 {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 won: %v", won, statuses[:8])
		}
	})
}

func TestDocTypes(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.must("POST", "/api/resource/DocType", `{"name":"Shop/Item ü","autoname":"field:id","fields":[{"fieldname":"price","fieldtype":"Currency","tolerance":0.5}]}`).
			is(t, `"Administrator"`, "data", "owner")
		s.must("GET", "/api/resource/DocType/Shop%2FItem%20%C3%BC", "").is(t, `0.5`, "data", "fields", "0", "tolerance")
		s.must("POST", "/api/resource/Shop%2FItem%20%C3%BC", `{"id":"x"}`)
		s.must("GET", "/api/resource/Shop%2FItem%20%C3%BC/x", "")
		s.must("PUT", "/api/resource/DocType/Shop%2FItem%20%C3%BC", `{"title":"Items","open":0}`).is(t, `false`, "data", "open")
		s.refused(no{417, "invalid", "colour"}, "POST", "/api/resource/Shop%2FItem%20%C3%BC", `{"id":"y","colour":"red"}`)
		s.must("GET", "/api/resource/DocType?filters="+url.QueryEscape(`{"title":"Items"}`)+"&fields="+url.QueryEscape(`["name","title"]`), "").
			is(t, `[{"name":"Shop/Item ü","title":"Items"}]`, "data")
		s.refused(no{417, "immutable", "renamed"}, "PUT", "/api/resource/DocType/Shop%2FItem%20%C3%BC", `{"name":"Other"}`)
		s.refused(no{417, "immutable", "naming rule"}, "PUT", "/api/resource/DocType/Shop%2FItem%20%C3%BC", `{"autoname":"hash"}`)
		s.refused(no{417, "immutable", "still has documents"}, "DELETE", "/api/resource/DocType/Shop%2FItem%20%C3%BC", "")
		s.refused(no{409, "conflict", "already exists"}, "POST", "/api/resource/DocType", `{"name":"Shop/Item ü"}`)
		for _, name := range []string{"DocType", "Webhook", "API Key", "Scrape Job"} {
			s.refused(no{409, "name", "built-in"}, "POST", "/api/resource/DocType", fmt.Sprintf(`{"name":%q}`, name))
		}
		s.refused(no{417, "invalid", "autoname"}, "POST", "/api/resource/DocType", `{"name":"X","autoname":"field:"}`)
		s.refused(no{417, "invalid", "shape"}, "POST", "/api/resource/DocType", `{"name":"X","shape":1}`)
		s.refused(no{404, "not_found", "Nothing"}, "GET", "/api/resource/Nothing", "")
		s.must("DELETE", "/api/resource/Shop%2FItem%20%C3%BC/x", "")
		s.must("DELETE", "/api/resource/DocType/Shop%2FItem%20%C3%BC", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Shop%2FItem%20%C3%BC/x", "")
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		for i := range 5 {
			s.must("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"p%d"}`, i))
			s.must("POST", "/api/resource/Other", fmt.Sprintf(`{"sku":"o%d"}`, i))
		}
		all := s.must("GET", "/api/events", "").get(t, "data").([]any)
		if len(all) != 10 {
			t.Fatalf("%d events", len(all))
		}
		r := s.must("GET", "/api/events?doctype=Other&limit=2&after=2", "")
		r.is(t, `"o1"`, "data", "0", "name")
		r.is(t, `"o2"`, "data", "1", "name")
		if n := len(r.get(t, "data").([]any)); n != 2 {
			t.Errorf("%d events", n)
		}
		s.must("GET", fmt.Sprintf("/api/events?after=%d", 1<<62), "").is(t, `{"data":[]}`)
		s.refused(no{417, "invalid", "after"}, "GET", "/api/events?after=x", "")
		s.refused(no{417, "invalid", "1000"}, "GET", "/api/events?limit=1001", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/events?doctype=None", "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/events?doctype=%00", "")
	})
}
