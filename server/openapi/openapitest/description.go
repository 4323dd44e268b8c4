package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"dochook/server/openapi"
)

// base is what the description is called while its schemas are compiled.
const base = "https://dochook.invalid/openapi.json"

// Description is an OpenAPI document, ready to be compared with. Its methods may be called from any goroutine.
type Description struct {
	root     any
	routes   []*operation
	webhooks map[string]*operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// operation is one that is described.
type operation struct {
	method, path string
	segments     []string
	rank         string
	parameters   []parameter
	body         *body // nil: none
	answers      map[string]answer
}

type parameter struct {
	name, in string
	required bool
	integer  bool
	schema   string // its place
}

type body struct {
	required bool
	content  map[string]string // media type → place of the schema, or ""
}

type answer struct {
	headers []parameter
	content map[string]string // nil: no body
}

// own is the description of this program.
var own = sync.OnceValues(func() (*Description, error) {
	d, err := openapi.Read("test")
	if err != nil {
		return nil, err
	}
	return New(d.JSON)
})

// New reads an OpenAPI 3.1 document.
func New(document []byte) (*Description, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	d := &Description{root: root, webhooks: map[string]*operation{}, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(base, root); err != nil {
		return nil, err
	}
	for path := range d.at("/paths").members() {
		d.routes = append(d.routes, d.operations("/paths/"+escape(path), path)...)
	}
	slices.SortFunc(d.routes, func(a, b *operation) int { return strings.Compare(a.rank, b.rank) })
	for name := range d.at("/webhooks").members() {
		for _, o := range d.operations("/webhooks/"+escape(name), name) {
			d.webhooks[name] = o
		}
	}
	if len(d.routes) == 0 || len(d.webhooks) == 0 {
		return nil, errors.New("openapitest: the description is empty")
	}
	return d, nil
}

// node is a value of the document and its place there, after its references.
type node struct {
	place string
	value any
}

func escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// at follows a JSON pointer.
func (d *Description) at(place string) node {
	value := d.root
	for token := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := value.(type) {
		case map[string]any:
			value = v[token]
		case []any:
			var i int
			if _, err := fmt.Sscan(token, &i); err != nil || i >= len(v) {
				return node{place, nil}
			}
			value = v[i]
		}
	}
	if ref, ok := (node{place, value}).members()["$ref"].(string); ok {
		return d.at(strings.TrimPrefix(ref, "#"))
	}
	return node{place, value}
}

func (n node) members() map[string]any {
	m, _ := n.value.(map[string]any)
	return m
}

// in is a member of a node.
func (d *Description) in(n node, member string) node {
	if n.members()[member] == nil {
		return node{}
	}
	return d.at(n.place + "/" + escape(member))
}

func (d *Description) operations(place, path string) []*operation {
	item := d.at(place)
	shared := d.parameters(d.in(item, "parameters"))
	var out []*operation
	for _, method := range []string{"get", "head", "post", "put", "patch", "delete"} {
		n := d.in(item, method)
		if n.value == nil {
			continue
		}
		o := &operation{method: strings.ToUpper(method), path: path, answers: map[string]answer{}}
		o.segments = strings.Split(path, "/")
		for i, s := range o.segments {
			if strings.HasPrefix(s, "{") {
				o.rank += "1"
				continue
			}
			o.rank += "0"
			o.segments[i], _ = url.PathUnescape(s)
		}
		o.rank += "2"
		o.parameters = append(slices.Clone(shared), d.parameters(d.in(n, "parameters"))...)
		if b := d.in(n, "requestBody"); b.value != nil {
			required, _ := b.members()["required"].(bool)
			o.body = &body{required, d.content(b)}
		}
		for status := range d.in(n, "responses").members() {
			o.answers[status] = d.answer(d.in(d.in(n, "responses"), status))
		}
		out = append(out, o)
	}
	return out
}

func (d *Description) answer(n node) answer {
	a := answer{}
	if c := d.in(n, "content"); c.value != nil {
		a.content = d.content(n)
	}
	headers := d.in(n, "headers")
	for name, value := range headers.members() {
		h := d.in(headers, name)
		p := d.parameter(h)
		p.name, p.in = name, "header"
		if beside, _ := value.(map[string]any)["required"].(bool); beside { // beside a reference
			p.required = true
		}
		a.headers = append(a.headers, p)
	}
	return a
}

func (d *Description) content(n node) map[string]string {
	out := map[string]string{}
	content := d.in(n, "content")
	for kind := range content.members() {
		out[kind] = d.in(d.in(content, kind), "schema").place
	}
	return out
}

func (d *Description) parameters(n node) []parameter {
	list, _ := n.value.([]any)
	var out []parameter
	for i := range list {
		out = append(out, d.parameter(d.at(fmt.Sprintf("%s/%d", n.place, i))))
	}
	return out
}

func (d *Description) parameter(n node) parameter {
	m := n.members()
	p := parameter{}
	p.name, _ = m["name"].(string)
	p.in, _ = m["in"].(string)
	p.required, _ = m["required"].(bool)
	schema := d.in(n, "schema")
	p.schema, p.integer = schema.place, schema.members()["type"] == "integer"
	return p
}

// schema compiles the schema at a place.
func (d *Description) schema(place string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[place]; s != nil {
		return s, nil
	}
	tokens := strings.Split(place, "/")
	for i := range tokens {
		tokens[i] = url.PathEscape(tokens[i])
	}
	s, err := d.compiler.Compile(base + "#" + strings.Join(tokens, "/"))
	if err != nil {
		return nil, err
	}
	d.schemas[place] = s
	return s, nil
}

// find is the operation of a request, nil if none is described. path is escaped. A name may hold slashes.
func (d *Description) find(method, path string) *operation {
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if path == "/" {
		segments = []string{"", ""}
	}
	for i, s := range segments {
		if u, err := url.PathUnescape(s); err == nil {
			segments[i] = u
		}
	}
	for _, o := range d.routes {
		if o.method == method && o.takes(segments) {
			return o
		}
	}
	return nil
}

func (o *operation) takes(segments []string) bool {
	last := len(o.segments) - 1
	for i, want := range o.segments {
		if want == "{name}" {
			rest := last - i // segments after the name
			n := len(segments) - rest
			return n > i && slices.Equal(o.segments[i+1:], segments[n:])
		}
		if i >= len(segments) || !strings.HasPrefix(want, "{") && want != segments[i] || strings.HasPrefix(want, "{") && segments[i] == "" {
			return false
		}
	}
	return len(segments) == len(o.segments)
}

// Formats are the formats of requests that are described.
func (d *Description) Formats() []string { return slices.Sorted(maps.Keys(d.webhooks)) }
