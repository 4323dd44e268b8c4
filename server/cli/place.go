package cli

import (
	"context"
	"log/slog"

	"dochook/doctype/documents"
	"dochook/fixtures"
	"dochook/fixtures/peer"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
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

// definitions is a place of DocTypes and Webhooks.
type definitions interface {
	fixtures.Definitions
	fixtures.Exporter
}

// opening is how a place is opened if it is a database.
type opening struct {
	globals *Globals
	targets Targets
	how     access
	log     *slog.Logger
}

// withDefinitions runs fn on the definitions of the place. local is nil with
// --server, client is nil with --database.
func (p *Place) withDefinitions(ctx context.Context, o opening, fn func(d definitions, client *peer.Client, local *fixtures.Local) error) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Server != "" {
		client, err := peer.NewClient(p.Server, p.Token)
		if err != nil {
			return usagef("%s", err).because(err)
		}
		defer client.Close()
		return p.explain(fn(client, client, nil))
	}
	guard, err := sender.NewGuard(o.targets.AllowTarget)
	if err != nil {
		return badSetting(err)
	}
	return o.globals.with(ctx, o.how, o.log, func(db *migrations.DB) error {
		local := &fixtures.Local{
			Documents: documents.New(db, documents.Options{Logger: o.log}),
			Webhooks:  hooks.New(db, guard, ledger.New(db), hooks.Options{}),
		}
		return fn(local, nil, local)
	})
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
