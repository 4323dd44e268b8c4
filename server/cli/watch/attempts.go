package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"time"

	"dochook/fixtures/peer"
)

const (
	docType = "Webhook Request Log"
	// overlap is how much earlier than the newest one a delivery may have begun that was not there before: an attempt takes up to
	// 20 s, and is written down after it.
	overlap = 30 * time.Second
	newest  = 500  // deliveries read at once
	again   = 200  // deliveries that are being retried, asked for at once
	known   = 5000 // at most of them when it begins

	layout = "2006-01-02 15:04:05.000000" // of times in lists, UTC
)

// delivery is a row of the Webhook Request Log, as far as it matters here.
type delivery struct {
	Name       string
	Webhook    string
	DocType    string `json:"reference_doctype"`
	Document   string `json:"reference_name"`
	Event      string
	Pos        int64
	Status     string
	Attempts   int64
	Next       string `json:"next_attempt"`
	HTTPStatus int    `json:"http_status"`
	Reason     string
	Duration   float64
	Error      string
	Creation   string
	Modified   string
	Log        []json.RawMessage `json:"attempts_log"`
}

// attempt is one attempt as it is shown.
type attempt struct {
	N          int64   `json:"n"`
	At         string  `json:"at"`
	HTTPStatus int     `json:"http_status"`
	Reason     string  `json:"reason"`
	Error      string  `json:"error"`
	Duration   float64 `json:"duration"` // s
}

// state is how far a delivery has been shown.
type state struct {
	tried    int64
	creation string
	pos      int64
	retrying bool
	next     string
}

// attempts finds attempts in the Webhook Request Log.
type attempts struct {
	client   *peer.Client
	t        *Tail
	out      *printer
	log      *slog.Logger
	seen     map[string]*state
	since    string // when the newest delivery known began
	interval time.Duration
}

func newAttempts(c *peer.Client, t *Tail, out *printer, log *slog.Logger) *attempts {
	return &attempts{client: c, t: t, out: out, log: log, seen: map[string]*state{}, interval: t.Interval}
}

// run looks again and again until ctx ends, or the service refuses. Breaks after the first answer are waited for.
func (a *attempts) run(ctx context.Context) error {
	if err := a.begin(ctx); err != nil {
		return err
	}
	wait := a.interval
	for sleep(ctx, wait) {
		err := a.look(ctx)
		switch {
		case err == nil:
			wait = a.interval
		case ctx.Err() != nil:
		case !passes(err):
			return err
		default:
			a.log.Warn("attempts cannot be read; trying again", "error", err)
			wait = min(max(2*wait, firstWait), longWait)
		}
	}
	return ctx.Err()
}

// begin notes what there is already, so that it is not shown.
func (a *attempts) begin(ctx context.Context) error {
	waiting, err := a.list(ctx, known, "pos asc", [3]any{"status", "=", "retrying"})
	if err != nil {
		return err
	}
	last, err := a.list(ctx, newest, "creation desc")
	if err != nil {
		return err
	}
	for _, d := range append(waiting, last...) {
		a.note(&d)
	}
	return nil
}

func (a *attempts) note(d *delivery) {
	a.since = max(a.since, d.Creation)
	a.seen[d.Name] = &state{tried: d.Attempts, creation: d.Creation, pos: d.Pos, retrying: d.Status == "retrying", next: d.Next}
}

// list reads rows that pass all filters, beside those of the flags.
func (a *attempts) list(ctx context.Context, limit int, order string, filters ...[3]any) ([]delivery, error) {
	if a.t.Webhook != "" {
		filters = append(filters, [3]any{"webhook", "=", a.t.Webhook})
	}
	if a.t.DocType != "" {
		filters = append(filters, [3]any{"reference_doctype", "=", a.t.DocType})
	}
	text, err := json.Marshal(append([][3]any{}, filters...))
	if err != nil {
		return nil, err
	}
	rows, err := a.client.List(ctx, docType, url.Values{
		"fields": {`["*"]`}, "filters": {string(text)}, "order_by": {order}, "limit_page_length": {strconv.Itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	var list []delivery
	if err := json.Unmarshal(rows, &list); err != nil {
		return nil, &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no list", Err: err}
	}
	return list, nil
}

// look shows what has been tried since the last look.
func (a *attempts) look(ctx context.Context) error {
	var filters [][3]any
	if began, err := time.Parse(layout, a.since); err == nil {
		filters = append(filters, [3]any{"creation", ">", began.Add(-overlap).Format(layout)})
	}
	found, err := a.list(ctx, newest, "creation desc", filters...)
	if err != nil {
		return err
	}
	slices.Reverse(found)
	if len(found) == newest && a.seen[found[0].Name] == nil {
		a.log.Warn("there were more attempts than are shown")
	}
	due, err := a.due(ctx)
	if err != nil {
		return err
	}
	for _, d := range append(due, found...) {
		if err := a.show(ctx, &d); err != nil {
			return err
		}
	}
	a.forget()
	return nil
}

// due reads the deliveries that are tried again soonest.
func (a *attempts) due(ctx context.Context) ([]delivery, error) {
	var waiting []*state
	for _, s := range a.seen {
		if s.retrying {
			waiting = append(waiting, s)
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	slices.SortFunc(waiting, func(x, y *state) int { return cmp.Or(cmp.Compare(x.next, y.next), cmp.Compare(x.pos, y.pos)) })
	var positions []int64
	for _, s := range waiting[:min(again, len(waiting))] {
		positions = append(positions, s.pos)
	}
	return a.list(ctx, newest, "pos asc", [3]any{"pos", "in", slices.Compact(slices.Sorted(slices.Values(positions)))})
}

// show shows the attempts of a delivery that were not shown yet.
func (a *attempts) show(ctx context.Context, d *delivery) error {
	tried := int64(-1) // one that was skipped has no attempt, and is shown all the same
	if s := a.seen[d.Name]; s != nil {
		tried = s.tried
	}
	if d.Attempts <= tried {
		a.note(d)
		return nil
	}
	whole := *d
	raw := []json.RawMessage{}
	if d.Attempts > 1 { // else its row says it all
		answer, err := a.client.Get(ctx, docType, d.Name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(answer, &whole); err != nil {
			return &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no delivery", Err: err}
		}
		raw = whole.Log
	} else {
		text, err := json.Marshal(attempt{N: d.Attempts, At: d.Creation, HTTPStatus: d.HTTPStatus, Reason: d.Reason, Error: d.Error, Duration: d.Duration})
		if err != nil {
			return err
		}
		raw = append(raw, text)
	}
	for i, text := range raw {
		var one attempt
		if err := json.Unmarshal(text, &one); err != nil {
			return &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no attempt", Err: err}
		}
		if one.N <= tried {
			continue
		}
		if err := a.print(&whole, &one, i == len(raw)-1); err != nil {
			return err
		}
	}
	a.note(&whole)
	return nil
}

func (a *attempts) print(d *delivery, one *attempt, last bool) error {
	status := d.Status
	if !last {
		status = "retrying" // as it was then
	}
	text, err := json.Marshal(struct {
		Delivery string `json:"delivery"`
		Webhook  string `json:"webhook"`
		Event    string `json:"event"`
		Pos      int64  `json:"pos"`
		DocType  string `json:"doctype"`
		Document string `json:"name"`
		Status   string `json:"status"` // of the delivery after it
		Next     string `json:"next_attempt,omitempty"`
		attempt
	}{d.Name, d.Webhook, d.Event, d.Pos, d.DocType, d.Document, status, d.Next, *one})
	if err != nil {
		return err
	}
	style := a.out.style
	how := fmt.Sprintf("%-9s", status)
	switch status {
	case "delivered":
		how = style.Good(how)
	case "retrying":
		how = style.Warn(how)
	default:
		how = style.Bad(how)
	}
	words := fmt.Sprintf("%s  attempt  %s %d in %.0f ms  %s  %s %s", style.Faint(clock(one.At)), how, one.HTTPStatus, one.Duration*1000,
		oneLine(d.Webhook), d.Event, oneLine(d.DocType+" "+d.Document))
	if one.N > 1 {
		words += fmt.Sprintf("  attempt %d", one.N)
	}
	switch {
	case one.Error != "":
		words += "  " + oneLine(one.Error)
	case one.Reason != "":
		words += "  " + one.Reason
	}
	if status == "retrying" && last && d.Next != "" {
		words += style.Faint("  again at " + clock(d.Next))
	}
	return a.out.line("attempt", text, words)
}

// forget drops what cannot be found by a look any more.
func (a *attempts) forget() {
	newestAt, err := time.Parse(layout, a.since)
	if err != nil {
		return
	}
	edge := newestAt.Add(-2 * overlap).Format(layout)
	for id, s := range a.seen {
		if !s.retrying && s.creation < edge {
			delete(a.seen, id)
		}
	}
}
