package documents

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/doctype/record"
	"dochook/doctype/stored"
	"dochook/migrations"
)

// apply carries out writes in order. What is wrong with one write stands in it;
// the returned error undoes the whole transaction.
func (t *txn) apply(ctx context.Context, writes []*write) error {
	writes = t.passKnown(writes)
	for len(writes) > 0 {
		n := segment(writes)
		var err error
		if def := writes[0].def; t.s.triggers.InTransaction(def.Name) {
			err = t.applySingly(ctx, writes[:n])
		} else {
			err = t.applyTogether(ctx, writes[:n])
		}
		if err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// segment is how many of the first writes can share their statements: one
// DocType, no name twice.
func segment(writes []*write) int {
	seen := make(map[string]struct{}, len(writes))
	for i, w := range writes {
		if w.def.Name != writes[0].def.Name {
			return i
		}
		if _, again := seen[w.name]; again {
			return i
		}
		seen[w.name] = struct{}{}
	}
	return len(writes)
}

// applyTogether reads all documents of the segment at once, decides in memory
// and writes what changed in one statement.
func (t *txn) applyTogether(ctx context.Context, writes []*write) error {
	for _, w := range writes {
		w.reset()
	}
	states, err := t.load(ctx, writes)
	if err != nil {
		return err
	}
	decided, before := make([]*doctype.Event, len(writes)), make([]stored.State, len(writes))
	for i, w := range writes {
		before[i] = *states[w.name]
		decided[i] = t.decide(w, states[w.name])
	}
	if t.news && slices.ContainsFunc(writes, func(w *write) bool { return !states[w.name].Dirty }) {
		t.news = false // what is wrong with one may depend on what is there
		return t.applyTogether(ctx, writes)
	}
	if err := t.claimUnique(ctx, writes, states); err != nil {
		return err
	}
	changed := make([]*stored.State, 0, len(writes))
	for _, w := range writes {
		if st := states[w.name]; st.Dirty {
			changed = append(changed, st)
		}
	}
	if run := &writes[0].run; !run.Quiet && !run.Defer { // all are to be logged
		t.events = slices.Grow(t.events, len(changed))
	}
	listens := t.s.triggers.Listens(writes[0].def.Name, AfterCommit)
	for i, w := range writes {
		if st := states[w.name]; st.Dirty {
			t.log(w, decided[i])
			if listens {
				t.after = append(t.after, written(st, decided[i], &before[i]))
			}
		}
	}
	if t.news {
		return stored.Insert(ctx, t.tx, writes[0].def.Name, changed)
	}
	return stored.Save(ctx, t.tx, writes[0].def.Name, changed)
}

// decide works out what a write does to the state it meets, updates that state
// and returns the event, or nil with the outcome in w.
func (t *txn) decide(w *write, st *stored.State) *doctype.Event {
	old := *st
	next, event, err := plan(w, st)
	if err == nil && event != "" && w.verb != verbTrash && w.verb != verbRestore {
		err = checkMerged(w, st, next)
	}
	if err != nil {
		w.outcome, w.err = Rejected, err
		return nil
	}
	var changed []record.Change
	if event == doctype.OnUpdate {
		if changed = w.def.Changes(old.Record, next); changed == nil {
			event = ""
		}
	}
	if event == "" {
		w.outcome, w.doc = Unchanged, st.Document
		if w.doc.Record == nil { // not even read: its hash is the record's
			w.doc.Record = w.record
		}
		return nil
	}
	return t.advance(w, st, next, event, changed)
}

// plan returns the record a write leads to and the event that would name it, ""
// when nothing changes for sure.
func plan(w *write, st *stored.State) (next []byte, event string, err error) {
	switch {
	case w.verb == verbInsert && st.Live():
		return nil, "", doctype.Errorf(doctype.CodeConflict, "name", "%s %s already exists", w.def.Name, w.name)
	case (w.verb == verbUpdate || w.verb == verbTrash) && !st.Live(),
		w.verb == verbRestore && !st.Exists:
		return nil, "", notFound(w.def.Name, w.name)
	case w.verb == verbTrash:
		return st.Record, doctype.OnTrash, nil
	case w.verb == verbRestore && st.Live():
		return nil, "", doctype.Errorf(doctype.CodeConflict, "name", "%s %s is not trashed", w.def.Name, w.name)
	case w.verb == verbRestore:
		return st.Record, doctype.OnInsert, nil
	case w.expected != nil && !st.Modified.Equal(*w.expected):
		return nil, "", doctype.Errorf(doctype.CodeStale, "modified", "%s %s has been modified after you opened it", w.def.Name, w.name)
	case !st.Live() && w.verb == verbMerge:
		return w.def.WithDefaults(w.record), doctype.OnInsert, nil
	case !st.Live():
		return w.record, doctype.OnInsert, nil
	case w.verb == verbReplace:
		if st.Record == nil || bytes.Equal(st.Record, w.record) {
			return nil, "", nil
		}
		return w.record, doctype.OnUpdate, nil
	default:
		return record.Merge(st.Record, w.record), doctype.OnUpdate, nil
	}
}

// checkMerged checks what only the transaction could know: the record that a
// patch makes of the stored one.
func checkMerged(w *write, st *stored.State, next []byte) error {
	if w.verb == verbInsert || w.verb == verbReplace {
		return nil
	}
	if err := w.def.Validate(next); err != nil {
		return err
	}
	if w.verb != verbUpdate || len(w.def.KeyFields()) == 0 || w.def.Autoname == "prompt" {
		return nil
	}
	name, err := w.def.NameOf(next, "")
	if err != nil {
		return err
	}
	if was, err := w.def.NameOf(st.Record, ""); err == nil && was != name {
		return doctype.Errorf(doctype.CodeImmutable, w.def.KeyFields()[0], "%s cannot change: %s %s is named by it", w.def.KeyFields()[0], w.def.Name, w.name)
	}
	return nil
}

// advance moves the state to its next version and makes the event of it.
func (t *txn) advance(w *write, st *stored.State, next []byte, event string, changed []record.Change) *doctype.Event {
	restored := event == doctype.OnInsert && st.Exists
	if !st.Exists {
		st.Creation, st.Owner = t.now, w.user.Name
	}
	st.Exists, st.Dirty = true, true
	st.DocType, st.Name = w.def.Name, w.name
	st.Record, st.Hash = next, stored.Hash(next)
	st.Version++
	st.Modified, st.ModifiedBy = t.now, w.user.Name
	st.TrashedAt = nil
	if w.run.Scraper != "" {
		st.Scraper = w.run.Scraper
	}
	w.outcome = Updated
	switch event {
	case doctype.OnInsert:
		w.outcome = Inserted
	case doctype.OnTrash:
		at := t.now
		st.TrashedAt = &at
		w.outcome = Trashed
	}
	w.doc = st.Document
	ev := &doctype.Event{
		ID: eventlog.NewID(), At: t.now, DocType: w.def.Name, Name: w.name, Event: event, Version: st.Version,
		Data: next, Job: w.run.Job, Page: w.run.Page, Scraper: w.run.Scraper, Restored: restored,
		Owner: st.Owner, Creation: st.Creation, ModifiedBy: w.user.Name, KeyID: w.user.KeyID, Hops: w.user.Hops,
	}
	if changed != nil {
		ev.Changed = record.AppendChanges(nil, changed)
	}
	return ev
}

// applySingly writes one document after the other, each behind a savepoint, so
// that triggers see what was written before them and reject their own alone.
func (t *txn) applySingly(ctx context.Context, writes []*write) error {
	for _, w := range writes {
		w.reset()
		err := t.savepoint(ctx, func() error { return t.applyOne(ctx, w) })
		switch {
		case err == nil:
		case errors.Is(err, stored.ErrRace) || migrations.IsRetryable(err) || doctype.CodeOf(err) == doctype.CodeInternal || doctype.CodeOf(err) == doctype.CodeUnavailable:
			return err // the transaction's trouble, not the document's
		default:
			w.outcome, w.err = Rejected, err
		}
	}
	return nil
}

// applyOne works on a copy: a trigger may change the record, and the transaction
// may have to be repeated with what came in.
func (t *txn) applyOne(ctx context.Context, in *write) error {
	changed := *in
	w := &changed
	ctx = doctype.WithUser(ctx, w.user)
	defer func() { in.outcome, in.doc, in.err = w.outcome, w.doc, w.err }()
	states, err := t.load(ctx, []*write{w})
	if err != nil {
		return err
	}
	st := states[w.name]
	old := *st
	wasLive := st.Live()
	if err = t.before(ctx, w, st, wasLive); err != nil {
		return err
	}
	ev := t.decide(w, st)
	if w.err != nil {
		return w.err
	}
	if ev == nil {
		return nil
	}
	if err := t.claimUnique(ctx, []*write{w}, states); err != nil {
		return err
	}
	if w.err != nil {
		return w.err
	}
	if err := stored.Save(ctx, t.tx, w.def.Name, []*stored.State{st}); err != nil {
		return err
	}
	t.log(w, ev)
	seen := written(st, ev, &old)
	if err := t.s.triggers.Run(ctx, ev.Event, &seen); err != nil {
		return err
	}
	t.after = append(t.after, seen)
	return nil
}

// before runs the triggers that may still change the record.
func (t *txn) before(ctx context.Context, w *write, st *stored.State, wasLive bool) error {
	if w.verb == verbTrash || w.verb == verbRestore {
		return nil
	}
	next, event, err := plan(w, st)
	if err != nil || event == "" {
		return err
	}
	doc := doctype.Document{
		DocType: w.def.Name, Name: w.name, Record: slices.Clone(next), Version: st.Version + 1,
		Owner: st.Owner, Creation: st.Creation, Modified: t.now, ModifiedBy: w.user.Name,
	}
	seen := Write{Event: event, Doc: &doc, Restored: !wasLive && st.Exists}
	moments := []string{Validate, BeforeSave}
	if wasLive {
		old := st.Document
		seen.Old = &old
	} else {
		doc.Creation, doc.Owner = t.now, w.user.Name
		moments = []string{BeforeInsert, Validate, BeforeSave}
	}
	for _, m := range moments {
		if err := t.s.triggers.Run(ctx, m, &seen); err != nil {
			return err
		}
	}
	if bytes.Equal(doc.Record, next) {
		return nil
	}
	if err := record.Check(doc.Record); err != nil {
		return err
	}
	if err := w.def.Validate(doc.Record); err != nil {
		return err
	}
	if len(w.def.KeyFields()) > 0 && w.def.Autoname != "prompt" {
		if name, err := w.def.NameOf(doc.Record, ""); err != nil || name != w.name {
			return doctype.Errorf(doctype.CodeImmutable, w.def.KeyFields()[0], "a trigger changed the key of %s %s", w.def.Name, w.name)
		}
	}
	// The trigger's record is final: the rest of the way replaces with it.
	w.record = doc.Record
	if w.verb != verbInsert {
		w.verb = verbReplace
	}
	return nil
}
