package collection

import (
	"context"
	"strings"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// documents is the collection of a DocType that somebody defined.
func (set *Set) documents(def *doctype.Definition) *Collection {
	s, dt := set.Documents, def.Name
	view := func(d doctype.Document, err error) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		return d.AppendView(make([]byte, 0, len(d.Record)+300)), nil
	}
	return &Collection{
		name: dt, read: web.Reader, write: web.Writer,
		known: func(f string) bool { return bool(def.Open) || def.Field(f) != nil },
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			docs, err := s.List(ctx, dt, q)
			out := make([][]byte, len(docs))
			for i := range docs {
				out[i] = docs[i].AppendView(nil)
				docs[i].Record = nil // at most one copy of all
			}
			return out, err
		},
		count: func(ctx context.Context, q query.Query) (int64, error) { return s.Count(ctx, dt, q) },
		get:   func(ctx context.Context, name string) ([]byte, error) { return view(s.Get(ctx, dt, name)) },
		insert: func(ctx context.Context, body []byte) ([]byte, error) {
			own, _ := doctype.SplitView(body, def.KeyFields()...)
			return view(s.Insert(ctx, dt, own))
		},
		update: func(ctx context.Context, name string, body []byte) ([]byte, error) {
			own, o, err := patchOf(def, body)
			if err != nil {
				return nil, err
			}
			return view(s.Update(ctx, dt, name, own, o))
		},
		remove: func(ctx context.Context, name string) error {
			_, err := s.Trash(ctx, dt, name)
			return err
		},
		history: func(ctx context.Context, name string, before int64, limit int) ([]doctype.Event, error) {
			return s.Log().HistoryBefore(ctx, dt, name, before, limit)
		},
		actions: map[string]action{
			"restore": func(ctx context.Context, name string, _ []byte) ([]byte, error) {
				return view(s.Restore(ctx, dt, name))
			},
		},
	}
}

// patchOf reads the body of a change. As in Frappe the modified time in it is
// a lock: the change is refused if somebody else came in between.
func patchOf(def *doctype.Definition, body []byte) ([]byte, documents.UpdateOptions, error) {
	var o documents.UpdateOptions
	keep := def.KeyFields()
	if def.Autoname == "prompt" {
		keep = nil // the path says which document it is
	}
	own, fields := doctype.SplitView(body, keep...)
	raw := strings.TrimSpace(rawjson.Text(record.Member(fields, "modified")))
	if raw == "" {
		return own, o, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, raw); err == nil {
			o.Modified = &t
			return own, o, nil
		}
	}
	return nil, o, web.Errorf("invalid", "modified", "modified is the time that the document was read with, such as %s", frappeTime)
}
