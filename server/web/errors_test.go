package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

// coded is an error as the other packages have it.
type coded struct {
	code, field, text string
	details           map[string]any
	cause             error
}

func (e *coded) Error() string           { return e.text }
func (e *coded) Code() string            { return e.code }
func (e *coded) FieldName() string       { return e.field }
func (e *coded) Details() map[string]any { return e.details }
func (e *coded) Unwrap() error           { return e.cause }

// TestTable is the list of everything a client can be told.
func TestTable(t *testing.T) {
	table := []struct {
		code    string
		status  int
		excType string
	}{
		{"bad_request", 400, "DataError"},
		{"conflict", 409, "DuplicateEntryError"},
		{"expired", 410, "DoesNotExistError"},
		{"forbidden", 403, "PermissionError"},
		{"idempotency_busy", 409, "DuplicateEntryError"},
		{"idempotency_mismatch", 422, "ValidationError"},
		{"immutable", 417, "CannotChangeConstantError"},
		{"internal", 500, "InternalServerError"},
		{"invalid", 417, "ValidationError"},
		{"invalid_condition", 417, "ValidationError"},
		{"invalid_mapping", 417, "ValidationError"},
		{"invalid_path", 417, "ValidationError"},
		{"invalid_template", 417, "ValidationError"},
		{"invalid_url", 417, "ValidationError"},
		{"link", 417, "LinkValidationError"},
		{"mandatory", 417, "MandatoryError"},
		{"method_not_allowed", 405, "MethodNotAllowed"},
		{"name", 409, "NameError"},
		{"not_found", 404, "DoesNotExistError"},
		{"not_json", 417, "DataError"},
		{"refused", 417, "ValidationError"},
		{"render_failed", 417, "ValidationError"},
		{"request_timeout", 408, "RequestTimeout"},
		{"stale", 417, "TimestampMismatchError"},
		{"throttled", 429, "TooManyRequestsError"},
		{"timeout", 503, "QueryTimeoutError"},
		{"too_large", 413, "RequestEntityTooLarge"},
		{"trigger", 417, "ValidationError"},
		{"truncated", 400, "DataError"},
		{"unauthenticated", 401, "AuthenticationError"},
		{"unavailable", 503, "ServiceUnavailable"},
		{"unique", 417, "UniqueValidationError"},
		{"unsupported", 415, "UnsupportedMediaType"},
	}
	var codes []string
	for _, row := range table {
		codes = append(codes, row.code)
		t.Run(row.code, func(t *testing.T) {
			// An outer text does not reach the client: it may hold anything.
			err := fmt.Errorf("SELECT secret: %w", &coded{code: row.code, field: "fields[2]", text: "what is <b>wrong</b> & why"})
			d := newDoor(t)
			d.handle("/x", func(*gin.Context) error { return err })
			res := d.get("/x", nil)
			if res.Code != row.status {
				t.Errorf("status %d, want %d", res.Code, row.status)
			}
			text := "what is <b>wrong</b> & why"
			if row.code == "internal" {
				text = "internal error"
			}
			checkErrorBody(t, res.Body.Bytes(), row.excType, text)
			var body struct{ Error map[string]string }
			decode(t, res.Body.Bytes(), &body)
			id := res.Header().Get("X-Request-Id")
			if e := body.Error; e["code"] != row.code || e["field"] != "fields[2]" || e["message"] != text || e["request_id"] != id || id == "" {
				t.Errorf("error = %v, id %q", e, id)
			}
			if bytes.Contains(res.Body.Bytes(), []byte("SELECT")) {
				t.Errorf("the outer text leaves: %s", res.Body)
			}
			checkHeaders(t, res.Header(), row.status)
		})
	}
	if got := web.Codes(); !slices.Equal(got, codes) {
		t.Errorf("codes\n%v\nthe table here has\n%v", got, codes)
	}
}

func checkErrorBody(t *testing.T, raw []byte, excType, text string) {
	t.Helper()
	var body struct {
		ExcType        string `json:"exc_type"`
		Exception      string `json:"exception"`
		ServerMessages string `json:"_server_messages"`
		Message        string `json:"message"`
	}
	decode(t, raw, &body)
	if body.ExcType != excType || body.Exception != "frappe.exceptions."+excType+": "+text || body.Message != text {
		t.Errorf("body %s", raw)
	}
	var messages []string
	decode(t, []byte(body.ServerMessages), &messages)
	if len(messages) != 1 {
		t.Fatalf("_server_messages %q", body.ServerMessages)
	}
	var one map[string]any
	decode(t, []byte(messages[0]), &one)
	shown := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	if one["message"] != shown || one["title"] == "" || one["indicator"] != "red" || one["raise_exception"] != 1.0 {
		t.Errorf("message %v", one)
	}
}

func checkHeaders(t *testing.T, h http.Header, status int) {
	t.Helper()
	if h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if got := h.Get("WWW-Authenticate") != ""; got != (status == 401) {
		t.Errorf("WWW-Authenticate %q at %d", h.Get("WWW-Authenticate"), status)
	}
	if got := h.Get("Retry-After") != ""; got != (status == 503) {
		t.Errorf("Retry-After %q at %d", h.Get("Retry-After"), status)
	}
}

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func TestClassifyForeign(t *testing.T) {
	for _, tc := range []struct {
		what string
		err  error
		code string
	}{
		{"plain", errors.New("pq: password is hunter2"), "internal"},
		{"unknown word", &coded{code: "brand_new", text: "hunter2"}, "internal"},
		{"coded internal", &coded{code: "internal", text: "hunter2"}, "internal"},
		{"deadline", fmt.Errorf("hunter2: %w", context.DeadlineExceeded), "timeout"},
		{"deadline in a coded internal", &coded{code: "internal", text: "hunter2", cause: context.DeadlineExceeded}, "timeout"},
		{"stopped", fmt.Errorf("hunter2: %w", context.Canceled), "unavailable"},
		{"a coded one wins over the deadline", &coded{code: "invalid", text: "no", cause: context.DeadlineExceeded}, "invalid"},
		{"joined", errors.Join(errors.New("hunter2"), &coded{code: "stale", text: "no"}), "stale"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			p := web.Classify(tc.err)
			if p.Code != tc.code || strings.Contains(string(web.ErrorBody(p, "id")), "hunter2") {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestDetails(t *testing.T) {
	report := map[string]any{"received": 7, "errors": []int{}, "exc_type": "Mine", "error": "mine", "message": "mine"}
	err := fmt.Errorf("x: %w", &coded{code: "truncated", text: "cut", details: report})
	var body map[string]any
	decode(t, web.ErrorBody(web.Classify(err), "id"), &body)
	if body["received"] != 7.0 || body["errors"] == nil {
		t.Errorf("details are missing: %v", body)
	}
	if body["exc_type"] != "DataError" || body["message"] != "cut" || body["error"].(map[string]any)["code"] != "truncated" {
		t.Errorf("details replaced the answer: %v", body)
	}
	// What JSON cannot hold costs the details, not the answer.
	err = &coded{code: "truncated", text: "cut", details: map[string]any{"x": math.NaN()}}
	decode(t, web.ErrorBody(web.Classify(err), "id"), &body)
	if body["message"] != "cut" {
		t.Errorf("body %v", body)
	}
}

func TestLongMessage(t *testing.T) {
	p := web.Classify(&coded{code: "name", text: "x\xff" + strings.Repeat("ü", 10_000)})
	if !utf8.ValidString(p.Message) || len(p.Message) > 2010 || !strings.HasSuffix(p.Message, "ü…") {
		t.Errorf("%d bytes, %q", len(p.Message), p.Message[len(p.Message)-10:])
	}
}

func TestRetryAfterRoundsUp(t *testing.T) {
	d := newDoor(t)
	d.handle("/x", func(*gin.Context) error { return retryLater{} })
	if res := d.get("/x", nil); res.Code != 503 || res.Header().Get("Retry-After") != "3" {
		t.Errorf("%d, Retry-After %q", res.Code, res.Header().Get("Retry-After"))
	}
}

// TestClientMessage: an error may tell the log more than the client.
func TestClientMessage(t *testing.T) {
	d := newDoor(t)
	d.handle("/x", func(*gin.Context) error { return fmt.Errorf("x: %w", talkative{}) })
	res := d.get("/x", nil)
	checkErrorBody(t, res.Body.Bytes(), "ServiceUnavailable", "try again")
	if lines := d.log.lines(t); !strings.Contains(lines[0]["error"].(string), "dial tcp") {
		t.Errorf("log %v", lines)
	}
}

type talkative struct{}

func (talkative) Error() string         { return "try again: dial tcp 10.0.0.7" }
func (talkative) ClientMessage() string { return "try again" }
func (talkative) Code() string          { return "unavailable" }

type retryLater struct{}

func (retryLater) Error() string             { return "later" }
func (retryLater) Code() string              { return "unavailable" }
func (retryLater) RetryAfter() time.Duration { return 2001 * time.Millisecond }
