package sender

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func slow() []beast {
	const deadline = "no progress moves the deadline"
	return []beast{
		{row: 1, name: "silence", rule: "a deadline for the first byte", timeout: soon, reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders},
		{row: 1, name: "tls-silence", rule: "behind TLS, too", timeout: soon, reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders},
		{
			row: 1, name: "answer-then-silent", rule: "on a kept connection, too", sends: 2, arrives: anyNumber, timeout: soon,
			reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders,
		},
		{row: 2, name: "drip-status", rule: deadline, timeout: soon, reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders},
		{row: 2, name: "drip-headers", rule: deadline, timeout: soon, reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders},
		{
			row: 3, name: "drip-body", rule: "the status decides", timeout: soon, status: 200, class: Delivered, limit: LimitBody, text: "too slowly",
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if !strings.HasPrefix(string(a.ResponseBody), "a") || a.BytesRead != len(a.ResponseBody) {
					t.Errorf("body %q of %d bytes", a.ResponseBody, a.BytesRead)
				}
			},
		},
		{row: 3, name: "body-never-comes", rule: "a failed status stays one", timeout: soon, status: 503, reason: ReasonStatus, limit: LimitBody},
		{
			row: 39, name: "slow-reader", rule: "the deadline covers writing", timeout: soon, body: strings.Repeat("x", 32<<20), arrives: -1,
			reason: ReasonTimeout, limit: LimitTotal, phase: PhaseWrite, text: "sending the request",
		},
		{
			row: 39, name: "hasty-answer", rule: "an answer before the end of the request counts", body: strings.Repeat("x", 32<<20), arrives: -1,
			status: 400, reason: ReasonStatus,
		},
		{
			row: 13, name: "tls-hang", rule: "a limit for the handshake", timeout: soon, arrives: -1,
			reason: ReasonTimeout, limit: LimitTLS, phase: PhaseTLS, text: "in the TLS handshake",
		},
	}
}

func endless() []beast {
	const head = "64 KiB of head are the limit"
	tooLong := beast{row: 5, rule: head, reason: ReasonProtocol, limit: LimitHeaderBytes, phase: PhaseHeaders, text: "64 KiB"}
	named := func(row int, name string) beast {
		b := tooLong
		b.row, b.name = row, name
		return b
	}
	return []beast{
		{
			row: 4, name: "endless-body", rule: "64 KiB are read, 16 KiB kept", status: 200, class: Delivered, limit: LimitBodyBytes,
			text: "the first 16384 bytes; longer than 64 KiB",
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if len(a.ResponseBody) != maxBodyKept || a.BytesRead != maxBodyRead+1 {
					t.Errorf("%d bytes kept of %d", len(a.ResponseBody), a.BytesRead)
				}
			},
		},
		{row: 4, name: "endless-chunks", rule: "chunks do not help", status: 500, reason: ReasonStatus, limit: LimitBodyBytes},
		{row: 4, name: "endless-trailer", rule: "nor do trailers", status: 200, class: Delivered, text: "broken"},
		named(5, "header-flood"), named(5, "headers-80k"), named(5, "endless-value"), named(6, "100-flood"), named(6, "1xx-flood"),
		{row: 5, name: "headers-50k", rule: "less is accepted", status: 200, class: Delivered},
		{row: 6, name: "early-hint", rule: "one 103 is proper", status: 204, class: Delivered},
		{
			row: 26, name: "gzip-bomb", rule: "nothing is decompressed", status: 200, class: Delivered, limit: LimitBodyBytes, text: "not kept: encoded as gzip",
			check: bodyIs(""),
		},
		{row: 27, name: "gzip-bomb", rule: "nor cut and then decompressed", status: 200, class: Delivered, limit: LimitBodyBytes, check: headerIs("Content-Encoding", "gzip")},
	}
}

func broken() []beast {
	const (
		again   = "retry: it may have been processed"
		decided = "the status decides"
	)
	reset := func(name string, arrives int) beast {
		return beast{row: 10, name: name, rule: again, reason: ReasonReset, phase: PhaseHeaders, arrives: arrives}
	}
	early := reset("reset-on-accept", -1)
	early.check = func(t *testing.T, a Attempt) {
		t.Helper()
		if a.Phase != PhaseHeaders && a.Phase != PhaseWrite && a.Phase != PhaseConnect {
			t.Errorf("phase %q", a.Phase)
		}
	}
	early.phase = anyPhase
	return []beast{
		{row: 7, name: "101", rule: "a failure, closed without reading", status: 101, reason: ReasonProtocol, text: "not read"},
		{row: 7, name: "101-flood", rule: "a failure, closed without reading", status: 101, reason: ReasonProtocol, text: "not read"},
		{row: 8, name: "bad-chunks", rule: decided, status: 200, class: Delivered, text: "broken after 2 bytes", check: bodyIs("ok")},
		{row: 9, name: "short-body", rule: decided, status: 200, class: Delivered, text: "broken after 2 bytes", check: bodyIs("ok")},
		{row: 9, name: "reset-mid-body", rule: decided, status: 500, reason: ReasonStatus, text: "broken after"},
		{row: 9, name: "tls-eof-mid-body", rule: decided, status: 200, class: Delivered, text: "broken after 2 bytes", check: bodyIs("ok")},
		reset("eof-before-status", 0), reset("eof-mid-head", 0), reset("reset-after-read", 0), reset("tls-eof-no-status", 0), early,
		{
			row: 28, name: "kept-alive-drop", rule: "never sent again by the library", sends: 2, reason: ReasonReset, phase: PhaseHeaders,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if !a.Reused {
					t.Error("the second request had a connection of its own")
				}
			},
		},
	}
}

// anyPhase is judged by the beast's own check.
const anyPhase = "any"

func garbled() []beast {
	const bad = "not HTTP: retry, and show what came"
	not := func(row int, name, rule, text string) beast {
		return beast{row: row, name: name, rule: rule, reason: ReasonProtocol, phase: PhaseHeaders, text: text}
	}
	status := func(name string, n int) beast {
		return beast{row: 12, name: name, rule: "outside 100–599 is a protocol failure", status: n, reason: ReasonProtocol}
	}
	smtp := not(11, "smtp", bad, "")
	smtp.phase, smtp.arrives = anyPhase, -1 // it speaks first.
	return []beast{
		not(11, "garbage", bad, `\x00\xff\x1b[31mgarbage`),
		not(11, "http09", bad, "<html>hello"),
		smtp,
		not(11, "two-lengths", "two lengths are no length", ""),
		not(11, "nul-header", bad, ""),
		not(11, "colonless", bad, ""),
		not(10, "slow-then-reset", "a torn status is none", `"2"`),
		not(11, "tls-on-plain", "say that it speaks TLS", "speaks TLS"),
		status("status-999", 999), status("status-600", 600),
		status("status-000", 0), not(12, "status-42", "no HTTP status", ""),
		{row: 24, name: "login-page", rule: "a success whose content type is shown", status: 200, class: Delivered, check: headerIs("Content-Type", "text/html")},
		{row: 24, name: "json", rule: "so is a proper one", status: 200, class: Delivered, check: bodyIs(`{"ok":true}`)},
		{
			row: 37, name: "not-ascii", rule: "made printable", status: 500, reason: ReasonStatus,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				headerIs("X-A", `caf\xe9`)(t, a)
				headerIs("X-B", `café \u202e`)(t, a)
			},
		},
		{
			row: 37, name: "headers-wide", rule: "8 KiB are kept", status: 500, reason: ReasonStatus,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				v := a.ResponseHeader.Get("X-A")
				if a.ResponseHeader.Get("A") != "small" || len(v) < 8000 || !strings.HasSuffix(v, "é…") {
					t.Errorf("%d bytes kept, of %d headers", len(v), len(a.ResponseHeader))
				}
			},
		},
		{
			row: 37, name: "headers-many", rule: "64 values are kept", status: 500, reason: ReasonStatus,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if n := len(a.ResponseHeader["X-A"]); n != maxHeaderCount-1 { // Content-Length stands before them.
					t.Errorf("%d kept", n)
				}
			},
		},
		{
			row: 38, name: "h2-frames", rule: "only HTTP/1.1 is spoken", timeout: soon, reason: ReasonTimeout, limit: LimitHeaders, phase: PhaseHeaders,
		},
		{row: 38, name: "h2-settings", rule: "whatever comes", reason: ReasonProtocol, limit: LimitHeaderBytes, phase: PhaseHeaders},
		not(38, "h2-goaway", "whatever comes", ""),
		{row: 38, name: "h2-preferred", rule: "HTTP/1.1 is agreed on", status: 204, class: Delivered},
		{row: 38, name: "h2-only", rule: "say that HTTP/1.1 is needed", arrives: -1, reason: ReasonTLS, phase: PhaseTLS, text: "HTTP/1.1"},
		{row: 38, name: "upgrade-offered", rule: "no upgrade is taken", status: 200, class: Delivered, sends: 2},
	}
}

// unreadable are bodies that some database would refuse.
func unreadable() []beast {
	kept := func(name, body, note string) beast {
		return beast{
			row: 44, name: name, rule: "only text is kept", status: 500, reason: ReasonStatus,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if string(a.ResponseBody) != body || a.BodyNote != note {
					t.Errorf("body %q, note %q", a.ResponseBody, a.BodyNote)
				}
			},
		}
	}
	const not = "not kept: not text"
	return []beast{
		kept("nul-body", "", not), kept("latin1-body", "", not), kept("surrogate-body", "", not),
		kept("noncharacter", "\uffff", ""), kept("escaped-nul", `\u0000`, ""),
	}
}

func statuses() []beast {
	var all []beast
	row := map[int]int{410: 23, 502: 22, 503: 22, 504: 22, 429: 21}
	reasons := map[int]Reason{410: ReasonGone, 413: ReasonTooLarge, 429: ReasonThrottled, 300: ReasonRedirect, 304: ReasonRedirect}
	classes := map[int]Class{410: Gone, 413: Final}
	for _, status := range []int{300, 304, 400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504, 599} {
		b := beast{
			row: max(row[status], 25), rule: "a failure that is tried again", name: strconv.Itoa(status), status: status, reason: ReasonStatus,
			class: classes[status], text: "status " + strconv.Itoa(status),
		}
		if row[status] > 0 {
			b.row = row[status]
		}
		if reason, ok := reasons[status]; ok {
			b.reason = reason
		}
		switch b.class {
		case Gone:
			b.rule = "410 ends everything"
		case Final:
			b.rule = "413 is final"
		case Retry, Delivered:
		}
		all = append(all, b)
	}
	for _, name := range []string{"201", "202", "299"} {
		status, _ := strconv.Atoi(name)
		all = append(all, beast{row: 25, rule: "any 2xx is a success", name: name, status: status, class: Delivered, check: small})
	}
	return append(all, beast{row: 25, rule: "204, too", name: "no-content", status: 204, class: Delivered, check: small},
		beast{row: 14, rule: "a good certificate holds", name: "tls", status: 204, class: Delivered, check: func(t *testing.T, a Attempt) {
			t.Helper()
			if a.TLSVersion != "TLS 1.3" || a.CertificateExpiry.Before(time.Now()) || a.TLS <= 0 {
				t.Errorf("%+v", a)
			}
		}})
}

// small checks that nothing is kept of what nobody will ask about.
func small(t *testing.T, a Attempt) {
	t.Helper()
	if a.ResponseHeader != nil || a.ResponseBody != nil || a.RetryAfter != 0 || a.Phase != "" || a.BodyNote != "" {
		t.Errorf("%+v", a)
	}
}

func redirects() []beast {
	var all []beast
	rows := map[string]int{"301": 17, "302": 17, "303": 17, "307": 18, "308": 18}
	for name, row := range rows {
		status, _ := strconv.Atoi(name)
		all = append(
			all,
			beast{
				row: row, name: "redirect-" + name, rule: "a failure, with its Location, not followed", status: status, reason: ReasonRedirect,
				text: "to /moved; redirects are not followed",
			},
			beast{row: 19, name: "redirect-loop-" + name, rule: "one request", status: status, reason: ReasonRedirect},
			beast{
				row: 20, name: "redirect-to-private-" + name, rule: "not followed, its secrets not shown", status: status, reason: ReasonRedirect,
				text: "to http://10.0.0.1/?…; redirects are not followed",
			},
		)
	}
	return all
}

func retryAfters() []beast {
	wait := func(row int, name string, status int, reason Reason, want time.Duration) beast {
		return beast{
			row: row, name: name, rule: "both forms, 0–24 h, anything else is none", status: status, reason: reason,
			check: func(t *testing.T, a Attempt) {
				t.Helper()
				if a.RetryAfter != want {
					t.Errorf("Retry-After %v, want %v", a.RetryAfter, want)
				}
				// Never sooner than the schedule, never later than a day.
				if delay, again := (Policy{}).Next(1, a, 0.5); !again || delay < max(want, 5*time.Second) || delay > 24*time.Hour {
					t.Errorf("next attempt in %v, %v", delay, again)
				}
			},
		}
	}
	var all []beast
	for name, want := range map[string]time.Duration{
		"seconds": 2 * time.Minute, "date": 2 * time.Minute, "zero": 0, "absurd": 24 * time.Hour, "huge": 24 * time.Hour, "far": 24 * time.Hour,
		"negative": 0, "fraction": 0, "word": 0, "past": 0,
	} {
		all = append(all, wait(21, "retry-after-"+name, 429, ReasonThrottled, want))
	}
	pause := wait(22, "pause-503", 503, ReasonStatus, 2*time.Minute)
	gateway := func(status int) beast { // its wait is told, but only 429 and 503 may move the schedule.
		return beast{row: 22, name: "pause-" + strconv.Itoa(status), rule: "tried again by the schedule", status: status, reason: ReasonStatus}
	}
	return append(all, pause, gateway(502), gateway(504))
}

func secure() []beast {
	handshake := func(name, rule string, reason Reason, text string) beast {
		return beast{row: 14, name: name, rule: rule, arrives: -1, reason: reason, phase: PhaseTLS, text: text}
	}
	expired := handshake("tls-expired", "say until when it held", ReasonTLSExpired, "has expired: it was valid from")
	expired.check = func(t *testing.T, a Attempt) {
		t.Helper()
		if !a.CertificateExpiry.Before(time.Now()) || a.TLS <= 0 || !strings.Contains(a.Error, a.CertificateExpiry.UTC().Format(time.RFC3339)) {
			t.Errorf("%+v", a)
		}
	}
	plain := func(name, rule string, reason Reason, text string) beast {
		b := handshake(name, rule, reason, text)
		b.row = 13
		return b
	}
	demanded := handshake("tls-client-certificate", "say that it wants one", ReasonTLSClient, "demands a client certificate")
	demanded.phase = anyPhase // with TLS 1.3 the refusal follows the handshake.
	return []beast{
		expired,
		handshake("tls-not-yet-valid", "say from when it will hold", ReasonTLSNotYetValid, "is valid only from"),
		handshake("tls-wrong-host", "say for whom it is", ReasonTLSHost, "not for 127.0.0.1 but for other.example"),
		handshake("tls-no-host", "even if for nobody", ReasonTLSHost, "no host at all"),
		handshake("tls-unknown-authority", "say who signed it", ReasonTLSAuthority, "unknown authority, CN=strange authority"),
		handshake("tls-self-signed", "say that nobody vouches for it", ReasonTLSAuthority, "self-signed"),
		handshake("tls-old-version", "say which versions there are", ReasonTLSVersion, "neither TLS 1.2 nor TLS 1.3"),
		demanded,
		handshake("tls12-client-certificate", "say that it wants one", ReasonTLSClient, "demands a client certificate"),
		plain("plain-on-tls", "say that it speaks plain HTTP", ReasonTLSPlain, "speaks plain HTTP"),
		plain("garbage-on-tls", "say that it does not speak TLS", ReasonTLS, "does not speak TLS"),
		plain("eof-on-tls", "ended in the handshake", ReasonTLS, "ended in the TLS handshake"),
		plain("reset-on-tls", "ended in the handshake", ReasonTLS, "ended in the TLS handshake"),
	}
}
