package docs

import (
	"html"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// The kinds of fenced blocks whose long lines are broken: in code they would mean something else. The first two are more than text.
const (
	kindConsole = "console"
	kindExample = "example"
	kindText    = "text"
)

// blocks writes fenced blocks. They can be reached and scrolled by keyboard, and what a reader marks in a console block to copy leaves the
// prompts out.
type blocks struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		block, ok := n.(*ast.FencedCodeBlock)
		if !entering || !ok {
			return ast.WalkContinue, nil
		}
		kind, content := string(block.Language(source)), string(block.Lines().Value(source))
		switch kind {
		case kindConsole:
			content = console(content)
		case kindExample:
			content = example(content)
		default:
			content = html.EscapeString(content)
		}
		class := ""
		drawn := strings.HasPrefix(content, "+--") // a box would fall apart: it is scrolled
		if kind == kindConsole || kind == kindExample || kind == kindText && !drawn {
			class = ` class="wrap"`
		}
		_, err := w.WriteString(`<pre tabindex="0"` + class + `><code>` + content + "</code></pre>\n")
		return ast.WalkContinue, err
	})
}

// console marks prompts and answers.
func console(text string) string {
	var b strings.Builder
	for _, s := range steps(text) {
		if s.command != "" {
			b.WriteString(`<span class="prompt">$ </span>` + html.EscapeString(s.command) + "\n")
		}
		if s.answer != "" {
			b.WriteString(`<span class="answer">` + html.EscapeString(s.answer) + "</span>\n")
		}
	}
	return b.String()
}

// step is a command of a console block and what it answers.
type step struct{ command, answer string }

// prompt stands before a command.
const prompt = "$ "

// steps takes a console block apart. A command goes on over line breaks inside quotes, behind a backslash, and in a here-document; other
// lines are answers.
func steps(text string) []step {
	var out []step
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		command, begins := strings.CutPrefix(line, prompt)
		last := len(out) - 1
		switch {
		case last >= 0 && out[last].answer == "" && goesOn(out[last].command):
			out[last].command += "\n" + line
		case begins:
			out = append(out, step{command: command})
		case last < 0:
			out = append(out, step{answer: line})
		default:
			out[last].answer = strings.TrimPrefix(out[last].answer+"\n"+line, "\n")
		}
	}
	return out
}

// goesOn reports whether a shell would wait for another line.
func goesOn(command string) bool {
	if _, rest, found := strings.Cut(command, "<<'EOF'"); found && !strings.HasSuffix(rest, "\nEOF") {
		return true
	} else if found {
		return false
	}
	quote := byte(0)
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case c == '\\' && quote != '\'':
			if i++; i >= len(command) {
				return true
			}
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return quote != 0
}

// example marks the labels.
func example(text string) string {
	var b strings.Builder
	for _, p := range parts(text) {
		content := p.content
		if !strings.HasPrefix(content, "\n") {
			content = " " + content
		}
		b.WriteString(`<span class="label">` + p.label + `:</span>` + html.EscapeString(content) + "\n")
	}
	return b.String()
}

// part is one labelled part of an example block.
type part struct{ label, content string }

// labels of the parts of an example block.
var labels = []string{
	"document", "old", "event", "job", "rows", "encoding", "template", "header", "url", "condition", "field", "from", "to",
	"body", "text", "error", "holds", "changed",
}

// parts takes an example block apart: a label stands at the beginning of a line, and what it names behind it or in the lines that follow.
func parts(text string) []part {
	var out []part
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		label, content, found := strings.Cut(line, ":")
		if found && slices.Contains(labels, label) {
			out = append(out, part{label, strings.TrimPrefix(content, " ")})
		} else if last := len(out) - 1; last >= 0 {
			out[last].content += "\n" + line
		}
	}
	return out
}
