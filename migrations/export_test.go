package migrations

import (
	"context"
	"io/fs"
)

// UpFrom is Up with other files.
func UpFrom(ctx context.Context, db *DB, fsys fs.FS) ([]string, error) { return up(ctx, db, fsys, nil) }

// Files returns the files of both dialects by the dialect's folder.
func Files() fs.FS { return files }
