package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// page is one page, rendered.
type page struct {
	Title, Summary string
	Headings       []heading
	HTML           template.HTML

	name   string
	source []byte
}

// heading is a line of the table of contents.
type heading struct {
	Level    int
	ID, Text string
}

// Path is where the page is served.
func (p *page) Path() string { return pagePrefix + p.name }

// Markdown is where it is served as it was written.
func (p *page) Markdown() string { return p.Path() + ".md" }

// markdown reads and writes pages: tables beside what CommonMark has, and no HTML.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(blocks{}, 100))),
)

// newPage renders a page. Its first headline is the title, and the paragraph behind it the summary.
func newPage(name string, source []byte) (*page, error) {
	p := &page{name: name, source: source}
	document := markdown.Parser().Parse(text.NewReader(source))
	if err := p.look(document); err != nil {
		return nil, fmt.Errorf("docs: page %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, source, document); err != nil {
		return nil, fmt.Errorf("docs: page %s: %w", name, err)
	}
	p.HTML = template.HTML(b.String()) //nolint:gosec // of our own Markdown, in which HTML is an error
	return p, nil
}

// look takes title, summary and headlines out of a document, turns the links in it to what is served, and takes out comments.
func (p *page) look(document ast.Node) error {
	var comments []ast.Node
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			p.head(n)
		case *ast.Paragraph:
			if p.Summary == "" && p.Title != "" && n.Parent() == document {
				p.Summary = plain(n, p.source)
			}
		case *ast.Link:
			n.Destination = []byte(leadsTo(string(n.Destination)))
		case *ast.HTMLBlock:
			if n.HTMLBlockType != ast.HTMLBlockType2 {
				return ast.WalkStop, fmt.Errorf("HTML that is no comment: %s", n.Lines().Value(p.source))
			}
			comments = append(comments, n)
		case *ast.RawHTML:
			return ast.WalkStop, fmt.Errorf("HTML in a line: %s", n.Segments.Value(p.source))
		}
		return ast.WalkContinue, nil
	})
	for _, n := range comments {
		n.Parent().RemoveChild(n.Parent(), n)
	}
	if err == nil && (p.Title == "" || p.Summary == "") {
		err = fmt.Errorf("it does not begin with a title and a summary")
	}
	return err
}

// head notes a headline; that of the page goes nowhere.
func (p *page) head(n *ast.Heading) {
	if n.Level == 1 {
		p.Title = plain(n, p.source)
		n.RemoveAttributes()
		return
	}
	id, _ := n.AttributeString("id")
	text, _ := id.([]byte)
	if n.Level <= 3 {
		p.Headings = append(p.Headings, heading{n.Level, string(text), plain(n, p.source)})
	}
}

// leadsTo is where a link between files leads in HTML.
func leadsTo(destination string) string {
	file, anchor, found := strings.Cut(destination, "#")
	name, isPage := strings.CutSuffix(file, ".md")
	if !isPage || strings.Contains(name, "/") {
		return destination
	}
	if found {
		anchor = "#" + anchor
	}
	return path.Join(pagePrefix, name) + anchor
}

// plain is the text of a node without what marks it up.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // it stops at no error
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Value(source))
			if t.SoftLineBreak() || t.HardLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
