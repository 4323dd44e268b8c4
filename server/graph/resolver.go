package graph

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	graphql "github.com/graph-gophers/graphql-go"

	"dochook/server/web"
)

// resolver is the root of the schema: its methods are the fields of Query and Mutation.
type resolver struct {
	store
}

// GetWebhooks resolves Query.getWebhooks.
func (r *resolver) GetWebhooks(ctx context.Context) (*[]*webhook, error) {
	return callOf(ctx).list(func() ([]*webhook, error) { return r.list(ctx) })
}

type saveArgs struct {
	URL    text
	Event  string // the library knows the enum
	Fields *[]*text
	JobID  key
}

// SaveWebhook resolves Mutation.saveWebhook.
func (r *resolver) SaveWebhook(ctx context.Context, args saveArgs) (graphql.ID, error) {
	if err := callOf(ctx).mayChange(); err != nil {
		return "", err
	}
	s := webhook{event: args.Event}
	var err error
	if s.url, err = args.URL.value("url"); err != nil {
		return "", err
	}
	s.url = strings.TrimSpace(s.url)
	if s.scraper, err = args.JobID.value("jobID"); err != nil {
		return "", err
	}
	if args.Fields != nil {
		for i, f := range *args.Fields {
			at := "fields[" + strconv.Itoa(i) + "]"
			if f == nil {
				return "", web.Errorf("invalid", at, "%s: is null, not the name of a field", at)
			}
			name, err := f.value(at)
			if err != nil {
				return "", err
			}
			if strings.TrimSpace(name) == "" {
				return "", web.Errorf("invalid", at, "%s: is empty", at)
			}
			s.fields = append(s.fields, name)
		}
	}
	id, err := r.save(ctx, s)
	return graphql.ID(id), err
}

// DeleteWebhook resolves Mutation.deleteWebhook.
func (r *resolver) DeleteWebhook(ctx context.Context, args struct{ ID key }) (bool, error) {
	if err := callOf(ctx).mayChange(); err != nil {
		return false, err
	}
	id, err := args.ID.value("id")
	if err != nil {
		return false, err
	}
	return r.remove(ctx, id)
}

// text is a String argument. The library would answer a variable of another type with an error that names nothing;
// this one keeps the mistake for the resolver.
type text struct {
	s     string
	wrong bool
}

// ImplementsGraphQLType is for the library.
func (text) ImplementsGraphQLType(name string) bool { return name == "String" }

// UnmarshalGraphQL is for the library.
func (t *text) UnmarshalGraphQL(input any) error {
	s, ok := input.(string)
	t.s, t.wrong = s, !ok
	return nil
}

func (t *text) value(argument string) (string, error) {
	if t.wrong {
		return "", web.Errorf("invalid", argument, "%s: must be a string", argument)
	}
	if strings.ContainsFunc(t.s, unicode.IsControl) {
		return "", web.Errorf("invalid", argument, "%s: has a control character", argument)
	}
	return t.s, nil
}

// key is an ID argument: a string, or an integer for its digits.
type key struct{ text }

// ImplementsGraphQLType is for the library.
func (key) ImplementsGraphQLType(name string) bool { return name == "ID" }

// UnmarshalGraphQL is for the library.
func (k *key) UnmarshalGraphQL(input any) error {
	switch v := input.(type) {
	case string:
		k.s = v
	case int32:
		k.s = strconv.FormatInt(int64(v), 10)
	case json.Number: // of a variable
		k.s, k.wrong = v.String(), strings.ContainsAny(v.String(), ".eE")
	default:
		k.wrong = true
	}
	return nil
}

func (k *key) value(argument string) (string, error) {
	if k.wrong {
		return "", web.Errorf("invalid", argument, "%s: must be a string or an integer", argument)
	}
	return k.text.value(argument)
}
