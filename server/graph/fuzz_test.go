package graph_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/server/graph"
)

// FuzzServe posts anything to a door without services behind it: what is asked may be anything, what is answered is
// data, errors or both, never the text of a panic.
func FuzzServe(f *testing.F) {
	for _, name := range []string{"list.graphql", "save.graphql", "delete.graphql", "introspection.graphql"} {
		text, err := testdata.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), true)
	}
	f.Add(`{"query":"query a($b: Boolean!) { __typename @include(if: $b) }","operationName":"a","variables":{"b":true}}`, false)
	f.Add(`{"query":"mutation($i: ID!) { deleteWebhook(id: $i) }","variables":{"i":1e9}}`, false)
	f.Add("{...a} fragment a on Query {__typename ...on Query{__schema{types{name}}}}", true)
	f.Add(`"""desc""" query a($b:[String]=["\u00e9\/"]@c,){x:__typename@skip(if:false)}`, true)
	f.Add(`mutation{saveWebhook(url:"""block""",event:UPDATED,fields:["a" null {b:1.5}],jobID:-99999999999999999999)}`, true)
	gin.SetMode(gin.ReleaseMode)
	var log bytes.Buffer
	h := graph.New(graph.Services{}, graph.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	f.Fuzz(func(t *testing.T, body string, alone bool) {
		log.Reset()
		rec := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(rec)
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
		if alone {
			c.Request.Header.Set("Content-Type", "application/graphql")
		}
		if err := h.Serve(c); err != nil {
			t.Fatal(err)
		}
		var a struct {
			Errors []struct {
				Message    string
				Extensions struct{ Code string }
			}
			Data json.RawMessage
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || (a.Errors == nil) == (a.Data == nil) && rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		for _, e := range a.Errors {
			if e.Extensions.Code == "" || e.Message == "" || strings.Contains(e.Message, "runtime error") {
				t.Errorf("%s", rec.Body)
			}
		}
		if strings.Contains(log.String(), "panic") && !strings.Contains(log.String(), "nil pointer") {
			t.Errorf("%q: %s", body, log.String())
		}
	})
}
