package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// databases makes databases on one server, as copies of one that is migrated.
type databases struct {
	admin *url.URL // of a database to connect to while others are made

	mu       sync.Mutex // CREATE DATABASE wants its template to itself
	prefix   string
	template string
	copied   string // how CREATE DATABASE is to copy
	count    int
}

func newDatabases(ctx context.Context, admin string) (*databases, error) {
	u, err := url.Parse(admin)
	if err != nil {
		return nil, errors.New(envServer + " is not a URL")
	}
	prefix := "dochook_test_" + strings.ToLower(rand.Text()[:10]) + "_" // others may test on that server
	d := &databases{admin: u, prefix: prefix, template: prefix + "template"}
	if err := d.exec(ctx, "CREATE DATABASE "+d.template); err != nil {
		return nil, err
	}
	if err := migrateURL(ctx, d.url(d.template)); err != nil {
		return nil, fmt.Errorf("migrate %s: %w", d.template, err)
	}
	d.copied, err = d.copying(ctx)
	return d, err
}

// copying is what CREATE DATABASE is told from PostgreSQL 15 on, which else writes each page into its log: a few times the work, and
// before 15 the only way is the other one.
func (d *databases) copying(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, d.admin.String())
	if err != nil {
		return "", err
	}
	var version int
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
	if err = errors.Join(err, conn.Close(ctx)); err != nil || version < 150000 {
		return "", err
	}
	return " STRATEGY FILE_COPY", nil
}

func (d *databases) url(name string) string {
	u := *d.admin
	u.Path = "/" + name
	return u.String()
}

// create returns the URL of a new database.
func (d *databases) create(ctx context.Context, migrated bool) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	name, template := d.prefix+strconv.Itoa(d.count), "template0"
	if migrated {
		template = d.template
	}
	return d.url(name), d.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+d.copied)
}

// drop ends the connections that are left, of processes a test has killed for example.
func (d *databases) drop(ctx context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	return d.exec(ctx, "DROP DATABASE IF EXISTS "+strings.TrimPrefix(u.Path, "/")+" WITH (FORCE)")
}

func (d *databases) dropTemplate(ctx context.Context) error {
	return d.exec(ctx, "DROP DATABASE "+d.template+" WITH (FORCE)")
}

func (d *databases) exec(ctx context.Context, query string) error {
	conn, err := pgx.Connect(ctx, d.admin.String())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, query)
	return errors.Join(err, conn.Close(ctx))
}
