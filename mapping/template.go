package mapping

import (
	"net/url"
	"slices"
	"strings"

	"dochook/mapping/path"
)

// maxLine is the size of the largest rendered header value or URL; no server accepts a larger one.
const maxLine = 16 << 10

// Kind says what a template makes, and with it how values are put in.
type Kind int

// The kinds of templates.
const (
	JSON Kind = iota // a JSON body
	Text             // a header value
	URL              // an http or https URL
)

// rootNames are the variables every path of a template begins with.
var rootNames = [...]string{
	"doc", "old", "changed", "event", "job", "globals", "userId", "userName", "createdAt", "eventType", "eventData",
	"resource",
}

// scalarRoots are those that are texts: a path below one would always be missing.
var scalarRoots = [...]string{"event", "job", "userId", "userName", "createdAt", "eventType"}

// Roots returns the names of the root variables, in the order they are documented.
func Roots() []string { return slices.Clone(rootNames[:]) }

// Vars returns the value of a root variable as one valid JSON value, nil when there is none. It is called once per
// rendering for each root the template names.
type Vars func(root string) (raw []byte)

// Template is text with variables. It is immutable and safe for concurrent use.
type Template struct {
	kind  Kind
	parts []part
	tail  string
	roots []root
	room  int // places of all roots together
	url   urlShape
}

// root is a root variable and all paths the template has into it.
type root struct {
	name  string
	paths path.Set
	from  int // its first place among those of the template
}

// part is fixed text and the variable that follows it.
type part struct {
	text string
	root int    // index of the root
	path int    // number of the path among those of the root
	expr string // the path as written
	raw  bool   // the value itself, not its text
}

// Append renders the template and appends the result to dst.
//
// JSON: a valid JSON text, the fixed parts as written, values compact and spelled as they are; a missing value is null,
// and nothing inside a text. Text: no control characters but tabs. URL: a value is escaped down to the unreserved
// characters of RFC 3986, so it stays inside its path segment, its side of a query pair or its part of the host.
//
// The errors are [CodeTooLarge] (beyond [MaxBytes]; beyond 16 KiB for Text and URL) and [CodeRenderFailed] (Text: a
// control character; URL: a path segment that became . or .., or a host that is none); dst is then returned as it came.
func (t *Template) Append(dst []byte, vars Vars) ([]byte, error) {
	start, limit := len(dst), MaxBytes
	if t.kind != JSON {
		limit = maxLine
	}
	var found [len(rootNames)]path.Found
	var room [32][]byte
	places := room[:]
	if t.room > len(places) {
		places = make([][]byte, t.room)
	}
	for i := range t.roots {
		r := &t.roots[i]
		found[i] = r.paths.Find(vars(r.name), places[r.from:])
	}
	for i := range t.parts {
		part := &t.parts[i]
		dst = append(dst, part.text...)
		value, err := found[part.root].Value(part.path)
		if err != nil {
			failed := pathError(err)
			failed.Message = "{{" + t.roots[part.root].name + "." + part.expr + "}}: " + failed.Message
			return dst[:start], failed
		}
		dst = t.put(dst, part, value)
		if len(dst)-start > limit {
			return dst[:start], tooLarge(limit)
		}
	}
	dst = append(dst, t.tail...)
	if len(dst)-start > limit {
		return dst[:start], tooLarge(limit)
	}
	if err := t.check(dst[start:]); err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// put appends one value the way its place asks.
func (t *Template) put(dst []byte, part *part, value []byte) []byte {
	switch t.kind {
	case Text:
		return appendText(dst, value)
	case URL:
		return appendPercent(dst, value, false)
	case JSON:
	}
	switch {
	case !part.raw:
		return appendTextInString(dst, value)
	case value == nil:
		return append(dst, "null"...)
	}
	return path.AppendCompact(dst, value)
}

// check refuses what only the values can have spoiled.
func (t *Template) check(result []byte) error {
	switch t.kind {
	case Text:
		for _, c := range result {
			if isHeaderControl(rune(c)) {
				return renderError("a value puts a line break or another control character into the text")
			}
		}
	case URL:
		if len(t.parts) > 0 {
			return t.url.check(result)
		}
	case JSON:
	}
	return nil
}

// isHeaderControl tells the bytes RFC 9110 section 5.5 keeps out of a field value.
func isHeaderControl(r rune) bool { return r != '\t' && isControl(r) }

// urlShape is what rendering has to check again because a variable stands there.
type urlShape struct {
	host bool // a variable in the host or port
	path bool // a variable in the path
}

func (u urlShape) check(result []byte) error {
	s := string(result)
	if u.host {
		parsed, err := url.Parse(s)
		if err != nil || !isHost(parsed.Hostname()) {
			return renderError("the values make no valid host")
		}
	}
	if u.path && hasDotSegment(urlPath(s)) {
		return renderError("a value makes a path segment . or ..")
	}
	return nil
}

func isHost(host string) bool {
	return host != "" && host[0] != '.' && host[0] != '-' && !strings.Contains(host, "..") && strings.IndexFunc(host, isControl) < 0
}

// urlPath cuts the path out of scheme://authority/path?query#fragment.
func urlPath(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	_, s, _ = strings.Cut(s, "://")
	_, s, _ = strings.Cut(s, "/")
	return s
}

// hasDotSegment reports whether a server might resolve a segment of a path as . or .., also in the spellings %2e and "..;x".
func hasDotSegment(s string) bool {
	for segment := range strings.SplitSeq(s, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if !strings.HasPrefix(segment, ".") && !strings.HasPrefix(segment, "%") {
			continue
		}
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return true
		}
	}
	return false
}
