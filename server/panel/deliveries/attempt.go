package deliveries

import (
	"slices"
	"strconv"
	"time"

	"dochook/hooks/ledger"
)

// attempt is one as it is shown.
type attempt struct {
	ledger.Attempt
	Bar     bar
	Outcome string // in words
	Tone    string
	Limit   string // which one fired, in words, or ""
	Phase   string // how far it came without an answer, in words, or ""
	Headers []header
}

// header is one of a request or an answer.
type header struct{ Name, Value string }

// Time is when it began.
func (a *attempt) Time() time.Time {
	if a.At == 0 {
		return time.Time{}
	}
	return time.UnixMicro(a.At)
}

// Took is how long it took in all.
func (a *attempt) Took() time.Duration { return micros(a.DurationUS) }

// Wait is how long the endpoint asked to wait.
func (a *attempt) Wait() time.Duration { return micros(a.Detail.RetryAfterUS) }

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

func newAttempts(list []ledger.Attempt) []attempt {
	var longest int64
	for i := range list {
		longest = max(longest, list[i].DurationUS)
	}
	out := make([]attempt, len(list))
	for i := range list {
		a := &list[i]
		out[i] = attempt{
			Attempt: *a, Bar: newBar(a, longest), Outcome: outcome(a.HTTPStatus, a.Reason), Tone: "good", Limit: limits[a.Detail.Limit], Phase: phases[a.Detail.Phase],
			Headers: headersOf(a.Detail.Headers),
		}
		if a.Reason != "" || a.HTTPStatus < 200 || a.HTTPStatus > 299 {
			out[i].Tone = "bad"
		}
	}
	return out
}

func headersOf(from map[string][]string) []header {
	var out []header
	for name, values := range from {
		for _, v := range values {
			out = append(out, header{name, v})
		}
	}
	slices.SortStableFunc(out, func(a, b header) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return out
}

// The drawing of an attempt, in its own units.
const (
	barWidth  = 700
	barHeight = 18
)

// bar is how the time of an attempt was spent.
type bar struct {
	Width, Height int
	Parts         []part
	Steps         []step
	ID            string
}

// part is a piece of the bar.
type part struct {
	Class    string
	X, Width float64
}

// step is a figure of the legend.
type step struct {
	Class, Name string
	Took        time.Duration
}

// newBar draws an attempt; the longest one that is shown with it fills the width.
func newBar(a *ledger.Attempt, longest int64) bar {
	d := &a.Detail
	b := bar{Width: barWidth, Height: barHeight, ID: "bar-" + strconv.FormatInt(a.N, 10)}
	if longest <= 0 {
		return b
	}
	at := int64(0)
	add := func(class, name string, us int64) {
		us = min(us, a.DurationUS-at)
		if us <= 0 {
			return
		}
		b.Parts = append(b.Parts, part{class, float64(at) * barWidth / float64(longest), max(float64(us)*barWidth/float64(longest), 1)})
		b.Steps = append(b.Steps, step{class, name, micros(us)})
		at += us
	}
	add("dns", "DNS", d.DNSUS)
	add("connect", "connect", d.ConnectUS)
	add("tls", "TLS", d.TLSUS)
	switch {
	case d.FirstByteUS > 0:
		add("wait", "waiting for the first byte", d.FirstByteUS-at)
		add("read", "reading the answer", a.DurationUS-at)
	case d.Phase != "":
		add("lost", "lost "+phases[d.Phase], a.DurationUS-at)
	default:
		add("wait", "rest", a.DurationUS-at)
	}
	return b
}

// phases are how far an attempt without an answer came.
var phases = map[string]string{ //nolint:gochecknoglobals // a table
	"queue": "waiting for a free connection", "dns": "looking up the host name", "connect": "connecting", "tls": "in the TLS handshake",
	"write": "sending the request", "headers": "waiting for the answer",
}

// limits are what each limit means.
var limits = map[string]string{ //nolint:gochecknoglobals // a table
	"dns": "looking up the host name took too long", "connect": "connecting took too long", "tls": "the TLS handshake took too long",
	"headers": "the answer’s status and headers did not come in time", "body": "the body of the answer was not read to its end in time",
	"total": "the time for the whole attempt ran out", "header_bytes": "the answer’s headers were too long", "body_bytes": "the answer’s body was longer than is read",
}

// reasons are what each reason means.
var reasons = map[string]string{ //nolint:gochecknoglobals // a table
	"dns": "the host name did not resolve", "refused": "the connection was refused", "unreachable": "no connection could be made",
	"reset": "the connection ended before a complete answer", "timeout": "time ran out", "tls": "TLS failed", "tls_expired": "the certificate has expired",
	"tls_not_yet_valid": "the certificate is not valid yet", "tls_wrong_host": "the certificate is for another host",
	"tls_unknown_authority": "the certificate is signed by nobody trusted", "tls_plain_http": "the endpoint answered without TLS",
	"tls_client_certificate": "a client certificate was demanded or refused", "tls_version": "the endpoint has no TLS 1.2 or 1.3",
	"blocked": "the address is not allowed", "protocol": "the answer was not HTTP as it should be", "redirect": "a redirect, which is not followed",
	"status": "no success", "gone": "gone, the endpoint wants no more", "throttled": "too many requests", "too_large": "the request is too large",
	"canceled": "it was stopped before an answer came", "invalid_url": "the URL cannot be called", "invalid_request": "the request cannot be sent",
}

// outcome says in words how an attempt went.
func outcome(status int, reason string) string {
	text, known := reasons[reason]
	if !known {
		text = reason
	}
	switch {
	case status > 0 && text != "":
		return "HTTP " + strconv.Itoa(status) + ", " + text
	case status > 0:
		return "HTTP " + strconv.Itoa(status)
	case text != "":
		return text
	}
	return "nothing was sent"
}
