package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"dochook/doctype/record"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// operation is what one GraphQL request asks for.
type operation struct {
	text      string // "" on GET: none
	name      string // which of those in the text; "" = the only one
	variables map[string]any
}

// readOperation reads a request in any of its forms.
func readOperation(c *gin.Context) (operation, error) {
	var q operation
	var err error
	if c.Request.Method == http.MethodGet {
		q, err = readParameters(c)
	} else {
		q, err = readBody(c)
	}
	switch {
	case err != nil:
		return q, err
	case len(q.text) > maxQuery:
		return q, web.Errorf("too_large", "query", "the query is longer than %d bytes", maxQuery)
	case strings.Count(q.text, "{") > maxBraces:
		return q, web.Errorf("too_large", "query", "the query has more than %d opening braces", maxBraces)
	}
	q.text = withSlashes(q.text)
	return q, nil
}

// withSlashes replaces \/, which stands for a slash in a string and which the library does not know: some JSON encoders
// write URLs like that. In a block string it would be two characters.
func withSlashes(text string) string {
	if !strings.Contains(text, `\/`) || strings.Contains(text, `"""`) {
		return text
	}
	return strings.NewReplacer(`\\`, `\\`, `\/`, `/`).Replace(text)
}

func readParameters(c *gin.Context) (operation, error) {
	v, err := request.Parameters(c)
	if err != nil {
		return operation{}, err
	}
	q := operation{text: v.Get("query"), name: v.Get("operationName")}
	if !utf8.ValidString(q.text) {
		return q, web.Errorf("bad_request", "query", "the query is not valid UTF-8")
	}
	if raw := []byte(v.Get("variables")); len(raw) > 0 {
		if err := checkJSON("variables", raw); err != nil {
			return q, err
		}
		q.variables, err = readVariables(raw)
	}
	return q, err
}

func readBody(c *gin.Context) (operation, error) {
	data, err := io.ReadAll(c.Request.Body) // the route bounds it
	if err != nil {
		return operation{}, fmt.Errorf("read the body: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return operation{}, web.Errorf("bad_request", "", `the body is empty: send {"query": "…"} as JSON, or the query itself as application/graphql`)
	case kind == "application/graphql" && !utf8.Valid(data):
		return operation{}, web.Errorf("bad_request", "", "the query is not valid UTF-8")
	case kind == "application/graphql":
		return operation{text: string(data)}, nil
	case data[0] == '[':
		return operation{}, web.Errorf("bad_request", "", "lists of queries are not taken: send one query, which may have several fields")
	}
	return readObject(data)
}

// readObject reads {query, operationName, variables}. Other members belong to extensions of the protocol and are left
// alone.
func readObject(data []byte) (operation, error) {
	var q operation
	if err := checkJSON("", data); err != nil {
		return q, err
	}
	for name, raw := range record.Members(data) {
		var err error
		switch {
		case string(raw) == "null":
		case name == "query":
			q.text, err = readText(name, raw)
		case name == "operationName":
			q.name, err = readText(name, raw)
		case name == "variables":
			q.variables, err = readVariables(raw)
		}
		if err != nil {
			return q, err
		}
	}
	if q.text == "" {
		return q, web.Errorf("bad_request", "query", "the member query is missing")
	}
	return q, nil
}

// checkJSON names what is wrong with a text that is to be a JSON object.
func checkJSON(field string, data []byte) error {
	err := record.Check(data)
	if err == nil {
		return nil
	}
	what := "the body"
	if field != "" {
		what = field
	}
	return web.Errorf("bad_request", field, "%s must be a JSON object: %s", what, web.Classify(err).Message)
}

func readText(name string, raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", web.Errorf("bad_request", name, "the member %s must be a string", name)
	}
	return record.Unquote(raw), nil
}

// readVariables keeps numbers as they are spelled: an ID may be one.
func readVariables(raw []byte) (map[string]any, error) {
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if raw[0] != '{' || d.Decode(&v) != nil {
		return nil, web.Errorf("bad_request", "variables", "variables must be a JSON object")
	}
	return v, nil
}
