package cli

import (
	"context"
	"encoding/json"
	"strings"

	"dochook/migrations"
	keys "dochook/server/access"
	"dochook/server/cli/terminal"
)

// Keys keeps the API keys.
type Keys struct {
	Create KeysCreate `cmd:"" help:"Make an API key and print its token, once."`
	List   KeysList   `cmd:"" help:"List the API keys."`
	Revoke KeysRevoke `cmd:"" help:"Delete an API key."`
}

// KeysCreate makes a key.
type KeysCreate struct {
	Role        string   `help:"admin, writer or reader." enum:"admin,writer,reader" required:""`
	Name        string   `help:"The key part of the token; made up if absent."`
	User        string   `help:"Who stands as owner and modified_by; the key's name if absent (Administrator for an admin key)."`
	DocTypes    []string `help:"Limit a writer to these DocTypes; repeatable." name:"doctype" placeholder:"DOCTYPE"`
	Description string   `help:"A line for people."`
}

// Run makes it and prints the token key:secret.
func (k *KeysCreate) Run(ctx context.Context, g *Globals, s *Streams) error {
	return g.withKeys(ctx, alone, s, func(service *keys.Service) error {
		made, secret, err := service.Create(ctx, keys.Key{
			Name: k.Name, Owner: k.User, Description: k.Description, Role: keys.Role(k.Role), DocTypes: k.DocTypes, Enabled: true,
		})
		if err != nil {
			return err
		}
		if g.JSON {
			return printJSON(s.Out, map[string]string{"name": made.Name, "role": string(made.Role), "token": made.Name + ":" + secret})
		}
		return printf(s.Out, "%s:%s\n", made.Name, secret)
	})
}

// KeysList lists the keys.
type KeysList struct{}

// Run lists them, without secrets.
func (*KeysList) Run(ctx context.Context, g *Globals, s *Streams) error {
	return g.withKeys(ctx, looking, s, func(service *keys.Service) error {
		list, err := service.List(ctx)
		if err != nil {
			return err
		}
		if g.JSON {
			docs := make([]json.RawMessage, len(list))
			for i, k := range list {
				if docs[i], err = k.MarshalJSON(); err != nil {
					return err
				}
			}
			return printJSON(s.Out, docs)
		}
		w := terminal.NewTable(s.Out)
		if err := printf(w, "NAME\tROLE\tUSER\tENABLED\tDOCTYPES\tDESCRIPTION\n"); err != nil {
			return err
		}
		for _, k := range list {
			limit := strings.Join(k.DocTypes, ", ")
			if k.DocTypes == nil {
				limit = "all"
			}
			if err := printf(w, "%s\t%s\t%s\t%t\t%s\t%s\n", k.Name, k.Role, k.Owner, k.Enabled, limit, k.Description); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// KeysRevoke deletes a key.
type KeysRevoke struct {
	Name string `arg:"" help:"The key part of the token."`
}

// Run deletes it; a running service follows within two seconds.
func (k *KeysRevoke) Run(ctx context.Context, g *Globals, s *Streams) error {
	return g.withKeys(ctx, alone, s, func(service *keys.Service) error {
		if err := service.Revoke(ctx, k.Name); err != nil {
			return err
		}
		if g.JSON {
			return printJSON(s.Out, map[string]string{"revoked": k.Name})
		}
		return printf(s.Out, "revoked %s\n", k.Name)
	})
}

func (g *Globals) withKeys(ctx context.Context, how access, s *Streams, fn func(*keys.Service) error) error {
	log := g.logger(s.Err)
	if how == alone {
		how = creating
	}
	return g.with(ctx, how, log, func(db *migrations.DB) error {
		return fn(keys.New(db, keys.Options{}))
	})
}
