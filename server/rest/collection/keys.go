package collection

import (
	"context"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/server/access"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// keys is the collection of API keys, for admins.
func (set *Set) keys() *Collection {
	s := set.Keys
	return &Collection{
		name: keyName, read: web.Admin, write: web.Admin,
		known: oneOf("user", "role", "doctypes", "description", "enabled"),
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(keyView)(s.Find(ctx, q))
		},
		count:  s.Count,
		get:    func(ctx context.Context, name string) ([]byte, error) { return viewOf(keyView)(s.Get(ctx, name)) },
		insert: set.insertKey,
		update: set.updateKey,
		remove: s.Revoke,
	}
}

func keyView(k *access.Key) ([]byte, error) { return rawjson.Encode(k) }

// insertKey makes a key; its secret is in this answer and never in another.
func (set *Set) insertKey(ctx context.Context, body []byte) ([]byte, error) {
	k, err := access.ParseKey(body)
	if err != nil {
		return nil, err
	}
	k.ModifiedBy = doctype.UserOf(ctx).Name
	k, secret, err := set.Keys.Create(ctx, k)
	if err != nil {
		return nil, err
	}
	view, err := keyView(&k)
	if err != nil {
		return nil, err
	}
	shown, err := rawjson.Encode(map[string]string{"api_key": k.Name, "api_secret": secret, "token": k.Name + ":" + secret})
	return rawjson.Join(view, shown), err
}

func (set *Set) updateKey(ctx context.Context, name string, body []byte) ([]byte, error) {
	p, err := access.ParsePatch(body)
	if err != nil {
		return nil, err
	}
	p.ModifiedBy = doctype.UserOf(ctx).Name
	return viewOf(keyView)(set.Keys.Update(ctx, name, p))
}
