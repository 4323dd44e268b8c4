package watch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dochook/fixtures/peer"
)

const (
	// silence is how long a stream may say nothing; the service writes a comment every 15 s.
	silence   = 45 * time.Second
	firstWait = 500 * time.Millisecond // before a stream that broke is opened again; it doubles
	longWait  = 10 * time.Second
)

// events follows the stream of the log.
type events struct {
	server, token, docType string
	out                    *printer
	log                    *slog.Logger
	http                   *http.Client

	last    string // position of the last event, "" before the first id
	after   string // where to begin without one
	arrived bool   // something came since the stream was opened
}

func newEvents(t *Tail, out *printer, log *slog.Logger) *events {
	e := &events{
		server: strings.TrimRight(t.Server, "/"), token: t.Token, docType: t.DocType, out: out, log: log,
		http: &http.Client{
			Transport:     &http.Transport{ResponseHeaderTimeout: silence},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if t.After >= 0 {
		e.after = strconv.FormatInt(t.After, 10)
	}
	return e
}

// run follows until ctx ends, or the service refuses. A break after the first answer is waited for.
func (e *events) run(ctx context.Context) error {
	defer e.http.CloseIdleConnections()
	wait, reached := firstWait, false
	for {
		err := e.once(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reached = reached || e.arrived
		switch {
		case e.arrived:
			wait = firstWait
		case !reached || !passes(err):
			if again := e.adjust(err); !again {
				return err
			}
		}
		e.log.Warn("the stream of events broke off; it goes on where it ended", "error", err, "after", e.last)
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
		wait = min(2*wait, longWait)
	}
}

// adjust finds another place to go on from where the service refuses the last one.
func (e *events) adjust(err error) bool {
	refused, ok := errors.AsType[*peer.Error](err)
	if !ok || e.last == "" {
		return false
	}
	switch {
	case refused.CodeWord == "expired": // all that is left lies behind it
		e.log.Warn("events have been removed that were not shown", "after", e.last)
		e.last, e.after = "", "0"
	case refused.Field == "Last-Event-ID": // another database, or one that was restored
		e.log.Warn("the log ends before the last event that was shown; going on from its end", "after", e.last)
		e.last, e.after = "", ""
	default:
		return false
	}
	return true
}

// once opens the stream and shows what comes, to its end.
func (e *events) once(ctx context.Context) error {
	e.arrived = false
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := url.Values{}
	if e.docType != "" {
		v.Set("doctype", e.docType)
	}
	if e.after != "" && e.last == "" {
		v.Set("after", e.after)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.server+"/api/events?"+v.Encode(), nil)
	if err != nil {
		return &peer.Error{CodeWord: peer.CodeInvalid, Message: "the request cannot be made", Err: err}
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "token "+e.token)
	if e.last != "" {
		req.Header.Set("Last-Event-ID", e.last)
	}
	res, err := e.http.Do(req)
	if err != nil {
		return &peer.Error{CodeWord: peer.CodeUnreachable, Message: "no answer from " + e.server, Err: err}
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	if res.StatusCode != http.StatusOK {
		return refusal(res)
	}
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	err = blocks(res.Body, func() { quiet.Reset(silence) }, e.block)
	if failed, ok := errors.AsType[*printError](err); ok {
		return failed.err
	}
	return &peer.Error{CodeWord: peer.CodeUnreachable, Message: "the stream ended", Err: err}
}

func refusal(res *http.Response) error {
	var answer struct {
		Error struct{ Code, Field, Message string }
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && json.Unmarshal(body, &answer) == nil && answer.Error.Code != "" {
		return &peer.Error{Status: res.StatusCode, CodeWord: answer.Error.Code, Field: answer.Error.Field, Message: answer.Error.Message}
	}
	return &peer.Error{Status: res.StatusCode, CodeWord: peer.CodeFailed, Message: "the server answered " + http.StatusText(res.StatusCode) + ", not as a dochook would", Err: err}
}

// printError is one of our own output, which ends everything.
type printError struct{ err error }

func (p *printError) Error() string { return p.err.Error() }

// blocks reads a stream of server-sent events (the text/event-stream of the HTML standard) and calls fn for each block with its id and
// data. Lines end with \n, as ours do. alive is called with every line.
func blocks(body io.Reader, alive func(), fn func(id, data string) error) error {
	r := bufio.NewReaderSize(body, 64<<10)
	id := ""
	var data strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err // a block that did not come to its end does not count
		}
		alive()
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			if err := fn(id, data.String()); err != nil {
				return &printError{err}
			}
			data.Reset()
			continue
		}
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "id":
			id = strings.TrimPrefix(value, " ")
		case "data":
			if data.Len() > 0 {
				data.WriteByte('\n')
			}
			data.WriteString(strings.TrimPrefix(value, " "))
		}
	}
}

// event is what is shown of one.
type event struct {
	Pos      int64
	At       string
	Event    string
	DocType  string
	Name     string
	Changed  []struct{ Name string }
	Job      string
	Restored bool
}

func (e *events) block(id, data string) error {
	e.arrived = true
	if data != "" {
		var seen event
		if err := json.Unmarshal([]byte(data), &seen); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := e.out.line("event", []byte(data), e.words(&seen)); err != nil {
			return err
		}
	}
	if id != "" {
		e.last = id // once it is shown
	}
	return nil
}

func (e *events) words(s *event) string {
	text := fmt.Sprintf("%s  event    %-10s %s  %s", e.out.style.Faint(clock(s.At)), s.Event, oneLine(s.DocType+" "+s.Name), e.out.style.Faint("#"+strconv.FormatInt(s.Pos, 10)))
	if len(s.Changed) > 0 {
		names := make([]string, len(s.Changed))
		for i, c := range s.Changed {
			names[i] = c.Name
		}
		text += "  changed: " + oneLine(strings.Join(names, ", "))
	}
	if s.Restored {
		text += "  restored"
	}
	if s.Job != "" {
		text += "  " + e.out.style.Faint("job "+s.Job)
	}
	return text
}
