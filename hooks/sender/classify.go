package sender

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"dochook/hooks/sender/mask"
)

// fail makes the attempt a failure; text need not be safe.
func (a *Attempt) fail(reason Reason, text string) {
	a.Reason = reason
	a.Error = mask.Text(text, maxErrorBytes)
}

// explain turns the error of an attempt into a reason. ctx is the one given to Send.
func (f *flight) explain(ctx context.Context, a *Attempt, host string, err error) {
	a.Phase = phaseNames[f.reached()]
	var de *dialError
	if errors.As(err, &de) {
		i := de.info
		a.DNS, a.Connect, a.TLS, a.Address, a.Addresses, a.CertificateExpiry = i.dns, i.connect, i.tls, i.address, i.addresses, i.expiry
		a.Phase = phaseNames[de.phase]
	}
	switch {
	case ctx.Err() != nil:
		a.fail(ReasonCanceled, "stopped before an answer came")
	case de != nil:
		a.explainDial(host, de)
	default:
		a.explainExchange(err, f, host)
	}
}

var phaseNames = [...]string{inQueue: PhaseQueue, inDNS: PhaseDNS, inConnect: PhaseConnect, inTLS: PhaseTLS, inWrite: PhaseWrite, inHeaders: PhaseHeaders}

// reached returns the phase.
func (f *flight) reached() int32 {
	if f.firstByte > 0 {
		return inHeaders
	}
	return f.phase.Load()
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
		a.explainTLS(host, de.err, de.info.asked)
	case errors.Is(de.err, syscall.ECONNREFUSED):
		a.fail(ReasonRefused, "connection refused by "+a.Address)
	case errors.Is(de.err, syscall.ECONNRESET):
		a.fail(ReasonReset, "connection reset by "+a.Address)
	default:
		a.fail(ReasonUnreachable, "no connection: "+innermost(de.err).Error())
	}
}

// explainExchange is for errors after the connection stood.
func (a *Attempt) explainExchange(err error, f *flight, host string) {
	text := err.Error()
	switch {
	case isTimeout(err):
		a.timeUp(f.reached())
	case errors.Is(err, errHeadTooLong):
		a.Limit = LimitHeaderBytes
		a.fail(ReasonProtocol, "the answer's headers are longer than 64 KiB")
	case isAlert(err):
		a.explainTLS(host, err, f.asked())
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if f.asked() == certificateMissing { // the alert that says so is lost with the connection now and then.
			a.explainTLS(host, err, certificateMissing)
			return
		}
		a.fail(ReasonReset, "the connection ended before a complete answer")
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		a.fail(ReasonProtocol, "the endpoint speaks TLS, but the URL says http://")
	default:
		a.fail(ReasonProtocol, strings.TrimPrefix(text, "net/http: "))
	}
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
