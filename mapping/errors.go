package mapping

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"dochook/mapping/path"
)

// MaxBytes is the size of the largest body a mapping, a JSON template or a form may render. A larger one is an error of
// the code [CodeTooLarge]; rendering stops at the value that passes the limit.
const MaxBytes = 16 << 20

// The words [Error.Code] answers.
const (
	CodeInvalidPath     = path.CodeInvalid   // a path that does not parse
	CodeInvalidTemplate = "invalid_template" // a template that does not parse
	CodeInvalidMapping  = "invalid_mapping"  // a key, or a set of keys, that makes no body
	CodeRenderFailed    = "render_failed"    // a value that may not stand where the template puts it
	CodeTooLarge        = path.CodeTooLarge  // a text or a rendered result beyond its limit
)

// Error is every error of this package. Its text holds only what the author of the mapping wrote, never a value of a
// document, so it is safe for clients.
type Error struct {
	Kind    string // one of the Code constants
	Field   string // where the text stands, as "webhook_data[2].fieldname"; empty where the caller knows better
	Pos     int    // byte offset of the mistake in the text; -1 for none
	Line    int    // line of Pos, from 1; 0 where the text is a single line by nature
	Column  int    // character in that line, from 1; 0 as Line
	Message string // what is wrong, without the position
}

// Code is the word for programs.
func (e *Error) Code() string { return e.Kind }

// FieldName is where the text stands, or "".
func (e *Error) FieldName() string { return e.Field }

// Error is the text for people: field, message and position.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	switch {
	case e.Line > 0:
		b.WriteString(" (line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ")")
	case e.Pos >= 0:
		b.WriteString(" (at offset " + strconv.Itoa(e.Pos) + ")")
	}
	return b.String()
}

// at fills the line and column of e.Pos in src.
func (e *Error) at(src string) *Error {
	if e.Pos < 0 || e.Pos > len(src) {
		return e
	}
	before := src[:e.Pos]
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return e
}

// in names the field the mistake is in.
func (e *Error) in(field string) *Error {
	e.Field = field
	return e
}

// pathError makes an error of package path one of this package: same code, same offset.
func pathError(err error) *Error {
	var e *path.Error
	if !errors.As(err, &e) {
		return &Error{Kind: CodeInvalidPath, Pos: -1, Message: "bad path"}
	}
	return &Error{Kind: e.Kind, Pos: e.Pos, Message: e.Message}
}

func templateError(pos int, message string) *Error {
	return &Error{Kind: CodeInvalidTemplate, Pos: pos, Message: message}
}

func renderError(message string) *Error {
	return &Error{Kind: CodeRenderFailed, Pos: -1, Message: message}
}

func tooLarge(limit int) *Error {
	return &Error{Kind: CodeTooLarge, Pos: -1, Message: "the result is larger than " + strconv.Itoa(limit) + " bytes"}
}

// quote shows a piece of the author's text in a message, shortened.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strconv.Quote(s)
}
