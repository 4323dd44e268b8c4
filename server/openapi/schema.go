package openapi

import (
	"fmt"
	"strings"
)

// schemaView is a schema as the page shows it.
type schemaView struct {
	Name, Anchor string
	Type         typeView
	Description  []paragraph
	Members      []memberView
	Examples     []string
}

// memberView is a member of an object, or of an object within it: a.b, and a[].b in a list.
type memberView struct {
	Name        string
	Required    bool
	Type        typeView
	Description []paragraph
}

// typeView is what a value may be, in pieces; those with an anchor are links.
type typeView []typePiece

type typePiece struct{ Text, Anchor string }

const componentSchemas = "#/components/schemas/"

func schemaAnchor(name string) string { return "schema-" + name }

// refName is the last part of what a value refers to.
func refName(v any) string {
	o, _ := v.(object)
	ref := o.text("$ref")
	return ref[strings.LastIndexByte(ref, '/')+1:]
}

// resolve follows the references to components; members beside one are left out.
func (d *Document) resolve(v any) object {
	o, _ := v.(object)
	ref, ok := strings.CutPrefix(o.text("$ref"), "#/")
	if !ok {
		return o
	}
	at := d.root
	for part := range strings.SplitSeq(ref, "/") {
		at = at.object(part)
	}
	return d.resolve(at)
}

func (d *Document) schemaView(name string, value any) (schemaView, error) {
	o, _ := value.(object)
	v := schemaView{Name: name, Anchor: schemaAnchor(name), Description: prose(o.text("description")), Type: d.typeOf(o)}
	for _, e := range o.list("examples") {
		text, err := indented(e)
		if err != nil {
			return v, err
		}
		v.Examples = append(v.Examples, text)
	}
	v.Members = d.members("", o)
	return v, nil
}

// members are those of an object, with those of what it is made of.
func (d *Document) members(prefix string, o object) []memberView {
	var out []memberView
	required := map[string]bool{}
	for _, r := range o.list("required") {
		required[fmt.Sprint(r)] = true
	}
	for _, p := range o.object("properties") {
		schema, _ := p.value.(object)
		out = append(out, memberView{
			Name: prefix + p.key, Required: required[p.key], Type: d.typeOf(p.value), Description: prose(schema.text("description")),
		})
		switch items := schema.object("items"); {
		case schema.get("properties") != nil:
			out = append(out, d.members(prefix+p.key+".", schema)...)
		case items.get("properties") != nil:
			out = append(out, d.members(prefix+p.key+"[].", items)...)
		}
	}
	for _, kind := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range o.list(kind) {
			if inner, ok := part.(object); ok && inner.get("$ref") == nil {
				out = append(out, d.members(prefix, inner)...)
			}
		}
	}
	return out
}

// typeOf says what a schema lets pass, in a line.
func (d *Document) typeOf(schema any) typeView {
	o, ok := schema.(object)
	if !ok {
		return typeView{{Text: "anything"}}
	}
	if name, ok := strings.CutPrefix(o.text("$ref"), componentSchemas); ok {
		return typeView{{Text: name, Anchor: schemaAnchor(name)}}
	}
	if c := o.get("const"); c != nil {
		return typeView{{Text: quoted(c)}}
	}
	if e := o.list("enum"); len(e) > 0 {
		words := make([]string, len(e))
		for i := range e {
			words[i] = quoted(e[i])
		}
		return typeView{{Text: strings.Join(words, " | ")}}
	}
	for _, way := range []struct{ kind, between string }{{"allOf", " & "}, {"anyOf", " | "}, {"oneOf", " | "}} {
		if parts := o.list(way.kind); len(parts) > 0 {
			return d.joinTypes(parts, way.between)
		}
	}
	kinds := o.list("type")
	if one := o.text("type"); one != "" {
		kinds = []any{one}
	}
	var out typeView
	for i, kind := range kinds {
		if i > 0 {
			out = append(out, typePiece{Text: " | "})
		}
		if items := o.get("items"); kind == "array" && items != nil {
			out = append(append(out, typePiece{Text: "list of "}), d.typeOf(items)...)
			continue
		}
		out = append(out, typePiece{Text: fmt.Sprint(kind)})
	}
	if out == nil {
		return typeView{{Text: "anything"}}
	}
	return out
}

func (d *Document) joinTypes(parts []any, between string) typeView {
	var out typeView
	for _, p := range parts {
		t := d.typeOf(p)
		if o, _ := p.(object); len(t) == 1 && t[0].Text == "anything" && o.get("properties") != nil {
			t = typeView{{Text: "object"}}
		}
		if len(out) > 0 {
			out = append(out, typePiece{Text: between})
		}
		out = append(out, t...)
	}
	return out
}

func quoted(v any) string {
	text, err := appendJSON(nil, v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
