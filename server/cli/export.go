package cli

import (
	"context"

	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/server/cli/deliveries"
	"dochook/server/cli/terminal"
)

// Deliveries looks at what was sent to webhooks, and sends it again.
type Deliveries struct {
	List   onDeliveries[deliveries.List]   `cmd:"" help:"List deliveries, newest first."`
	Get    onDeliveries[deliveries.Get]    `cmd:"" help:"Show deliveries and their attempts."`
	Export onDeliveries[deliveries.Export] `cmd:"" help:"Write all deliveries out, oldest event first, as NDJSON or CSV."`
	Resend onDeliveries[deliveries.Resend] `cmd:"" help:"Send deliveries that have ended once more; this needs --server."`
	Retry  onDeliveries[deliveries.Retry]  `cmd:"" help:"Try now what waits for its next attempt; this needs --server."`
}

// onDeliveries is a verb and where it finds its data.
type onDeliveries[V deliveries.Verb] struct {
	Place
	Verb V `embed:""`
}

// Run does it.
func (v *onDeliveries[V]) Run(ctx context.Context, g *Globals, s *Streams) error {
	if err := v.check(); err != nil {
		return err
	}
	to := terminal.Output{Writer: s.Out, JSON: g.JSON}
	if v.Server != "" {
		log, err := deliveries.Remote(v.Server, v.Token)
		if err != nil {
			return usagef("%s", err).because(err)
		}
		return v.explain(v.Verb.Do(ctx, log, to))
	}
	switch any(v.Verb).(type) {
	case deliveries.Resend:
		return usagef("resend needs a running service: name it with --server")
	case deliveries.Retry:
		return usagef("retry needs a running service: name it with --server")
	}
	return g.with(ctx, looking, g.logger(s.Err), func(db *migrations.DB) error {
		return v.Verb.Do(ctx, deliveries.Local(ledger.New(db)), to)
	})
}
