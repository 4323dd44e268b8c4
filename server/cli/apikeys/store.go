package apikeys

import (
	"context"
	"encoding/json"
	"net/url"

	"dochook/fixtures/peer"
	"dochook/server/access"
)

// Store is where keys are kept.
type Store interface {
	// create makes a key, which gets a name if it has none.
	create(ctx context.Context, k access.Key) (made, error)
	// list returns the keys as JSON objects, without secrets, in the order of their names.
	list(ctx context.Context) ([]json.RawMessage, error)
	// revoke deletes a key.
	revoke(ctx context.Context, name string) error
}

// made is a new key, and its token key:secret, which is shown this once.
type made struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Token string `json:"token"`
}

const docType = "API Key"

// maxListed is how many keys a service is asked for.
const maxListed = "100000"

type service struct{ client *peer.Client }

// Remote are the keys of the service that a client speaks to.
func Remote(client *peer.Client) Store { return &service{client} }

func (s *service) create(ctx context.Context, k access.Key) (made, error) {
	asked := map[string]any{"role": k.Role}
	for field, value := range map[string]string{"name": k.Name, "user": k.Owner, "description": k.Description} {
		if value != "" {
			asked[field] = value
		}
	}
	if k.DocTypes != nil {
		asked["doctypes"] = k.DocTypes
	}
	var out made
	body, err := json.Marshal(asked)
	if err != nil {
		return out, err
	}
	answer, err := s.client.Insert(ctx, docType, body)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.Token == "" {
		return out, senseless("key", err)
	}
	return out, nil
}

func (s *service) list(ctx context.Context) (out []json.RawMessage, err error) {
	answer, err := s.client.List(ctx, docType, url.Values{"fields": {`["*"]`}, "order_by": {"name asc"}, "limit_page_length": {maxListed}})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, senseless("list", err)
	}
	return out, nil
}

func (s *service) revoke(ctx context.Context, name string) error {
	return s.client.Delete(ctx, docType, name)
}

// senseless is the error of an answer that is not what it should be.
func senseless(what string, err error) error {
	return &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no " + what, Err: err}
}

type database struct{ keys *access.Service }

// Local are the keys in an open database.
func Local(keys *access.Service) Store { return &database{keys} }

func (d *database) create(ctx context.Context, k access.Key) (made, error) {
	stored, secret, err := d.keys.Create(ctx, k)
	return made{stored.Name, string(stored.Role), stored.Name + ":" + secret}, err
}

func (d *database) list(ctx context.Context) ([]json.RawMessage, error) {
	found, err := d.keys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]json.RawMessage, len(found))
	for i, k := range found {
		if out[i], err = k.MarshalJSON(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *database) revoke(ctx context.Context, name string) error { return d.keys.Revoke(ctx, name) }
