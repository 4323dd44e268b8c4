package cli

import (
	"context"

	"dochook/fixtures/peer"
	"dochook/migrations"
	keys "dochook/server/access"
	"dochook/server/cli/apikeys"
	"dochook/server/cli/terminal"
)

// Keys keeps the API keys.
type Keys struct {
	Create onKeys[apikeys.Create] `cmd:"" help:"Make an API key and print its token, once."`
	List   onKeys[apikeys.List]   `cmd:"" help:"List the API keys."`
	Revoke onKeys[apikeys.Revoke] `cmd:"" help:"Delete an API key."`
}

// onKeys is a verb and where it finds the keys.
type onKeys[V apikeys.Verb] struct {
	Place
	Verb V `embed:""`
}

// Run does it.
func (v *onKeys[V]) Run(ctx context.Context, g *Globals, s *Streams) error {
	if err := v.check(); err != nil {
		return err
	}
	to := terminal.Output{Writer: s.Out, JSON: g.JSON}
	if v.Server != "" {
		client, err := peer.NewClient(v.Server, v.Token)
		if err != nil {
			return usagef("%s", err).because(err)
		}
		defer client.Close()
		return v.explain(v.Verb.Do(ctx, apikeys.Remote(client), to))
	}
	how := creating
	if _, reads := any(v.Verb).(apikeys.List); reads {
		how = looking
	}
	return g.with(ctx, how, g.logger(s.Err), func(db *migrations.DB) error {
		return v.Verb.Do(ctx, apikeys.Local(keys.New(db, keys.Options{})), to)
	})
}
