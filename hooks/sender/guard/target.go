package guard

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const maxURLBytes = 8192

// Target is a URL that may be called.
type Target struct {
	// Raw is the URL as given.
	Raw string
	// URL has its host in ASCII.
	URL *url.URL
	// Host is in lower case and ASCII, without port, brackets and a trailing dot.
	Host string
	Port uint16
	// IP is set when Host is a literal address.
	IP netip.Addr
}

// Parse checks everything about a URL that can be checked without asking a name server.
func Parse(raw string) (*Target, error) {
	if err := checkText(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, invalid("the URL can not be read; it begins with http:// or https://")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, invalid("the URL must begin with http:// or https://")
	case u.User != nil:
		return nil, invalid("the URL must not hold a user or password; send them in a header")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, invalid("the URL has no host")
	case strings.Contains(raw, "#"):
		return nil, invalid("the URL must not have a fragment (#…); it would never be sent")
	case strings.HasSuffix(u.Host, ":"):
		return nil, invalid("the URL has a colon but no port after its host")
	}
	t := &Target{Raw: raw, URL: u, Port: 80}
	if u.Scheme == "https" {
		t.Port = 443
	}
	if p := u.Port(); p != "" {
		if t.Port, err = parsePort(p); err != nil {
			return nil, err
		}
	}
	return t, t.setHost()
}

// setHost fills in host and ip and puts the ASCII form of the host into the URL.
func (t *Target) setHost() error {
	name := t.URL.Hostname()
	if strings.HasPrefix(t.URL.Host, "[") {
		ip, err := netip.ParseAddr(name)
		switch {
		case err != nil || !ip.Is6():
			return invalid("the URL's host is not an IPv6 address")
		case ip.Zone() != "":
			return invalid("the URL's host must not have a zone (%…)")
		}
		t.IP, t.Host = ip, ip.String()
		return nil
	}
	host, ip, err := normalHost(name)
	if err != nil {
		return err
	}
	t.Host, t.IP = host, ip
	if !isASCII(name) {
		port := t.URL.Port()
		t.URL.Host = host
		if port != "" {
			t.URL.Host += ":" + port
		}
	}
	return nil
}

func checkText(raw string) error {
	switch {
	case raw == "":
		return invalid("the URL is empty")
	case len(raw) > maxURLBytes:
		return invalid("the URL is longer than " + strconv.Itoa(maxURLBytes) + " bytes")
	case !utf8.ValidString(raw):
		return invalid("the URL is not valid UTF-8")
	}
	for _, r := range raw {
		if r == ' ' || !unicode.IsPrint(r) {
			return invalid("the URL must not hold blanks or control characters")
		}
	}
	return nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, invalid("the port must be 1–65535")
	}
	return uint16(n), nil
}

// normalHost returns a host name in the form two spellings of it share, and its address when it is an IPv4 literal.
// Numeric spellings that some resolvers take for an address (127.1, 0x7f000001, 2130706433, 0177.0.0.1) are refused.
func normalHost(name string) (string, netip.Addr, error) {
	none := netip.Addr{}
	host := strings.ToLower(name)
	if !isASCII(host) {
		var err error
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", none, invalid("the host name is not a valid international name")
		}
	}
	trimmed := strings.TrimSuffix(host, ".")
	labels := strings.Split(trimmed, ".")
	if isNumber(labels[len(labels)-1]) {
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.Is4() {
			return "", none, invalid("a numeric host must be written as four decimal numbers, such as 192.0.2.1")
		}
		return host, ip, nil
	}
	if len(trimmed) > 253 {
		return "", none, invalid("the host name is longer than 253 characters")
	}
	for _, label := range labels {
		if !isLabel(label) {
			return "", none, invalid("the host name is not valid")
		}
	}
	return trimmed, none, nil
}

// isNumber reports whether a last label makes the whole host an IPv4 number (WHATWG URL, "ends in a number").
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// isLabel allows the underscore, which container networks put into names.
func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
