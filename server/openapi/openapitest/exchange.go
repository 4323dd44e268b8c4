package openapitest

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is a request and its answer.
type Exchange struct {
	Method, Path string // escaped, without the query
	Query        string
	Header       http.Header
	Body         []byte
	BodyCut      bool // there was more of it

	Status       int
	AnswerHeader http.Header
	Answer       []byte
	AnswerCut    bool
}

// left are paths that are not described.
const left = "/app"

// Check says what of an exchange is not as described.
func (d *Description) Check(e *Exchange) []string {
	if e.Path == left || strings.HasPrefix(e.Path, left+"/") {
		return nil
	}
	o := d.find(e.Method, e.Path)
	if o == nil {
		return d.checkUnknown(e)
	}
	var wrong []string
	if e.Status < http.StatusBadRequest {
		wrong = append(wrong, d.checkParameters(o, e)...)
		wrong = append(wrong, d.checkBody(o, e.Header, e.Body, e.BodyCut)...)
	}
	return append(wrong, d.checkAnswer(o, e)...)
}

// checkUnknown wants a refusal.
func (d *Description) checkUnknown(e *Exchange) []string {
	if e.Status < http.StatusBadRequest {
		return []string{"the operation is not described"}
	}
	if e.Method == http.MethodHead {
		return nil
	}
	return d.checkJSON("/components/schemas/Error", e.Answer)
}

func (d *Description) checkParameters(o *operation, e *Exchange) []string {
	values, err := url.ParseQuery(e.Query)
	if err != nil {
		return []string{"the query was accepted, and cannot be read"}
	}
	var wrong []string
	for name := range values {
		if !slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.in == "query" && p.name == name }) {
			wrong = append(wrong, "the parameter "+name+" is not described")
		}
	}
	for _, p := range o.parameters {
		switch p.in {
		case "query":
			wrong = append(wrong, d.checkText(p, values[p.name])...)
		case "header":
			wrong = append(wrong, d.checkText(p, e.Header.Values(p.name))...)
		default: // what a path has matched it already
		}
	}
	return wrong
}

// checkText checks the values of a parameter or header.
func (d *Description) checkText(p parameter, values []string) []string {
	if len(values) == 0 {
		if p.required {
			return []string{"the " + p.in + " parameter " + p.name + " is missing"}
		}
		return nil
	}
	if len(values) > 1 && p.in == "query" {
		return []string{"the parameter " + p.name + " is there more than once"}
	}
	if values[0] == "" && !p.required || p.schema == "" { // an empty one counts as absent
		return nil
	}
	var value any = values[0]
	if n, err := strconv.ParseInt(values[0], 10, 64); p.integer && err == nil {
		value = n
	}
	return prefixed(p.in+" "+p.name, d.validate(p.schema, value))
}

// checkBody checks a body that was accepted.
func (d *Description) checkBody(o *operation, header http.Header, text []byte, partial bool) []string {
	trimmed := bytes.TrimSpace(text)
	switch {
	case o.body == nil && len(trimmed) > 0:
		return []string{"a body is not described"}
	case o.body == nil || len(text) == 0 && !o.body.required:
		return nil
	case len(text) == 0:
		return []string{"the body is missing"}
	}
	kind := mediaType(header)
	_, known := o.body.content[kind]
	_, anything := o.body.content["*/*"]
	hint := anything && strings.HasPrefix(o.path, "/") // what we are sent may be called what it is not, not what we send
	_, isJSON := o.body.content["application/json"]
	switch {
	case isJSON && bytes.HasPrefix(trimmed, []byte("{")) && kind != "application/x-ndjson" && !anything: // whatever it is called
		kind = "application/json"
	case !known && anything, kind == "application/json" && hint && !jsonText(trimmed):
		return nil
	case !known:
		return []string{fmt.Sprintf("a body of type %q is not described", kind)}
	}
	schema := o.body.content[kind]
	if schema == "" || partial || header.Get("Content-Encoding") != "" {
		return nil
	}
	switch kind {
	case "application/json":
		return prefixed("body", d.checkJSON(schema, text))
	case "application/x-www-form-urlencoded":
		return prefixed("body", d.checkForm(schema, text))
	default:
		return nil
	}
}

func jsonText(text []byte) bool {
	_, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	return err == nil
}

func mediaType(header http.Header) string {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(header.Get("Content-Type"))
	}
	return kind
}

func (d *Description) checkForm(schema string, text []byte) []string {
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return []string{"it is no form"}
	}
	form := map[string]any{}
	for name := range values {
		form[name] = values.Get(name)
	}
	return d.validate(schema, form)
}

func (d *Description) checkAnswer(o *operation, e *Exchange) []string {
	a, ok := o.answers[strconv.Itoa(e.Status)]
	if !ok {
		return []string{"the status is not described: " + shortened(e.Answer)}
	}
	var wrong []string
	for _, h := range a.headers {
		wrong = append(wrong, d.checkText(h, e.AnswerHeader.Values(h.name))...)
	}
	if a.content == nil {
		if len(e.Answer) > 0 {
			wrong = append(wrong, "a body in the answer is not described")
		}
		return wrong
	}
	kind := mediaType(e.AnswerHeader)
	schema, ok := a.content[kind]
	switch {
	case !ok:
		return append(wrong, fmt.Sprintf("an answer of type %q is not described", kind))
	case schema == "":
		return wrong
	}
	switch kind {
	case "application/json", "application/graphql-response+json":
		if e.AnswerCut {
			return wrong
		}
		return append(wrong, prefixed("answer", d.checkJSON(schema, e.Answer))...)
	case "application/x-ndjson":
		return append(wrong, d.checkLines(schema, e.Answer)...)
	case "text/event-stream":
		return append(wrong, d.checkStream(schema, e.Answer)...)
	default:
		return wrong
	}
}

// checkLines checks each line that is there to its end.
func (d *Description) checkLines(schema string, text []byte) []string {
	var wrong []string
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return wrong
		}
		wrong = append(wrong, prefixed("line "+strconv.Itoa(n), d.checkJSON(schema, line))...)
		text = rest
	}
}

// checkStream checks each event of a stream that is there to its end.
func (d *Description) checkStream(schema string, text []byte) []string {
	var wrong []string
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return wrong
		}
		text = rest
		field, value, _ := bytes.Cut(line, []byte(": "))
		switch string(field) {
		case "data":
			wrong = append(wrong, prefixed("event", d.checkJSON(schema, value))...)
		case "", "id", "event", "retry":
		default:
			if !bytes.HasPrefix(line, []byte(":")) {
				wrong = append(wrong, "the stream has the line "+shortened(line))
			}
		}
	}
}

func (d *Description) checkJSON(schema string, text []byte) []string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return []string{"it is not JSON: " + shortened(text)}
	}
	wrong := d.validate(schema, value)
	if len(wrong) > 0 {
		wrong = append(wrong, "in "+shortened(text))
	}
	return wrong
}

func (d *Description) validate(schema string, value any) []string {
	s, err := d.schema(schema)
	if err != nil {
		return []string{err.Error()}
	}
	if err := s.Validate(value); err != nil {
		return []string{strings.ReplaceAll(err.Error(), base, "")}
	}
	return nil
}

// CheckSent says what of a request that a webhook sent is not as described for its format.
func (d *Description) CheckSent(format string, header http.Header, text []byte) []string {
	o := d.webhooks[format]
	if o == nil {
		return []string{"the format " + format + " is not described"}
	}
	var wrong []string
	for _, p := range o.parameters {
		wrong = append(wrong, d.checkText(p, header.Values(p.name))...)
	}
	if len(text) == 0 && header.Get("Content-Type") != "" {
		wrong = append(wrong, "there is no body, and a Content-Type")
	}
	return append(wrong, d.checkBody(o, header, text, false)...)
}

func prefixed(what string, wrong []string) []string {
	for i := range wrong {
		wrong[i] = what + ": " + wrong[i]
	}
	return wrong
}

func shortened(text []byte) string {
	if len(text) > 500 {
		return string(text[:500]) + "…"
	}
	return string(text)
}
