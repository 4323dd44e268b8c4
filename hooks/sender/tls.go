package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"dochook/hooks/sender/mask"
)

// asked is what became of an endpoint's wish for a client certificate.
type asked int32

const (
	certificateNotAsked asked = iota
	certificateMissing        // asked for, and there was none to show.
	certificateShown
)

// clientCertificate returns the hook that shows c, whatever authorities the endpoint lists: it then says itself that it does not like it.
func clientCertificate(c *tls.Certificate, a *asked) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if c == nil {
			*a = certificateMissing
			return &tls.Certificate{}, nil
		}
		*a = certificateShown
		return c, nil
	}
}

// explainTLS is for handshakes that failed and alerts after them.
func (a *Attempt) explainTLS(host string, err error, client asked) {
	var record tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var roots x509.SystemRootsError
	var authority x509.UnknownAuthorityError
	text := err.Error()
	switch {
	case errors.As(err, &record):
		if string(record.RecordHeader[:]) == "HTTP/" {
			a.fail(ReasonTLSPlain, "the endpoint speaks plain HTTP, but the URL says https://")
			return
		}
		a.fail(ReasonTLS, "the endpoint does not speak TLS")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		a.explainDates(invalid.Cert, time.Now())
	case errors.As(err, &name) && name.Certificate != nil:
		a.fail(ReasonTLSHost, "the certificate is not for "+host+" but for "+namesOf(name.Certificate))
	case errors.As(err, &authority):
		a.explainAuthority(authority.Cert)
	case client != certificateNotAsked && (isAlert(err) || isEnd(err)):
		if client == certificateShown {
			a.fail(ReasonTLSClient, "the endpoint refused the client certificate ("+alertText(text)+")")
			return
		}
		a.fail(ReasonTLSClient, "the endpoint demands a client certificate, and there is none for it")
	case strings.Contains(text, "protocol version"):
		a.fail(ReasonTLSVersion, "the endpoint speaks neither TLS 1.2 nor TLS 1.3")
	case strings.Contains(text, "no application protocol"):
		a.fail(ReasonTLS, "the endpoint does not speak HTTP/1.1 over TLS")
	case isEnd(err):
		a.fail(ReasonTLS, "the connection ended in the TLS handshake")
	case errors.As(err, &roots):
		a.fail(ReasonTLS, "the certificate authorities of this system can not be read")
	case strings.Contains(text, "x509: "):
		_, after, _ := strings.Cut(text, "x509: ")
		a.fail(ReasonTLS, "certificate: "+after)
	default:
		a.fail(ReasonTLS, "TLS: "+alertText(text))
	}
}

func (a *Attempt) explainDates(c *x509.Certificate, now time.Time) {
	from, to := c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339)
	if now.Before(c.NotBefore) {
		a.fail(ReasonTLSNotYetValid, "the certificate is valid only from "+from+" to "+to)
		return
	}
	a.fail(ReasonTLSExpired, "the certificate has expired: it was valid from "+from+" to "+to)
}

func (a *Attempt) explainAuthority(c *x509.Certificate) {
	switch {
	case c == nil:
		a.fail(ReasonTLSAuthority, "the certificate was signed by an unknown authority")
	case string(c.RawIssuer) == string(c.RawSubject):
		a.fail(ReasonTLSAuthority, "the certificate is self-signed: unless it is given as an authority, nobody vouches for it")
	default:
		a.fail(ReasonTLSAuthority, "the certificate was signed by an unknown authority, "+mask.Text(c.Issuer.String(), 100))
	}
}

// namesOf lists the first hosts a certificate is for.
func namesOf(c *x509.Certificate) string {
	const most = 4
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no host at all"
	case len(names) > most:
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

func alertText(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "remote error: "), "tls: ")
}

// isEnd reports a connection that ended.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
