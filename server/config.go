package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server/retention"
	"dochook/server/trace"
)

// Config is what an operator can set. Each has a flag and an environment
// variable of the same meaning.
type Config struct {
	Listen      string        // host:port; DOCHOOK_LISTEN
	Database    string        // sqlite:FILE or postgres://…; DOCHOOK_DATABASE
	AllowTarget []string      // CIDRs and hosts that webhooks may call though they are private; DOCHOOK_ALLOW_TARGET
	AdminToken  string        // key:secret, ensured at each start; DOCHOOK_ADMIN_TOKEN
	PublicURL   string        // under which others reach the service, "" is http:// and Listen; DOCHOOK_PUBLIC_URL
	JobIdle     time.Duration // an open job without a page for so long fails; 0 is 1 h; DOCHOOK_JOB_IDLE_TIMEOUT
	MasterKey   string        // encrypts the secrets of webhooks at rest; DOCHOOK_MASTER_KEY alone, as a flag is seen by all of the machine
	Drain       time.Duration // how long it serves on after it is asked to stop, while /readyz says so; DOCHOOK_DRAIN_TIME
	NoMigrate   bool          // leave the schema alone and refuse to start if it is not current
	Version     string        // stands in the User-Agent

	Retention retention.Options // how long what is over is kept; its Logger is the service's; DOCHOOK_KEEP_DELIVERED, _DEAD, _EVENTS, _RESULTS

	MetricsPublic bool    // /metrics asks for no API key; DOCHOOK_METRICS_PUBLIC
	OTLPEndpoint  string  // URL of an OpenTelemetry collector, OTLP over HTTP; "" traces nothing; DOCHOOK_OTLP_ENDPOINT
	TraceRatio    float64 // share of traces kept, of those that no caller began; 0 is all, below 0 none; DOCHOOK_TRACE_RATIO
}

// Defaults of Config.
const (
	DefaultListen   = "127.0.0.1:8000"
	DefaultDatabase = "sqlite:dochook.db"
)

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Database == "" {
		c.Database = DefaultDatabase
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen
	}
	if c.JobIdle <= 0 {
		c.JobIdle = time.Hour
	}
	var targets []string
	for _, t := range c.AllowTarget {
		for part := range strings.SplitSeq(t, ",") {
			if part = strings.TrimSpace(part); part != "" {
				targets = append(targets, part)
			}
		}
	}
	c.AllowTarget = targets
	return c
}

// Check finds what is wrong with the settings before anything is opened.
func (c Config) Check() error {
	if _, err := sender.NewGuard(c.withDefaults().AllowTarget); err != nil {
		return err
	}
	u, err := url.Parse(c.withDefaults().PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("the public URL %q is no http or https URL", c.PublicURL)
	}
	if c.TraceRatio > 1 {
		return fmt.Errorf("the ratio of traces to keep is at most 1, not %g", c.TraceRatio)
	}
	if c.OTLPEndpoint == "" {
		return nil
	}
	_, err = trace.CheckEndpoint(c.OTLPEndpoint)
	return err
}

// kept is how long something is kept, in words; without a default of its own it is
// the longest of the others.
func kept(d, otherwise time.Duration) string {
	switch {
	case d < 0:
		return "for ever"
	case d > 0:
		return d.String()
	case otherwise > 0:
		return otherwise.String()
	}
	return "as the others"
}

// mask stands for a secret that is set.
const mask = "**********"

// Masked is the configuration as it may be shown: no password, no token, no key.
func (c Config) Masked() map[string]any {
	c = c.withDefaults()
	token, master, ratio := "", "", c.TraceRatio
	if c.AdminToken != "" {
		key, _, _ := strings.Cut(c.AdminToken, ":")
		token = key + ":" + mask
	}
	if c.MasterKey != "" {
		master = mask
	}
	switch {
	case ratio == 0:
		ratio = 1
	case ratio < 0:
		ratio = 0
	}
	return map[string]any{
		"listen": c.Listen, "database": migrations.Redact(c.Database), "allow_target": c.AllowTarget,
		"admin_token": token, "migrate": !c.NoMigrate, "public_url": c.PublicURL, "job_idle_timeout": c.JobIdle.String(), "drain_time": c.Drain.String(),
		"master_key": master, "metrics_public": c.MetricsPublic, "otlp_endpoint": c.OTLPEndpoint, "trace_ratio": ratio,
		"keep_delivered": kept(c.Retention.Delivered, retention.DefaultDelivered), "keep_dead": kept(c.Retention.Dead, retention.DefaultDead),
		"keep_events": kept(c.Retention.Events, 0), "keep_results": kept(c.Retention.Results, retention.DefaultResults),
	}
}

// Print writes the masked configuration as text, or as JSON.
func (c Config) Print(out io.Writer, asJSON bool) error {
	masked := c.Masked()
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(masked)
	}
	for _, key := range []string{
		"listen", "database", "allow_target", "admin_token", "master_key", "migrate", "public_url", "job_idle_timeout", "drain_time",
		"keep_delivered", "keep_dead", "keep_events", "keep_results", "metrics_public", "otlp_endpoint", "trace_ratio",
	} {
		v := masked[key]
		if list, ok := v.([]string); ok {
			v = strings.Join(list, ", ")
		}
		if _, err := fmt.Fprintf(out, "%-16s %v\n", key, v); err != nil {
			return err
		}
	}
	return nil
}
