package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dochook/server/cli"
)

// Healthcheck asks a service whether it is ready.
type Healthcheck struct {
	Server  string        `help:"Address of the service; default: where --listen says." env:"DOCHOOK_SERVER" placeholder:"URL"`
	Listen  string        `help:"Address the service listens on." env:"DOCHOOK_LISTEN" default:"127.0.0.1:8000" placeholder:"ADDRESS"`
	Timeout time.Duration `help:"How long it may take to answer." default:"5s" placeholder:"DURATION"`
}

// Run asks, and fails unless the service says that it is ready.
func (h *Healthcheck) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	base := h.Server
	if base == "" {
		base = localURL(h.Listen)
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	answer, err := ready(ctx, base)
	if err != nil {
		return err
	}
	if g.JSON {
		if err := json.NewEncoder(s.Out).Encode(answer); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(s.Out, "%s: %s\n", answer.Status, answer.words()); err != nil {
		return err
	}
	if answer.code != http.StatusOK {
		return &cli.Error{CodeWord: cli.CodeFailed, Message: "the service is not ready", Quiet: true}
	}
	return nil
}

// readiness is the answer of /readyz.
type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`

	code  int
	ahead time.Duration // the service's clock, to a second
}

func (r *readiness) words() string {
	var parts []string
	for name, how := range r.Checks {
		parts = append(parts, name+" "+how)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// ready asks the service at a URL.
func ready(ctx context.Context, base string) (*readiness, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &cli.Error{CodeWord: cli.CodeUsage, Message: fmt.Sprintf("%q is not the address of a server, such as http://127.0.0.1:8000", base)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/readyz", nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	begin := time.Now()
	res, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return nil, &cli.Error{CodeWord: cli.CodeUnreachable, Message: "no answer from " + base, Hint: "is the service running there? dochook serve prints its address", Err: err}
	}
	middle := begin.Add(time.Since(begin) / 2)
	defer func() { _ = res.Body.Close() }() // it was only read
	r := &readiness{code: res.StatusCode}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, r)
	}
	if err != nil || r.Status == "" {
		return nil, &cli.Error{CodeWord: cli.CodeFailed, Message: base + " answers, and not as a dochook would", Err: err}
	}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		r.ahead = date.Add(500 * time.Millisecond).Sub(middle)
	}
	return r, nil
}

// serving looks at a running service. One that nobody named need not run.
func serving(ctx context.Context, base string, named bool) []Finding {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r, err := ready(ctx, base)
	if err != nil {
		var own *cli.Error
		if errors.As(err, &own) && own.CodeWord == cli.CodeUnreachable && !named {
			return []Finding{skip("service", "none answers at %s", base)}
		}
		return []Finding{fail("service", "start it, or correct --server; its log says why it ended", "%s", err)}
	}
	found := []Finding{ok("service", "%s is ready", base)}
	if r.code != http.StatusOK {
		found[0] = fail("service", "its log says more", "%s is %s: %s", base, r.Status, r.words())
	}
	return append(found, skew("service clock", "the service", r.ahead, skewWarn))
}
