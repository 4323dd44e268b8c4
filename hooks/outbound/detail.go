package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/hooks/sender/mask"
)

// Detail is what people want to know of an attempt. What was delivered is told in short: there is one for each delivery.
func Detail(a *sender.Attempt, r *hooks.Request) ledger.Detail {
	d := ledger.Detail{
		Part: partOf(r), LeftOut: r.LeftOut, Method: r.Method, URL: a.URL, Bytes: len(r.Body), Address: a.Address, Addresses: a.Addresses, TLSVersion: a.TLSVersion, Reused: a.Reused,
		DNSUS: a.DNS.Microseconds(), ConnectUS: a.Connect.Microseconds(), TLSUS: a.TLS.Microseconds(), FirstByteUS: a.FirstByte.Microseconds(),
		Phase: a.Phase, Limit: a.Limit, Error: a.Error, RetryAfterUS: a.RetryAfter.Microseconds(),
		BytesRead: a.BytesRead, Note: a.BodyNote, Body: r.Redact(string(a.ResponseBody)),
	}
	if len(a.ResponseHeader) > 0 {
		d.Headers = make(http.Header, len(a.ResponseHeader))
		for name, values := range a.ResponseHeader {
			for _, v := range values {
				d.Headers[name] = append(d.Headers[name], r.Redact(v))
			}
		}
	}
	delivered := a.Class() == sender.Delivered
	if !a.CertificateExpiry.IsZero() && !(delivered && a.Reused) {
		d.CertificateEnds = a.CertificateExpiry.UTC().Format(time.RFC3339)
	}
	if delivered {
		return d
	}
	if d.URL == "" { // it cannot be called, nor be masked
		d.URL = r.Host()
	}
	d.RequestHeaders = mask.Header(hooks.MaskHeader(a.RequestHeader))
	sum := sha256.Sum256(r.Body)
	d.BodySHA256 = hex.EncodeToString(sum[:])
	return d
}
