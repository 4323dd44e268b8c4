package jobs

import (
	"bytes"
	"context"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
)

// verb is what may happen to a job.
type verb string

const (
	verbStart   verb = "start"
	verbPage    verb = "page"
	verbFinish  verb = "finish" // as finished
	verbFail    verb = "fail"
	verbStop    verb = "stop"
	verbApprove verb = "approve"
	verbDiscard verb = "discard"
)

// reaction is what a job does about a verb.
type reaction int

const (
	refuse reaction = iota // conflict
	accept
	ignore // it is so already: the job is answered as it is
)

// lifecycle is the state machine of jobs; what is not in it is refused. Stopping ends nothing that has ended, and does not mind.
var lifecycle = map[Status]map[verb]reaction{
	Pending:    {verbStart: accept, verbPage: accept, verbFinish: accept, verbFail: accept, verbStop: accept},
	InProgress: {verbStart: ignore, verbPage: accept, verbFinish: accept, verbFail: accept, verbStop: accept},
	Finished:   {verbFinish: ignore},
	Failed:     {verbFail: ignore},
	Stopped:    {verbStop: ignore},
	Held:       {verbFinish: ignore, verbApprove: accept, verbDiscard: accept},
}

// reactionTo is the table's word, but for what waits of a job that did not finish and a decision that was made before.
func (j *Job) reactionTo(v verb) reaction {
	if v == verbApprove || v == verbDiscard {
		switch {
		case j.Waiting() && !j.Status.Open():
			return accept
		case j.Decision == Approved && v == verbApprove, j.Decision == Discarded && v == verbDiscard:
			return ignore
		}
	}
	return lifecycle[j.Status][v]
}

// allow refuses what the job's status does not allow.
func (j *Job) allow(v verb) error {
	if j.reactionTo(v) != refuse {
		return nil
	}
	switch {
	case v == verbApprove || v == verbDiscard:
		return doctype.Errorf(doctype.CodeConflict, "", "job %s is %s and holds nothing back", j.ID, j.Status)
	case v == verbPage:
		return doctype.Errorf(doctype.CodeConflict, "", "job %s is %s: no page can come any more", j.ID, j.Status)
	default:
		return doctype.Errorf(doctype.CodeConflict, "", "job %s is %s already", j.ID, j.Status)
	}
}

// Ending is how a job ends.
type Ending struct {
	Status Status // Finished, Failed or Stopped
	Reason string
	Stats  []byte // a JSON object, or nil
}

// ParseEnding reads {status: finished|failed|stopped, reason, stats}; no text, and no status, is finished.
func ParseEnding(body []byte) (Ending, error) {
	e := Ending{Status: Finished}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return e, nil
	}
	if err := record.Check(body); err != nil {
		return e, err
	}
	for name, value := range record.Members(body) {
		null := string(value) == "null"
		switch name {
		case "status":
			if e.Status = Status(record.Unquote(value)); null {
				e.Status = Finished
			}
			if e.Status != Finished && e.Status != Failed && e.Status != Stopped {
				return e, doctype.Errorf(doctype.CodeInvalid, name, "must be finished, failed or stopped")
			}
		case "reason":
			if !null && value[0] != '"' {
				return e, doctype.Errorf(doctype.CodeInvalid, name, "must be a string")
			}
			if !null {
				e.Reason = record.Unquote(value)
			}
		case "stats":
			if !null && value[0] != '{' {
				return e, doctype.Errorf(doctype.CodeInvalid, name, "must be an object")
			}
			if !null {
				e.Stats = bytes.Clone(value)
			}
		default:
			return e, doctype.Errorf(doctype.CodeInvalid, name, "a job ends with status, reason and stats")
		}
	}
	return e, nil
}

// Start makes a pending job one in progress.
func (s *Service) Start(ctx context.Context, id string) (Job, error) {
	return s.change(ctx, id, verbStart, func(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
		return s.begin(ctx, tx, def, j)
	})
}

// Stop ends a job that is open; what it brought stays. One that has ended is left as it is.
func (s *Service) Stop(ctx context.Context, id string) (Job, error) {
	j, err := s.Get(ctx, id)
	if err != nil || !j.Status.Open() {
		return j, err
	}
	j, err = s.Finish(ctx, id, Ending{Status: Stopped})
	if doctype.CodeOf(err) == doctype.CodeConflict { // it ended meanwhile
		return s.Get(ctx, id)
	}
	return j, err
}

// Finish ends a job. A full one that ends as finished removes what it did not see, or is held. The same end again changes
// nothing; another is a conflict.
func (s *Service) Finish(ctx context.Context, id string, e Ending) (Job, error) {
	v := map[Status]verb{Finished: verbFinish, Failed: verbFail, Stopped: verbStop}[e.Status]
	return s.change(ctx, id, v, func(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
		return s.end(ctx, tx, def, j, e)
	})
}

// change locks a job, does what a verb asks for if its status allows it, and stores it. do gets no definition when the DocType
// is gone: its jobs can still end.
func (s *Service) change(ctx context.Context, id string, v verb, do func(context.Context, *documents.Tx, *doctype.Definition, *Job) error) (Job, error) {
	was, err := s.Get(ctx, id)
	if err != nil {
		return was, err
	}
	def, err := s.docs.Definition(ctx, was.DocType)
	if err != nil && (v == verbStart || doctype.CodeOf(err) != doctype.CodeNotFound) {
		return was, err
	}
	var j Job
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) (err error) {
		if v == verbApprove || v == verbFinish && was.Mode == scrapers.Full { // documents may be removed
			if err := s.alone(ctx, tx.Tx, was.DocType); err != nil {
				return err
			}
		}
		if j, err = s.lock(ctx, tx, id); err != nil {
			return err
		}
		if err := j.allow(v); err != nil {
			return err
		}
		if j.reactionTo(v) == ignore {
			return nil
		}
		if err := do(ctx, tx, def, &j); err != nil {
			return err
		}
		return j.store(ctx, tx)
	})
	return j, err
}

func (s *Service) end(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job, e Ending) error {
	if j.Status == Pending && def != nil { // it saw nothing of what was there
		if err := s.measure(ctx, tx, def, j); err != nil {
			return err
		}
	}
	j.Hops = max(j.Hops, doctype.UserOf(ctx).Hops)
	j.Reason, j.Stats = e.Reason, e.Stats
	j.Status = e.Status
	if e.Status == Finished && j.Mode == scrapers.Full && def != nil {
		if err := s.discardOlder(ctx, tx, j); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, def, j); err != nil {
			return err
		}
	}
	if err := s.endUpdates(ctx, tx, def, j); err != nil {
		return err
	}
	if e.Status == Finished && j.Waiting() {
		j.Status = Held
	}
	now := tx.Now()
	j.FinishedAt = &now
	name := map[Status]string{Finished: doctype.JobFinished, Failed: doctype.JobFailed, Stopped: doctype.JobStopped}[e.Status]
	tx.Log(s.event(j, name, now, brought{}))
	return nil
}

// Expire ends open jobs that heard nothing for too long, as failed, and returns how many.
func (s *Service) Expire(ctx context.Context) (int, error) {
	idle, err := s.jobs(ctx, s.db.Read, "status IN ('pending', 'in_progress') AND modified < ? ORDER BY modified LIMIT 100", s.docs.Now().Add(-s.idle).UnixMicro())
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range idle {
		expired := false
		_, err := s.change(ctx, idle[i].ID, verbFail, func(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
			expired = tx.Now().Sub(j.Modified) >= s.idle
			if !expired { // a page came meanwhile
				return nil
			}
			return s.end(ctx, tx, def, j, Ending{Status: Failed, Reason: "nothing came for " + s.idle.String()})
		})
		switch {
		case err != nil && doctype.CodeOf(err) != doctype.CodeConflict:
			return n, err
		case err == nil && expired:
			n++
		}
	}
	return n, nil
}

// Ended returns, for those of the jobs that have ended or are gone, the position of the last event about them.
func (s *Service) Ended(ctx context.Context, ids []string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, id := range ids {
		j, err := s.Get(ctx, id)
		switch {
		case doctype.CodeOf(err) == doctype.CodeNotFound:
		case err != nil:
			return nil, err
		case j.Status.Open():
			continue
		}
		var last int64
		if err := s.db.Read.QueryRowContext(ctx, "SELECT coalesce(max(pos), 0) FROM events WHERE job = ?", id).Scan(&last); err != nil {
			return nil, eventlog.Unavailable(wrap("read the job's last event", err))
		}
		out[id] = last
	}
	return out, nil
}
