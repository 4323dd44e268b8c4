package webhooks

import (
	"context"
	"strings"

	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/mapping/path"
)

const (
	maxPaths = 300
	maxDepth = 6
)

// paths are those of the members of documents, nested ones too (items.#.code), in
// the order they are met.
func paths(documents [][]byte) []string {
	s := &suggestions{seen: map[string]bool{}}
	for _, d := range documents {
		s.object("", d, 1)
	}
	return s.paths
}

type suggestions struct {
	paths []string
	seen  map[string]bool
}

func (s *suggestions) add(text string) {
	if s.seen[text] || len(s.paths) >= maxPaths {
		return
	}
	s.seen[text] = true
	if _, err := path.Parse(text); err == nil {
		s.paths = append(s.paths, text)
	}
}

func (s *suggestions) object(prefix string, object []byte, depth int) {
	for name, value := range record.Members(object) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 }) {
			continue
		}
		at := prefix + escape(name)
		s.add(at)
		s.inside(at, value, depth)
	}
}

// inside goes on with what stands in the value of a path.
func (s *suggestions) inside(at string, value []byte, depth int) {
	if depth >= maxDepth || len(value) == 0 {
		return
	}
	switch value[0] {
	case '{':
		s.object(at+".", value, depth+1)
	case '[':
		s.add(at + ".#")
		for element := range record.Elements(value) {
			if len(element) > 0 && element[0] == '{' {
				s.object(at+".#.", element, depth+1)
			}
		}
	}
}

// escape writes a member's name so that a path means it literally.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == ':' || c == ' ' || c == '/' || c > 0x7e
		if !plain {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// suggested is what can be chosen from what there is already.
type suggested struct {
	Paths []string // of documents
	Names []named  // of documents or jobs
}

// named is a document or job to choose.
type named struct{ Value, Label string }

// suggest looks into the newest documents of a DocType, or for a webhook of job
// events alone at the newest jobs.
func (p *Pages) suggest(ctx context.Context, docType, scraper string, jobsAlone bool) (suggested, error) {
	if jobsAlone {
		return p.suggestJobs(ctx, docType, scraper)
	}
	var out suggested
	if docType == "" {
		return out, nil
	}
	docs, err := p.set.Documents.List(ctx, docType, query.Query{Limit: maxSuggested})
	if isNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	views := make([][]byte, len(docs))
	for i := range docs {
		views[i] = docs[i].AppendView(nil)
		out.Names = append(out.Names, named{docs[i].Name, ""})
	}
	out.Paths = paths(views)
	return out, nil
}

func (p *Pages) suggestJobs(ctx context.Context, docType, scraper string) (suggested, error) {
	var out suggested
	q := query.Query{Limit: maxSuggested}
	for field, value := range map[string]string{"doctype": docType, "scraper": scraper} {
		if value != "" {
			q.Filters = append(q.Filters, query.NewFilter(field, query.Equal, value))
		}
	}
	found, err := p.set.Jobs.List(ctx, q)
	for i := range found {
		j := &found[i]
		out.Names = append(out.Names, named{j.ID, j.Scraper + ", " + string(j.Status) + ", " + j.Creation.UTC().Format("2006-01-02 15:04")})
	}
	return out, err
}
