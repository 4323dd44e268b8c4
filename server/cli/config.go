package cli

// Config prints the settings a service would run with, secrets masked.
type Config struct {
	Listening
	Targets
	NoMigrate bool `help:"As of serve." env:"DOCHOOK_NO_MIGRATE"`
}

// Run prints them.
func (c *Config) Run(g *Globals, s *Streams) error {
	return config(g, c.Listening, c.Targets, c.NoMigrate).Print(s.Out, g.JSON)
}
