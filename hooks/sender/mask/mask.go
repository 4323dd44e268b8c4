package mask

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	hidden = "***"
	// signatureShown is how much of a signature is shown: enough to tell two apart, too little to use it.
	signatureShown = 12
	maxURLBytes    = 300
	maxHeaderBytes = 8 << 10
	maxHeaders     = 64
	// randomRun is how many letters and digits in a row, of both kinds, look like a secret.
	randomRun = 20
)

// secretNames are parts of the names of headers and query parameters that hold secrets.
var secretNames = []string{
	"token", "secret", "passw", "pwd", "apikey", "accesskey", "privatekey", "sharedkey", "subscriptionkey", "credential", "cookie", "authorization", "session", "jwt", "bearer",
}

// wholeNames are such names by themselves; parts of others are harmless.
var wholeNames = []string{"key", "auth", "xauth", "sig", "code", "pass", "sas", "hmac"}

// schemes are the first words of credentials that may be shown.
var schemes = []string{"basic", "bearer", "token", "digest", "apikey"}

var noSeparators = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

func isSecret(name string) bool {
	name = noSeparators.Replace(strings.ToLower(name))
	return slices.Contains(wholeNames, name) || slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) })
}

func isSignature(name string) bool { return strings.Contains(strings.ToLower(name), "signature") }

// URL returns scheme, host, path and query of a URL in at most 300 printable bytes. User and password, query values with a telling name, and
// values and parts of the path that look random are hidden; the fragment is left out.
func URL(u *url.URL) string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme + "://")
	}
	if u.User != nil {
		b.WriteString(hidden + "@")
	}
	b.WriteString(u.Host)
	for i, part := range strings.Split(u.EscapedPath(), "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if isRandom(part) {
			part = hidden
		}
		b.WriteString(part)
	}
	if u.RawQuery != "" {
		b.WriteByte('?')
		b.WriteString(query(u.RawQuery))
	}
	return Text(b.String(), maxURLBytes)
}

func query(raw string) string {
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			if isRandom(pair) {
				pairs[i] = hidden
			}
			continue
		}
		plain, err := url.QueryUnescape(name)
		if err != nil || isSecret(plain) || isSignature(plain) || isRandom(value) {
			pairs[i] = name + "=" + hidden
		}
	}
	return strings.Join(pairs, "&")
}

// isRandom reports text such as the last part of a chat's webhook URL. Words, numbers, dates and UUIDs are not.
func isRandom(s string) bool {
	letters, digits := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		default:
			letters, digits = 0, 0
		}
		if letters > 0 && digits > 0 && letters+digits >= randomRun {
			return true
		}
	}
	return false
}

// Header returns at most 64 values and 8 KiB of a header, as printable text, names in alphabetical order as long as they fit. Credentials,
// cookies and the values of headers with a telling name are hidden, signatures cut short.
func Header(h http.Header) map[string][]string {
	out := make(map[string][]string, len(h))
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	left, count := maxHeaderBytes, 0
	for _, name := range names {
		shown := Text(name, 200)
		for _, v := range h[name] {
			left -= len(shown)
			count++
			if left <= 0 || count > maxHeaders {
				return out
			}
			v = Text(headerValue(name, v), left)
			left -= len(v)
			out[shown] = append(out[shown], v)
		}
	}
	return out
}

func headerValue(name, value string) string {
	switch {
	case value == "":
		return ""
	case isSignature(name):
		if len(value) <= 2*signatureShown {
			return hidden
		}
		return value[:signatureShown] + "…"
	case !isSecret(name):
		return value
	}
	if scheme, _, ok := strings.Cut(value, " "); ok && slices.Contains(schemes, strings.ToLower(scheme)) {
		return scheme + " " + hidden
	}
	return hidden
}

// IsPlain reports text of printable ASCII alone.
func IsPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Text returns at most limit bytes of s in valid UTF-8, with everything unprintable escaped.
func Text(s string, limit int) string {
	if len(s) <= limit && IsPlain(s) {
		return s
	}
	const more = "…"
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		piece := s[:n]
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			piece = strconv.QuoteToASCII(piece)
			piece = piece[1 : len(piece)-1]
		}
		s = s[n:]
		if b.Len()+len(piece) > limit || len(s) > 0 && b.Len()+len(piece)+len(more) > limit {
			if b.Len()+len(more) <= limit {
				b.WriteString(more)
			}
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}
