package jobs

import (
	"context"
	"errors"

	"dochook/doctype"
	"dochook/doctype/jobs/results"
)

// Row is one accepted record of a job.
type Row = results.Row

// Records returns the accepted records of a page of a job, in order; not_found if it is not kept.
func (s *Service) Records(ctx context.Context, job string, page int64) ([][]byte, error) {
	return results.Records(ctx, s.docs.Reader(ctx), job, page)
}

// errEnough ends a walk through rows.
var errEnough = errors.New("enough")

// Rows returns at most limit accepted records of a job behind the first start ones, and how many there are.
func (s *Service) Rows(ctx context.Context, id string, start, limit int64) ([]Row, int64, error) {
	j, err := s.Get(ctx, id)
	if err != nil || limit <= 0 || start >= j.Rows {
		return nil, j.Rows, err
	}
	if err := s.kept(ctx, &j); err != nil {
		return nil, j.Rows, err
	}
	var out []Row
	err = results.Each(ctx, s.docs.Reader(ctx), id, start, func(r Row) error {
		if out = append(out, r); int64(len(out)) == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, j.Rows, err
}

// EachRow calls fn for each accepted record of a job, in order.
func (s *Service) EachRow(ctx context.Context, id string, fn func(Row) error) error {
	j, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if err := s.kept(ctx, &j); err != nil {
		return err
	}
	return results.Each(ctx, s.docs.Reader(ctx), id, 0, fn)
}

// kept refuses to show the results of a job whose first page has been removed.
func (s *Service) kept(ctx context.Context, j *Job) error {
	if j.Rows == 0 {
		return nil
	}
	first, err := results.First(ctx, s.docs.Reader(ctx), j.ID)
	if err != nil || first == 1 {
		return err
	}
	return doctype.Errorf(doctype.CodeExpired, "", "the results of job %s have been removed", j.ID)
}
