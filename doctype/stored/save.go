package stored

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/rows"
)

// Save writes changed states of a DocType in one statement. Each must still have the version it was read with: [ErrRace] if another
// transaction came in between.
func Save(ctx context.Context, tx bun.Tx, docType string, changed []*State) error {
	return save(ctx, tx, docType, changed, `ON CONFLICT (doctype, name) DO UPDATE SET data = excluded.data, hash = excluded.hash, version = excluded.version,
		modified = excluded.modified, modified_by = excluded.modified_by, trashed_at = excluded.trashed_at, scraper = excluded.scraper
		WHERE documents.version = excluded.version - 1`)
}

// Insert is Save of states none of which was there before: [ErrRace] if one is. It costs PostgreSQL about a quarter less.
func Insert(ctx context.Context, tx bun.Tx, docType string, made []*State) error {
	err := save(ctx, tx, docType, made, "")
	if migrations.IsConflict(err) {
		return ErrRace
	}
	return err
}

func save(ctx context.Context, tx bun.Tx, docType string, changed []*State, suffix string) error {
	if len(changed) == 0 {
		return nil
	}
	// In order of name, so that concurrent pages cannot lock each other out.
	changed = slices.Clone(changed)
	slices.SortFunc(changed, func(a, b *State) int { return strings.Compare(a.Name, b.Name) })
	n := len(changed)
	doctypes, names, datas, owners, by := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	hashes := make([][]byte, n)
	versions, creations, modified := make([]int64, n), make([]int64, n), make([]int64, n)
	trashed, scrapers := make([]*int64, n), make([]*string, n)
	for i, st := range changed {
		doctypes[i], names[i], datas[i], owners[i], by[i] = docType, st.Name, string(st.Record), st.Owner, st.ModifiedBy
		hashes[i], versions[i] = st.Hash, st.Version
		creations[i], modified[i] = st.Creation.UnixMicro(), st.Modified.UnixMicro()
		if st.TrashedAt != nil {
			us := st.TrashedAt.UnixMicro()
			trashed[i] = &us
		}
		if st.Scraper != "" {
			scrapers[i] = &st.Scraper
		}
	}
	written, err := rows.Insert(ctx, tx, "documents", []rows.Column{
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "data", Values: datas},
		{Name: "hash", Values: hashes},
		{Name: "version", Values: versions},
		{Name: "owner", Values: owners},
		{Name: "creation", Values: creations},
		{Name: "modified", Values: modified},
		{Name: "modified_by", Values: by},
		{Name: "trashed_at", Values: trashed},
		{Name: "scraper", Values: scrapers},
	}, suffix)
	if err != nil {
		return wrap("save documents", err)
	}
	if written != int64(n) {
		return ErrRace
	}
	return nil
}
