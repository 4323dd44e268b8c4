package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dochook/fixtures/peer"
	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Tail follows a service.
type Tail struct {
	cli.Place
	Events   bool          `help:"Show events. Without --events and --attempts both are shown."`
	Attempts bool          `help:"Show attempts; this takes an admin's token."`
	DocType  string        `help:"Only of this DocType." name:"doctype" placeholder:"DOCTYPE"`
	Webhook  string        `help:"Only attempts of this webhook, and no events unless --events is given too." placeholder:"WEBHOOK"`
	After    int64         `help:"Begin with the events behind this position of the log; 0 is its beginning. Default: its end." default:"-1" placeholder:"POS"`
	Interval time.Duration `help:"How often attempts are looked for." default:"1s" placeholder:"DURATION"`
}

// Run follows until it is interrupted, which is no error.
func (t *Tail) Run(ctx context.Context, g *cli.Globals, s *cli.Streams) error {
	switch {
	case t.Server == "":
		return &cli.Error{CodeWord: cli.CodeUsage, Message: "tail needs a running service", Hint: "name it with --server or DOCHOOK_SERVER, and a token with --token or DOCHOOK_TOKEN"}
	case t.Token == "":
		return &cli.Error{CodeWord: cli.CodeUsage, Message: "--server needs a token", Hint: "give it with --token or DOCHOOK_TOKEN; make one with: dochook keys create --role admin"}
	case t.Interval < 100*time.Millisecond:
		return &cli.Error{CodeWord: cli.CodeUsage, Message: "--interval is a time such as 1s, at least 100ms"}
	}
	client, err := peer.NewClient(t.Server, t.Token)
	if err != nil {
		return &cli.Error{CodeWord: cli.CodeUsage, Message: err.Error(), Err: err}
	}
	defer client.Close()
	log := slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: g.LogLevel}))
	if g.LogJSON {
		log = slog.New(slog.NewJSONHandler(s.Err, &slog.HandlerOptions{Level: g.LogLevel}))
	}
	out := &printer{w: s.Out, json: g.JSON, style: terminal.StyleOf(s.Out)}
	events, attempts := t.Events, t.Attempts
	if !events && !attempts {
		events, attempts = t.Webhook == "", true
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var following sync.WaitGroup
	if attempts {
		following.Go(func() {
			err := newAttempts(client, t, out, log).run(ctx)
			if refused, ok := errors.AsType[*peer.Error](err); ok && refused.CodeWord == "forbidden" && !t.Attempts && t.Webhook == "" {
				log.Warn("attempts are not shown: they take an admin's token")
				return
			}
			cancel(err)
		})
	}
	if events {
		following.Go(func() { cancel(newEvents(t, out, log).run(ctx)) })
	}
	following.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return explain(t.Server, err)
	}
	return nil
}

// explain adds what to do about answers that come from the service itself.
func explain(server string, err error) error {
	own, ok := errors.AsType[*peer.Error](err)
	if !ok {
		return err
	}
	switch own.CodeWord {
	case peer.CodeUnreachable:
		return &cli.Error{CodeWord: cli.CodeUnreachable, Message: "no answer from " + server, Hint: "is the service running there? dochook serve prints its address", Err: err}
	case "unauthenticated":
		return &cli.Error{CodeWord: cli.CodeFailed, Message: server + " does not accept the token", Hint: "list the keys with: dochook keys list, make one with: dochook keys create", Err: err}
	case "forbidden":
		return &cli.Error{CodeWord: cli.CodeFailed, Message: own.Error(), Hint: "use a token with a higher role; attempts are for admins", Err: err}
	}
	return err
}

// passes tells whether it may be better next time.
func passes(err error) bool {
	own, ok := errors.AsType[*peer.Error](err)
	return ok && (own.CodeWord == peer.CodeUnreachable || own.Status >= 500 || own.Status == 429)
}

// printer writes lines, one goroutine at a time.
type printer struct {
	mu    sync.Mutex
	w     io.Writer
	json  bool
	style terminal.Style
}

// line writes a line of text, or as JSON {"type": kind, "data": raw}; raw may be spread over lines.
func (p *printer) line(kind string, raw []byte, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.json {
		_, err := io.WriteString(p.w, text+"\n")
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"type":%q,"data":`, kind)
	if err := json.Compact(&b, raw); err != nil {
		return fmt.Errorf("read the %s: %w", kind, err)
	}
	b.WriteString("}\n")
	_, err := p.w.Write(b.Bytes())
	return err
}

// clock is the time of day of a moment as our doors spell it, in this machine's zone.
func clock(moment string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999"} {
		if at, err := time.Parse(layout, moment); err == nil {
			return at.Local().Format("15:04:05.000")
		}
	}
	return moment
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// sleep waits; false says that ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
