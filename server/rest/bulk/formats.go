package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/record"
	"dochook/server/ingest/body"
	"dochook/server/ingest/foreign"
	"dochook/server/web"
)

// What a page may hold, as for our own shapes, and what a body of another
// system may.
const (
	maxRecords = 10_000
	maxBytes   = 32 << 20
)

// readPush reads a body in another system's format, whole: nothing is written
// before it is understood.
func (r *run) readPush(ctx context.Context, c *gin.Context) error {
	text, err := readWhole(c)
	if err != nil {
		return err
	}
	known, err := r.knownColumns(ctx)
	if err != nil {
		return err
	}
	push, err := foreign.Read(r.format, text, known)
	if err != nil {
		return err
	}
	if r.page.IdempotencyKey == "" {
		if err := r.claim(r.deliveryKey(ctx, c, text)); err != nil {
			return err
		}
	}
	r.next = cut(push.Records)
	return r.heed(ctx, &push, known)
}

// heed does what a body says besides its records.
func (r *run) heed(ctx context.Context, push *foreign.Push, known map[string]string) error {
	if r.format == formatRows {
		return r.learn(ctx, push.Columns, known)
	}
	if push.Job == nil {
		return nil
	}
	if r.job == "" { // else whoever gave the sender this address has said which
		if push.Job.ID == "" {
			return web.Errorf("invalid", "jobId", "which job is it? The body has no jobId, and the address no job=")
		}
		j, err := r.jobs.Join(ctx, r.docType, push.Job.ID)
		if err != nil {
			return err
		}
		r.join(&j)
	}
	switch push.Job.Event {
	case doctype.JobStarted:
		return r.start(ctx)
	case doctype.JobFinished:
		_, err := r.jobs.Finish(ctx, r.job, jobs.Ending{Status: jobs.Status(push.Job.Status)})
		return err
	default:
		return nil
	}
}

// start begins the job; a late word of a beginning changes nothing.
func (r *run) start(ctx context.Context) error {
	j, err := r.jobs.Get(ctx, r.job)
	if err != nil || j.Status != jobs.Pending {
		return err
	}
	_, err = r.jobs.Start(ctx, r.job)
	return err
}

// knownColumns are the fieldnames of column ids that the DocType has declared
// or learnt.
func (r *run) knownColumns(ctx context.Context) (map[string]string, error) {
	if r.format != formatRows {
		return nil, nil
	}
	return r.jobs.ColumnNames(ctx, r.docType)
}

// learn remembers the ids of columns that are new.
func (r *run) learn(ctx context.Context, columns []foreign.Column, known map[string]string) error {
	var fresh []jobs.Column
	for _, c := range columns {
		if known[c.ID] == "" {
			fresh = append(fresh, jobs.Column{ID: c.ID, Name: c.Fieldname})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return r.jobs.LearnColumns(ctx, r.docType, fresh)
}

// deliveryKey tells a webhook that is delivered again from another one: by the
// id that its sender gave it, else by the body where that says when it was
// made. "" is a body that may well come twice and mean it.
func (r *run) deliveryKey(ctx context.Context, c *gin.Context, text []byte) string {
	to := strings.Join([]string{web.Principal(ctx).Name, r.format, r.docType, r.job}, sep)
	if id := c.GetHeader("Webhook-Id"); usable(id) {
		return to + sep + id
	}
	object := text[max(bytes.IndexByte(text, '{'), 0):] // behind a byte order mark
	if record.Member(object, "timestamp") == nil {
		return ""
	}
	sum := sha256.Sum256(text) // of all that the body says: event, job and timestamp among it
	return to + sep + hex.EncodeToString(sum[:])
}

// readWhole reads a body that may be packed.
func readWhole(c *gin.Context) ([]byte, error) {
	w, fault := body.Open(c.Request.Body, c.GetHeader("Content-Encoding"), maxBytes)
	if fault != nil {
		return nil, fault
	}
	defer w.Close()
	for w.Fill() {
		if len(w.Bytes()) > maxBytes {
			return nil, web.Errorf("too_large", "", "a body in the format of another system is at most %d MiB", maxBytes>>20)
		}
	}
	if fault := w.Ended(); fault != nil {
		return nil, fault
	}
	return w.Bytes(), nil
}

// cut hands records out as pages.
func cut(records []foreign.Record) source {
	number := 0
	return func() (int, []documents.Record, error) {
		if len(records) == 0 {
			return 0, nil, io.EOF
		}
		size := 0
		var page []documents.Record
		for _, rec := range records {
			size += len(rec.Data)
			if len(page) == maxRecords || len(page) > 0 && size > maxBytes {
				break
			}
			page = append(page, documents.Record{Line: rec.Line, Data: rec.Data, Err: rec.Err, Trash: rec.Trash})
		}
		records = records[len(page):]
		number++
		return number, page, nil
	}
}
