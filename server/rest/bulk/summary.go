package bulk

import "dochook/doctype/documents"

const maxReported = 1000 // rejected lines that an answer lists

// lineError is a rejected record as the answer lists it.
type lineError struct {
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// summary is the answer to a bulk request.
type summary struct {
	Job        *string     `json:"job"`
	Received   int         `json:"received"`
	Inserted   int         `json:"inserted"`
	Updated    int         `json:"updated"`
	Unchanged  int         `json:"unchanged"`
	Duplicates int         `json:"duplicates"`
	Trashed    int         `json:"trashed,omitempty"` // records of other systems may say so
	Rejected   int         `json:"rejected"`
	Errors     []lineError `json:"errors"`
	Omitted    int         `json:"errors_omitted"`
}

func (s *summary) add(r *documents.PageResult) {
	s.Received += r.Received
	s.Inserted += r.Inserted
	s.Updated += r.Updated
	s.Unchanged += r.Unchanged
	s.Duplicates += r.Duplicates
	s.Trashed += r.Trashed
	s.Rejected += r.Rejected
	for i := range r.Lines {
		l := &r.Lines[i]
		switch {
		case l.Outcome != documents.Rejected:
		case len(s.Errors) == maxReported:
			s.Omitted++
		default:
			s.Errors = append(s.Errors, lineError{l.Line, l.Code, l.Field, l.Message})
		}
	}
}

// brokenOff is an error after which the pages before it stand.
type brokenOff struct {
	err error
	sum *summary
}

func (b *brokenOff) Error() string { return b.err.Error() }
func (b *brokenOff) Unwrap() error { return b.err }

// Details are the counts of what was committed.
func (b *brokenOff) Details() map[string]any {
	d := map[string]any{
		"job": b.sum.Job, "received": b.sum.Received, "inserted": b.sum.Inserted, "updated": b.sum.Updated, "unchanged": b.sum.Unchanged,
		"duplicates": b.sum.Duplicates, "rejected": b.sum.Rejected, "errors": b.sum.Errors, "errors_omitted": b.sum.Omitted,
	}
	if b.sum.Trashed > 0 {
		d["trashed"] = b.sum.Trashed
	}
	return d
}
