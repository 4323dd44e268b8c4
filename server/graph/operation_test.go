package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/graph"
)

const (
	asJSON  = "Content-Type: application/json"
	asQuery = "Content-Type: application/graphql"
)

func repeat(n int, text func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(text(i))
	}
	return b.String()
}

// TestForms sends one query in every form that a request may have.
func TestForms(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	for _, tc := range []struct {
		what, method, path, body string
		headers                  []string
	}{
		{"JSON", "POST", "", `{"query":"{__typename}"}`, []string{asJSON}},
		{"JSON with everything", "POST", "", ` {"query":"query a{x:getWebhooks{id}} query b{__typename}","operationName":"b","variables":{},"extensions":{"a":[1]}} `, []string{asJSON + "; charset=utf-8"}},
		{"nulls", "POST", "", `{"query":"{__typename}","operationName":null,"variables":null,"extensions":null}`, []string{asJSON}},
		{"JSON that curl calls a form", "POST", "", `{"query":"{__typename}"}`, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"JSON without a type", "POST", "", `{"query":"{__typename}"}`, nil},
		{"the query itself", "POST", "", "{__typename}", []string{asQuery}},
		{"a comment, commas", "POST", "", "# one\n query ,, {__typename,} # two", []string{asQuery}},
		{"GET", "GET", "?query=" + url.QueryEscape("{__typename}"), "", nil},
		{"GET with everything", "GET", "?operationName=b&variables=" + url.QueryEscape(`{"a":true}`) + "&query=" + url.QueryEscape("query a{getWebhooks{id}} query b($a:Boolean!){__typename@include(if:$a)}"), "", nil},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := s.at(t)
			r := s.do(tc.method, "/graphql"+tc.path, tc.body, tc.headers...)
			s.is(r, `{"__typename":"Query"}`)
			if got := r.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %s", got)
			}
		})
	}
	const kind = "application/graphql-response+json"
	if r := s.do("POST", "/graphql", "{__typename}", asQuery, "Accept: "+kind+", application/json;q=0.9"); r.header.Get("Content-Type") != kind {
		t.Errorf("Content-Type %s", r.header.Get("Content-Type"))
	}
	r := s.do("GET", "/graphql", "")
	var hint struct{ Message, Example string }
	if err := json.Unmarshal(r.body, &hint); err != nil || r.status != 200 || !strings.Contains(hint.Message, "POST") {
		t.Fatalf("GET without a query: %d %s", r.status, r.body)
	}
	s.is(s.query(hint.Example, ""), `{"getWebhooks":[]}`)
}

// TestMalformed are requests that cannot be executed.
func TestMalformed(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	for _, tc := range []struct {
		what, body, kind string
		want             no
	}{
		{"nothing", "", asJSON, no{400, "bad_request", "the body is empty"}},
		{"blanks", " \n", asQuery, no{400, "bad_request", "the body is empty"}},
		{"a list of queries", `[{"query":"{__typename}"}]`, asJSON, no{400, "bad_request", "lists of queries"}},
		{"no JSON", "query", asJSON, no{400, "bad_request", "the body must be a JSON object"}},
		{"cut JSON", `{"query":"{__typename}"`, asJSON, no{400, "bad_request", "the body must be a JSON object"}},
		{"two objects", `{"query":"{__typename}"}{}`, asJSON, no{400, "bad_request", "the body must be a JSON object"}},
		{"a member twice", `{"query":"{__typename}","query":"{a}"}`, asJSON, no{400, "bad_request", "the body must be a JSON object"}},
		{"a form", "query=%7B__typename%7D", "Content-Type: application/x-www-form-urlencoded", no{400, "bad_request", "the body must be a JSON object"}},
		{"no query", `{"variables":{}}`, asJSON, no{400, "bad_request", "query is missing"}},
		{"query is null", `{"query":null}`, asJSON, no{400, "bad_request", "query is missing"}},
		{"query is a number", `{"query":1}`, asJSON, no{400, "bad_request", "query must be a string"}},
		{"operationName is a list", `{"query":"{__typename}","operationName":[]}`, asJSON, no{400, "bad_request", "operationName must be a string"}},
		{"variables are a text", `{"query":"{__typename}","variables":"{}"}`, asJSON, no{400, "bad_request", "variables must be a JSON object"}},
		{"variables are a list", `{"query":"{__typename}","variables":[]}`, asJSON, no{400, "bad_request", "variables must be a JSON object"}},
		{"not UTF-8", "{__typename}#\xff", asQuery, no{400, "bad_request", "not valid UTF-8"}},
		{"not UTF-8 in JSON", "{\"query\":\"{__typename}#\xff\"}", asJSON, no{400, "bad_request", "the body must be a JSON object"}},
		{"syntax", "{__typename", asQuery, no{400, "bad_request", "syntax error"}},
		{"escape", `"\q" query {__typename}`, asQuery, no{400, "bad_request", "syntax error"}},
		{"no operation", "#", asQuery, no{400, "bad_request", "no operations"}},
		{"which operation", "query a{__typename} query b{__typename}", asQuery, no{400, "bad_request", "no operation name"}},
		{"unknown operation", `{"query":"query a{__typename}","operationName":"b"}`, asJSON, no{400, "bad_request", `no operation with name \"b\"`}},
		{"unknown field", "{getWebhook{id}}", asQuery, no{400, "bad_request", "Did you mean"}},
		{"unknown argument", "{getWebhooks(jobID:1){id}}", asQuery, no{400, "bad_request", "jobID"}},
		{"no selection", "{getWebhooks}", asQuery, no{400, "bad_request", "selection of subfields"}},
		{"unknown variable", "mutation{deleteWebhook(id:$id)}", asQuery, no{400, "bad_request", "$id"}},
		{"missing argument", `mutation{saveWebhook(url:"https://a.example",event:ADDED)}`, asQuery, no{400, "bad_request", "jobID"}},
		{"event as a text", `mutation{saveWebhook(url:"https://a.example",event:"ADDED",jobID:644)}`, asQuery, no{400, "bad_request", "WebhookEvent"}},
		{"endless number", "mutation{deleteWebhook(id:99999999999999999999999)}", asQuery, no{400, "bad_request", "ID cannot represent"}},
		{"subscription", "subscription{getWebhooks{id}}", asQuery, no{400, "bad_request", "there are no subscriptions"}},
		{"fragment in itself", "{...a} fragment a on Query{...b} fragment b on Query{...a}", asQuery, no{400, "bad_request", "within itself"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := s.at(t)
			s.failed(s.do("POST", "/graphql", tc.body, tc.kind), no{tc.want.status, tc.want.code, strings.ReplaceAll(tc.want.words, `\"`, `"`)})
		})
	}
	if s.log.Len() > 0 {
		t.Errorf("mistakes of clients were logged as ours: %s", s.log)
	}
}

// TestGETReads refuses what GET may not do.
func TestGETReads(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		id := s.save("https://a.example", "ADDED", "null", "644")
		for _, text := range []string{
			file(t, "save.graphql"), fmt.Sprintf("mutation{deleteWebhook(id:%q)}", id), fmt.Sprintf("mutation{__typename a:deleteWebhook(id:%q)}", id),
		} {
			r := s.do("GET", "/graphql?query="+url.QueryEscape(text), "")
			s.failed(r, no{405, "method_not_allowed", "POST"})
			if r.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %s", r.header.Get("Allow"))
			}
		}
		s.is(s.do("GET", "/graphql?query="+url.QueryEscape("{getWebhooks{id}}"), ""), fmt.Sprintf(`{"getWebhooks":[{"id":%q}]}`, id))
		for path, words := range map[string]string{
			"?query=%":                               "not escaped",
			"?query={__typename}&query={__typename}": "2 times",
			"?query={__typename}%ff":                 "UTF-8",
			"?query={__typename}&variables=[]":       "variables must be a JSON object",
			"?query={__typename}&variables={":        "variables must be a JSON object",
		} {
			s.failed(s.do("GET", "/graphql"+path, ""), no{400, "bad_request", words})
		}
		s.failed(s.do("GET", "/graphql?query="+url.QueryEscape("{__typename"+strings.Repeat(" ", 64<<10)+"}"), ""), no{413, "too_large", "65536 bytes"})
	})
}

// TestBombs are short texts that would cost much.
func TestBombs(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	chain := func(n, width int) string {
		return repeat(n, func(i int) string {
			return fmt.Sprintf("fragment F%d on Query{%s}", i, strings.Repeat(fmt.Sprintf("...F%d ", i+1), width))
		}) + fmt.Sprintf("fragment F%d on Query{__typename}", n)
	}
	deep := func(n int) string { return strings.Repeat("{fields{type", n) + "{name}" + strings.Repeat("}}", n) }
	large, wrong := "too_large", "bad_request"
	for _, tc := range []struct {
		what, query string
		want        no
	}{
		{"long", "{__typename}" + strings.Repeat(" ", 64<<10), no{413, large, "65536 bytes"}},
		{"deep", "{__schema{types" + deep(10) + "}}", no{413, large, "depth"}},
		{"deep in fragments", "{__schema{types{...A}}}" + repeat(9, func(i int) string {
			return fmt.Sprintf("fragment %c on __Type{fields{type{...%c}}}", 'A'+i, 'B'+i)
		}) + "fragment J on __Type{fields{type{name}}}", no{413, large, "depth"}},
		{"braces", strings.Repeat("{a", 10_000), no{413, large, "opening braces"}},
		{"lists in lists", "{a(b:" + strings.Repeat("[", 60_000), no{400, wrong, "nesting depth"}},
		{"inline fragments", "{" + strings.Repeat("...{", 150) + strings.Repeat("__typename ", 400) + strings.Repeat("}", 151), no{413, large, "repeats"}},
		{"aliases", "{" + repeat(600, func(i int) string { return fmt.Sprintf("a%d:getWebhooks{id} ", i%190) }) + "}", no{413, large, "opening braces"}},
		{"aliases of fields", "{getWebhooks{" + repeat(500, func(i int) string { return fmt.Sprintf("a%d:id ", i) }) + "}}", no{413, large, "selections"}},
		{"aliases of mutations", "mutation{" + repeat(501, func(i int) string { return fmt.Sprintf("a%d:deleteWebhook(id:%d) ", i, i) }) + "}", no{413, large, "selections"}},
		{"one field often", "{" + strings.Repeat("__typename ", 5000) + "}", no{413, large, "repeats"}},
		{"fragments that double", "{...F0}" + chain(60, 2), no{413, large, "selections"}},
		{"fragments that multiply", "{...F0}" + chain(60, 100), no{413, large, "repeats"}},
		{"operations and fragments", repeat(900, func(i int) string { return fmt.Sprintf("query q%d{...F0}", i) }) + chain(900, 1), no{413, large, "opening braces"}},
		{"mistakes", "{" + strings.Repeat("a ", 30_000) + "}", no{400, wrong, "Cannot query"}},
		{"different mistakes", "{" + repeat(9000, func(i int) string { return fmt.Sprintf("a%d ", i) }) + "}", no{400, wrong, "a0"}},
		{"a long mistake", "{" + strings.Repeat("a", 60_000) + "}", no{400, wrong, "aaa"}},
		{"directives", "{__typename" + strings.Repeat("@a", 30_000) + "}", no{400, wrong, "@a"}},
		{"one name often", "query(" + strings.Repeat("$a:Int ", 9000) + "){__typename}", no{400, wrong, "$a"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := s.at(t)
			r := s.query(tc.query, "")
			s.failed(r, tc.want)
			if len(r.body) > 64<<10 {
				t.Errorf("the answer has %d bytes", len(r.body))
			}
		})
	}
	body := `{"variables":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`
	if r := s.do("POST", "/graphql", body, asJSON); r.status != 413 || !strings.Contains(string(r.body), "1048576 bytes") {
		t.Errorf("a long body: %d %s", r.status, r.body)
	}
	s.failed(s.send("POST", "/graphql", struct{ io.Reader }{strings.NewReader(body)}, asJSON), no{413, "too_large", "1048576 bytes"}) // of unknown length
}

// TestTooManyFields lists so often under so many names that the answer would be huge.
func TestTooManyFields(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for i := range 100 {
			text := fmt.Sprintf(`{"name":"w%d","format":"changes","scraper":"644","events":["on_change"],"request_url":"https://a.example/%d"}`, i, i)
			if _, err := s.webhooks.Insert(t.Context(), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		last := func(r reply, n int) {
			t.Helper()
			if r.status != 200 || strings.Count(string(r.body), `"w99.REMOVED"`) != n || strings.Contains(string(r.body), "errors") {
				t.Errorf("%d %.300s", r.status, r.body)
			}
		}
		last(s.query("{getWebhooks{"+repeat(490, func(i int) string { return fmt.Sprintf("a%d:id ", i) })+"}}", ""), 490)
		many := func(lists, fields int) string {
			return "query {" + repeat(lists, func(i int) string { return fmt.Sprintf("a%d:getWebhooks{...F} ", i) }) +
				"} fragment F on WebhookSchema {" + repeat(fields, func(i int) string { return fmt.Sprintf("b%d:id ", i) }) + "}"
		}
		last(s.query(many(10, 40), ""), 400)
		s.failed(s.query(many(40, 10), ""), no{200, "too_large", "there are 300 webhooks"})
	})
}

// TestIntrospection asks what graphical clients ask first, and looks for what the schema has to be.
func TestIntrospection(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	r := s.query(file(t, "introspection.graphql"), "")
	type ref struct {
		Kind, Name string
		OfType     *ref
	}
	type input struct {
		Name, Description string
		Type              ref
	}
	var a struct {
		Errors []any
		Data   struct {
			Schema struct {
				QueryType, MutationType, SubscriptionType *struct{ Name string }
				Types                                     []struct {
					Kind, Name, Description string
					Fields                  []struct {
						Name, Description string
						Args              []input
						Type              ref
					}
					EnumValues []struct{ Name, Description string }
				}
			} `json:"__schema"`
		}
	}
	if err := json.Unmarshal(r.body, &a); err != nil || len(a.Errors) > 0 || r.status != 200 {
		t.Fatalf("%d %v %.500s", r.status, err, r.body)
	}
	var spell func(ref) string
	spell = func(t ref) string {
		switch t.Kind {
		case "NON_NULL":
			return spell(*t.OfType) + "!"
		case "LIST":
			return "[" + spell(*t.OfType) + "]"
		default:
			return t.Name
		}
	}
	var got strings.Builder
	for _, typ := range a.Data.Schema.Types {
		if strings.HasPrefix(typ.Name, "__") || typ.Kind == "SCALAR" {
			continue
		}
		_, _ = fmt.Fprintf(&got, "%s %s", strings.ToLower(typ.Kind), typ.Name)
		for _, v := range typ.EnumValues {
			_, _ = fmt.Fprintf(&got, " %s", v.Name)
		}
		for _, f := range typ.Fields {
			_, _ = fmt.Fprintf(&got, " %s(", f.Name)
			for i, arg := range f.Args {
				_, _ = fmt.Fprintf(&got, "%s%s: %s", strings.Repeat(", ", min(i, 1)), arg.Name, spell(arg.Type))
				if arg.Description == "" {
					t.Errorf("the argument %s is not described", arg.Name)
				}
			}
			_, _ = fmt.Fprintf(&got, "): %s", spell(f.Type))
			if f.Description == "" {
				t.Errorf("the field %s is not described", f.Name)
			}
		}
		_ = got.WriteByte('\n')
	}
	const want = `object Mutation saveWebhook(url: String!, event: WebhookEvent!, fields: [String], jobID: ID!): ID! deleteWebhook(id: ID!): Boolean!
object Query getWebhooks(): [WebhookSchema!]
enum WebhookEvent ADDED UPDATED REMOVED
object WebhookSchema id(): ID! url(): String! event(): WebhookEvent! fields(): [String] jobID(): ID!
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	if sc := a.Data.Schema; sc.QueryType == nil || sc.MutationType == nil || sc.SubscriptionType != nil {
		t.Errorf("roots %+v", sc)
	}
}

// TestRoles admits admins alone.
func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		tokens := map[string]int{"": 403, "admin:wrong0123456789abc": 401}
		for _, role := range []access.Role{access.RoleReader, access.RoleWriter, access.RoleAdmin} {
			key, secret, err := s.keys.Create(t.Context(), access.Key{Role: role, Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			tokens[key.Name+":"+secret] = map[bool]int{true: 200, false: 403}[role == access.RoleAdmin]
		}
		for token, status := range tokens {
			o := s.at(t)
			o.token = token
			for _, text := range []string{file(t, "list.graphql"), file(t, "save.graphql"), file(t, "delete.graphql"), "{__typename}"} {
				if r := o.query(text, ""); r.status != status {
					t.Errorf("%.5s: %d, want %d: %s", token, r.status, status, r.body)
				}
			}
			if r := o.do("GET", "/graphql", ""); r.status != status {
				t.Errorf("%.5s: GET %d, want %d", token, r.status, status)
			}
		}
	})
}

// TestFaults keeps the text of our own faults from clients.
func TestFaults(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := newSite(t, db)
		if _, err := db.Write.ExecContext(t.Context(), "DROP TABLE webhooks"); err != nil {
			t.Fatal(err)
		}
		r := s.query("{getWebhooks{id}}", "")
		s.failed(r, no{200, "internal", "internal error"})
		if strings.Contains(string(r.body), "table") || strings.Contains(string(r.body), "relation") {
			t.Errorf("%s", r.body)
		}
		id := r.header.Get("X-Request-Id")
		if !strings.Contains(string(r.body), id) || !strings.Contains(s.log.String(), id) || !strings.Contains(s.log.String(), "webhooks") {
			t.Errorf("request %s is not found in %s or %s", id, r.body, s.log)
		}
		s.log.Reset()
		s.serve(graph.Services{Scrapers: s.scrapers}) // a nil pointer
		r = s.query("{getWebhooks{id}}", "")
		s.failed(r, no{200, "internal", "internal error"})
		if strings.Contains(string(r.body), "nil") || !strings.Contains(s.log.String(), "nil pointer") || !strings.Contains(s.log.String(), "webhooks.go") {
			t.Errorf("%s, log %s", r.body, s.log)
		}
	})
}

// TestGivenUp ends what a client, or the time it has, no longer waits for.
func TestGivenUp(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	h := graph.New(graph.Services{Webhooks: s.webhooks, Scrapers: s.scrapers}, graph.Options{})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for code, ctx := range map[string]context.Context{"unavailable": cancelled, "timeout": late} {
		rec := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(rec)
		c.Request = httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(file(t, "save.graphql")))
		c.Request.Header.Set("Content-Type", "application/graphql")
		if err := h.Serve(c); err != nil {
			t.Fatal(err)
		}
		s.failed(reply{rec.Code, rec.Header(), rec.Body.Bytes()}, no{503, code, ""})
	}
	s.is(s.query(list, ""), `{"getWebhooks":[]}`)
}
