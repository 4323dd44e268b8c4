package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"dochook/migrations"
	"dochook/server/cli/terminal"
)

// Migrate brings the database's schema up, down, or says how it stands.
type Migrate struct {
	Up     MigrateUp     `cmd:"" help:"Apply the migrations that are missing."`
	Down   MigrateDown   `cmd:"" help:"Take the last migrations back, with all data in the tables they made."`
	Status MigrateStatus `cmd:"" help:"List the migrations."`
}

// MigrateUp applies what is missing.
type MigrateUp struct{}

// Run applies it.
func (*MigrateUp) Run(ctx context.Context, g *Globals, s *Streams) error {
	return g.migrate(ctx, s, "applied", func(db *migrations.DB) ([]string, error) {
		return migrations.Up(ctx, db, g.logger(s.Err))
	})
}

// MigrateDown takes migrations back.
type MigrateDown struct {
	Steps int  `help:"How many." default:"1"`
	Yes   bool `help:"Yes, lose the data." required:""`
}

// Run takes them back.
func (m *MigrateDown) Run(ctx context.Context, g *Globals, s *Streams) error {
	if m.Steps < 1 {
		return usagef("--steps must be at least 1")
	}
	return g.migrate(ctx, s, "taken back", func(db *migrations.DB) ([]string, error) {
		return migrations.Down(ctx, db, m.Steps)
	})
}

func (g *Globals) migrate(ctx context.Context, s *Streams, what string, step func(*migrations.DB) ([]string, error)) (err error) {
	db, err := g.openAny(ctx, alone, g.logger(s.Err))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	names, err := step(db)
	if err != nil {
		return err
	}
	if g.JSON {
		return terminal.PrintJSON(s.Out, map[string]any{strings.ReplaceAll(what, " ", "_"): append([]string{}, names...)})
	}
	if len(names) == 0 {
		return printf(s.Out, "nothing to do\n")
	}
	for _, n := range names {
		if err := printf(s.Out, "%s %s\n", what, n); err != nil {
			return err
		}
	}
	return nil
}

// MigrateStatus lists the migrations.
type MigrateStatus struct{}

// Run lists them, and fails if one is missing; it changes nothing.
func (*MigrateStatus) Run(ctx context.Context, g *Globals, s *Streams) error {
	db, err := g.openAny(ctx, looking, g.logger(s.Err))
	if err != nil {
		return err
	}
	steps, err := migrations.Status(ctx, db)
	if err != nil {
		return closeAfter(db, err)
	}
	type line struct {
		Name      string  `json:"name"`
		AppliedAt *string `json:"applied_at"`
	}
	lines := make([]line, len(steps))
	var missing error
	for i, m := range steps {
		lines[i].Name = m.Name
		if m.AppliedAt.IsZero() {
			missing = &Error{CodeWord: CodeFailed, Message: "migrations are missing", Quiet: true}
			continue
		}
		at := m.AppliedAt.UTC().Format(time.RFC3339)
		lines[i].AppliedAt = &at
	}
	if err := db.Close(); err != nil {
		return err
	}
	if g.JSON {
		return errors.Join(terminal.PrintJSON(s.Out, lines), missing)
	}
	for _, l := range lines {
		state := "missing"
		if l.AppliedAt != nil {
			state = "applied " + *l.AppliedAt
		}
		if err := printf(s.Out, "%-50s %s\n", l.Name, state); err != nil {
			return err
		}
	}
	return missing
}
