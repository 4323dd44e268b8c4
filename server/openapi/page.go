package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// view is what the page shows.
type view struct {
	Title, Version, Summary string
	Description             []paragraph
	Document, Stylesheet    string // their paths
	Carriers                []carrier
	Tags                    []tagView
	Schemas                 []schemaView
}

type carrier struct {
	Name        string
	Description []paragraph
}

type tagView struct {
	Name, Anchor string
	Description  []paragraph
	Operations   []operationView
}

type operationView struct {
	ID, Method, Path, Also, Summary string
	Description                     []paragraph
	Public                          bool
	Parameters                      []parameterView
	Body                            *bodyView
	Answers                         []answerView
}

type parameterView struct {
	Name, In    string
	Required    bool
	Type        typeView
	Description []paragraph
	Example     string
}

type bodyView struct {
	Required    bool
	Description []paragraph
	Content     []contentView
}

type contentView struct {
	Kind    string
	Type    typeView
	Example string
}

type answerView struct {
	Status      string
	Description []paragraph
	Headers     []parameterView
	Content     []contentView
	Usual       bool // every operation has it
}

// paragraph is a text in pieces.
type paragraph []piece

type piece struct {
	Text         string
	Code, Strong bool
}

// prose reads the little of Markdown that the source has: paragraphs, lists, `code` and **strong**.
func prose(text string) []paragraph {
	var out []paragraph
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var p paragraph
		for i, part := range strings.Split(strings.Join(strings.Fields(block), " "), "`") {
			if i%2 == 1 {
				p = append(p, piece{Text: part, Code: true})
				continue
			}
			for k, plain := range strings.Split(part, "**") {
				if plain != "" {
					p = append(p, piece{Text: plain, Strong: k%2 == 1})
				}
			}
		}
		if len(p) > 0 {
			out = append(out, p)
		}
	}
	return out
}

var pageTemplate = template.Must(template.New("page.html").ParseFS(files, "page.html"))

// page is the document as HTML.
func (d *Document) page() ([]byte, error) {
	v, err := d.view()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return b.Bytes(), nil
}

func (d *Document) view() (*view, error) {
	info := d.root.object("info")
	v := &view{
		Title: info.text("title"), Version: info.text("version"), Summary: info.text("summary"), Description: prose(info.text("description")),
		Document: documentPath, Stylesheet: stylePath,
	}
	components := d.root.object("components")
	for _, s := range components.object("securitySchemes") {
		o, _ := s.value.(object)
		v.Carriers = append(v.Carriers, carrier{s.key, prose(o.text("description"))})
	}
	byTag := map[string]*tagView{}
	for _, t := range d.root.list("tags") {
		o, _ := t.(object)
		name := o.text("name")
		v.Tags = append(v.Tags, tagView{Name: name, Anchor: anchor(name), Description: prose(o.text("description"))})
	}
	for i := range v.Tags {
		byTag[v.Tags[i].Name] = &v.Tags[i]
	}
	for _, kind := range []string{"paths", "webhooks"} {
		for _, p := range d.root.object(kind) {
			item, _ := p.value.(object)
			if err := d.addOperations(byTag, kind, p.key, item); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range components.object("schemas") {
		one, err := d.schemaView(s.key, s.value)
		if err != nil {
			return nil, err
		}
		v.Schemas = append(v.Schemas, one)
	}
	return v, nil
}

// anchor is the name of a tag's place on the page.
func anchor(name string) string { return "tag-" + strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

func (d *Document) addOperations(tags map[string]*tagView, kind, path string, item object) error {
	for _, m := range item {
		o, ok := m.value.(object)
		if !verbs[m.key] || !ok || o.get(aliasMark) != nil {
			continue
		}
		one, err := d.operation(item, o)
		if err != nil {
			return fmt.Errorf("openapi: %s %s: %w", m.key, path, err)
		}
		one.Method, one.Path = strings.ToUpper(m.key), path
		if rest, ok := strings.CutPrefix(path, resources); ok {
			one.Also = alias + rest
		}
		if kind == "webhooks" {
			one.Path = "format " + path
			one.Public = false
		}
		names := o.list("tags")
		name, _ := names[0].(string)
		if tags[name] == nil {
			return fmt.Errorf("openapi: there is no tag %q", name)
		}
		tags[name].Operations = append(tags[name].Operations, one)
	}
	return nil
}

func (d *Document) operation(item, o object) (operationView, error) {
	v := operationView{ID: o.text("operationId"), Summary: o.text("summary"), Description: prose(o.text("description")), Public: o.get("security") != nil}
	for _, p := range append(append([]any{}, item.list("parameters")...), o.list("parameters")...) {
		one, err := d.parameterView("", d.resolve(p))
		if err != nil {
			return v, err
		}
		v.Parameters = append(v.Parameters, one)
	}
	if b := d.resolve(o.get("requestBody")); b != nil {
		content, err := d.content(b)
		if err != nil {
			return v, err
		}
		required, _ := b.get("required").(bool)
		v.Body = &bodyView{Required: required, Description: prose(b.text("description")), Content: content}
	}
	for _, r := range o.object("responses") {
		a, err := d.answerView(r.key, r.value)
		if err != nil {
			return v, err
		}
		v.Answers = append(v.Answers, a)
	}
	return v, nil
}

// usual are the answers that every operation has and that the page tells once.
var usual = map[string]bool{"BadRequest": true, "Unauthenticated": true, "Forbidden": true, "RequestTimeout": true, "TooLarge": true, "Throttled": true, "Internal": true, "Unavailable": true}

func (d *Document) answerView(status string, value any) (answerView, error) {
	o := d.resolve(value)
	a := answerView{Status: status, Description: prose(o.text("description")), Usual: usual[refName(value)]}
	for _, h := range o.object("headers") {
		one, err := d.parameterView(h.key, d.resolve(h.value))
		if err != nil {
			return a, err
		}
		if h.key != "X-Request-Id" {
			a.Headers = append(a.Headers, one)
		}
	}
	var err error
	a.Content, err = d.content(o)
	return a, err
}

func (d *Document) parameterView(name string, o object) (parameterView, error) {
	v := parameterView{Name: name, In: o.text("in"), Description: prose(o.text("description")), Type: d.typeOf(o.get("schema"))}
	if name == "" {
		v.Name = o.text("name")
	}
	v.Required, _ = o.get("required").(bool)
	if e := o.get("example"); e != nil {
		v.Example = fmt.Sprint(e)
	}
	return v, nil
}

// content are the bodies of a request or an answer, by their media types.
func (d *Document) content(o object) ([]contentView, error) {
	var out []contentView
	for _, m := range o.object("content") {
		c, _ := m.value.(object)
		v := contentView{Kind: m.key, Type: d.typeOf(c.get("schema"))}
		e := c.get("example")
		if text, ok := e.(string); ok {
			v.Example = text
		} else if e != nil {
			var err error
			if v.Example, err = indented(e); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func indented(v any) (string, error) {
	text, err := appendJSON(nil, v)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", fmt.Errorf("openapi: %w", err)
	}
	return b.String(), nil
}
