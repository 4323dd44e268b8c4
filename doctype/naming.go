package doctype

import (
	"crypto/rand"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// MaxName is the length of a document's name in bytes of UTF-8.
const MaxName = 1000

// mapKeyPath is the path that stands for the key of the object map a record came in.
const mapKeyPath = "@key"

// namePart is literal text, or a path into the record.
type namePart struct {
	literal string
	path    string // "" in a literal
	member  string // the top-level member the path begins with
}

// naming is a compiled autoname rule.
type naming struct {
	kind  string // field, format, hash or prompt
	parts []namePart
}

// compileNaming reads the rule:
//
//	field:path      the value at a gjson path, or @key
//	format:{a}-{b}  text with paths in braces
//	prompt          the member name, else __newname, else the map key
//	hash, or empty  ten random characters
func compileNaming(autoname string) (naming, error) {
	switch {
	case autoname == "" || autoname == "hash":
		return naming{kind: "hash"}, nil
	case autoname == "prompt":
		return naming{kind: "prompt"}, nil
	case strings.HasPrefix(autoname, "field:"):
		part, err := namePath(strings.TrimSpace(autoname[len("field:"):]))
		return naming{kind: "field", parts: []namePart{part}}, err
	case strings.HasPrefix(autoname, "format:"):
		return compileFormat(autoname[len("format:"):])
	}
	return naming{}, Errorf(CodeInvalid, "autoname", "%q is none of field:<path>, format:<text with {path}>, hash and prompt", autoname)
}

func compileFormat(text string) (naming, error) {
	n := naming{kind: "format"}
	paths := 0
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if strings.Contains(literal, "}") {
			return n, Errorf(CodeInvalid, "autoname", "a } without {")
		}
		if literal != "" {
			n.parts = append(n.parts, namePart{literal: literal})
		}
		if !found {
			break
		}
		path, after, closed := strings.Cut(rest, "}")
		if !closed {
			return n, Errorf(CodeInvalid, "autoname", "a { without }")
		}
		part, err := namePath(strings.TrimSpace(path))
		if err != nil {
			return n, err
		}
		n.parts = append(n.parts, part)
		paths++
		text = after
	}
	if paths == 0 {
		return n, Errorf(CodeInvalid, "autoname", "a format needs at least one {path}")
	}
	return n, nil
}

// namePath checks a path. It must begin with a member's name, so that it is known where the key comes from.
func namePath(path string) (namePart, error) {
	if path == mapKeyPath {
		return namePart{path: path}, nil
	}
	if path == "" {
		return namePart{}, Errorf(CodeInvalid, "autoname", "the path is empty")
	}
	if strings.Trim(path, "#") == "" {
		return namePart{}, Errorf(CodeInvalid, "autoname", "counters such as {%s} are not supported", path)
	}
	var member strings.Builder
scan:
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			if i++; i < len(path) {
				member.WriteByte(path[i])
			}
		case '.', '|':
			break scan
		case '*', '?', '#', '@', '!', '{', '[', '(':
			if i == 0 || c == '*' || c == '?' {
				return namePart{}, Errorf(CodeInvalid, "autoname", "the path %q must begin with a field's name (escape special characters with \\)", path)
			}
			member.WriteByte(c)
		default:
			member.WriteByte(c)
		}
	}
	if member.Len() == 0 {
		return namePart{}, Errorf(CodeInvalid, "autoname", "the path %q begins with an empty name", path)
	}
	return namePart{path: path, member: member.String()}, nil
}

// KeyFields returns the top-level members that a name comes from: none for hash and for the map key.
func (d *Definition) KeyFields() []string { return slices.Clone(d.keyFields) }

func (n naming) keyFields() []string {
	if n.kind == "prompt" {
		return []string{"name", "__newname"}
	}
	var fields []string
	for _, p := range n.parts {
		if p.member != "" && !slices.Contains(fields, p.member) {
			fields = append(fields, p.member)
		}
	}
	return fields
}

// NameOf returns the name a record gets. mapKey is the key under which the record came in an object map, else
// "". A number as key is its literal text, text stays exactly as it is; a key that is absent, null, blank, an
// object or an array is an error of code "name", as are control characters and more than MaxName bytes. A hash
// is a new one at each call.
func (d *Definition) NameOf(record []byte, mapKey string) (string, error) {
	var name string
	var err error
	switch d.naming.kind {
	case "hash":
		return newHash(), nil
	case "prompt":
		name, err = promptedName(record, mapKey)
	case "field":
		part := d.naming.parts[0]
		if name, err = part.text(record, mapKey, false); err == nil && isBlank(name) {
			err = Errorf(CodeName, part.path, "the key is missing or empty")
		}
	default:
		name, err = d.naming.format(record, mapKey)
	}
	if err != nil {
		return "", err
	}
	return name, CheckName(name)
}

// CheckNamed refuses a record that carries the key of another document than the one of that name: code immutable.
func (d *Definition) CheckNamed(record []byte, name string) error {
	if len(d.keyFields) == 0 || d.Autoname == "prompt" || strings.Contains(d.Autoname, "@key") {
		return nil
	}
	named, err := d.NameOf(record, "")
	if err == nil && named != name {
		err = Errorf(CodeImmutable, d.keyFields[0], "%s cannot change: %s %s is named by it", d.keyFields[0], d.Name, name)
	}
	return err
}

func promptedName(record []byte, mapKey string) (string, error) {
	for _, path := range []string{"name", "__newname"} {
		name, err := namePart{path: path, member: path}.text(record, "", false)
		if err != nil || !isBlank(name) {
			return name, err
		}
	}
	if isBlank(mapKey) {
		return "", Errorf(CodeName, "name", "please set the document name")
	}
	return mapKey, nil
}

func (n naming) format(record []byte, mapKey string) (string, error) {
	var name strings.Builder
	empty := true
	var paths []string
	for _, p := range n.parts {
		if p.path == "" {
			name.WriteString(p.literal)
			continue
		}
		text, err := p.text(record, mapKey, true)
		if err != nil {
			return "", err
		}
		empty = empty && isBlank(text)
		paths = append(paths, p.path)
		name.WriteString(text)
	}
	if empty {
		return "", Errorf(CodeName, strings.Join(paths, ", "), "the key is missing or empty")
	}
	return name.String(), nil
}

// text returns what stands at the path, "" for null and absent. true and false are text only inside a format.
func (p namePart) text(record []byte, mapKey string, flags bool) (string, error) {
	if p.path == mapKeyPath {
		return mapKey, nil
	}
	v := gjson.GetBytes(record, p.path)
	switch v.Type {
	case gjson.String:
		return v.Str, nil
	case gjson.Number:
		return v.Raw, nil
	case gjson.Null:
		return "", nil
	case gjson.True, gjson.False:
		if flags {
			return v.Raw, nil
		}
		return "", Errorf(CodeName, p.path, "a key cannot be true or false")
	case gjson.JSON:
	}
	return "", Errorf(CodeName, p.path, "a key cannot be an object or array")
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// CheckName reports whether a text can name a document: 1 to MaxName bytes of UTF-8, not only blanks, no
// control characters. Everything else is allowed, "/" included.
func CheckName(name string) error {
	switch {
	case isBlank(name):
		return Errorf(CodeName, "name", "the name is missing or empty")
	case len(name) > MaxName:
		return Errorf(CodeName, "name", "the name has %d bytes, more than %d", len(name), MaxName)
	case !utf8.ValidString(name):
		return Errorf(CodeName, "name", "the name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return Errorf(CodeName, "name", "the name has a control character")
	}
	return nil
}

// newHash returns ten random characters of base32hex in lower case, as Frappe's hashes look.
func newHash() string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	for i, c := range b {
		b[i] = alphabet[c%32]
	}
	return string(b[:])
}
