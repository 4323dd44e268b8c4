package openapi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"dochook/server/web"
)

func read(t *testing.T) *Document {
	t.Helper()
	d, err := Read("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRead_is_OpenAPI holds the document to the schema of OpenAPI 3.1.
func TestRead_is_OpenAPI(t *testing.T) {
	d := read(t)
	text, err := os.ReadFile(filepath.Join("testdata", "oas31-schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	const at = "https://spec.openapis.org/oas/3.1/schema/2022-10-07"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(at, decoded(t, text)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(decoded(t, d.JSON)); err != nil {
		t.Error(err)
	}
	var told struct{ Info struct{ Version string } }
	if err := json.Unmarshal(d.JSON, &told); err != nil || told.Info.Version != "1.2.3" {
		t.Errorf("version %q, %v", told.Info.Version, err)
	}
	again := read(t)
	if !bytes.Equal(d.JSON, again.JSON) {
		t.Error("the same source makes two documents")
	}
}

// walk calls fn with every object of the document and its place.
func walk(v any, place string, fn func(place string, o object)) {
	switch v := v.(type) {
	case object:
		fn(place, v)
		for _, m := range v {
			walk(m.value, place+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(m.key), fn)
		}
	case []any:
		for _, e := range v {
			walk(e, place+"/…", fn)
		}
	}
}

// TestRead_refers_to_what_is_there: references lead somewhere, components are used, and no text of the source was taken apart at a comma.
func TestRead_refers_to_what_is_there(t *testing.T) {
	d := read(t)
	used := map[string]bool{}
	walk(d.root, "", func(place string, o object) {
		if ref := o.text("$ref"); ref != "" {
			used[ref] = true
			if d.resolve(o) == nil {
				t.Errorf("%s refers to %s, which is not there", place, ref)
			}
		}
		for _, m := range o {
			if strings.Contains(m.key, " ") && m.value == nil {
				t.Errorf("%s has the member %q: a text with a comma needs quotes", place, m.key)
			}
		}
	})
	for _, kind := range d.root.object("components") {
		parts, _ := kind.value.(object)
		for _, p := range parts {
			if kind.key != "securitySchemes" && !used["#/components/"+kind.key+"/"+p.key] {
				t.Errorf("nothing refers to %s/%s", kind.key, p.key)
			}
		}
	}
}

// TestRead_examples: every example fits its schema, and every schema can be compiled.
func TestRead_examples(t *testing.T) {
	d := read(t)
	const base = "https://dochook.invalid/openapi.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(base, decoded(t, d.JSON)); err != nil {
		t.Fatal(err)
	}
	examples := 0
	fits := func(place string, value any) {
		tokens := strings.Split(place, "/")
		for i := range tokens {
			tokens[i] = url.PathEscape(tokens[i])
		}
		schema, err := c.Compile(base + "#" + strings.Join(tokens, "/"))
		if err != nil {
			t.Errorf("%s: %v", place, err)
			return
		}
		if value == nil {
			return
		}
		text, err := appendJSON(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		examples++
		if err := schema.Validate(decoded(t, text)); err != nil {
			t.Errorf("the example at %s: %v", place, err)
		}
	}
	for _, s := range d.root.object("components").object("schemas") {
		o, _ := s.value.(object)
		place := "/components/schemas/" + s.key
		fits(place, nil)
		for _, e := range o.list("examples") {
			fits(place, e)
		}
	}
	walk(d.root, "", func(place string, o object) {
		if strings.Contains(place, "…") || o.get("schema") == nil || o.get("example") == nil {
			return
		}
		if text, ok := o.get("example").(string); ok && strings.Contains(place, "/content/") && o.object("schema").text("type") != "string" {
			if !strings.HasSuffix(text, "\n") {
				t.Errorf("%s: an example in text ends with a line break", place)
			}
			return // lines, as they look on the wire
		}
		fits(place+"/schema", o.get("example"))
	})
	if examples < 30 {
		t.Errorf("only %d examples", examples)
	}
}

// TestRead_tells_everything: operations have a summary and a name of their own, parameters and schemas are described.
func TestRead_tells_everything(t *testing.T) {
	d := read(t)
	ids := map[string]string{}
	walk(d.root, "", func(place string, o object) {
		if id := o.text("operationId"); id != "" {
			if ids[id] != "" {
				t.Errorf("%s is at %s and %s", id, ids[id], place)
			}
			ids[id] = place
			if o.text("summary") == "" || o.get("responses") == nil || len(o.list("tags")) != 1 {
				t.Errorf("%s says too little", place)
			}
		}
		if o.text("in") != "" && o.text("name") != "" && o.text("description") == "" {
			t.Errorf("the parameter at %s has no description", place)
		}
	})
	codes, _ := d.root.object("components").object("schemas").object("ErrorCode").get("enum").([]any)
	var words []string
	for _, c := range codes {
		word, _ := c.(string)
		words = append(words, word)
	}
	slices.Sort(words)
	if known := web.Codes(); !slices.Equal(words, known) {
		t.Errorf("the codes of errors are\n%q, and described are\n%q", known, words)
	}
}
