package documents

import (
	"context"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/doctype/stored"
)

func (t *txn) table(docType string) stored.Table {
	return stored.Table{DB: t.tx.Tx, Postgres: t.s.db.Postgres(), DocType: docType}
}

// load reads the documents the writes name. A record whose hash equals the
// stored one's is not read: nothing will be compared.
func (t *txn) load(ctx context.Context, writes []*write) (map[string]*stored.State, error) {
	states := make(map[string]*stored.State, len(writes))
	names, hashes := make([]string, len(writes)), make([][]byte, len(writes))
	backing := make([]stored.State, len(writes))
	single := t.s.triggers.InTransaction(writes[0].def.Name)
	ofPage := !t.again() && !single
	for i, w := range writes {
		states[w.name] = &backing[i]
		names[i], hashes[i] = w.name, []byte{}
		if w.verb == verbReplace && !single {
			if hashes[i] = w.hash; w.hash == nil {
				hashes[i] = stored.Hash(w.record)
			}
		}
		ofPage = ofPage && w.hash != nil
	}
	table := t.table(writes[0].def.Name)
	switch {
	case t.news && !single:
		for i := range backing {
			backing[i].DocType = table.DocType
		}
		return states, nil
	case ofPage:
		return states, table.LoadChanged(ctx, writes[0].run.Scraper, names, hashes, backing)
	case t.again(): // others write the same documents: see their last state
		return states, table.Lock(ctx, names, states)
	default:
		return states, table.Load(ctx, names, hashes, states)
	}
}

// living lists the live documents of a DocType.
func (s *Service) living(def *doctype.Definition) listing.Table {
	t := listing.New(s.db.Postgres(), "documents", stored.Columns, def.Knows)
	t.Restrict, t.Args = "doctype = ? AND trashed_at IS NULL", []any{def.Name}
	return t
}
