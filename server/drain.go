package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// A server that just closed its connections when it is asked to stop would break requests that are on their way: on a connection that a
// balancer keeps, nobody can tell whether such a one was done. So it first says that it is leaving, and goes on as ever: /readyz answers
// 503, and each answer asks for its connection to be closed.

// leaving tells those who ask that the service is about to stop, once it is.
func (a *App) leaving(next http.Handler) http.Handler {
	if a.config.Drain <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() {
			w.Header().Set("Connection", "close")
			if strings.TrimSuffix(r.URL.Path, "/") == "/readyz" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, `{"checks":{"service":"it is stopping"},"status":"not ready"}`) // who asked may have gone
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// drain gives those who send requests the time to go elsewhere. It ends early if serving does.
func (a *App) drain(ctx context.Context, served <-chan error) error {
	if a.config.Drain <= 0 {
		return nil
	}
	a.draining.Store(true)
	a.log.InfoContext(ctx, "stopping", "serves_for", a.config.Drain)
	end := time.NewTimer(a.config.Drain)
	defer end.Stop()
	select {
	case err := <-served:
		return err
	case <-end.C:
		return nil
	}
}
