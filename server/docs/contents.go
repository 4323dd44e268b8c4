package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"
)

// chapter is some pages under one headline, by their names in the order they are read.
type chapter struct {
	title string
	names []string
}

// contents are the chapters. A page that is in none, or is not there, is an error.
func contents() []chapter {
	return []chapter{
		{"Begin", []string{"getting-started"}},
		{"In place of another system", []string{"frappe-webhooks", "recipe-pushes", "scraper-jobs", "task-templates", "product-changes"}},
		{"Bodies", []string{"mapping", "templates", "conditions"}},
		{"Records", []string{"jobs", "compare-rules"}},
		{"Delivery", []string{"delivery", "guarantees"}},
		{"Running it", []string{"operations", "security"}},
		{"Reference", []string{"command-line", "http-api", "embedding"}},
	}
}

// What the documentation is called and about.
const (
	siteTitle   = "dochook"
	siteSummary = "dochook keeps the records your scrapers produce as documents, notices what really changed, and tells other systems about it by HTTP, " +
		"each in the body it wants, in order per document, at least once. It is one program with SQLite inside, or on PostgreSQL."
)

// site is all pages, read.
type site struct {
	layout   *template.Template
	chapters []readChapter
	pages    []*page // in the order they are read
}

type readChapter struct {
	Title string
	Pages []*page
}

// read reads and renders every page.
func read(from fs.FS) (*site, error) {
	found, err := fs.Glob(from, "pages/*.md")
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	layout, err := template.ParseFS(files, "layout.html")
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	s := &site{layout: layout}
	for _, c := range contents() {
		in := readChapter{Title: c.title}
		for _, name := range c.names {
			source, err := fs.ReadFile(from, "pages/"+name+".md")
			if err != nil {
				return nil, fmt.Errorf("docs: %w", err)
			}
			p, err := newPage(name, source)
			if err != nil {
				return nil, err
			}
			in.Pages = append(in.Pages, p)
			s.pages = append(s.pages, p)
		}
		s.chapters = append(s.chapters, in)
	}
	if len(found) != len(s.pages) {
		return nil, fmt.Errorf("docs: %d pages are there and %d in a chapter", len(found), len(s.pages))
	}
	return s, nil
}

// view is what the layout shows; without a Page it is the index.
type view struct {
	Site, Summary        string
	Stylesheet, Index    string
	Chapters             []readChapter
	Page, Previous, Next *page
}

// render makes the HTML of a page, of the index if there is none.
func (s *site) render(p *page) ([]byte, error) {
	v := view{
		Site: siteTitle, Summary: siteSummary, Stylesheet: pagePrefix + styleName, Index: indexPath, Chapters: s.chapters,
		Page: p,
	}
	if i := slices.Index(s.pages, p); i >= 0 {
		if i > 0 {
			v.Previous = s.pages[i-1]
		}
		if i+1 < len(s.pages) {
			v.Next = s.pages[i+1]
		}
	}
	var b bytes.Buffer
	if err := s.layout.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	return b.Bytes(), nil
}

// llms is the table of contents in the form of https://llmstxt.org: title, summary, and lists of links to Markdown.
func (s *site) llms(base string) []byte {
	var b strings.Builder
	b.WriteString("# " + siteTitle + "\n\n> " + siteSummary + "\n\n")
	b.WriteString("The HTTP API is described in OpenAPI 3.1 at " + base + "/openapi.json, for people at " + base + "/docs/api.\n")
	for _, c := range s.chapters {
		b.WriteString("\n## " + c.Title + "\n\n")
		for _, p := range c.Pages {
			b.WriteString("- [" + p.Title + "](" + base + p.Markdown() + "): " + p.Summary + "\n")
		}
	}
	return []byte(b.String())
}
