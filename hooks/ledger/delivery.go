package ledger

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strconv"
	"strings"
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
	var room [128]byte
	text := append(append(append(append(room[:0], walker...), 0), eventID...), 0)
	sum := sha256.Sum256(strconv.AppendInt(text, k.Part, 10))
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

// first reports whether there should be no row of it yet.
func (d *Delivery) first() bool {
	return d.Attempts == 0 || d.Attempts == 1 && d.Status != Skipped // one that is skipped was not tried for that
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
	PausedUntil int64 // µs, of a pause that is new; 0 = as it was
}
