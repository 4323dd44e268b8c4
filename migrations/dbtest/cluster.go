package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// Cluster is a PostgreSQL server of one test's own, which the test may stop and start again. It writes to disk as in production.
type Cluster struct {
	server    *server
	databases *databases
}

// StartCluster starts a new server that ends with the test. Without installed binaries the test is skipped or fails like all others.
func StartCluster(tb testing.TB) *Cluster {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	s, err := newServer(ctx, true)
	if errors.Is(err, errNoBinaries) {
		missing(tb)
	}
	if err != nil {
		tb.Fatalf("start cluster: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.remove(); err != nil {
			tb.Errorf("remove cluster: %v", err)
		}
	})
	dbs, err := newDatabases(ctx, s.url("postgres"))
	if err != nil {
		tb.Fatalf("start cluster: %v", err)
	}
	return &Cluster{server: s, databases: dbs}
}

// URL returns the address of the database with this name ("postgres" is always there).
func (c *Cluster) URL(database string) string { return c.server.url(database) }

// Database makes a fresh migrated database and returns its address.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	url, err := c.databases.create(tb.Context(), true)
	if err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	return url
}

// Stop ends the server and waits for it. mode is one of pg_ctl's: "smart" waits for the clients, "fast" ends their sessions,
// "immediate" leaves everything as a crash would.
func (c *Cluster) Stop(mode string) error {
	if !slices.Contains([]string{"smart", "fast", "immediate"}, mode) {
		return fmt.Errorf("stop cluster: no such mode: %q", mode)
	}
	return c.server.stop(mode)
}

// Start starts the stopped server on the same port and waits until it lets clients in.
func (c *Cluster) Start() error { return c.server.start() }
