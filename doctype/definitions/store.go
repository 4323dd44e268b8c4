package definitions

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/doctype/stored"
	"dochook/migrations"
)

// Stored is a DocType with what is known of its making.
type Stored struct {
	doctype.DocType
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
}

// Columns are what [Scan] reads of the table doctypes.
const Columns = "name, data, owner, creation, modified, modified_by"

// Scan reads a DocType from [Columns].
func Scan(r interface{ Scan(dest ...any) error }) (Stored, error) {
	var name, data string
	var creation, modified int64
	var s Stored
	if err := r.Scan(&name, &data, &s.Owner, &creation, &modified, &s.ModifiedBy); err != nil {
		return s, wrap("read DocType", err)
	}
	s.Creation, s.Modified = stored.Time(creation), stored.Time(modified)
	var err error
	if s.DocType, err = doctype.ParseDocType([]byte(data)); err != nil {
		return Stored{}, fmt.Errorf("stored DocType %q: %w", name, err)
	}
	return s, nil
}

// Load reads a DocType; not_found if there is none.
func Load(ctx context.Context, db bun.IDB, name string) (Stored, error) {
	if doctype.CheckName(name) != nil {
		return Stored{}, doctype.Errorf(doctype.CodeNotFound, "", "DocType %q not found", name)
	}
	s, err := Scan(db.QueryRowContext(ctx, "SELECT "+Columns+" FROM doctypes WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, doctype.Errorf(doctype.CodeNotFound, "", "DocType %q not found", name)
	}
	return s, eventlog.Unavailable(err)
}

// Insert writes a new DocType; conflict if the name is taken.
func Insert(ctx context.Context, tx bun.IDB, d doctype.DocType, now time.Time) (Stored, error) {
	taken := doctype.Errorf(doctype.CodeConflict, "name", "DocType %s already exists", d.Name)
	if _, err := Load(ctx, tx, d.Name); doctype.CodeOf(err) != doctype.CodeNotFound {
		if err != nil {
			return Stored{}, err
		}
		return Stored{}, taken
	}
	user := doctype.UserOf(ctx).Name
	_, err := tx.ExecContext(ctx, "INSERT INTO doctypes ("+Columns+") VALUES (?, ?, ?, ?, ?, ?)",
		d.Name, string(d.JSON()), user, now.UnixMicro(), now.UnixMicro(), user)
	if migrations.IsConflict(err) { // somebody was quicker
		return Stored{}, taken
	}
	return Stored{d, user, now, now, user}, wrap("insert DocType", err)
}

// Update writes another definition of a DocType.
func Update(ctx context.Context, tx bun.IDB, was Stored, d doctype.DocType, now time.Time) (Stored, error) {
	user := doctype.UserOf(ctx).Name
	_, err := tx.ExecContext(ctx, "UPDATE doctypes SET data = ?, modified = ?, modified_by = ? WHERE name = ?", string(d.JSON()), now.UnixMicro(), user, d.Name)
	return Stored{d, was.Owner, was.Creation, now, user}, wrap("update DocType", err)
}

// Delete removes a DocType, the last states of its documents, and what jobs noted about them.
func Delete(ctx context.Context, tx bun.IDB, name string) error {
	for _, table := range []string{
		"documents WHERE doctype", "unique_values WHERE doctype", "sightings WHERE doctype", "absences WHERE doctype", "column_ids WHERE doctype", "doctypes WHERE name",
	} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" = ?", name); err != nil {
			return wrap("delete DocType", err)
		}
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
