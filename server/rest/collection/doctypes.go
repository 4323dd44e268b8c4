package collection

import (
	"context"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// docTypes is the collection of definitions. Every key may read them.
func (set *Set) docTypes() *Collection {
	s := set.Documents
	return &Collection{
		name: docTypeName, read: web.Reader, write: web.Admin,
		known: oneOf("autoname", "title", "description", "fields", "open", "track_changes", "scraper", "table", "removal"),
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(docTypeView)(s.DocTypes(ctx, q))
		},
		count: s.CountDocTypes,
		get: func(ctx context.Context, name string) ([]byte, error) {
			return viewOf(docTypeView)(s.DocType(ctx, name))
		},
		insert: set.insertDocType,
		update: set.updateDocType,
		remove: s.DeleteDocType,
	}
}

func (set *Set) insertDocType(ctx context.Context, body []byte) ([]byte, error) {
	d, err := doctype.ParseDocType(body)
	if err != nil {
		return nil, err
	}
	if _, builtin := set.builtins[d.Name]; builtin {
		return nil, web.Errorf("name", "name", "%s is the name of a built-in DocType", d.Name)
	}
	return viewOf(docTypeView)(set.Documents.InsertDocType(ctx, d))
}

// updateDocType writes the members of body over the stored definition.
func (set *Set) updateDocType(ctx context.Context, name string, body []byte) ([]byte, error) {
	stored, err := set.Documents.DocType(ctx, name)
	if err != nil {
		return nil, err
	}
	d, err := doctype.ParseDocType(record.Merge(stored.JSON(), body))
	if err != nil {
		return nil, err
	}
	if d.Name != name {
		return nil, web.Errorf("immutable", "name", "a DocType cannot be renamed")
	}
	return viewOf(docTypeView)(set.Documents.UpdateDocType(ctx, d))
}

func docTypeView(s *documents.Stored) ([]byte, error) {
	head, err := rawjson.Encode(standard{
		Name: s.Name, DocType: docTypeName, Owner: s.Owner, Creation: stamp(s.Creation), Modified: stamp(s.Modified), ModifiedBy: s.ModifiedBy,
	})
	if err != nil {
		return nil, err
	}
	return rawjson.Join(head, s.JSON()), nil
}

// viewOf makes the JSON of what a service returned.
func viewOf[T any](view func(*T) ([]byte, error)) func(T, error) ([]byte, error) {
	return func(v T, err error) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		return view(&v)
	}
}

// viewsOf is viewOf for lists.
func viewsOf[T any](view func(*T) ([]byte, error)) func([]T, error) ([][]byte, error) {
	return func(list []T, err error) ([][]byte, error) {
		if err != nil {
			return nil, err
		}
		out := make([][]byte, len(list))
		for i := range list {
			if out[i], err = view(&list[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

func oneOf(fields ...string) func(string) bool {
	set := make(map[string]bool, len(fields))
	for _, f := range fields {
		set[f] = true
	}
	return func(f string) bool { return set[f] }
}
