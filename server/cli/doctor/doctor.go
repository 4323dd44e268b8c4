package doctor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server"
	"dochook/server/cli"
)

// Doctor looks at a service's settings, database, disk and clock, and at where its webhooks lead. It takes the settings the service
// takes, changes nothing, and may run beside it.
type Doctor struct {
	cli.Settings
	Server string `help:"Address of the running service; default: where --listen says." env:"DOCHOOK_SERVER" placeholder:"URL"`
	Probe  bool   `help:"Send each webhook's endpoint a HEAD request. Without it connections are made to https endpoints, to read their certificates, and no request is sent."`
}

// Run looks, tells what is well and what is not, and fails if something does not work.
func (d *Doctor) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	settings, err := d.Config(g)
	if err != nil {
		return err // nothing can be looked at with settings that are none
	}
	r := newReport(g, s)
	if err := r.add(configured(&settings)...); err != nil {
		return err
	}
	base := d.Server
	if base == "" {
		base = localURL(settings.Listen)
	}
	if err := r.add(serving(ctx, base, d.Server != "")...); err != nil {
		return err
	}
	if err := d.database(ctx, g, &settings, r); err != nil {
		return err
	}
	return r.end()
}

// configured looks at settings that are valid and may not be meant.
func configured(c *server.Config) []Finding {
	found := []Finding{ok("settings", "they are valid")}
	listen := c.Listen
	if listen == "" {
		listen = server.DefaultListen
	}
	host, _, err := net.SplitHostPort(listen)
	open := err == nil && !loopback(host)
	public, _ := url.Parse(c.PublicURL) // it was checked
	switch {
	case open && c.PublicURL == "":
		found = append(found, warn("exposure", "put a proxy with TLS before it, and tell its address with --public-url (DOCHOOK_PUBLIC_URL)",
			"the service listens on %s without TLS, and links it gives lead to itself", listen))
	case open && public.Scheme == "http" && !loopback(public.Hostname()):
		found = append(found, warn("exposure", "put a proxy with TLS before it, and give --public-url as https",
			"tokens travel unencrypted to %s", c.PublicURL))
	default:
		found = append(found, ok("exposure", "listens on %s", listen))
	}
	if open && c.MetricsPublic {
		found = append(found, warn("metrics", "leave --metrics-public out, or let the proxy refuse /metrics", "who reaches %s can read the names of webhooks in /metrics", listen))
	}
	for _, entry := range c.AllowTarget {
		for one := range strings.SplitSeq(entry, ",") {
			if one = strings.TrimSpace(one); strings.HasSuffix(one, "/0") {
				found = append(found, warn("allowed targets", "name only the networks or hosts that receive webhooks",
					"--allow-target %s lets who may edit webhooks call every private address", one))
			}
		}
	}
	return found
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// localURL is where a service that listens on an address is reached from the same machine.
func localURL(listen string) string {
	if listen == "" {
		listen = server.DefaultListen
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// database looks at the database and what is in it.
func (d *Doctor) database(ctx context.Context, g *cli.Globals, settings *server.Config, r *report) error {
	file, isFile := strings.CutPrefix(g.Database, "sqlite:")
	if isFile {
		file = strings.TrimPrefix(file, "//")
		if err := r.add(disk(filepath.Dir(file), sizeOf(file))...); err != nil {
			return err
		}
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return r.add(warn("database", "check --database (DOCHOOK_DATABASE); dochook serve makes it", "there is no %s", g.Database))
		}
	}
	db, err := migrations.Open(ctx, g.Database, migrations.OpenOptions{Shared: true, MaxConns: 4, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return r.add(fail("database", "check --database (DOCHOOK_DATABASE), that the server runs, and who may read and write the file", "%s", told(err)))
	}
	defer func() { _ = db.Close() }() // nothing was written
	found, usable := looked(ctx, db, settings.NoMigrate)
	if err := r.add(found...); err != nil || !usable {
		return err
	}
	guard, err := sender.NewGuard(allowed(settings.AllowTarget))
	if err != nil {
		return err
	}
	store := ledger.New(db)
	webhooks := hooks.New(db, guard, store, hooks.Options{MasterKey: settings.MasterKey})
	if err := r.add(sealed(ctx, db, settings.MasterKey != "")...); err != nil {
		return err
	}
	if err := r.add(waiting(ctx, db, store)...); err != nil {
		return err
	}
	return r.add((&targets{webhooks: webhooks, guard: guard, probe: d.Probe}).look(ctx)...)
}

// allowed are the entries of lists with commas.
func allowed(lists []string) []string {
	var out []string
	for _, list := range lists {
		out = append(out, strings.Split(list, ",")...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return strings.TrimSpace(s) == "" })
}

// told is an error in a line that shows no more than it has to.
func told(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return "no database answers at " + op.Addr.String()
	}
	return err.Error()
}

const lookTime = 10 * time.Second // for one thing
