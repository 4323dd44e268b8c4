package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Error is a refusal made at the door. Its text is safe for clients.
type Error struct {
	CodeWord, Field, Message string

	retry time.Duration
	cause error
}

// Errorf returns an Error; field may be "". The code is a word of the table
// that Codes lists.
func Errorf(code, field, format string, args ...any) *Error {
	return &Error{CodeWord: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Code returns the word that names the kind of error.
func (e *Error) Code() string { return e.CodeWord }

// FieldName returns the field or parameter that is wrong, or "".
func (e *Error) FieldName() string { return e.Field }

// RetryAfter returns how long the client should wait, or 0.
func (e *Error) RetryAfter() time.Duration { return e.retry }

// Unwrap returns what the error was made from; its text is not for clients.
func (e *Error) Unwrap() error { return e.cause }

// statusClientGone is what proxies log when the client hung up; nobody
// receives it.
const statusClientGone = 499

// kind is how one code looks to a client.
type kind struct {
	status  int
	excType string
	title   string
}

// kinds is the one place where our words meet HTTP and Frappe. Frappe answers
// 417 to whatever is wrong with the content of a document, and so do we, also
// for a body that is not JSON; what is wrong with the request itself has the
// ordinary 4xx codes. Statuses and exc_types of Frappe's own errors are those
// of frappe/exceptions.py.
var kinds = map[string]kind{
	"invalid":   {417, "ValidationError", "Invalid Value"},
	"mandatory": {417, "MandatoryError", "Missing Value"},
	"link":      {417, "LinkValidationError", "Invalid Link"},
	"unique":    {417, "UniqueValidationError", "Duplicate Value"},
	"immutable": {417, "CannotChangeConstantError", "Cannot Change"},
	"stale":     {417, "TimestampMismatchError", "Changed Meanwhile"},
	"trigger":   {417, "ValidationError", "Refused"},
	"not_json":  {417, "DataError", "Not JSON"},
	"not_found": {404, "DoesNotExistError", "Not Found"},
	"expired":   {410, "DoesNotExistError", "Expired"},
	"conflict":  {409, "DuplicateEntryError", "Conflict"},
	"name":      {409, "NameError", "Invalid Name"},

	"invalid_path":      {417, "ValidationError", "Invalid Path"},
	"invalid_template":  {417, "ValidationError", "Invalid Template"},
	"invalid_mapping":   {417, "ValidationError", "Invalid Mapping"},
	"invalid_condition": {417, "ValidationError", "Invalid Condition"},
	"invalid_url":       {417, "ValidationError", "Invalid URL"},
	"refused":           {417, "ValidationError", "Refused Address"},
	"render_failed":     {417, "ValidationError", "Cannot Render"},

	"unauthenticated":    {401, "AuthenticationError", "Not Signed In"},
	"forbidden":          {403, "PermissionError", "Not Permitted"},
	"bad_request":        {400, "DataError", "Bad Request"},
	"truncated":          {400, "DataError", "Incomplete Body"},
	"method_not_allowed": {405, "MethodNotAllowed", "Method Not Allowed"},
	"request_timeout":    {408, "RequestTimeout", "Body Too Slow"},
	"too_large":          {413, "RequestEntityTooLarge", "Too Large"},
	"unsupported":        {415, "UnsupportedMediaType", "Unsupported Format"},

	"idempotency_mismatch": {422, "ValidationError", "Idempotency Key Reused"},
	"idempotency_busy":     {409, "DuplicateEntryError", "Idempotency Key In Use"},
	"throttled":            {429, "TooManyRequestsError", "Too Many Requests"},

	"internal":    {500, "InternalServerError", "Internal Error"},
	"unavailable": {503, "ServiceUnavailable", "Unavailable"},
	"timeout":     {503, "QueryTimeoutError", "Took Too Long"},
}

// Codes returns all words the table knows, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(kinds)) }

// Problem is what a client may learn of an error; faces that do not answer in
// Frappe's shape render it themselves.
type Problem struct {
	Code    string // a word of the table
	Status  int    // HTTP status
	ExcType string // Frappe's exc_type
	Title   string
	Field   string // what is wrong, or ""
	Message string // safe for clients
	// Details are further members of the answer, or nil.
	Details map[string]any
	// RetryAfter is how long the client should wait, or 0.
	RetryAfter time.Duration
}

const maxMessage = 2000 // bytes; a message may quote a long name

// Classify finds the problem that err stands for. err must not be nil.
func Classify(err error) Problem {
	type coded interface {
		error
		Code() string
	}
	p := Problem{Code: "internal"}
	if coded, ok := errors.AsType[coded](err); ok {
		if _, known := kinds[coded.Code()]; known {
			p.Code, p.Message = coded.Code(), clientText(coded)
		}
	}
	if p.Code == "internal" {
		// A cancelled query is often reported as nothing better than internal.
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Code, p.Message = "timeout", "the request took too long and was given up"
		case errors.Is(err, context.Canceled):
			p.Code, p.Message = "unavailable", "the service is stopping, try again"
		default:
			p.Message = "internal error"
		}
	}
	k := kinds[p.Code]
	p.Status, p.ExcType, p.Title = k.status, k.excType, k.title
	if p.Message == "" {
		p.Message = k.title
	}
	p.Message = shorten(p.Message, maxMessage)
	p.addOptional(err)
	return p
}

// clientText is the text of a coded error that a client may see. An error that
// keeps its cause in Error, for the log, has a ClientMessage besides.
func clientText(err error) string {
	if e, ok := err.(interface{ ClientMessage() string }); ok {
		return e.ClientMessage()
	}
	return err.Error()
}

// addOptional asks the error for what not every error has.
func (p *Problem) addOptional(err error) {
	var field interface{ FieldName() string }
	if errors.As(err, &field) {
		p.Field = shorten(field.FieldName(), maxMessage)
	}
	var details interface{ Details() map[string]any }
	if errors.As(err, &details) {
		p.Details = details.Details()
	}
	var retry interface{ RetryAfter() time.Duration }
	if errors.As(err, &retry) {
		p.RetryAfter = retry.RetryAfter()
	}
	if p.RetryAfter <= 0 && p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = time.Second
	}
}

// shorten makes s valid UTF-8 of at most n bytes.
func shorten(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	s = s[:n]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
