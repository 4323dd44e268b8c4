package walk

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"dochook/doctype"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
)

const maxPause = 24 * time.Hour // that an endpoint can ask for

// settle takes in what became of an attempt, as the table of rules says.
func (w *Walker) settle(o outcome) {
	w.flying--
	if o.slot == nil {
		w.retries--
	}
	if o.trouble != "" {
		w.log.Error("attempt panicked", "walker", w.name, "delivery", o.id, "error", o.trouble)
	}
	rule := rules[o.verdict]
	w.count(rule.endpoint, &o)
	switch {
	case rule.stays: // the walker is going: its successor begins where the cursor stands
		return
	case rule.parts:
		w.split(&o)
		return
	}
	w.note()
	to, delay := rule.to, time.Duration(0)
	if rule.again {
		var once bool
		if delay, once = w.settings.policy.Next(int(o.attempts)+1, o.attempt, rand.Float64()); !once { //nolint:gosec // spread, not secrecy
			to = ledger.Dead
		}
	}
	if rule.off != "" {
		w.switchOff(rule.off)
	}
	switch to {
	case ledger.Retrying:
		w.hold(&o, w.nowUS()+delay.Microseconds())
		return
	case "":
		w.watch(&o, "")
	default:
		w.record(&o, to, 0)
	}
	w.release(o.shipment)
}

// split puts the parts that a batch comes in in its place. They wait as retries do, so that they are written down before the
// cursor passes the batch, and each goes when the one before it is settled.
func (w *Walker) split(o *outcome) {
	w.note()
	anchor := o.shipment
	due := w.nowUS()
	parts := make([]*shipment, len(o.parts))
	for i := range o.parts {
		sh := &shipment{key: ledger.Key{Pos: anchor.key.Pos, Part: int64(i)}, order: anchor.order}
		sh.id = ledger.DeliveryID(w.name, anchor.event.ID, sh.key)
		sh.part = outbound.Kept(&o.parts[i])
		parts[i] = sh
		retry := ledger.Retry{Key: sh.key, OrderKey: sh.order, Delivery: sh.id, Request: sh.part}
		if i == 0 {
			retry.DueAt = due
		}
		w.batch.Retries = append(w.batch.Retries, retry)
	}
	fresh := anchor.slot != nil
	if fresh {
		anchor.slot.Done, anchor.slot = true, nil
	}
	w.unload(anchor)
	if !fresh { // it was the head of a chain already
		w.chains.Replace(w.chains.Of(anchor.order), parts, due)
		return
	}
	behind := w.busy[anchor.order]
	delete(w.busy, anchor.order)
	ch := w.chains.Hold(parts[0], due)
	for _, sh := range parts[1:] {
		w.chains.Behind(ch, sh)
	}
	for _, next := range behind {
		w.postpone(ch, next)
	}
}

// count keeps the breaker, pauses the webhook when the endpoint asks for it, and switches it off when it never answers.
func (w *Walker) count(e effect, o *outcome) {
	switch now := time.Now(); e {
	case answers:
		w.breaker.Success(w.settings.inFlight)
	case fails:
		if w.breaker.Failure(w.nowUS(), now) {
			w.switchOff("failing")
		}
		if (o.attempt.Status == http.StatusTooManyRequests || o.attempt.Status == http.StatusServiceUnavailable) && o.attempt.RetryAfter > 0 {
			pause := min(o.attempt.RetryAfter, maxPause)
			w.paused = now.Add(pause)
			w.batch.PausedUntil = w.nowUS() + pause.Microseconds()
		}
	case silent:
		w.breaker.Void()
	}
}

// switchOff ends the walker, and with it the sending, for good.
func (w *Walker) switchOff(reason string) {
	if _, ok := w.target.(*Webhook); ok && w.off == "" {
		w.off = reason
	}
}

// hold keeps a failed delivery, and what is behind it in its document, for later.
func (w *Walker) hold(o *outcome, due int64) {
	w.record(o, ledger.Retrying, due)
	sh := o.shipment
	retry := ledger.Retry{Key: sh.key, OrderKey: sh.order, DueAt: due, Attempts: sh.attempts + 1, Delivery: sh.id, Request: o.request}
	w.batch.Retries = append(w.batch.Retries, retry)
	sh.attempts++
	fresh := sh.slot != nil
	if fresh {
		sh.slot.Done, sh.slot = true, nil
	}
	w.unload(sh)
	if !fresh {
		w.chains.Later(w.chains.Of(sh.order), due)
		return
	}
	behind := w.busy[sh.order]
	delete(w.busy, sh.order)
	ch := w.chains.Hold(sh, due)
	for _, next := range behind {
		w.postpone(ch, next)
	}
}

// release ends a shipment and lets the next of its document go.
func (w *Walker) release(sh *shipment) {
	if sh.event != nil {
		w.bytes -= len(sh.event.Data)
	}
	if sh.slot == nil {
		w.batch.Settled = append(w.batch.Settled, sh.key)
		w.chains.Settle(w.chains.Of(sh.order))
		return
	}
	sh.slot.Done = true
	behind := w.busy[sh.order]
	if len(behind) == 0 {
		delete(w.busy, sh.order)
		return
	}
	w.busy[sh.order] = behind[1:]
	w.ready = append(w.ready, behind[0])
}

// record adds the delivery as it stands now to what is written next, and the
// attempt itself unless the delivery's row says it all.
func (w *Walker) record(o *outcome, status string, next int64) {
	ev := o.event
	if ev == nil { // it has left the log
		ev = &doctype.Event{}
	}
	if ev.Pos != o.key.Pos {
		o.detail.EventPos = ev.Pos
	}
	d := ledger.Delivery{
		Key: o.key, ID: o.id, EventID: ev.ID, Event: ev.Event, DocType: ev.DocType, Name: ev.Name,
		Status: status, Attempts: o.attempts + 1, HTTPStatus: o.attempt.Status, Reason: o.reason,
		DurationUS: o.attempt.Duration.Microseconds(), NextAt: next, Detail: o.detail,
	}
	at := w.nowUS() - d.DurationUS
	d.CreatedAt = at // of the first attempt: a later one does not change it
	if status == ledger.Skipped {
		d.Attempts = o.attempts
	}
	if status != ledger.Retrying {
		d.FinishedAt = at + d.DurationUS
	} else {
		w.batch.Attempts = append(w.batch.Attempts, ledger.Attempt{
			Delivery: o.id, N: d.Attempts, At: at, HTTPStatus: d.HTTPStatus, Reason: d.Reason, DurationUS: d.DurationUS, Detail: d.Detail,
		})
	}
	if w.batch.Deliveries == nil {
		w.batch.Deliveries = make([]ledger.Delivery, 0, min(2*flushSize, 1+2*(w.flying+len(w.ready))))
	}
	w.batch.Deliveries = append(w.batch.Deliveries, d)
	w.watch(o, status)
	if o.verdict != delivered || w.debug { // most are not logged: do not even gather the words
		w.logAttempt(o, &d)
	}
}

// logAttempt writes the one line of an attempt.
func (w *Walker) logAttempt(o *outcome, d *ledger.Delivery) {
	line := w.log.Info
	if o.verdict == delivered {
		line = w.log.Debug
	}
	line("attempt",
		slog.String("walker", w.name), slog.String("delivery", d.ID), slog.String("event", d.Event), slog.String("doctype", d.DocType),
		slog.String("name", d.Name), slog.Int64("attempt", d.Attempts), slog.String("status", d.Status), slog.Int("http_status", d.HTTPStatus),
		slog.String("reason", d.Reason), slog.Int64("duration_us", d.DurationUS), slog.String("error", o.detail.Error))
}
