package paneltest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"dochook/fixtures/peer"
	"dochook/migrations"
	"dochook/server"
	"dochook/server/access"
)

// Admin is the token of the key admin, which every Site has.
const Admin = "admin:0123456789abcdef0123"

// Site is the whole service behind a real socket.
type Site struct {
	App *server.App
	URL string // without a slash at its end
	// Tokens of the keys by name: admin, writer, limited (a writer of the DocType
	// Product alone), reader.
	Tokens map[string]string
}

// New starts the service on a migrated database; it ends with the test. Webhooks
// may call loopback addresses.
func New(tb testing.TB, db *migrations.DB) *Site {
	tb.Helper()
	return Start(tb, db, server.Config{})
}

// Start is New with a configuration; what it needs of it is set here: the admin
// token and the targets, and the public URL unless there is one.
func Start(tb testing.TB, db *migrations.DB, config server.Config) *Site {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Site{URL: "http://" + l.Addr().String()}
	config.AdminToken, config.AllowTarget = Admin, []string{"127.0.0.0/8"}
	if config.PublicURL == "" {
		config.PublicURL = s.URL
	}
	log := slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: slog.LevelError}))
	s.App, err = server.New(db, config, server.Options{Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.App.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.App.Serve(l) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 20*time.Second)
		defer cancel()
		if err := s.App.Stop(ctx); err != nil {
			tb.Errorf("stop: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	s.Tokens = map[string]string{"admin": Admin}
	for _, k := range []access.Key{
		{Name: "writer", Role: access.RoleWriter, Enabled: true},
		{Name: "limited", Role: access.RoleWriter, DocTypes: []string{"Product"}, Enabled: true},
		{Name: "reader", Role: access.RoleReader, Enabled: true},
	} {
		made, secret, err := s.App.Keys.Create(tb.Context(), k)
		if err != nil {
			tb.Fatal(err)
		}
		s.Tokens[k.Name] = made.Name + ":" + secret
	}
	return s
}

// API is a client of the JSON API with the admin key.
func (s *Site) API(tb testing.TB) *peer.Client {
	tb.Helper()
	c, err := peer.NewClient(s.URL, Admin)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// Insert makes documents: DocType, JSON and so on.
func (s *Site) Insert(tb testing.TB, pairs ...string) {
	tb.Helper()
	c := s.API(tb)
	for i := 0; i < len(pairs); i += 2 {
		if _, err := c.Insert(tb.Context(), pairs[i], []byte(pairs[i+1])); err != nil {
			tb.Fatalf("%s %s: %v", pairs[i], pairs[i+1], err)
		}
	}
}

// Ingest sends records, NDJSON, to a DocType.
func (s *Site) Ingest(tb testing.TB, docType, records string) {
	tb.Helper()
	if _, err := s.API(tb).Ingest(tb.Context(), docType, nil, "application/x-ndjson", strings.NewReader(records)); err != nil {
		tb.Fatal(err)
	}
}

// Receiver is where webhooks can be sent; it ends with the test.
func Receiver(tb testing.TB) *peer.Receiver {
	tb.Helper()
	r, err := peer.StartReceiver(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

const waitTime = 20 * time.Second

// Until waits until a condition holds, at most 20 s.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(waitTime); !holds(); <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("not in time: %s", what)
		}
	}
}

// Hostile is text as a scraper may bring it: markup, breakers of attributes, and
// of scripts. It must never be a part of a page's markup.
const Hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}</textarea></title>&lt;` + "`${alert(3)}`"

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.tb.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}
