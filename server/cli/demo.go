package cli

import (
	"context"

	"dochook/fixtures/demo"
)

// Demo shows everything on real data in a temporary folder.
type Demo struct {
	Keep bool `help:"Stay up at the end and print address and token."`
}

// Run plays it; it fails if what arrives is not the truth of the data.
func (d *Demo) Run(ctx context.Context, g *Globals, s *Streams) error {
	return demo.Run(ctx, s.Out, demo.Options{Keep: d.Keep, JSON: g.JSON})
}
