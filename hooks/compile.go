package hooks

import (
	"crypto/tls"
	"crypto/x509"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"dochook/hooks/condition"
	"dochook/mapping"
)

// Headers that each attempt sets itself. A webhook may list them, as some
// systems' forms demand; what it says is replaced.
var replacedHeaders = []string{
	"Host", "User-Agent", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "X-Frappe-Webhook-Signature", HopsHeader, BatchHeader,
}

// Headers that format template sets as well.
var templateHeaders = []string{"Content-Type", "Webhook", "Webhook-Dispatch-Id", "Request-Origin"}

// BatchHeader says which part of how many a request is, such as 2/5.
const BatchHeader = "Webhook-Batch"

// Headers that belong to the connection and not to a webhook.
var refusedHeaders = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
}

// HopsHeader counts the webhooks in a row that led to a request.
const HopsHeader = "Webhook-Hops"

// MaxHops is where a chain of webhooks calling webhooks is cut.
const MaxHops = 8

// URLChecker says whether a URL may be a target.
type URLChecker interface {
	CheckURL(raw string) error
}

// Compiled is a checked webhook, ready to match and render. It is immutable and
// may be used from any goroutine.
type Compiled struct {
	Stored

	secret     string // "" when requests are not signed
	oldSecrets []oldSecret
	condition  *condition.Condition
	url        *mapping.Template // nil: the literal URL
	headers    []compiledHeader
	mapping    *mapping.Mapping
	apart      *mapping.Apart // the mapping of a document without its view; nil: it needs that
	heads      []string       // the standard fields apart takes
	body       *mapping.Template
	more       *mapping.Headers // the headers template

	authorities *x509.CertPool
	certificate *tls.Certificate
}

type compiledHeader struct {
	key   string
	value *mapping.Template
}

// Compile checks a webhook and readies it. The error names the field, and the
// position in it where there is one.
func Compile(w Webhook, urls URLChecker) (*Compiled, error) {
	if err := w.Normalise(); err != nil {
		return nil, err
	}
	w.ChooseBody()
	c := &Compiled{Stored: Stored{Webhook: w}}
	var err error
	if c.condition, err = condition.Parse(w.Condition); err != nil {
		return nil, inField("condition", err)
	}
	if err := c.compileURL(urls); err != nil {
		return nil, err
	}
	if err := c.compileHeaders(); err != nil {
		return nil, err
	}
	if len(w.WebhookData) > 0 {
		if c.mapping, err = mapping.Compile(w.WebhookData); err != nil {
			return nil, err
		}
		c.takeApart()
	} else if w.WebhookJSON != "" {
		if c.body, err = mapping.ParseTemplate(w.WebhookJSON, mapping.JSON); err != nil {
			return nil, inField("webhook_json", err)
		}
	}
	if w.HeadersTemplate != "" {
		if c.more, err = mapping.ParseHeaders(w.HeadersTemplate); err != nil {
			return nil, inField("headers_template", err)
		}
		for _, name := range c.more.Names() {
			if slices.Contains(refusedHeaders, textproto.CanonicalMIMEHeaderKey(name)) {
				return nil, errorf(CodeInvalid, "headers_template", "%s belongs to the connection and cannot be set", name)
			}
		}
	}
	if c.authorities, c.certificate, err = c.Certificates(); err != nil {
		return nil, err
	}
	return c, checkSecret(w.WebhookSecret)
}

func (c *Compiled) compileURL(urls URLChecker) error {
	raw := strings.TrimSpace(c.RequestURL)
	if raw == "" {
		return errorf(CodeMandatory, "request_url", "where to?")
	}
	c.RequestURL = raw
	if !c.IsDynamicURL {
		if err := urls.CheckURL(raw); err != nil {
			return inField("request_url", err)
		}
		return nil
	}
	t, err := mapping.ParseTemplate(raw, mapping.URL)
	if err != nil {
		return inField("request_url", err)
	}
	c.url = t
	// What can be known now is checked now: all of a host without variables.
	start := strings.Index(raw, "://")
	end := len(raw)
	if i := strings.IndexAny(raw[start+3:], "/?#"); i >= 0 {
		end = start + 3 + i
	}
	if host := raw[:end]; !strings.Contains(host, "{{") {
		if err := urls.CheckURL(host); err != nil {
			return inField("request_url", err)
		}
	}
	return nil
}

func (c *Compiled) compileHeaders() error {
	for i, h := range c.WebhookHeaders {
		at := "webhook_headers[" + strconv.Itoa(i) + "]"
		key := textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(h.Key))
		switch {
		case key == "" && strings.TrimSpace(h.Value) == "":
			continue
		case key == "":
			return errorf(CodeMandatory, at+".key", "a header needs a name")
		case !httpguts.ValidHeaderFieldName(key):
			return errorf(CodeInvalid, at+".key", "%q is not a header name", h.Key)
		case slices.Contains(refusedHeaders, key):
			return errorf(CodeInvalid, at+".key", "%s belongs to the connection and cannot be set", key)
		case strings.ContainsAny(h.Value, "\r\n\x00"):
			return errorf(CodeInvalid, at+".value", "holds a line break or NUL at byte %d", strings.IndexAny(h.Value, "\r\n\x00"))
		}
		t, err := mapping.ParseTemplate(h.Value, mapping.Text)
		if err != nil {
			return inField(at+".value", err)
		}
		if c.replaces(key) {
			continue
		}
		c.headers = append(c.headers, compiledHeader{key, t})
	}
	return nil
}

// replaces reports whether each attempt sets a header itself.
func (c *Compiled) replaces(key string) bool {
	return slices.Contains(replacedHeaders, key) || c.Format == FormatTemplate && slices.Contains(templateHeaders, key)
}

// CertPool holds the authorities an https endpoint is to be known to; nil means those of the system.
func (c *Compiled) CertPool() *x509.CertPool { return c.authorities }

// ClientCertificate is what an https endpoint that asks for a certificate is shown; nil means none.
func (c *Compiled) ClientCertificate() *tls.Certificate { return c.certificate }

// Secrets are what signs a request at the given time, newest first; none when
// requests are not signed.
func (c *Compiled) Secrets(at time.Time) []string {
	if c.secret == "" {
		return nil
	}
	out := []string{c.secret}
	for _, o := range c.oldSecrets {
		if o.Until > at.UnixMicro() {
			out = append(out, o.Secret)
		}
	}
	return out
}

// Policy is when to try again: attempts (0 = default) and delays (nil = default).
func (c *Compiled) Policy() (attempts int, schedule []time.Duration) {
	for _, s := range c.Retry.Schedule {
		schedule = append(schedule, time.Duration(s*float64(time.Second)))
	}
	return c.Retry.Attempts, schedule
}

// inField says in which field of the webhook a mistake stands that another
// package found in a text of its own.
func inField(field string, err error) error {
	var coded interface {
		error
		Code() string
	}
	if as(err, &coded) {
		return &Error{CodeWord: coded.Code(), Field: field, Message: coded.Error(), Err: err}
	}
	return &Error{CodeWord: CodeInvalid, Field: field, Message: "is not valid", Err: err}
}
