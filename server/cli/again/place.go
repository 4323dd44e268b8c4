package again

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"dochook/doctype/documents"
	"dochook/fixtures/peer"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server/cli"
)

// place is where runs are found: at a service, or in a database.
type place struct {
	client *peer.Client // nil in a database
	runs   *replay.Service
	alone  bool // nobody can send anything while the place is open
}

// conversation is who is spoken to, and how.
type conversation struct {
	*cli.Globals
	*cli.Streams

	reading bool // nothing is changed: a database may be in use
}

// with opens the place for the time of fn.
func (c *conversation) with(ctx context.Context, at cli.Place, fn func(*place) error) error {
	if at.Server == "" {
		return c.inDatabase(ctx, fn)
	}
	if at.Token == "" {
		return usage("--server needs a token", "give it with --token or DOCHOOK_TOKEN; it has to be an admin's")
	}
	client, err := peer.NewClient(at.Server, at.Token)
	if err != nil {
		return usage(err.Error(), "")
	}
	defer client.Close()
	return explain(at.Server, fn(&place{client: client}))
}

// explain adds what to do about answers that come from the service itself, or do not come.
func explain(server string, err error) error {
	var own *peer.Error
	if !errors.As(err, &own) {
		return err
	}
	switch own.Code() {
	case peer.CodeUnreachable:
		return failed("no answer from "+server, "is the service running there? dochook serve prints its address")
	case "unauthenticated":
		return failed(server+" does not accept the token", "list the keys with: dochook keys list, make one with: dochook keys create")
	case "forbidden":
		return failed(own.Error(), "this is for admins: use the token of an admin's key")
	}
	return err
}

func (c *conversation) inDatabase(ctx context.Context, fn func(*place) error) (err error) {
	if file, ok := strings.CutPrefix(c.Database, "sqlite:"); ok && file != "" {
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return failed("there is no database "+c.Database, "name it with --database, or a running service with --server")
		}
	}
	log := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: c.LogLevel}))
	db, err := migrations.Open(ctx, c.Database, migrations.OpenOptions{Shared: c.reading, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrations.Check(ctx, db); err != nil {
		return err
	}
	// Addresses were checked when the webhooks were stored, and are again when something is sent; nothing is sent from here.
	guard, err := sender.NewGuard([]string{"0.0.0.0/0", "::/0"})
	if err != nil {
		return err
	}
	docs, store := documents.New(db, documents.Options{Logger: log}), ledger.New(db)
	webhooks := hooks.New(db, guard, store, hooks.Options{MasterKey: os.Getenv("DOCHOOK_MASTER_KEY")})
	return fn(&place{runs: replay.New(db, docs, webhooks, store, replay.Options{Logger: log}), alone: !db.Postgres() && !c.reading})
}

const path = "/api/replays"

// ask sends a request to the service and reads the answer's data.
func ask[T any](ctx context.Context, p *place, call peer.Call) (T, error) {
	var answer struct{ Data T }
	text, err := p.client.Do(ctx, call)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer.Data, err
}

// order is the body that asks a service for a run, or for the count of one.
type order struct {
	replay.Request
	DryRun bool `json:"dry_run,omitempty"`
}

func (o *order) body() (io.Reader, error) {
	text, err := json.Marshal(o)
	return bytes.NewReader(text), err
}

func (p *place) count(ctx context.Context, r replay.Request) (replay.Preview, error) {
	if p.client == nil {
		return p.runs.Count(ctx, r)
	}
	body, err := (&order{r, true}).body()
	if err != nil {
		return replay.Preview{}, err
	}
	return ask[replay.Preview](ctx, p, peer.Call{Method: http.MethodPost, Path: path, Body: body})
}

func (p *place) start(ctx context.Context, r replay.Request) (replay.Run, error) {
	if p.client == nil {
		return p.runs.Start(ctx, r)
	}
	body, err := (&order{Request: r}).body()
	if err != nil {
		return replay.Run{}, err
	}
	return ask[replay.Run](ctx, p, peer.Call{Method: http.MethodPost, Path: path, Body: body})
}

func (p *place) get(ctx context.Context, id string) (replay.Run, error) {
	if p.client == nil {
		return p.runs.Get(ctx, id)
	}
	return ask[replay.Run](ctx, p, peer.Call{Method: http.MethodGet, Path: path + "/" + url.PathEscape(id)})
}

func (p *place) cancel(ctx context.Context, id string) (replay.Run, error) {
	if p.client == nil {
		return p.runs.Cancel(ctx, id)
	}
	return ask[replay.Run](ctx, p, peer.Call{Method: http.MethodDelete, Path: path + "/" + url.PathEscape(id)})
}

func (p *place) list(ctx context.Context, webhook string, limit int) ([]replay.Run, error) {
	if p.client == nil {
		return p.runs.List(ctx, webhook, limit)
	}
	return ask[[]replay.Run](ctx, p, peer.Call{Method: http.MethodGet, Path: path, Query: url.Values{"webhook": {webhook}, "limit": {strconv.Itoa(limit)}}})
}

func usage(message, hint string) error {
	return &cli.Error{CodeWord: cli.CodeUsage, Message: message, Hint: hint}
}

func failed(message, hint string) error {
	return &cli.Error{CodeWord: cli.CodeFailed, Message: strings.TrimSpace(message), Hint: hint}
}
