package access

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what a key may do. Each role includes the ones below it.
type Role string

// The roles, from the widest to the narrowest.
const (
	RoleAdmin  Role = "admin"  // everything, API keys included
	RoleWriter Role = "writer" // documents and jobs, optionally of some DocTypes only
	RoleReader Role = "reader" // reads
)

// Includes reports whether r may do all that need may do. An unknown role
// includes nothing.
func (r Role) Includes(need Role) bool {
	return r.rank() >= need.rank() && need.rank() > 0
}

func (r Role) rank() int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleWriter:
		return 2
	case RoleReader:
		return 1
	default:
		return 0
	}
}

// Key is one API key, without its secret.
type Key struct {
	// Name is the key part of the token: 1 to 140 of the characters
	// A-Z a-z 0-9 . _ -.
	Name string
	// Owner is the user the key acts as: it is written as owner and modified_by
	// of what the key touches. Default: Administrator for an admin key, else Name.
	Owner string
	// Description is a line for people.
	Description string
	Role        Role
	// DocTypes limits a writer to the DocTypes named; nil means all.
	DocTypes []string
	// Enabled is false for a key that is kept but refused. The zero value of a
	// Key is therefore a disabled one; ParseKey enables by default.
	Enabled            bool
	Creation, Modified time.Time
	ModifiedBy         string
}

// Covers reports whether the key may touch documents and jobs of the DocType,
// as far as its DocTypes limit goes; the role is asked separately.
func (k Key) Covers(doctype string) bool {
	return k.Role == RoleAdmin || k.DocTypes == nil || slices.Contains(k.DocTypes, doctype)
}

const (
	maxText     = 1000 // characters of a description
	maxOwner    = 140
	maxDocTypes = 1000
	frappeTime  = "2006-01-02 15:04:05.000000"
	adminOwner  = "Administrator"
)

// record is the own part of an API Key document: what the data column holds.
type record struct {
	User        string   `json:"user"`
	Role        Role     `json:"role"`
	DocTypes    []string `json:"doctypes"`
	Description string   `json:"description"`
	Enabled     int      `json:"enabled"`
}

func (k Key) record() record {
	r := record{User: k.Owner, Role: k.Role, DocTypes: k.DocTypes, Description: k.Description}
	if k.Enabled {
		r.Enabled = 1
	}
	return r
}

// MarshalJSON writes the key as a Frappe document of the DocType "API Key":
// the standard fields, then user, role, doctypes (an array or null),
// description, enabled (1 or 0). There is no secret to write.
func (k Key) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name       string `json:"name"`
		DocType    string `json:"doctype"`
		Owner      string `json:"owner"`
		Creation   string `json:"creation"`
		Modified   string `json:"modified"`
		ModifiedBy string `json:"modified_by"`
		DocStatus  int    `json:"docstatus"`
		Index      int    `json:"idx"`
		record
	}{
		Name: k.Name, DocType: "API Key", Owner: k.Owner,
		Creation: k.Creation.UTC().Format(frappeTime), Modified: k.Modified.UTC().Format(frappeTime),
		ModifiedBy: k.ModifiedBy, record: k.record(),
	})
}

// Patch is a change of a key; nil members stay as they are.
type Patch struct {
	Owner, Description *string
	Role               *Role
	// DocTypes replaces the limit; a pointer to a nil slice lifts it.
	DocTypes *[]string
	Enabled  *bool
	// ModifiedBy is the user who makes the change; "" means Administrator.
	ModifiedBy string
}

// input is what a client may write about a key. The standard fields of a
// document are accepted and ignored, so that an answer can be sent back.
type input struct {
	Name        *string   `json:"name"`
	User        *string   `json:"user"`
	Role        *Role     `json:"role"`
	DocTypes    *[]string `json:"doctypes"`
	Description *string   `json:"description"`
	Enabled     *flag     `json:"enabled"`

	DocType    json.RawMessage `json:"doctype"`
	Owner      json.RawMessage `json:"owner"`
	Creation   json.RawMessage `json:"creation"`
	Modified   json.RawMessage `json:"modified"`
	ModifiedBy json.RawMessage `json:"modified_by"`
	DocStatus  json.RawMessage `json:"docstatus"`
	Index      json.RawMessage `json:"idx"`
}

// flag is a Frappe check: true, false, 0, 1, "0" or "1".
type flag bool

func (f *flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", "1", `"1"`:
		*f = true
	case "false", "0", `"0"`, "null":
		*f = false
	default:
		return refuse("invalid", "enabled", "enabled must be 1 or 0")
	}
	return nil
}

// ParseKey reads a client's new API Key: name (optional), user, role (default
// reader), doctypes, description, enabled (default 1). Unknown members are
// refused by name.
func ParseKey(data []byte) (Key, error) {
	in, err := parseInput(data)
	if err != nil {
		return Key{}, err
	}
	k := Key{Role: RoleReader, Enabled: true}
	if in.Name != nil {
		k.Name = *in.Name
	}
	if err := in.patch(data).apply(&k); err != nil {
		return Key{}, err
	}
	return k, nil
}

// ParsePatch reads a client's change of an API Key: the members of ParseKey;
// the name is ignored, an absent member stays, "doctypes": null lifts the limit.
func ParsePatch(data []byte) (Patch, error) {
	in, err := parseInput(data)
	if err != nil {
		return Patch{}, err
	}
	return in.patch(data), nil
}

var unknownField = regexp.MustCompile(`unknown field "(.*)"`)

func parseInput(data []byte) (input, error) {
	var in input
	if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return in, refuse("invalid", "", "an API Key is one JSON object")
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	if err == nil && dec.More() {
		return in, refuse("invalid", "", "an API Key is one JSON object")
	}
	var own *Error
	var typed *json.UnmarshalTypeError
	switch {
	case err == nil && len(in.DocType) > 0 && string(in.DocType) != `"API Key"` && string(in.DocType) != "null":
		return in, refuse("invalid", "doctype", "doctype is the kind of this document; the DocTypes that a key is limited to are its doctypes")
	case err == nil:
		return in, nil
	case errors.As(err, &own):
		return in, own
	case errors.As(err, &typed) && typed.Field != "":
		return in, refuse("invalid", typed.Field, "%s cannot be a JSON %s", typed.Field, typed.Value)
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		return in, refuse("invalid", m[1], "an API Key has no field %q", m[1])
	}
	return in, refuse("invalid", "", "an API Key is one JSON object")
}

// patch turns the input into a change. encoding/json cannot tell an absent
// "doctypes" from a null one, and the difference is a lifted limit.
func (in input) patch(data []byte) Patch {
	p := Patch{Owner: in.User, Description: in.Description, Role: in.Role, DocTypes: in.DocTypes}
	if in.Enabled != nil {
		p.Enabled = (*bool)(in.Enabled)
	}
	if in.DocTypes == nil {
		var members map[string]json.RawMessage
		if json.Unmarshal(data, &members) == nil && members["doctypes"] != nil {
			p.DocTypes = new([]string)
		}
	}
	return p
}

// apply changes k. Who stops being a writer loses the limit unless the change
// names one, which check then refuses.
func (p Patch) apply(k *Key) error {
	if p.Owner != nil {
		k.Owner = *p.Owner
	}
	if p.Description != nil {
		k.Description = *p.Description
	}
	if p.Role != nil {
		k.Role = *p.Role
		if k.Role != RoleWriter {
			k.DocTypes = nil
		}
	}
	if p.DocTypes != nil {
		k.DocTypes = slices.Clone(*p.DocTypes)
	}
	if p.Enabled != nil {
		k.Enabled = *p.Enabled
	}
	return k.check()
}

// check fills the default owner and refuses what cannot be stored.
func (k *Key) check() error {
	if k.Name != "" && !validName(k.Name) {
		return refuse("name", "name", "the name of an API Key is 1 to 140 of the characters A-Z a-z 0-9 . _ -")
	}
	if k.Role == "" {
		return refuse("mandatory", "role", "an API Key needs a role: admin, writer or reader")
	}
	if k.Role.rank() == 0 {
		return refuse("invalid", "role", "unknown role %.40q: use admin, writer or reader", string(k.Role))
	}
	if k.DocTypes != nil {
		if err := checkDocTypes(k.Role, k.DocTypes); err != nil {
			return err
		}
	}
	if !plainText(k.Owner, maxOwner) {
		return refuse("invalid", "user", "user must be at most %d characters without line breaks", maxOwner)
	}
	if !plainText(k.Description, maxText) {
		return refuse("invalid", "description", "description must be one line of at most %d characters", maxText)
	}
	return nil
}

// setDefaultOwner names the user of a key that was given none. It comes after
// the key has its name.
func (k *Key) setDefaultOwner() {
	switch {
	case k.Owner != "":
	case k.Role == RoleAdmin:
		k.Owner = adminOwner
	default:
		k.Owner = k.Name
	}
}

func checkDocTypes(role Role, doctypes []string) error {
	if role != RoleWriter {
		return refuse("invalid", "doctypes", "only a writer can be limited to DocTypes")
	}
	// An emptied list would read as "none" to its writer and as "all" to a
	// careless reader; it is neither.
	if len(doctypes) == 0 {
		return refuse("invalid", "doctypes", "name at least one DocType, or send null for all")
	}
	if len(doctypes) > maxDocTypes {
		return refuse("invalid", "doctypes", "at most %d DocTypes can be named", maxDocTypes)
	}
	for _, d := range doctypes {
		if strings.TrimSpace(d) == "" || !plainText(d, maxOwner) {
			return refuse("invalid", "doctypes", "%.40q is not the name of a DocType", d)
		}
	}
	return nil
}

// plainText reports whether s is valid UTF-8 of at most n characters without
// control characters (a NUL would not fit into PostgreSQL).
func plainText(s string, n int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= n && !strings.ContainsFunc(s, unicode.IsControl)
}

func validName(s string) bool {
	if s == "" || len(s) > maxOwner {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
