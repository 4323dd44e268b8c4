package cli

// Config prints the settings a service would run with, secrets masked.
type Config struct{ Settings }

// Run prints them.
func (c *Config) Run(g *Globals, s *Streams) error {
	settings, err := c.Settings.Config(g)
	if err != nil {
		return err
	}
	return settings.Print(s.Out, g.JSON)
}
