package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// fail makes the attempt a failure; text need not be safe.
func (a *Attempt) fail(reason Reason, text string) {
	a.Reason = reason
	a.Error = safeText(text, maxErrorBytes)
}

// explain turns an error of the transport into a reason. ctx is the attempt's own context.
func (f *flight) explain(ctx context.Context, a *Attempt, err error) {
	var de *dialError
	if f.conn == nil && errors.As(err, &de) {
		i := de.info
		a.DNS, a.Connect, a.TLS, a.Address, a.CertificateExpiry = i.dns, i.connect, i.tls, i.address, i.expiry
	}
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errTimeUp) {
			a.timeUp(f.reached())
		} else {
			a.fail(ReasonCanceled, "stopped before an answer came")
		}
		return
	}
	if de != nil {
		a.explainDial(f.host, de)
		return
	}
	a.explainExchange(err)
}

// reached returns the phase. net/http says a small request is written when it only stands in its buffer.
func (f *flight) reached() int32 {
	phase := f.phase.Load()
	if phase == inHeaders && f.conn != nil && f.conn.written.Load() == f.mark {
		return inWrite
	}
	return phase
}

// timeUp records that time ran out in a phase.
func (a *Attempt) timeUp(phase int32) {
	text := "waiting for a free connection"
	a.Limit = LimitTotal
	switch phase {
	case inDNS:
		a.Limit, text = LimitDNS, "looking up the host name"
	case inConnect:
		a.Limit, text = LimitConnect, "connecting"
	case inTLS:
		a.Limit, text = LimitTLS, "in the TLS handshake"
	case inWrite:
		text = "sending the request"
	case inHeaders:
		a.Limit, text = LimitHeaders, "waiting for the answer's status and headers"
	}
	took := time.Since(a.At).Round(time.Millisecond)
	a.fail(ReasonTimeout, "time ran out after "+took.String()+" while "+text)
}

func (a *Attempt) explainDial(host string, de *dialError) {
	var blocked *Error
	var dns *net.DNSError
	switch {
	case errors.As(de.err, &blocked):
		a.fail(ReasonBlocked, blocked.Error())
	case isTimeout(de.err):
		a.timeUp(de.phase)
	case errors.As(de.err, &dns):
		a.fail(ReasonDNS, "host name "+host+": "+dns.Err)
	case de.phase == inTLS:
		a.fail(ReasonTLS, tlsText(de.err))
	case errors.Is(de.err, syscall.ECONNREFUSED):
		a.fail(ReasonRefused, "connection refused by "+a.Address)
	case errors.Is(de.err, syscall.ECONNRESET):
		a.fail(ReasonReset, "connection reset by "+a.Address)
	default:
		a.fail(ReasonUnreachable, "no connection: "+innermost(de.err).Error())
	}
}

// explainExchange is for errors after the connection stood.
func (a *Attempt) explainExchange(err error) {
	text := err.Error()
	switch {
	case strings.Contains(text, "net/http: invalid header"): // net/http has no name for these two.
		a.fail(ReasonInvalidRequest, strings.TrimPrefix(text, "net/http: "))
	case strings.Contains(text, "response headers exceeded"):
		a.Limit = LimitHeaderBytes
		a.fail(ReasonProtocol, "the answer's headers are longer than 64 KiB")
	case isAlert(err):
		a.fail(ReasonTLS, tlsText(err))
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		strings.Contains(text, "server closed idle connection"):
		a.fail(ReasonReset, "the connection ended before a complete answer")
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		a.fail(ReasonProtocol, "the endpoint speaks TLS, but the URL says http://")
	case isTimeout(err):
		a.timeUp(inHeaders)
	default:
		a.fail(ReasonProtocol, strings.TrimPrefix(strings.TrimPrefix(text, "net/http: "), "HTTP/1.x transport connection broken: "))
	}
}

func tlsText(err error) string {
	var record tls.RecordHeaderError
	var expired x509.CertificateInvalidError
	switch {
	case errors.As(err, &record):
		if string(record.RecordHeader[:]) == "HTTP/" {
			return "the endpoint speaks plain HTTP, but the URL says https://"
		}
		return "the endpoint does not speak TLS"
	case errors.As(err, &expired) && expired.Reason == x509.Expired && expired.Cert != nil:
		return "certificate: valid from " + expired.Cert.NotBefore.UTC().Format(time.RFC3339) +
			" to " + expired.Cert.NotAfter.UTC().Format(time.RFC3339)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection ended in the TLS handshake"
	}
	text := err.Error()
	if _, after, ok := strings.Cut(text, "x509: "); ok {
		return "certificate: " + after
	}
	return "TLS: " + strings.TrimPrefix(strings.TrimPrefix(text, "remote error: "), "tls: ")
}

// isAlert reports a TLS alert after the handshake, such as a client certificate refused.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// innermost drops what net puts around an error: operation and addresses.
func innermost(err error) error {
	var op *net.OpError
	for errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	return err
}
