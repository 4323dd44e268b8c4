package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/sender"
	"dochook/hooks/sender/guard"
)

const (
	targetTime   = 5 * time.Second
	targetsAtOne = 8                   // looked at side by side
	expiresSoon  = 21 * 24 * time.Hour // by then whoever renews certificates by hand should know
	maxTargets   = 100_000
)

// targets looks where webhooks lead.
type targets struct {
	webhooks *hooks.Service
	guard    *sender.Guard
	probe    bool
}

// look has a finding for every webhook, in the order of their names.
func (t *targets) look(ctx context.Context) []Finding {
	stored, err := t.webhooks.List(ctx, query.Query{Limit: maxTargets, Order: []query.Order{{Field: "name"}}})
	if err != nil {
		return []Finding{fail("webhooks", "see the database's own log", "%s", told(err))}
	}
	active, broken, err := t.webhooks.Active(ctx)
	if err != nil {
		return []Finding{fail("webhooks", "see the database's own log", "%s", told(err))}
	}
	compiled := map[string]*hooks.Compiled{}
	for _, c := range active {
		compiled[c.Name] = c
	}
	found := make([]Finding, len(stored))
	places := make(chan struct{}, targetsAtOne)
	var looking sync.WaitGroup
	for i := range stored {
		w := &stored[i]
		check := "webhook " + w.Name
		switch {
		case !bool(w.Enabled) && w.DisabledReason != "":
			found[i] = warn(check, "when the endpoint is well again, enable it: what waits is kept, and goes on", "it was switched off (%s) at %s", w.DisabledReason, w.DisabledAt)
		case !bool(w.Enabled):
			found[i] = skip(check, "it is disabled")
		case broken[w.Name] != nil:
			found[i] = unusable(ctx, check, w.RequestURL, broken[w.Name])
		case compiled[w.Name] == nil:
			found[i] = skip(check, "it was changed meanwhile")
		default:
			looking.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				found[i] = t.one(ctx, check, compiled[w.Name])
			})
		}
	}
	looking.Wait()
	if len(found) == 0 {
		return []Finding{skip("webhooks", "there are none")}
	}
	return found
}

// one looks at an endpoint: its name, whether it may be called, and its certificate.
func (t *targets) one(ctx context.Context, check string, w *hooks.Compiled) Finding {
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	if bool(w.IsDynamicURL) && strings.Contains(beforePath(w.RequestURL), "{{") {
		return skip(check, "each document decides which host is called")
	}
	raw, _, _ := strings.Cut(w.RequestURL, "{{")
	target, err := guard.Parse(raw)
	if err != nil {
		return fail(check, "correct its request_url", "%s", err)
	}
	addresses, err := resolve(ctx, target)
	if err != nil {
		return fail(check, "correct its request_url, or see to the name server", "the host %s cannot be found: %s", target.Host, oneLine(err.Error()))
	}
	ctx = guard.WithHost(ctx, target.Host)
	why := error(nil)
	callable := slices.DeleteFunc(slices.Clone(addresses), func(ip netip.Addr) bool {
		err := t.guard.Control(ctx, "tcp", netip.AddrPortFrom(ip, target.Port).String(), nil)
		why = cmp.Or(why, err)
		return err != nil
	})
	if len(callable) == 0 {
		return refused(ctx, check, target, addresses, why)
	}
	address := netip.AddrPortFrom(callable[0], target.Port).String()
	found := ok(check, "%s may be called at %s", target.Host, address)
	if target.URL.Scheme == "https" {
		found = t.certificate(ctx, check, target.Host, address, w)
	}
	if !t.probe || found.Status == Fail {
		return found
	}
	return t.head(ctx, found, target, address, w)
}

// unusable is what a webhook is worth that cannot be read as the service would.
func unusable(ctx context.Context, check, requestURL string, err error) Finding {
	if why, ok := errors.AsType[*sender.Error](err); ok && why.Code() == sender.CodeRefused {
		raw, _, _ := strings.Cut(requestURL, "{{")
		if target, err := guard.Parse(raw); err == nil && target.IP.IsValid() {
			return refused(ctx, check, target, []netip.Addr{target.IP}, why)
		}
	}
	return fail(check, "edit it, or give the service the master key it had", "it cannot be used: %s", told(err))
}

// refused is what a target is worth if the guard lets none of its addresses through. One that can be allowed may well be, for the service,
// which has settings of its own.
func refused(ctx context.Context, check string, target *guard.Target, addresses []netip.Addr, why error) Finding {
	widest, err := sender.NewGuard([]string{"0.0.0.0/0", "::/0"})
	if err != nil || !slices.ContainsFunc(addresses, func(ip netip.Addr) bool {
		return widest.Control(ctx, "tcp", netip.AddrPortFrom(ip, target.Port).String(), nil) == nil
	}) {
		return fail(check, "correct its request_url", "%s", why)
	}
	fix := "if it is yours, start the service, and doctor, with --allow-target " + target.Host + " (DOCHOOK_ALLOW_TARGET)"
	return warn(check, fix, "by this process's settings, %s", why)
}

// beforePath is a URL without what follows its host.
func beforePath(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

func resolve(ctx context.Context, target *guard.Target) ([]netip.Addr, error) {
	if target.IP.IsValid() {
		return []netip.Addr{target.IP}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", target.Host)
}

// dial connects to an address that the guard lets through, whatever became of it since.
func (t *targets) dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{ControlContext: t.guard.Control}).DialContext(ctx, "tcp", address)
}

// certificate shakes hands with an endpoint and judges what it shows.
func (t *targets) certificate(ctx context.Context, check, host, address string, w *hooks.Compiled) Finding {
	const fix = "is it down, or a firewall between? dochook deliveries list shows what it answered last"
	conn, err := t.dial(ctx, address)
	if err != nil {
		return warn(check, fix, "%s does not take connections at %s: %s", host, address, oneLine(err.Error()))
	}
	defer func() { _ = conn.Close() }()                                                             // nothing was sent
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // it is judged below, in words
	if own := w.ClientCertificate(); own != nil {
		config.Certificates = []tls.Certificate{*own}
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return fail(check, "the endpoint has to offer TLS 1.2 or 1.3", "%s does not speak TLS at %s: %s", host, address, oneLine(err.Error()))
	}
	return judged(check, host, secured.ConnectionState().PeerCertificates, w.CertPool(), time.Now())
}

// judged is what a chain of certificates is worth at a time; roots nil are those of the system.
func judged(check, host string, chain []*x509.Certificate, roots *x509.CertPool, now time.Time) Finding {
	if len(chain) == 0 {
		return fail(check, "the endpoint has to show a certificate", "%s shows no certificate", host)
	}
	left := chain[0].NotAfter.Sub(now)
	day := chain[0].NotAfter.UTC().Format(time.DateOnly)
	if left <= 0 {
		return fail(check, "let its owner renew it: deliveries fail until then", "the certificate of %s ended on %s", host, day)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		fix := "let its owner correct it; if an authority of your own has signed it, give the webhook that as ca_certificate"
		if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) && roots == nil {
			fix += "; does this machine have the system's authorities (ca-certificates)?"
		}
		return fail(check, fix, "the certificate of %s does not hold: %s", host, oneLine(err.Error()))
	}
	if left < expiresSoon {
		return warn(check, "let its owner renew it: deliveries fail after that", "the certificate of %s ends in %d days, on %s", host, int(left.Hours()/24), day)
	}
	return ok(check, "%s may be called, its certificate holds until %s", host, day)
}

// head sends a request that asks for nothing. Whatever is answered is an answer.
func (t *targets) head(ctx context.Context, found Finding, target *guard.Target, address string, w *hooks.Compiled) Finding {
	transport := &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dial(ctx, address) },
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.CertPool(), ServerName: target.Host},
	}
	if own := w.ClientCertificate(); own != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*own}
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, target.URL.String(), nil)
	if err != nil {
		return fail(found.Check, "correct its request_url", "no request can be made of it")
	}
	res, err := transport.RoundTrip(req) // once, and no redirect is followed
	if err != nil {
		return fail(found.Check, "see to the endpoint, and to firewalls between", "%s does not answer at %s: %s", target.Host, address, oneLine(err.Error()))
	}
	_ = res.Body.Close() // there is none
	found.Message += ", and answers HEAD with " + strconv.Itoa(res.StatusCode)
	if res.StatusCode >= http.StatusInternalServerError && found.Status == OK && res.StatusCode != http.StatusNotImplemented {
		found.Status, found.Fix = Warn, "see to the endpoint"
	}
	return found
}
