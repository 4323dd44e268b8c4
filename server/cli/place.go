package cli

import (
	"cmp"
	"context"
	"log/slog"
	"os"

	"dochook/fixtures/peer"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server"
	"dochook/server/cli/place"
)

// Place is where a verb finds its data: a running service, else the database.
type Place struct {
	Server string `help:"Address of a running service; without it --database is opened." env:"DOCHOOK_SERVER" placeholder:"URL"`
	Token  string `help:"Token key:secret for --server." env:"DOCHOOK_TOKEN" placeholder:"KEY:SECRET"`
}

func (p *Place) check() error {
	if p.Server != "" && p.Token == "" {
		return usagef("--server needs a token").hint("give it with --token or DOCHOOK_TOKEN; make one with: dochook keys create --role writer")
	}
	return nil
}

// opening is how a place is opened if it is a database.
type opening struct {
	globals *Globals
	targets Targets
	how     access
	log     *slog.Logger
}

// with opens the place for the time of fn.
func (p *Place) with(ctx context.Context, o opening, fn func(at *place.Opened) error) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Server != "" {
		client, err := peer.NewClient(p.Server, p.Token)
		if err != nil {
			return usagef("%s", err).because(err)
		}
		defer client.Close()
		return p.explain(fn(place.Remote(client)))
	}
	guard, err := sender.NewGuard(o.targets.AllowTarget)
	if err != nil {
		return badSetting(err)
	}
	return o.globals.with(ctx, o.how, o.log, func(db *migrations.DB) error {
		return fn(place.Local(db, guard, place.Options{Logger: o.log, PublicURL: publicURL(), MasterKey: os.Getenv("DOCHOOK_MASTER_KEY")}))
	})
}

// publicURL is where the service will be found that a database belongs to.
func publicURL() string {
	return cmp.Or(os.Getenv("DOCHOOK_PUBLIC_URL"), urlOf(cmp.Or(os.Getenv("DOCHOOK_LISTEN"), server.DefaultListen)))
}

// explain adds what to do about answers that come from the server itself.
func (p *Place) explain(err error) error {
	switch codeOf(err) {
	case peer.CodeUnreachable:
		return failf("no answer from %s: %s", p.Server, rootCause(err)).
			hint("is the service running there? dochook serve prints its address").because(err)
	case "unauthenticated":
		return failf("%s does not accept the token", p.Server).hint("list the keys with: dochook keys list, make one with: dochook keys create").because(err)
	case "forbidden":
		return failf("%s", err).hint("the token's key may not do this; use one with a higher role").because(err)
	}
	return err
}
