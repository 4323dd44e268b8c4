package cli

import (
	"dochook/server/cli/build"
	"dochook/server/cli/terminal"
)

// Version prints what this program is.
type Version struct{}

// Run prints the version.
func (*Version) Run(g *Globals, s *Streams) error {
	b := build.Current()
	if g.JSON {
		return terminal.PrintJSON(s.Out, b)
	}
	text := "dochook " + b.Version
	if b.Revision != "" {
		text += " (" + b.Revision[:min(12, len(b.Revision))]
		if b.Modified {
			text += ", modified"
		}
		text += ")"
	}
	return printf(s.Out, "%s, %s %s\n", text, b.Go, b.Platform)
}
