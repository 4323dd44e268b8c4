package openapi

import (
	"bytes"
	"embed"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed source/*.yaml
var source embed.FS

// tags are the files of source in the order of reading.
var tags = []string{
	"documents", "bulk", "events", "doctypes", "webhooks", "deliveries", "replays", "scrapers", "jobs", "keys", "graphql", "methods", "service", "outgoing",
}

// Paths of documents, and where else they are.
const (
	resources = "/api/resource/"
	alias     = "/api/v1/resource/"
	aliasMark = "x-alias-of" // in the copy of an operation
)

// Document is the whole description.
type Document struct {
	JSON []byte

	root object
}

// Read joins the source; version is the program's. An error is a mistake in the source.
func Read(version string) (*Document, error) {
	root, err := readFile("root")
	if err != nil {
		return nil, err
	}
	info, _ := root.get("info").(object)
	root.set("info", info.with("version", version))
	j := &joined{components: root.object("components")}
	for _, name := range tags {
		file, err := readFile(name)
		if err == nil {
			err = j.add(file)
		}
		if err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
	}
	root.set("tags", j.tags)
	root.set("paths", j.paths)
	root.set("webhooks", j.webhooks)
	root.set("components", j.components)
	d := &Document{root: root}
	if d.JSON, err = appendJSON(nil, root); err != nil {
		return nil, err
	}
	return d, nil
}

func readFile(name string) (object, error) {
	text, err := source.ReadFile("source/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	var v any
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.UseOrderedMap()).Decode(&v); err != nil {
		return nil, fmt.Errorf("openapi: %s: %w", name, err)
	}
	o, ok := plain(v).(object)
	if !ok {
		return nil, fmt.Errorf("openapi: %s is no object", name)
	}
	return o, nil
}

// joined is what the files of the tags add up to.
type joined struct {
	tags                        []any
	paths, webhooks, components object
}

func (j *joined) add(file object) error {
	tag := file.object("tag")
	j.tags = append(j.tags, tag)
	name, _ := tag.get("name").(string)
	for _, p := range file.object("paths") {
		item, err := operations(p.value, name)
		if err != nil {
			return fmt.Errorf("%s: %w", p.key, err)
		}
		if err := j.paths.merge(p.key, item); err != nil {
			return err
		}
		if rest, ok := strings.CutPrefix(p.key, resources); ok {
			if err := j.paths.merge(alias+rest, aliased(p.key, item)); err != nil {
				return err
			}
		}
	}
	for _, w := range file.object("webhooks") {
		if err := j.webhooks.merge(w.key, w.value); err != nil {
			return err
		}
	}
	for _, kind := range file.object("components") {
		parts, _ := kind.value.(object)
		if err := j.components.merge(kind.key, parts); err != nil {
			return err
		}
	}
	return nil
}

// verbs are the members of a path item that are operations.
var verbs = map[string]bool{"get": true, "head": true, "post": true, "put": true, "patch": true, "delete": true}

// operations is a path item with what the rules add to its operations.
func operations(item any, tag string) (object, error) {
	in, ok := item.(object)
	if !ok {
		return nil, fmt.Errorf("a path item is an object, not %T", item)
	}
	var out object
	for _, m := range in {
		o, ok := m.value.(object)
		if !verbs[m.key] || !ok {
			out = append(out, m)
			continue
		}
		if o.get("tags") == nil {
			o = o.with("tags", []any{tag})
		}
		out = append(out, member{m.key, o.with("responses", answers(o))})
	}
	return out, nil
}

// answers are the responses of an operation and those that every one has, by status.
func answers(o object) object {
	common := []struct{ status, response string }{
		{"400", "BadRequest"},
		{"401", "Unauthenticated"},
		{"403", "Forbidden"},
		{"408", "RequestTimeout"},
		{"413", "TooLarge"},
		{"429", "Throttled"},
		{"500", "Internal"},
		{"503", "Unavailable"},
	}
	open := o.get("security") != nil
	out := append(object{}, o.object("responses")...)
	for _, c := range common {
		if out.get(c.status) == nil && (!open || c.status != "401" && c.status != "403") {
			out = append(out, member{c.status, object{{"$ref", "#/components/responses/" + c.response}}})
		}
	}
	out.sort()
	return out
}

// aliased is a path item under its other path.
func aliased(path string, item object) object {
	var out object
	for _, m := range item {
		if o, ok := m.value.(object); ok && verbs[m.key] {
			id, _ := o.get("operationId").(string)
			m.value = o.with("operationId", id+"V1").with(aliasMark, path)
		}
		out = append(out, m)
	}
	return out
}
