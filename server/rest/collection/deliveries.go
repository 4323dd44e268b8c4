package collection

import (
	"context"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/server/rest/export"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// deliveries is the collection of what was tried, for admins: it holds parts
// of requests and answers. Nobody writes it by hand.
func (set *Set) deliveries() *Collection {
	s := set.Ledger
	return &Collection{
		name: deliveryName, read: web.Admin, write: web.Admin,
		known: oneOf("webhook", "reference_doctype", "reference_name", "event", "event_id", "pos", "status", "attempts", "next_attempt",
			"http_status", "reason", "duration", "method", "url", "bytes", "error"),
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(deliveryView)(s.List(ctx, q))
		},
		count: s.Count,
		get:   set.getDelivery,
		actions: map[string]action{
			"resend": set.resend,
		},
	}
}

// deliveryDoc is a delivery as it is answered.
type deliveryDoc struct {
	standard

	Webhook     string  `json:"webhook"`
	RefDocType  string  `json:"reference_doctype"`
	RefName     string  `json:"reference_name"`
	Event       string  `json:"event"`
	EventID     string  `json:"event_id"`
	Pos         int64   `json:"pos"`
	Status      string  `json:"status"`
	Attempts    int64   `json:"attempts"`
	NextAttempt *string `json:"next_attempt"`
	HTTPStatus  int     `json:"http_status"`
	Reason      string  `json:"reason"`
	Duration    float64 `json:"duration"` // seconds, of the last attempt
	Method      string  `json:"method"`
	URL         string  `json:"url"` // no more than its host is kept
	Bytes       int     `json:"bytes"`
	Error       string  `json:"error"`
	LeftOut     string  `json:"left_out,omitempty"` // of a batch: records that the condition failed on

	Log []export.Attempt `json:"attempts_log,omitempty"`
}

func newDeliveryDoc(l *ledger.Logged) deliveryDoc {
	modified := l.FinishedAt
	if modified == 0 {
		modified = l.CreatedAt
	}
	d := deliveryDoc{
		standard: standard{Name: l.ID, DocType: deliveryName, Owner: doctype.Administrator, ModifiedBy: doctype.Administrator},
		Webhook:  l.Webhook(), RefDocType: l.DocType, RefName: l.Name, Event: l.Event, EventID: l.EventID, Pos: l.Pos,
		Status: l.Status, Attempts: l.Attempts, NextAttempt: micros(l.NextAt), HTTPStatus: l.HTTPStatus, Reason: l.Reason,
		Duration: seconds(l.DurationUS), Method: l.Detail.Method, URL: l.Detail.URL, Bytes: l.Detail.Bytes, Error: l.Detail.Error, LeftOut: l.Detail.LeftOut,
	}
	if s := micros(l.CreatedAt); s != nil {
		d.Creation = *s
	}
	if s := micros(modified); s != nil {
		d.Modified = *s
	}
	return d
}

func deliveryView(l *ledger.Logged) ([]byte, error) { return rawjson.Encode(newDeliveryDoc(l)) }

func (set *Set) getDelivery(ctx context.Context, id string) ([]byte, error) {
	l, attempts, err := set.Ledger.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	d := newDeliveryDoc(&l)
	for i := range attempts {
		d.Log = append(d.Log, export.NewAttempt(&attempts[i]))
	}
	return rawjson.Encode(d)
}

// resend sends a delivery that has ended once more and answers the attempt.
func (set *Set) resend(ctx context.Context, id string, _ []byte) ([]byte, error) {
	a, err := set.Couriers.Resend(ctx, id)
	if err != nil {
		return nil, err
	}
	return rawjson.Encode(export.NewAttempt(&a))
}
