package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// of are the lines with a message, decoded, and all of the text.
func (l *lines) of(t *testing.T, message string) (found []map[string]any, all string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m["msg"] == message {
			found = append(found, m)
		}
	}
	return found, l.b.String()
}

// TestLog: each request and each attempt is one line that can be followed by its
// ids, and no line holds a secret, a query or a byte of a body.
func TestLog(t *testing.T) {
	const hidden = "hunter2"
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bad" {
				w.Header().Set("Location", "http://example.com/?"+hidden)
				w.WriteHeader(http.StatusFound)
			}
			_, _ = io.WriteString(w, hidden) // the client may be gone
		}))
		t.Cleanup(answers.Close)
		closed := httptest.NewServer(http.NotFoundHandler())
		closed.Close()
		var log lines
		token := "admin:" + hidden + "0123456789abcdef"
		app, err := New(db, Config{AdminToken: token, AllowTarget: []string{"127.0.0.0/8"}}, Options{
			Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		site := httptest.NewServer(app.Handler())
		stop := sync.OnceFunc(func() {
			site.Close()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
			defer cancel()
			if err := app.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stop)
		do := func(want int, method, path, body string) (id string) {
			req, err := http.NewRequestWithContext(t.Context(), method, site.URL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Authorization": "token " + token, "Cookie": hidden, "Idempotency-Key": hidden} {
				req.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode != want {
				t.Fatalf("%s %s: %d %s, %v", method, path, res.StatusCode, answer, err)
			}
			return res.Header.Get("X-Request-Id")
		}
		do(200, "POST", "/api/resource/DocType", `{"name":"Product","autoname":"field:sku"}`)
		secret := base64.StdEncoding.EncodeToString([]byte(hidden + hidden + hidden + hidden))
		for name, url := range map[string]string{
			"good": answers.URL + "/good", "bad": answers.URL + "/bad", "closed": closed.URL + "/closed",
		} {
			do(200, "POST", "/api/resource/Webhook", `{"name":"`+name+`","request_url":"`+url+`?key=`+hidden+`","webhook_doctype":"Product","webhook_docevent":"on_change",
				"webhook_headers":[{"key":"Authorization","value":"Bearer `+hidden+`"}],"webhook_data":[{"fieldname":"@this","key":""}],
				"enable_security":1,"webhook_secret":"whsec_`+secret+`","retry":{"schedule":[3600]}}`)
		}
		id := do(200, "POST", "/api/ingest/Product", `{"sku":"a","password":"`+hidden+`"}`)
		do(404, "GET", "/api/resource/Product/"+hidden+"?x="+hidden, "")
		do(404, "GET", "/"+hidden+"?"+hidden, "")
		do(417, "POST", "/api/ingest/Product?records=%7B"+hidden, `{"sku":`)
		until := time.Now().Add(20 * time.Second)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for attempts, _ := log.of(t, "attempt"); len(attempts) < 3; attempts, _ = log.of(t, "attempt") {
			if time.Now().After(until) {
				t.Fatalf("attempts %v", attempts)
			}
			<-tick.C
		}
		stop()

		attempts, all := log.of(t, "attempt")
		for _, a := range attempts {
			if delivery, _ := a["delivery"].(string); !strings.HasPrefix(delivery, "msg_") || a["walker"] == "" || a["name"] != "a" || a["status"] == "" {
				t.Errorf("attempt %v", a)
			}
		}
		requests, _ := log.of(t, "request")
		if len(requests) != 8 {
			t.Errorf("%d lines of requests: %v", len(requests), requests)
		}
		named := 0
		for _, r := range requests {
			if r["request_id"] == id && r["route"] == "/api/ingest/:doctype" && r["key"] == "admin" {
				named++
			}
		}
		if named != 1 {
			t.Errorf("%d lines of request %s: %v", named, id, requests)
		}
		if strings.Contains(all, hidden) || strings.Contains(all, secret) {
			t.Errorf("the log tells what it must not:\n%s", all)
		}
	})
}
