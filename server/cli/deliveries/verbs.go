package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"dochook/fixtures/peer"
	"dochook/server/cli/terminal"
)

// Verb is something to be done with a log; its fields are its flags.
type Verb interface {
	Do(ctx context.Context, log Log, out terminal.Output) error
}

// Chosen are the flags that choose deliveries; all must hold.
type Chosen struct {
	Webhook string `help:"Only of this webhook." placeholder:"WEBHOOK"`
	Status  string `help:"Only those that are retrying, delivered, dead or skipped." enum:",retrying,delivered,dead,skipped" default:"" placeholder:"STATUS"`
	Filters string `help:"Only those that pass these filters, as lists take them, such as {\"http_status\": [\">\", 499]}." placeholder:"JSON"`
}

// filters joins them to the parameter of that name.
func (c *Chosen) filters() (string, error) {
	c.Filters = strings.TrimSpace(c.Filters)
	all := []any{}
	var several []json.RawMessage
	switch {
	case c.Filters == "":
	case !json.Valid([]byte(c.Filters)):
		return "", &peer.Error{CodeWord: peer.CodeInvalid, Field: "--filters", Message: "it must be JSON"}
	case c.Filters[0] == '"': // a name: in a list it has to be spelled out
		all = append(all, []json.RawMessage{json.RawMessage(`"name"`), json.RawMessage(`"="`), json.RawMessage(c.Filters)})
	case json.Unmarshal([]byte(c.Filters), &several) == nil && (len(several) == 0 || several[0][0] != '"'): // null too
		for _, one := range several {
			all = append(all, one)
		}
	default:
		all = append(all, json.RawMessage(c.Filters))
	}
	for _, f := range [][3]string{{"webhook", "=", c.Webhook}, {"status", "=", c.Status}} {
		if f[2] != "" {
			all = append(all, f)
		}
	}
	out, err := json.Marshal(all)
	return string(out), err
}

// delivery is what is shown of one.
type delivery struct {
	Name       string
	Webhook    string
	Event      string
	DocType    string `json:"reference_doctype"`
	Document   string `json:"reference_name"`
	Status     string
	Attempts   int64
	HTTPStatus int    `json:"http_status"`
	Next       string `json:"next_attempt"`
	Creation   string
	Log        []attempt `json:"attempts_log"`
}

type attempt struct {
	N          int64
	At         string
	HTTPStatus int `json:"http_status"`
	Reason     string
	Error      string
	Duration   float64
}

// words says how an attempt went.
func (a *attempt) words() string {
	parts := []string{fmt.Sprintf("%d in %.3f s", a.HTTPStatus, a.Duration)}
	for _, more := range []string{a.Reason, a.Error} {
		if more != "" {
			parts = append(parts, oneLine(more))
		}
	}
	return strings.Join(parts, ", ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// List lists deliveries.
type List struct {
	Chosen
	Limit int `help:"At most so many, up to 10000." default:"20" placeholder:"N"`
}

// Do lists them.
func (l List) Do(ctx context.Context, log Log, out terminal.Output) error {
	if l.Limit < 1 || l.Limit > 10_000 {
		return &peer.Error{CodeWord: peer.CodeInvalid, Field: "--limit", Message: "it is from 1 to 10000"}
	}
	filters, err := l.filters()
	if err != nil {
		return err
	}
	found, err := log.list(ctx, filters, l.Limit)
	if err != nil {
		return err
	}
	if out.JSON {
		return terminal.PrintJSON(out, append([]json.RawMessage{}, found...))
	}
	w := terminal.NewTable(out.Writer)
	if _, err := io.WriteString(w, "ID\tWEBHOOK\tEVENT\tDOCTYPE\tDOCUMENT\tSTATUS\tATTEMPTS\tHTTP\tCREATED\n"); err != nil {
		return err
	}
	for _, raw := range found {
		var d delivery
		if err := json.Unmarshal(raw, &d); err != nil {
			return senseless("delivery", err)
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
			d.Name, oneLine(d.Webhook), d.Event, oneLine(d.DocType), oneLine(d.Document), d.Status, d.Attempts, d.HTTPStatus, d.Creation)
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

// Get shows deliveries.
type Get struct {
	IDs []string `arg:"" help:"Ids of deliveries." name:"id"`
}

// Do shows them. It stops at the first error.
func (g Get) Do(ctx context.Context, log Log, out terminal.Output) error {
	return eachID(ctx, g.IDs, out, log.get, func(_ string, raw json.RawMessage) error {
		var d delivery
		if err := json.Unmarshal(raw, &d); err != nil {
			return senseless("delivery", err)
		}
		lines := []string{
			fmt.Sprintf("%s of %s: %s", d.Name, oneLine(d.Webhook), d.Status),
			fmt.Sprintf("  %s of %s %s", d.Event, oneLine(d.DocType), oneLine(d.Document)),
		}
		for i := range d.Log {
			lines = append(lines, fmt.Sprintf("  %d. %s: %s", d.Log[i].N, d.Log[i].At, d.Log[i].words()))
		}
		if d.Next != "" {
			lines = append(lines, "  next attempt at "+d.Next)
		}
		_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
		return err
	})
}

// eachID does something with deliveries, and shows what comes of it: in words, or as a JSON list. It stops at the first error.
func eachID(ctx context.Context, ids []string, out terminal.Output, do func(ctx context.Context, id string) (json.RawMessage, error), show func(id string, raw json.RawMessage) error) error {
	done := []json.RawMessage{}
	var failed error
	for _, id := range ids {
		raw, err := do(ctx, id)
		if err != nil {
			failed = err
			break
		}
		done = append(done, raw)
		if out.JSON {
			continue
		}
		if err := show(id, raw); err != nil {
			return err
		}
	}
	if out.JSON {
		if err := terminal.PrintJSON(out, done); err != nil {
			return err
		}
	}
	return failed
}

// Resend sends deliveries again.
type Resend struct {
	IDs []string `arg:"" help:"Ids of deliveries." name:"id"`
}

// Do sends them. It is an error if one does not succeed; the others are sent all the same.
func (r Resend) Do(ctx context.Context, log Log, out terminal.Output) error {
	s, ok := log.(*service)
	if !ok {
		return errNoService
	}
	unsuccessful := 0
	resend := func(ctx context.Context, id string) (json.RawMessage, error) {
		raw, err := s.resend(ctx, id)
		var a attempt
		if err == nil && (json.Unmarshal(raw, &a) != nil || a.HTTPStatus/100 != 2) {
			unsuccessful++
		}
		return raw, err
	}
	err := eachID(ctx, r.IDs, out, resend, func(id string, raw json.RawMessage) error {
		var a attempt
		if err := json.Unmarshal(raw, &a); err != nil {
			return senseless("attempt", err)
		}
		_, err := fmt.Fprintf(out, "sent %s again: %s\n", id, a.words())
		return err
	})
	if err == nil && unsuccessful > 0 {
		err = &peer.Error{CodeWord: peer.CodeFailed, Message: fmt.Sprintf("%d of %d were not accepted", unsuccessful, len(r.IDs))}
	}
	return err
}

// Retry tries at once what waits for its next attempt.
type Retry struct {
	Webhooks []string `arg:"" help:"Webhooks." name:"webhook"`
}

// Do tells the service. What comes of it is in the log.
func (r Retry) Do(ctx context.Context, log Log, out terminal.Output) error {
	s, ok := log.(*service)
	if !ok {
		return errNoService
	}
	return eachID(ctx, r.Webhooks, out, s.retry, func(webhook string, _ json.RawMessage) error {
		_, err := fmt.Fprintf(out, "what waits for %s is tried now\n", webhook)
		return err
	})
}

// errNoService: the database alone cannot send.
var errNoService = &peer.Error{CodeWord: peer.CodeInvalid, Message: "it takes a running service to send"}

// Export writes deliveries out.
type Export struct {
	Chosen
	Format   string `help:"ndjson or csv." enum:"ndjson,csv" default:"ndjson" placeholder:"FORMAT"`
	Fields   string `help:"Only these fields: a comma list." placeholder:"FIELDS"`
	Attempts bool   `help:"With the attempts of each, as its attempts_log; NDJSON only."`
	Out      string `help:"File to write; it is there only once it is whole. Default: standard output." placeholder:"FILE"`
}

// Do writes them.
func (e Export) Do(ctx context.Context, log Log, out terminal.Output) error {
	filters, err := e.filters()
	if err != nil {
		return err
	}
	v := url.Values{"format": {e.Format}, "filters": {filters}}
	if e.Fields != "" {
		v.Set("fields", e.Fields)
	}
	if e.Attempts {
		v.Set("attempts", "1")
	}
	if e.Out == "" || e.Out == "-" {
		return log.export(ctx, v, out)
	}
	if err := whole(e.Out, func(w io.Writer) error { return log.export(ctx, v, w) }); err != nil || !out.JSON {
		return err
	}
	return terminal.PrintJSON(out, map[string]string{"file": e.Out})
}

// whole makes a file of what fn writes, in the place of one that is there, or nothing.
func whole(name string, fn func(w io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part")
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	err = fn(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
		return err
	}
	return nil
}
