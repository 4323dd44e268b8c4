package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"dochook/migrations/rows"
)

// Statuses of a delivery.
const (
	Retrying  = "retrying"
	Delivered = "delivered"
	Dead      = "dead"    // given up: attempts used up, or an answer that makes more of them pointless
	Skipped   = "skipped" // its condition failed, or the loop guard cut it
)

// Key is what a delivery is about: an entry of the log and the part of it.
type Key struct {
	Pos, Part int64
}

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// DeliveryID is the same for every attempt at one event by one walker, also after a crash: a hash, and the place by which the ledger
// finds it. It holds no dot, as Standard Webhooks demands.
func DeliveryID(walker, eventID string, k Key) string {
	sum := sha256.Sum256([]byte(walker + "\x00" + eventID + "\x00" + strconv.FormatInt(k.Part, 10)))
	return ID(idEncoding.EncodeToString(sum[:15]), k.Pos)
}

// ID makes the id of a delivery: a hash that says which it is, and the position
// of its event, by which it is found without an index of its own.
func ID(hash string, pos int64) string { return "msg_" + hash + "-" + strconv.FormatInt(pos, 36) }

// posOf is the position in an id; 0, which no event has, if there is none.
func posOf(id string) int64 {
	_, text, _ := strings.Cut(id, "-")
	pos, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return 0
	}
	return pos
}

// Delivery is one webhook × one event: what was tried and how it stands.
type Delivery struct {
	Key
	ID         string // the Webhook-Id header
	EventID    string
	Event      string
	DocType    string
	Name       string
	Status     string
	Attempts   int64
	CreatedAt  int64 // first attempt, µs
	FinishedAt int64 // µs; 0 = not yet
	NextAt     int64 // next attempt, µs; 0 = none
	HTTPStatus int
	Reason     string
	DurationUS int64 // of the last attempt
	Detail     Detail
}

// Detail is what people want to know of an attempt; stored as JSON. Of a delivered one it holds the short part only, since there is
// one for each delivery. Its URL and headers carry no secrets.
type Detail struct {
	Method          string              `json:"method,omitempty"`
	URL             string              `json:"url,omitempty"`
	RequestHeaders  map[string][]string `json:"request_headers,omitempty"` // unless delivered
	Bytes           int                 `json:"bytes"`                     // of the body sent
	BodySHA256      string              `json:"body_sha256,omitempty"`     // of the body sent, in hexadecimal; unless delivered
	Part            json.RawMessage     `json:"part,omitempty"`            // of a batch
	LeftOut         string              `json:"left_out,omitempty"`        // records of a batch that its condition failed on
	Webhook         int64               `json:"webhook_version,omitempty"`
	EventPos        int64               `json:"event_pos,omitempty"` // of the event in the log, where it is not the delivery's
	Address         string              `json:"address,omitempty"`
	Addresses       int                 `json:"addresses,omitempty"` // that the host name resolved to
	TLSVersion      string              `json:"tls_version,omitempty"`
	CertificateEnds string              `json:"certificate_ends,omitempty"` // RFC 3339, UTC; once for each connection, and of a refused one
	Reused          bool                `json:"reused,omitempty"`           // the connection
	Phase           string              `json:"phase,omitempty"`            // how far it came without an answer: queue dns connect tls write headers
	DNSUS           int64               `json:"dns_us,omitempty"`
	ConnectUS       int64               `json:"connect_us,omitempty"`
	TLSUS           int64               `json:"tls_us,omitempty"`
	FirstByteUS     int64               `json:"first_byte_us,omitempty"`
	Limit           string              `json:"limit,omitempty"` // which one fired: dns connect tls headers body total header_bytes body_bytes
	Error           string              `json:"error,omitempty"`
	RetryAfterUS    int64               `json:"retry_after_us,omitempty"`
	Headers         map[string][]string `json:"response_headers,omitempty"`
	BytesRead       int                 `json:"bytes_read,omitempty"` // of the response body
	Body            string              `json:"response_body,omitempty"`
	Note            string              `json:"note,omitempty"` // about Body
}

// Attempt is one try of a delivery that did not end it, or a resend.
type Attempt struct {
	Delivery   string
	N          int64
	At         int64 // µs
	HTTPStatus int
	Reason     string
	DurationUS int64
	Detail     Detail
}

// Retry is a delivery that waits: for its time, or (DueAt 0) for the one before
// it under the same key of order.
type Retry struct {
	Key
	OrderKey string
	DueAt    int64 // µs
	Attempts int64
	Delivery string // its id
	Request  []byte // as rendered for the first attempt; nil if it was never rendered
}

// Batch is what a walker's holder has to write down at once.
type Batch struct {
	Pos         int64 // everything up to here is settled
	Ahead       int64 // nothing was tried beyond
	Deliveries  []Delivery
	Attempts    []Attempt
	Retries     []Retry // new ones, and new times of old ones
	Settled     []Key   // retries that are over
	Failures    int64
	FailingFrom int64
	PausedUntil int64
}

// Flush writes a batch in one transaction; ErrLost, and nothing written, if the
// lease is no longer held.
func (s *Store) Flush(ctx context.Context, l Lease, b Batch) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE cursors SET pos = ?, ahead = ?, failures = ?, failing_since = ?, paused_until = ? WHERE walker = ? AND generation = ?",
			b.Pos, nullable(b.Ahead), b.Failures, nullable(b.FailingFrom), nullable(b.PausedUntil), l.Walker, l.Generation)
		if err != nil {
			return wrap("move cursor", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errorOr(wrap("move cursor", err), ErrLost)
		}
		if err := insertDeliveries(ctx, tx, l.Walker, b.Deliveries); err != nil {
			return err
		}
		if err := insertAttempts(ctx, tx, b.Attempts); err != nil {
			return err
		}
		if err := upsertRetries(ctx, tx, l.Walker, b.Retries); err != nil {
			return err
		}
		return deleteRetries(ctx, tx, l.Walker, b.Settled)
	})
	return err
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func nullable(us int64) *int64 {
	if us == 0 {
		return nil
	}
	return &us
}

func insertDeliveries(ctx context.Context, tx bun.Tx, walker string, list []Delivery) error {
	list = lastOf(list, func(d *Delivery) Key { return d.Key })
	n := len(list)
	if n == 0 {
		return nil
	}
	ids, walkers, eventIDs, events, doctypes, names := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	statuses, reasons, details := make([]string, n), make([]string, n), make([]string, n)
	pos, part, attempts, created, codes, durations := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	finished, next := make([]*int64, n), make([]*int64, n)
	for i := range list {
		d := &list[i]
		detail, err := json.Marshal(&d.Detail)
		if err != nil {
			return wrap("encode delivery", err)
		}
		ids[i], walkers[i], eventIDs[i], events[i], doctypes[i], names[i] = d.ID, walker, d.EventID, d.Event, d.DocType, d.Name
		statuses[i], reasons[i], details[i] = d.Status, d.Reason, string(detail)
		pos[i], part[i], attempts[i], created[i], codes[i], durations[i] = d.Pos, d.Part, d.Attempts, d.CreatedAt, int64(d.HTTPStatus), d.DurationUS
		finished[i], next[i] = nullable(d.FinishedAt), nullable(d.NextAt)
	}
	_, err := rows.Insert(ctx, tx, "deliveries", []rows.Column{
		{Name: "id", Values: ids},
		{Name: "walker", Values: walkers},
		{Name: "pos", Values: pos},
		{Name: "part", Values: part},
		{Name: "event_id", Values: eventIDs},
		{Name: "event", Values: events},
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "status", Values: statuses},
		{Name: "attempts", Values: attempts},
		{Name: "created_at", Values: created},
		{Name: "finished_at", Values: finished},
		{Name: "next_attempt", Values: next},
		{Name: "http_status", Values: codes},
		{Name: "reason", Values: reasons},
		{Name: "duration_us", Values: durations},
		{Name: "detail", Values: details},
	}, `ON CONFLICT (pos, walker, part) DO UPDATE SET status = excluded.status, attempts = excluded.attempts, finished_at = excluded.finished_at,
		next_attempt = excluded.next_attempt, http_status = excluded.http_status, reason = excluded.reason,
		duration_us = excluded.duration_us, detail = excluded.detail`)
	return wrap("write deliveries", err)
}

func insertAttempts(ctx context.Context, tx bun.Tx, list []Attempt) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	deliveries, reasons, details := make([]string, n), make([]string, n), make([]string, n)
	numbers, at, codes, durations := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range list {
		a := &list[i]
		detail, err := json.Marshal(&a.Detail)
		if err != nil {
			return wrap("encode attempt", err)
		}
		deliveries[i], reasons[i], details[i] = a.Delivery, a.Reason, string(detail)
		numbers[i], at[i], codes[i], durations[i] = a.N, a.At, int64(a.HTTPStatus), a.DurationUS
	}
	_, err := rows.Insert(ctx, tx, "attempts", []rows.Column{
		{Name: "delivery", Values: deliveries},
		{Name: "n", Values: numbers},
		{Name: "at", Values: at},
		{Name: "http_status", Values: codes},
		{Name: "reason", Values: reasons},
		{Name: "duration_us", Values: durations},
		{Name: "detail", Values: details},
	}, "ON CONFLICT (delivery, n) DO NOTHING")
	return wrap("write attempts", err)
}

func upsertRetries(ctx context.Context, tx bun.Tx, walker string, list []Retry) error {
	rendered := make(map[Key][]byte) // by an earlier entry, perhaps
	for i := range list {
		if list[i].Request != nil {
			rendered[list[i].Key] = list[i].Request
		}
	}
	list = lastOf(list, func(r *Retry) Key { return r.Key })
	n := len(list)
	if n == 0 {
		return nil
	}
	walkers, keys, deliveries := make([]string, n), make([]string, n), make([]string, n)
	pos, part, attempts := make([]int64, n), make([]int64, n), make([]int64, n)
	due, requests := make([]*int64, n), make([][]byte, n)
	for i := range list {
		r := &list[i]
		walkers[i], keys[i], deliveries[i] = walker, r.OrderKey, r.Delivery
		pos[i], part[i], attempts[i], due[i], requests[i] = r.Pos, r.Part, r.Attempts, nullable(r.DueAt), rendered[r.Key]
	}
	_, err := rows.Insert(ctx, tx, "retries", []rows.Column{
		{Name: "walker", Values: walkers},
		{Name: "pos", Values: pos},
		{Name: "part", Values: part},
		{Name: "order_key", Values: keys},
		{Name: "due_at", Values: due},
		{Name: "attempts", Values: attempts},
		{Name: "delivery", Values: deliveries},
		{Name: "request", Values: requests},
	}, `ON CONFLICT (walker, pos, part) DO UPDATE SET due_at = excluded.due_at, attempts = excluded.attempts,
		request = coalesce(excluded.request, retries.request)`)
	return wrap("write retries", err)
}

// lastOf keeps the last entry of each key: one statement may not touch a row twice.
func lastOf[T any](list []T, key func(*T) Key) []T {
	last := make(map[Key]int, len(list))
	for i := range list {
		last[key(&list[i])] = i
	}
	if len(last) == len(list) {
		return list
	}
	out := make([]T, 0, len(last))
	for i := range list {
		if last[key(&list[i])] == i {
			out = append(out, list[i])
		}
	}
	return out
}

func deleteRetries(ctx context.Context, tx bun.Tx, walker string, list []Key) error {
	for chunk := range slices.Chunk(list, 400) {
		args := []any{walker}
		for _, k := range chunk {
			args = append(args, k.Pos, k.Part)
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE walker = ? AND (pos, part) IN ("+
			strings.TrimSuffix(strings.Repeat(valuesRow, len(chunk)), ", ")+")", args...)
		if err != nil {
			return wrap("settle retries", err)
		}
	}
	return nil
}

const valuesRow = "(?, ?), "
