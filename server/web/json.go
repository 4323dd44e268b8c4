package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const jsonType = "application/json"

// JSON answers with v. Numbers and text of json.RawMessage members stay as
// they are, blanks between them do not; Raw keeps every byte. The error is
// v's, or that of writing to the client.
func JSON(c *gin.Context, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the answer is never sniffed as HTML
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("web: encode the answer: %w", err)
	}
	return Raw(c, status, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// Raw answers with JSON text, byte for byte. The error is that of writing to
// the client.
func Raw(c *gin.Context, status int, body []byte) error {
	h := c.Writer.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Status(status)
	if _, err := c.Writer.Write(body); err != nil {
		return fmt.Errorf("web: write the answer: %w", err)
	}
	return nil
}

// serverMessage is an element of Frappe's _server_messages.
type serverMessage struct {
	Message        string `json:"message"`
	Title          string `json:"title"`
	Indicator      string `json:"indicator"`
	RaiseException int    `json:"raise_exception"`
}

// ErrorBody returns the JSON body of a problem in the shape of Frappe's REST
// API v1: exc_type, exception, _server_messages (a JSON string holding an
// array of JSON strings) and message, never a traceback; beside them
// error {code, field, message, request_id} and the problem's details, which
// cannot replace any of these.
func ErrorBody(p Problem, requestID string) []byte {
	// Frappe's clients show this text as HTML.
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(p.Message)
	one := mustText(serverMessage{Message: escaped, Title: p.Title, Indicator: "red", RaiseException: 1})
	own := map[string]string{"code": p.Code, "message": p.Message, "request_id": requestID}
	if p.Field != "" {
		own["field"] = p.Field
	}
	body := make(map[string]any, len(p.Details)+5)
	maps.Copy(body, p.Details)
	fixed := map[string]any{
		"exc_type":         p.ExcType,
		"exception":        "frappe.exceptions." + p.ExcType + ": " + p.Message,
		"_server_messages": mustText([]string{one}),
		"message":          p.Message,
		"error":            own,
	}
	maps.Copy(body, fixed)
	out, err := json.Marshal(body)
	if err != nil { // a detail that JSON cannot hold; the problem itself always fits
		out, _ = json.Marshal(fixed)
	}
	return out
}

// mustText marshals strings and numbers, which cannot fail.
func mustText(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}

// prepare makes the headers of an answer with a problem. Those a handler set for
// the answer it did not give go away.
func prepare(c *gin.Context, p Problem) {
	h := c.Writer.Header()
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Content-Disposition"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10))
	}
}
