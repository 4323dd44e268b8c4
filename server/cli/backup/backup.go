package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"dochook/migrations"
	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Backup copies the database.
type Backup struct {
	File string `arg:"" help:"File to write; it must not exist, and is there only once it is whole." name:"file"`
}

// Help says more.
func (*Backup) Help() string {
	return `The copy holds what was committed when it began, and may be made while the service runs. Secrets stand in it as in the database:
keep DOCHOOK_MASTER_KEY somewhere else. A PostgreSQL database is copied with pg_dump.`
}

// Run copies it.
func (b *Backup) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	file, err := sqlite(g.Database, "pg_dump --format=custom --file="+b.File+" URL")
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) { // it would be made
		return failed("there is no database "+g.Database, "name it with --database", nil)
	}
	db, err := migrations.Open(ctx, g.Database, migrations.OpenOptions{Shared: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	if _, err := os.Lstat(b.File); err == nil {
		return failed(b.File+" exists already", "choose another name; backups are not written over each other", nil)
	}
	part, err := create(b.File)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part) }() // unless it got its name
	if _, err := db.Write.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := check(ctx, db, part); err != nil {
		return err
	}
	if err := settle(part, b.File); err != nil {
		return err
	}
	info, err := os.Stat(b.File)
	if err != nil {
		return fmt.Errorf("look at %s: %w", b.File, err)
	}
	return tell(g, s, map[string]any{"file": b.File, "bytes": info.Size()}, fmt.Sprintf("wrote %s, %d bytes", b.File, info.Size()))
}

// sqlite is the file of a SQLite URL; for another one it says which program to use.
func sqlite(url, instead string) (file string, err error) {
	file, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", &cli.Error{CodeWord: cli.CodeUsage, Message: "this is for SQLite; PostgreSQL has programs of its own", Hint: instead}
	}
	file = strings.TrimPrefix(file, "//")
	return file, nil
}

// create makes an empty file beside another, for its owner alone: it will hold records and hashed keys.
func create(name string) (part string, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part") // mode 0600
	if err != nil {
		return "", failed("cannot write "+name+": "+rootCause(err), "", err)
	}
	return f.Name(), f.Close()
}

// check reads the copy through and compares its schema with the database's.
func check(ctx context.Context, db *migrations.DB, part string) (err error) {
	if _, err := db.Write.ExecContext(ctx, "ATTACH ? AS copied", part); err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	defer func() {
		_, detachErr := db.Write.ExecContext(context.WithoutCancel(ctx), "DETACH copied")
		err = errors.Join(err, detachErr)
	}()
	var verdict string
	if err := db.Write.QueryRowContext(ctx, "PRAGMA copied.quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	var tables int
	if err := db.Write.QueryRowContext(ctx, "SELECT count(*) FROM copied.sqlite_schema WHERE name = 'schema_migrations'").Scan(&tables); err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	if verdict != "ok" || tables != 1 {
		return failed("the copy is not whole: "+verdict, "is the database damaged? Try: dochook doctor", nil)
	}
	return nil
}

// settle gives a file its name once it is on the disk.
func settle(part, name string) error {
	if err := sync(part); err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return failed("cannot write "+name+": "+rootCause(err), "", err)
	}
	return sync(filepath.Dir(name))
}

// sync waits until a file or folder is on the disk.
func sync(name string) error {
	f, err := os.Open(name) //nolint:gosec // the caller's own file
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), f.Close())
	}
	return f.Close()
}

func failed(message, hint string, err error) error {
	return &cli.Error{CodeWord: cli.CodeFailed, Message: message, Hint: hint, Err: err}
}

func rootCause(err error) string {
	if own, ok := errors.AsType[*fs.PathError](err); ok {
		return own.Err.Error()
	}
	return err.Error()
}

func tell(g *cli.Globals, s *cli.Streams, what map[string]any, words string) error {
	if g.JSON {
		return terminal.PrintJSON(s.Out, what)
	}
	_, err := io.WriteString(s.Out, words+"\n")
	return err
}
