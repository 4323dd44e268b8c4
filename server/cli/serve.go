package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"dochook/migrations"
	"dochook/server"
	"dochook/server/cli/build"
	"dochook/server/cli/terminal"
)

// Serve runs the service until its ctx ends.
type Serve struct{ Settings }

// Run serves. A ctx that ends lets what is in flight finish.
func (v *Serve) Run(ctx context.Context, g *Globals, s *Streams) error {
	limitMemory()
	log := g.logger(s.Err)
	// Everything a wrong flag can spoil comes before the schema is touched.
	settings, err := v.Config(g)
	if err != nil {
		return err
	}
	l, err := server.Listen(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // for the ways out before it serves
	if settings.PublicURL == "" {
		settings.PublicURL = urlOf(l.Addr().String()) // also where any port was asked for
	}
	db, err := v.open(ctx, g, log)
	if err != nil {
		return err
	}
	defer func() {
		closed := make(chan error, 1)
		go func() { closed <- db.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				log.Error("cannot close the database", "error", err)
			}
		case <-time.After(2 * time.Second): // it waits for every connection's goodbye; the end of the process will do
		}
	}()
	app, err := server.New(db, settings, server.Options{
		Logger: log, FirstKey: func(token string) { showKey(s.Err, token) }, Statements: &g.statements,
	})
	if err != nil {
		return badSetting(err)
	}
	err = app.Run(ctx, l, func(address string) { announce(g, s.Out, address, db.Redacted(), log) })
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // asked to stop while it was still starting
	}
	return badSetting(err)
}

func (v *Serve) open(ctx context.Context, g *Globals, log *slog.Logger) (*migrations.DB, error) {
	if v.NoMigrate {
		return g.open(ctx, alone, log)
	}
	db, err := g.openAny(ctx, alone, log)
	if err != nil {
		return nil, err
	}
	if _, err := migrations.Up(ctx, db, log); err != nil {
		return nil, closeAfter(db, err)
	}
	return db, nil
}

func announce(g *Globals, w io.Writer, address, database string, log *slog.Logger) {
	var err error
	if g.JSON {
		err = terminal.PrintJSON(w, map[string]string{"address": "http://" + address, "database": database, "version": build.Current().Version})
	} else {
		err = printf(w, "dochook %s listens on http://%s (database %s)\n", build.Current().Version, address, database)
	}
	if err != nil {
		log.Warn("cannot print the address", "address", address, "error", err)
	}
}

// showKey prints the first key where nobody can overlook it.
func showKey(w io.Writer, token string) {
	lines := []string{
		"This is the first start. Your admin key is shown now and never again:",
		"",
		"    " + token,
		"",
		"Send it with each request:",
		"    Authorization: token " + token,
		"or sign in with it in a browser, at /app.",
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l))
	}
	var b strings.Builder
	rule := "+" + strings.Repeat("-", width+4) + "+\n"
	b.WriteString(rule)
	for _, l := range lines {
		b.WriteString("|  " + l + strings.Repeat(" ", width-len(l)) + "  |\n")
	}
	b.WriteString(rule)
	_, _ = io.WriteString(w, b.String()) // with stderr gone there is nobody to tell
}
