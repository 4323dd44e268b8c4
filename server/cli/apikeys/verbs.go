package apikeys

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"dochook/server/access"
	"dochook/server/cli/terminal"
)

// Verb is something to be done with keys; its fields are its flags.
type Verb interface {
	Do(ctx context.Context, keys Store, out terminal.Output) error
}

// Create makes a key.
type Create struct {
	Role        string   `help:"admin, writer or reader." enum:"admin,writer,reader" required:""`
	Name        string   `help:"The key part of the token; made up if absent."`
	User        string   `help:"Who stands as owner and modified_by; the key's name if absent (Administrator for an admin key)."`
	DocTypes    []string `help:"Limit a writer to these DocTypes; repeatable." name:"doctype" placeholder:"DOCTYPE"`
	Description string   `help:"A line for people."`
}

// Do makes it and prints the token key:secret.
func (c Create) Do(ctx context.Context, keys Store, out terminal.Output) error {
	k, err := keys.create(ctx, access.Key{
		Name: c.Name, Owner: c.User, Description: c.Description, Role: access.Role(c.Role), DocTypes: c.DocTypes, Enabled: true,
	})
	switch {
	case err != nil:
	case out.JSON:
		err = terminal.PrintJSON(out, k)
	default:
		_, err = fmt.Fprintln(out, k.Token)
	}
	return err
}

// List lists the keys.
type List struct{}

// Do lists them, without secrets.
func (List) Do(ctx context.Context, keys Store, out terminal.Output) error {
	found, err := keys.list(ctx)
	if err != nil {
		return err
	}
	if out.JSON {
		return terminal.PrintJSON(out, append([]json.RawMessage{}, found...))
	}
	w := terminal.NewTable(out.Writer)
	if _, err := io.WriteString(w, "NAME\tROLE\tUSER\tENABLED\tDOCTYPES\tDESCRIPTION\n"); err != nil {
		return err
	}
	for _, raw := range found {
		var k struct {
			Name, Role, User, Description string
			DocTypes                      []string
			Enabled                       int
		}
		if err := json.Unmarshal(raw, &k); err != nil {
			return senseless("key", err)
		}
		limit := strings.Join(k.DocTypes, ", ")
		if k.DocTypes == nil {
			limit = "all"
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%t\t%s\t%s\n", k.Name, k.Role, k.User, k.Enabled != 0, limit, k.Description); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Revoke deletes a key.
type Revoke struct {
	Name string `arg:"" help:"The key part of the token."`
}

// Do deletes it; a service that runs on the database follows within two seconds.
func (r Revoke) Do(ctx context.Context, keys Store, out terminal.Output) error {
	if err := keys.revoke(ctx, r.Name); err != nil {
		return err
	}
	if out.JSON {
		return terminal.PrintJSON(out, map[string]string{"revoked": r.Name})
	}
	_, err := fmt.Fprintf(out, "revoked %s\n", r.Name)
	return err
}
