package scrapers

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"dochook/doctype"
	"dochook/doctype/record"
)

// Modes of a scraper's jobs.
const (
	Full    = "full"    // a job brings all there is: what it did not bring is gone
	Partial = "partial" // a job brings some of it
)

// Scraper is the definition of one scraper.
type Scraper struct {
	Name        string          `json:"name"` // 1 to 140 characters
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Feeds       string          `json:"feeds"`             // a DocType
	Table       string          `json:"table,omitempty"`   // the table's name in bodies that carry one; "" is the DocType's
	Mode        string          `json:"mode"`              // of jobs that do not say; partial when absent
	Removal     json.RawMessage `json:"removal,omitempty"` // the brakes on removals, an object; absent is the DocType's
}

// Stored is a Scraper with what is known of its making.
type Stored struct {
	Scraper
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
}

// Standard fields of a document, which a client may send back.
var ignored = map[string]bool{
	"doctype": true, "owner": true, "creation": true, "modified": true, "modified_by": true, "docstatus": true, "idx": true,
	"__islocal": true, "__unsaved": true,
}

// Parse reads a definition from a JSON object. Members it does not know are refused by name. Errors are of type
// [*doctype.Error].
func Parse(data []byte) (Scraper, error) {
	s := Scraper{Mode: Partial}
	if err := record.Check(data); err != nil {
		return s, err
	}
	for name, raw := range record.Members(data) {
		if err := s.set(name, raw); err != nil {
			return s, err
		}
	}
	return s, s.check()
}

func (s *Scraper) set(name string, raw []byte) error {
	var into *string
	switch name {
	case "name":
		into = &s.Name
	case "title":
		into = &s.Title
	case "description":
		into = &s.Description
	case "feeds":
		into = &s.Feeds
	case "table":
		into = &s.Table
	case "mode":
		into = &s.Mode
	case "removal":
		s.Removal = nil
		if string(raw) != "null" {
			s.Removal = bytes.Clone(raw)
		}
		return nil
	default:
		if ignored[name] {
			return nil
		}
		return doctype.Errorf(doctype.CodeInvalid, name, "a Scraper has no such member: there are name, title, description, feeds, table, mode and removal")
	}
	switch {
	case string(raw) == "null":
		*into = ""
	case raw[0] != '"':
		return doctype.Errorf(doctype.CodeInvalid, name, "must be a string")
	default:
		*into = record.Unquote(raw)
	}
	return nil
}

func (s *Scraper) check() error {
	if s.Mode == "" {
		s.Mode = Partial
	}
	switch {
	case strings.TrimSpace(s.Name) == "":
		return doctype.Errorf(doctype.CodeMandatory, "name", "a Scraper needs a name")
	case doctype.CheckName(s.Name) != nil || len(s.Name) > 140:
		return doctype.Errorf(doctype.CodeInvalid, "name", "must be a text of at most 140 bytes without control characters")
	case s.Name == "jobs":
		return doctype.Errorf(doctype.CodeInvalid, "name", "jobs is a word of the API's paths")
	case s.Feeds == "":
		return doctype.Errorf(doctype.CodeMandatory, "feeds", "which DocType does it feed?")
	case s.Mode != Full && s.Mode != Partial:
		return doctype.Errorf(doctype.CodeInvalid, "mode", "must be full or partial, not %.40q", s.Mode)
	}
	_, err := doctype.ParseRemoval(s.Removal)
	return err
}

// JSON is the definition as it is stored and answered.
func (s *Scraper) JSON() []byte {
	var w record.Writer
	w.Text("name", s.Name)
	w.Text("title", s.Title)
	w.Text("description", s.Description)
	w.Text("feeds", s.Feeds)
	w.Text("table", s.Table)
	w.Text("mode", s.Mode)
	removal := s.Removal
	if len(removal) == 0 {
		removal = []byte("null")
	}
	w.Raw("removal", removal)
	return w.Bytes()
}
