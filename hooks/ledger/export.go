package ledger

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype/query"
)

// eachMost is how many deliveries [Store.Each] holds in memory, with their attempts.
const eachMost = 200

// Each calls fn for the deliveries that pass the query's filters, in the order of their positions, and with attempts for each of
// them as [Store.Get] returns them, else nil. Of the query only the filters count. It reads page after page, since a cursor held open
// would hold the database up for as long as the caller takes, and ends with what there was when it began. An error of fn ends it. A
// filter that is wrong is an error before the first call.
func (s *Store) Each(ctx context.Context, q query.Query, attempts bool, fn func(l *Logged, attempts []Attempt) error) error {
	where, args, err := s.source().Where(q)
	if err != nil {
		return err
	}
	if where != "" {
		where = " AND (" + where + ")"
	}
	var head int64
	if err := s.db.Read.QueryRowContext(ctx, "SELECT coalesce(max(pos), 0) FROM deliveries").Scan(&head); err != nil {
		return wrap("read deliveries", err)
	}
	text := "SELECT " + loggedColumns + " FROM deliveries WHERE (pos, walker, part) > (?, ?, ?) AND pos <= ?" + where + " ORDER BY pos, walker, part LIMIT ?"
	last := Logged{Delivery: Delivery{Key: Key{Pos: -1}}}
	for {
		page, err := s.page(ctx, text, slices.Concat([]any{last.Pos, last.Walker, last.Part, head}, args, []any{eachMost})...)
		if err != nil {
			return err
		}
		var tried map[string][]Attempt
		if attempts && len(page) > 0 {
			if tried, err = s.attemptsOf(ctx, page); err != nil {
				return err
			}
		}
		for i := range page {
			if err := fn(&page[i], tried[page[i].ID]); err != nil {
				return err
			}
		}
		if len(page) < eachMost {
			return nil
		}
		last = page[len(page)-1]
	}
}

func (s *Store) page(ctx context.Context, text string, args ...any) ([]Logged, error) {
	rows, err := s.db.Read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, wrap("read deliveries", err)
	}
	defer func() { _ = rows.Close() }()
	out := make([]Logged, 0, eachMost)
	for rows.Next() {
		l, err := scanLogged(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, wrap("read deliveries", rows.Err())
}

// attemptsOf are the attempts of deliveries by their ids, oldest first.
func (s *Store) attemptsOf(ctx context.Context, list []Logged) (map[string][]Attempt, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	rows, err := s.db.Read.QueryContext(ctx, "SELECT delivery, n, at, http_status, reason, duration_us, detail FROM attempts WHERE delivery IN (?) ORDER BY delivery, n", bun.List(ids))
	if err != nil {
		return nil, wrap("read attempts", err)
	}
	defer func() { _ = rows.Close() }()
	out := make(map[string][]Attempt, len(list))
	for rows.Next() {
		var a Attempt
		var detail string
		if err := rows.Scan(&a.Delivery, &a.N, &a.At, &a.HTTPStatus, &a.Reason, &a.DurationUS, &detail); err != nil {
			return nil, wrap("read attempts", err)
		}
		if err := json.Unmarshal([]byte(detail), &a.Detail); err != nil {
			return nil, wrap("read attempts", err)
		}
		out[a.Delivery] = append(out[a.Delivery], a)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap("read attempts", err)
	}
	for i := range list {
		l := &list[i]
		// As in Get: the attempt that ended a delivery stands in its row alone.
		if tried := out[l.ID]; l.Attempts > 0 && !slices.ContainsFunc(tried, func(a Attempt) bool { return a.N == l.Attempts }) {
			out[l.ID] = append(tried, Attempt{l.ID, l.Attempts, l.FinishedAt - l.DurationUS, l.HTTPStatus, l.Reason, l.DurationUS, l.Detail})
		}
	}
	return out, nil
}
