package sender

import (
	"net/http"
	"time"
)

// Reason is why an attempt was not delivered, as a word that is stored and counted.
type Reason string

// The reasons.
const (
	// ReasonDelivered is a status 200–299, whatever became of the response body.
	ReasonDelivered Reason = ""
	// ReasonDNS is a name that did not resolve.
	ReasonDNS Reason = "dns"
	// ReasonRefused is a connection refused by the host.
	ReasonRefused Reason = "refused"
	// ReasonUnreachable is an address no connection could be made to for another cause.
	ReasonUnreachable Reason = "unreachable"
	// ReasonReset is a connection that ended before a complete answer. The request may have been processed.
	ReasonReset Reason = "reset"
	// ReasonTimeout is a limit in time; Attempt.Limit says which.
	ReasonTimeout Reason = "timeout"
	// ReasonTLS is a failed handshake, or a certificate that does not hold, for none of the reasons below. A handshake
	// that takes too long is ReasonTimeout with LimitTLS.
	ReasonTLS Reason = "tls"
	// ReasonTLSExpired is a certificate whose time is over.
	ReasonTLSExpired Reason = "tls_expired"
	// ReasonTLSNotYetValid is a certificate whose time has not come.
	ReasonTLSNotYetValid Reason = "tls_not_yet_valid"
	// ReasonTLSHost is a certificate for another host.
	ReasonTLSHost Reason = "tls_wrong_host"
	// ReasonTLSAuthority is a certificate signed by nobody we trust; self-signed ones are among them.
	ReasonTLSAuthority Reason = "tls_unknown_authority"
	// ReasonTLSPlain is plain HTTP where the URL says https.
	ReasonTLSPlain Reason = "tls_plain_http"
	// ReasonTLSClient is a client certificate that was demanded and not given, or given and refused.
	ReasonTLSClient Reason = "tls_client_certificate"
	// ReasonTLSVersion is an endpoint without TLS 1.2 and 1.3.
	ReasonTLSVersion Reason = "tls_version"
	// ReasonBlocked is an address the Guard refused.
	ReasonBlocked Reason = "blocked"
	// ReasonProtocol is an answer that is not HTTP, too long a head, a status outside 100–599, or 101.
	ReasonProtocol Reason = "protocol"
	// ReasonRedirect is a status 300–399; it is never followed.
	ReasonRedirect Reason = "redirect"
	// ReasonStatus is any other status that is not a success.
	ReasonStatus Reason = "status"
	// ReasonGone is status 410.
	ReasonGone Reason = "gone"
	// ReasonThrottled is status 429.
	ReasonThrottled Reason = "throttled"
	// ReasonTooLarge is status 413.
	ReasonTooLarge Reason = "too_large"
	// ReasonCanceled is a Send whose context ended. It says nothing about the endpoint.
	ReasonCanceled Reason = "canceled"
	// ReasonInvalidURL is a URL that can not be called; nothing was sent.
	ReasonInvalidURL Reason = "invalid_url"
	// ReasonInvalidRequest is a method or a header that can not be sent, such as one with a line break; nothing was sent.
	ReasonInvalidRequest Reason = "invalid_request"
)

// Values of Attempt.Limit. The first six are times: of those, LimitTotal is the whole attempt's timeout
// running out in a phase without a limit of its own (waiting for a free connection, or writing the request).
const (
	LimitDNS         = "dns"
	LimitConnect     = "connect"
	LimitTLS         = "tls"
	LimitHeaders     = "headers"
	LimitBody        = "body"
	LimitTotal       = "total"
	LimitHeaderBytes = "header_bytes"
	LimitBodyBytes   = "body_bytes"
)

// Values of Attempt.Phase, in order.
const (
	PhaseQueue   = "queue" // waiting for a free connection
	PhaseDNS     = "dns"
	PhaseConnect = "connect"
	PhaseTLS     = "tls"
	PhaseWrite   = "write"   // sending the request
	PhaseHeaders = "headers" // waiting for the answer's status and headers
)

// Attempt is everything known about one request. Times are zero for phases that did not happen, such as DNS on
// a connection that was reused.
type Attempt struct {
	// At is when the attempt began.
	At time.Time
	// Duration is from At to the end of the response body, or to the failure.
	Duration time.Duration
	// DNS, Connect and TLS are the phases of the connection this attempt opened.
	DNS, Connect, TLS time.Duration
	// FirstByte is from At to the first byte of the answer.
	FirstByte time.Duration
	// Address is the IP address and port that was dialled or tried last.
	Address string
	// Addresses is how many addresses the name resolved to; 0 without a look-up.
	Addresses int
	// TLSVersion is such as "TLS 1.3"; empty without TLS.
	TLSVersion string
	// CertificateExpiry is when the endpoint's certificate ends; known for one that was refused, too.
	CertificateExpiry time.Time
	// Reused tells that the connection had carried a request before. A reset on such a connection may only mean
	// that the endpoint closed it as idle.
	Reused bool
	// URL is the one that was called, without secrets (package mask); empty if it can not be called.
	URL string
	// RequestHeader is the Header of the Request, secrets included.
	RequestHeader http.Header
	// Phase is how far an attempt without an answer came, one of the Phase constants; empty if it has one, and
	// if nothing was tried.
	Phase string
	// Status is the HTTP status, or 0 when there was none.
	Status int
	// Reason is empty exactly when Status is 200–299.
	Reason Reason
	// Limit is one of the Limit constants, or empty. It may be set on a delivered attempt, when the body was cut.
	Limit string
	// Error is a short printable text for people, empty when delivered. URLs in it carry neither credentials
	// nor a query string.
	Error string
	// RetryAfter is the wait asked for by a Retry-After header of an answer that is not a success, 0–24 h; 0 when there is none.
	RetryAfter time.Duration
	// ResponseHeader holds at most 64 values and 8 KiB of printable text, names in alphabetical order as long as they fit; cookies and
	// the query of Location are masked. It is nil for a delivered attempt without a response body.
	ResponseHeader http.Header
	// BytesRead is how much of the response body was read.
	BytesRead int
	// ResponseBody is the beginning of the body, at most 16 KiB, valid UTF-8 without control characters but
	// tab and line breaks.
	ResponseBody []byte
	// BodyNote says what ResponseBody does not show: why it is empty, or where and why it was cut.
	BodyNote string
}

// Class is what to do about an attempt.
type Class int

// The classes.
const (
	// Retry is a failure that may pass.
	Retry Class = iota
	// Delivered is a success.
	Delivered
	// Final is a request this endpoint will never take: 413, or one that can not be sent at all.
	Final
	// Gone is 410: the endpoint wants no more requests, of any kind.
	Gone
)

// String returns the class as a word.
func (c Class) String() string {
	switch c {
	case Delivered:
		return "delivered"
	case Final:
		return "final"
	case Gone:
		return "gone"
	case Retry:
	}
	return "retry"
}

// Class returns what to do about the attempt. The zero Attempt is a Retry.
func (a Attempt) Class() Class {
	switch a.Reason {
	case ReasonGone:
		return Gone
	case ReasonTooLarge, ReasonInvalidURL, ReasonInvalidRequest:
		return Final
	case ReasonDelivered:
		if a.Status >= 200 && a.Status <= 299 {
			return Delivered
		}
	case ReasonDNS, ReasonRefused, ReasonUnreachable, ReasonReset, ReasonTimeout, ReasonBlocked,
		ReasonTLS, ReasonTLSExpired, ReasonTLSNotYetValid, ReasonTLSHost, ReasonTLSAuthority, ReasonTLSPlain, ReasonTLSClient, ReasonTLSVersion,
		ReasonProtocol, ReasonRedirect, ReasonStatus, ReasonThrottled, ReasonCanceled:
	}
	return Retry
}
