package deliveries

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dochook/doctype/query"
	"dochook/fixtures/peer"
	"dochook/hooks/ledger"
	"dochook/server/rest/export"
)

// Log is a Webhook Request Log.
type Log interface {
	// list returns deliveries as JSON objects, newest first.
	list(ctx context.Context, filters string, limit int) ([]json.RawMessage, error)
	// get returns one with its attempts_log.
	get(ctx context.Context, id string) (json.RawMessage, error)
	// export writes those that the parameters of the export's door name.
	export(ctx context.Context, parameters url.Values, out io.Writer) error
}

const docType = "Webhook Request Log"

// service is the log of a running service.
type service struct {
	client      *peer.Client
	base, token string
}

// Remote is the log of the service at an http or https URL, for a token key:secret. Errors: invalid.
func Remote(server, token string) (Log, error) {
	client, err := peer.NewClient(server, token)
	return &service{client, strings.TrimRight(server, "/"), token}, err
}

func (s *service) list(ctx context.Context, filters string, limit int) (out []json.RawMessage, err error) {
	answer, err := s.client.List(ctx, docType, url.Values{
		"fields": {`["*"]`}, "filters": {filters}, "order_by": {"creation desc"}, "limit_page_length": {strconv.Itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, senseless("list", err)
	}
	return out, nil
}

func (s *service) get(ctx context.Context, id string) (json.RawMessage, error) {
	return s.client.Get(ctx, docType, id)
}

// export copies the answer as it comes: [peer.Client] would hold all of it.
func (s *service) export(ctx context.Context, parameters url.Values, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/export/deliveries?"+parameters.Encode(), nil)
	if err != nil {
		return senseless("address", err)
	}
	req.Header.Set("Authorization", "token "+s.token)
	transport := &http.Transport{ResponseHeaderTimeout: 10 * time.Minute}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return s.unreachable(ctx, "no answer from "+s.base, err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	if res.StatusCode != http.StatusOK {
		return refusal(res)
	}
	to := &sink{out: out}
	if _, err := io.Copy(to, res.Body); err != nil {
		if to.err != nil {
			return to.err
		}
		return s.unreachable(ctx, "the answer of "+s.base+" broke off", err)
	}
	return nil
}

func (s *service) unreachable(ctx context.Context, message string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &peer.Error{CodeWord: peer.CodeUnreachable, Message: message, Err: err}
}

// sink remembers an error of writing, which is not the server's.
type sink struct {
	out io.Writer
	err error
}

// Write writes on.
func (s *sink) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	s.err = err
	return n, err
}

// refusal is what a server says that does not answer with a file.
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

func senseless(what string, err error) error {
	return &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no " + what, Err: err}
}

// database is the log in an open database.
type database struct{ store *ledger.Store }

// Local is the log in a store.
func Local(store *ledger.Store) Log { return &database{store} }

func (d *database) list(ctx context.Context, filters string, limit int) ([]json.RawMessage, error) {
	parsed, err := query.ParseFilters([]byte(filters))
	if err != nil {
		return nil, err
	}
	found, err := d.store.List(ctx, query.Query{Filters: parsed, Order: []query.Order{{Field: "creation", Desc: true}}, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]json.RawMessage, len(found))
	for i := range found {
		if out[i], err = export.Object(&found[i], nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *database) get(ctx context.Context, id string) (json.RawMessage, error) {
	l, attempts, err := d.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if attempts == nil {
		attempts = []ledger.Attempt{}
	}
	return export.Object(&l, attempts)
}

func (d *database) export(ctx context.Context, parameters url.Values, out io.Writer) error {
	r, err := export.Parse(parameters)
	if err != nil {
		return err
	}
	_, err = export.Write(ctx, d.store, r, out)
	return err
}

// retry makes a webhook try at once what waits.
func (s *service) retry(ctx context.Context, webhook string) (json.RawMessage, error) {
	return s.client.Act(ctx, "Webhook", webhook, "retry", []byte("{}"))
}

// resend sends a delivery once more and returns the attempt.
func (s *service) resend(ctx context.Context, id string) (json.RawMessage, error) {
	return s.client.Act(ctx, docType, id, "resend", []byte("{}"))
}
