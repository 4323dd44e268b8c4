package docs

// What tests outside of the package look at.

// Step is a command of a console block and what it answers.
type Step struct{ Command, Answer string }

// Steps takes a console block apart.
func Steps(text string) []Step {
	var out []Step
	for _, s := range steps(text) {
		out = append(out, Step{s.command, s.answer})
	}
	return out
}

// Part is a labelled part of an example.
type Part struct{ Label, Content string }

// Parts takes an example block apart.
func Parts(text string) []Part {
	var out []Part
	for _, p := range parts(text) {
		out = append(out, Part{p.label, p.content})
	}
	return out
}

// Sources are the pages as they are written, by name in the order they are read.
func Sources() (names []string, texts map[string]string, err error) {
	s, err := read(sources)
	if err != nil {
		return nil, nil, err
	}
	texts = map[string]string{}
	for _, p := range s.pages {
		names = append(names, p.name)
		texts[p.name] = string(p.source)
	}
	return names, texts, nil
}

// NewPage renders a page and returns its title.
func NewPage(text string) (title string, err error) {
	p, err := newPage("test", []byte(text))
	if err != nil {
		return "", err
	}
	return p.Title, nil
}
