package eventlog

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/migrations/rows"
)

// lockAndTell takes the advisory lock that puts commits of events in order (its
// number spells "dochook"), and notifies.
func (l *Log) lockAndTell() string {
	return "pg_advisory_xact_lock(x'646f63686f6f6b'::bigint), pg_notify('" + Channel + "', '" + l.id + "')"
}

// Append writes events in their order as the last step of the transaction tx, and tells [Channel] on PostgreSQL.
// The positions are the database's, and noted in Pos; 0 if they are not known.
func (l *Log) Append(ctx context.Context, tx bun.Tx, events []doctype.Event) error {
	for chunk := range slices.Chunk(events, appendMost) { // the lock is taken once, and held
		if err := l.appendSome(ctx, tx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// appendMost bounds one statement: a parameter of PostgreSQL has to stay below 1 GB.
const appendMost = 5000

func (l *Log) appendSome(ctx context.Context, tx bun.Tx, events []doctype.Event) error {
	n := len(events)
	ids, doctypes, names, kinds := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	datas, owners, by, keys := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	changed, jobs, scrapers, pages := make([]*string, n), make([]*string, n), make([]*string, n), make([]*int64, n)
	ats, versions, restored, creations, hops := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range events {
		e := &events[i]
		ids[i], doctypes[i], names[i], kinds[i] = e.ID, e.DocType, e.Name, e.Event
		datas[i], owners[i], by[i], keys[i] = string(e.Data), e.Owner, e.ModifiedBy, e.KeyID
		ats[i], versions[i], creations[i], hops[i] = e.At.UnixMicro(), e.Version, e.Creation.UnixMicro(), e.Hops
		if e.Restored {
			restored[i] = 1
		}
		if e.Changed != nil {
			text := string(e.Changed)
			changed[i] = &text
		}
		if e.Job != "" {
			jobs[i], scrapers[i] = &e.Job, &e.Scraper
		}
		if e.Page != 0 {
			pages[i] = &e.Page
		}
	}
	// On PostgreSQL the lock is held to the end of the transaction, and is there before a position is drawn.
	first, last, err := rows.InsertNumbered(ctx, tx, rows.Numbered{Table: "events", Key: "pos", First: l.lockAndTell()}, []rows.Column{
		{Name: "id", Values: ids},
		{Name: "at", Values: ats},
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "event", Values: kinds},
		{Name: "version", Values: versions},
		{Name: "data", Values: datas},
		{Name: "changed", Values: changed},
		{Name: "job", Values: jobs},
		{Name: "page", Values: pages},
		{Name: "restored", Values: restored},
		{Name: "owner", Values: owners},
		{Name: "creation", Values: creations},
		{Name: "modified_by", Values: by},
		{Name: "key_id", Values: keys},
		{Name: "hops", Values: hops},
		{Name: "scraper", Values: scrapers},
	})
	for i := range events {
		if events[i].Pos = 0; last > 0 {
			events[i].Pos = first + int64(i)
		}
	}
	return wrap("append to the log", err)
}

// NewID returns an id for an event: a UUID (RFC 9562) of version 7.
func NewID() string {
	id, err := uuid.NewV7()
	if err != nil { // the random source failed, which crypto/rand does not survive either
		return uuid.NewString()
	}
	return id.String()
}
