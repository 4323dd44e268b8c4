package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"dochook/migrations"
	"dochook/server/cli"
)

// Restore puts a copy in the place of the database.
type Restore struct {
	File string `arg:"" help:"What dochook backup has written." name:"file"`
}

// Help says more.
func (*Restore) Help() string {
	return `The service must not run. A database that is there is kept beside it, under another name. What happened after the backup is gone: feed
it again, and scrapes that bring the same records make the same documents of them. A PostgreSQL database is restored with pg_restore.`
}

// Run puts it there.
func (r *Restore) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	file, err := sqlite(g.Database, "pg_restore --clean --if-exists --no-owner --dbname=URL "+r.File)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(file); err == nil { // a link stays one
		file = real
	}
	head, err := aside(ctx, g.Database, file)
	if err != nil {
		return err
	}
	part, err := copied(r.File, file)
	if err != nil {
		return err
	}
	defer func() {
		for _, end := range []string{"", ".lock", "-wal", "-shm"} {
			_ = os.Remove(part + end) // what was only needed meanwhile
		}
	}()
	if head, err = prepare(ctx, part, r.File, head); err != nil {
		return err
	}
	kept, err := moveAside(file)
	if err != nil {
		return err
	}
	if err := settle(part, file); err != nil {
		return err
	}
	words := fmt.Sprintf("restored %s from %s; its log ends at position %d", file, r.File, head)
	if kept != "" {
		words += "\nwhat was there before is " + kept
	}
	return tell(g, s, map[string]any{"database": g.Database, "from": r.File, "pos": head, "before": kept}, words)
}

// aside makes sure that nobody uses the database and that all of it is in its file, and returns where its log ends. One that is damaged
// or missing is what a restore is for.
func aside(ctx context.Context, url, file string) (head int64, err error) {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	db, err := migrations.Open(ctx, url, migrations.OpenOptions{Logger: slog.New(slog.DiscardHandler)})
	if own, ok := errors.AsType[*migrations.Error](err); ok && own.Code() == migrations.CodeUnsupported {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if err := db.Read.QueryRowContext(ctx, lastPosition).Scan(&head); err != nil {
		head = 0 // damaged, or without tables: nothing is known
	}
	if err := db.Close(); err != nil { // its journal goes into the file
		return 0, fmt.Errorf("close the database: %w", err)
	}
	return head, nil
}

// lastPosition is the highest position that the log has given away.
const lastPosition = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"

// copied copies the backup to a file beside the database.
func copied(from, file string) (part string, err error) {
	in, err := os.Open(from) //nolint:gosec // the caller's own file
	if err != nil {
		return "", failed("cannot read "+from+": "+rootCause(err), "", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	if part, err = create(file); err != nil {
		return "", err
	}
	out, err := os.OpenFile(part, os.O_WRONLY, 0) //nolint:gosec // made just now
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return "", errors.Join(failed("cannot copy "+from, "", err), os.Remove(part))
	}
	return part, nil
}

// prepare checks the copy, and lets its log go on behind the last position that the database before it had given away: who follows the
// log from outside would take new events for those it has seen.
func prepare(ctx context.Context, part, shown string, head int64) (int64, error) {
	db, err := migrations.Open(ctx, "sqlite:"+part, migrations.OpenOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		if own, ok := errors.AsType[*migrations.Error](err); ok && own.Code() == migrations.CodeUnsupported {
			return 0, failed(shown+" is no SQLite database, or it is damaged", "nothing was changed; try an older backup", err)
		}
		return 0, err
	}
	end, err := checked(ctx, db, shown, head)
	return end, errors.Join(err, db.Close())
}

func checked(ctx context.Context, db *migrations.DB, shown string, head int64) (end int64, err error) {
	var verdict string
	if err := db.Write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return 0, failed(shown+" is damaged: "+verdict, "nothing was changed; try an older backup", err)
	}
	steps, err := migrations.Status(ctx, db)
	if err != nil {
		return 0, err
	}
	if len(steps) == 0 || steps[0].AppliedAt.IsZero() {
		return 0, failed(shown+" is no backup of dochook", "nothing was changed", nil)
	}
	if err := migrations.Check(ctx, db); err != nil { // an older schema is brought up to date by serve
		if own, ok := errors.AsType[*migrations.Error](err); !ok || own.Code() != migrations.CodeSchemaOlder {
			return 0, err
		}
	}
	if err := db.Read.QueryRowContext(ctx, lastPosition).Scan(&end); err != nil {
		return 0, fmt.Errorf("read where the log ends: %w", err)
	}
	if head > end {
		if _, err := db.Write.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = 'events'; INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", head); err != nil {
			return 0, fmt.Errorf("move the log's end: %w", err)
		}
	}
	return end, nil
}

// moveAside renames the database and what belongs to it: a journal that stayed would be played into the restored file.
func moveAside(file string) (kept string, err error) {
	stamp := ".before-" + time.Now().UTC().Format("20060102T150405.000")
	for _, end := range []string{"", "-wal", "-shm"} {
		err := os.Rename(file+end, file+stamp+end)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return "", failed("cannot move "+file+end+" aside: "+rootCause(err), "", err)
		case end == "":
			kept = file + stamp
		}
	}
	return kept, nil
}
