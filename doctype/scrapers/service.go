package scrapers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/migrations"
)

// Options of a Service; the zero value is ready for use.
type Options struct {
	// Now is the clock of creation and modified. Default time.Now.
	Now func() time.Time
}

// Service keeps scrapers. Its methods may be called from any goroutine.
type Service struct {
	db  *migrations.DB
	now func() time.Time
}

// New returns a Service on db; it starts nothing.
func New(db *migrations.DB, o Options) *Service {
	s := &Service{db: db, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

const columns = "name, data, owner, creation, modified, modified_by"

func scan(r interface{ Scan(dest ...any) error }) (Stored, error) {
	var s Stored
	var name, data string
	var creation, modified int64
	if err := r.Scan(&name, &data, &s.Owner, &creation, &modified, &s.ModifiedBy); err != nil {
		return s, wrap("read Scraper", err)
	}
	s.Creation, s.Modified = time.UnixMicro(creation).UTC(), time.UnixMicro(modified).UTC()
	var err error
	if s.Scraper, err = Parse([]byte(data)); err != nil {
		return Stored{}, fmt.Errorf("stored Scraper %q: %w", name, err)
	}
	return s, nil
}

// Load returns a scraper as db, which may be a transaction, has it; not_found if there is none.
func Load(ctx context.Context, db bun.IDB, name string) (Stored, error) {
	return load(ctx, db, name, "")
}

// load reads a scraper, with a lock on its row where the text says so.
func load(ctx context.Context, db bun.IDB, name, lock string) (Stored, error) {
	if doctype.CheckName(name) != nil {
		return Stored{}, notFound(name)
	}
	s, err := scan(db.QueryRowContext(ctx, "SELECT "+columns+" FROM scrapers WHERE name = ?"+lock, name))
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, notFound(name)
	}
	return s, eventlog.Unavailable(err)
}

func notFound(name string) error {
	return doctype.Errorf(doctype.CodeNotFound, "", `Scraper %s not found; make it with POST /api/resource/Scraper {"name": %q, "feeds": "<DocType>"}`, name, name)
}

// Get returns a scraper; not_found if there is none.
func (s *Service) Get(ctx context.Context, name string) (Stored, error) {
	return Load(ctx, s.db.Read, name)
}

// Insert stores a new scraper. Errors: conflict if the name is taken, link if the DocType it feeds does not exist.
func (s *Service) Insert(ctx context.Context, d Scraper) (Stored, error) {
	var out Stored
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := checkFeeds(ctx, tx, d.Feeds); err != nil {
			return err
		}
		now, user := s.now().UTC().Truncate(time.Microsecond), doctype.UserOf(ctx).Name
		_, err := tx.ExecContext(ctx, "INSERT INTO scrapers ("+columns+") VALUES (?, ?, ?, ?, ?, ?)",
			d.Name, string(d.JSON()), user, now.UnixMicro(), now.UnixMicro(), user)
		if migrations.IsConflict(err) {
			return doctype.Errorf(doctype.CodeConflict, "name", "Scraper %s already exists", d.Name)
		}
		out = Stored{d, user, now, now, user}
		return wrap("insert Scraper", err)
	})
	return out, eventlog.Unavailable(err)
}

// Update writes the members of a JSON object over a stored scraper. A job goes on as it was begun.
func (s *Service) Update(ctx context.Context, name string, patch []byte) (Stored, error) {
	if err := record.Check(patch); err != nil {
		return Stored{}, err
	}
	lock := ""
	if s.db.Postgres() { // of two changes at once, the second is made on top of the first
		lock = " FOR UPDATE"
	}
	var out Stored
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		was, err := load(ctx, tx, name, lock)
		if err != nil {
			return err
		}
		d, err := Parse(record.Merge(was.JSON(), patch))
		switch {
		case err != nil:
			return err
		case d.Name != name:
			return doctype.Errorf(doctype.CodeImmutable, "name", "a Scraper cannot be renamed")
		case d.Feeds != was.Feeds:
			if err := checkFeeds(ctx, tx, d.Feeds); err != nil {
				return err
			}
			if err := s.checkUnheard(ctx, tx, &was.Scraper); err != nil {
				return err
			}
		}
		now, user := s.now().UTC().Truncate(time.Microsecond), doctype.UserOf(ctx).Name
		_, err = tx.ExecContext(ctx, "UPDATE scrapers SET data = ?, modified = ?, modified_by = ? WHERE name = ?", string(d.JSON()), now.UnixMicro(), user, name)
		out = Stored{d, was.Owner, was.Creation, now, user}
		return wrap("update Scraper", err)
	})
	return out, eventlog.Unavailable(err)
}

// Delete removes a scraper without open or held jobs. Its jobs and documents stay.
func (s *Service) Delete(ctx context.Context, name string) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := Load(ctx, tx, name); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM jobs WHERE scraper = ? AND status IN ('pending', 'in_progress', 'held')", name).Scan(&open); err != nil {
			return wrap("look for jobs", err)
		}
		if open > 0 {
			return doctype.Errorf(doctype.CodeImmutable, "name", "Scraper %s has %d open or held jobs", name, open)
		}
		for _, table := range []string{"absences WHERE scraper", "scrapers WHERE name"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" = ?", name); err != nil {
				return wrap("delete Scraper", err)
			}
		}
		return nil
	})
	return eventlog.Unavailable(err)
}

// Known reports whether lists may name a member of a scraper.
func Known(field string) bool {
	switch field {
	case "title", "description", "feeds", "table", "mode", "removal":
		return true
	}
	return false
}

func (s *Service) table() listing.Table {
	return listing.New(s.db.Postgres(), "scrapers", columns, Known)
}

// List returns the scrapers that pass the query, in its order.
func (s *Service) List(ctx context.Context, q query.Query) ([]Stored, error) {
	return listing.List(ctx, s.db.Read, s.table(), q, func(r *sql.Rows) (Stored, error) { return scan(r) })
}

// Count counts the scrapers that pass the query's filters.
func (s *Service) Count(ctx context.Context, q query.Query) (int64, error) {
	return listing.Count(ctx, s.db.Read, s.table(), q)
}

// Search narrows a query to what has a keyword in its name, title or description; "" does not.
func Search(q query.Query, keyword string) query.Query {
	if keyword == "" {
		return q
	}
	like := "%" + query.EscapeLike(keyword) + "%"
	for _, field := range []string{"name", "title", "description"} {
		q.OrFilters = append(q.OrFilters, query.NewFilter(field, query.Like, like))
	}
	return q
}

// checkUnheard refuses to feed another DocType while webhooks of the scraper listen to the one it feeds: they would never fire again.
func (s *Service) checkUnheard(ctx context.Context, tx bun.Tx, d *Scraper) error {
	member := "data ->> '$.scraper'"
	if s.db.Postgres() {
		member = "data::jsonb ->> 'scraper'"
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM webhooks WHERE "+member+" = ?", d.Name).Scan(&n); err != nil {
		return wrap("look for webhooks", err)
	}
	if n > 0 {
		return doctype.Errorf(doctype.CodeImmutable, "feeds", "%d webhooks of Scraper %s listen to %s: delete them first, or make another Scraper", n, d.Name, d.Feeds)
	}
	return nil
}

func checkFeeds(ctx context.Context, tx bun.Tx, docType string) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM doctypes WHERE name = ?", docType).Scan(&n); err != nil {
		return wrap("look for the DocType", err)
	}
	if n == 0 {
		return doctype.Errorf(doctype.CodeLink, "feeds", "there is no DocType %q", docType)
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
