package guard

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"dochook/hooks/sender/iprange"
)

// TestGuard_prefixes has a row for each range: its first and its last address, and what lies right before and after it.
func TestGuard_prefixes(t *testing.T) {
	const pub, priv, nev = iprange.Public, iprange.Private, iprange.Never
	tests := []struct {
		prefix            string
		before, in, after iprange.Tier // before and after mean nothing where there is no address.
	}{
		{"0.0.0.0/8", pub, nev, pub},
		{"10.0.0.0/8", pub, priv, pub},
		{"100.64.0.0/10", pub, priv, pub},
		{"100.100.100.200/32", priv, nev, priv},
		{"127.0.0.0/8", pub, priv, pub},
		{"168.63.129.16/32", pub, nev, pub},
		{"169.254.0.0/16", pub, nev, pub},
		{"172.16.0.0/12", pub, priv, pub},
		{"192.0.0.0/24", pub, priv, pub},
		{"192.0.0.192/32", priv, nev, priv},
		{"192.0.2.0/24", pub, priv, pub},
		{"192.88.99.0/24", pub, priv, pub},
		{"192.168.0.0/16", pub, priv, pub},
		{"198.18.0.0/15", pub, priv, pub},
		{"198.51.100.0/24", pub, priv, pub},
		{"203.0.113.0/24", pub, priv, pub},
		{"224.0.0.0/4", pub, nev, nev},
		{"240.0.0.0/4", nev, nev, 0},
		{"255.255.255.255/32", nev, nev, 0},

		{"::/128", 0, nev, priv},
		{"::1/128", nev, priv, priv},
		{"::/96", 0, nev, priv}, // begins with ::, and the rest of it is private.
		{"::ffff:0:0:0/96", priv, priv, priv},
		{"64:ff9b::/96", priv, priv, priv},
		{"64:ff9b:1::/48", priv, priv, priv},
		{"100::/64", priv, priv, priv},
		{"100:0:0:1::/64", priv, priv, priv},
		{"2000::/3", priv, pub, priv},
		{"2001::/32", pub, priv, priv},
		{"2001::/23", pub, priv, pub},
		{"2001:db8::/32", pub, priv, pub},
		{"2002::/16", pub, priv, pub},
		{"3fff::/20", pub, priv, pub},
		{"5f00::/16", priv, priv, priv},
		{"fc00::/7", priv, priv, priv},
		{"fd00:ec2::23/128", priv, nev, priv},
		{"fd00:ec2::254/128", priv, nev, priv},
		{"fd20:ce::254/128", priv, nev, priv},
		{"fe80::/10", priv, nev, priv},
		{"fec0::/10", nev, priv, nev},
		{"ff00::/8", priv, nev, 0},
	}
	seen := map[netip.Prefix]bool{}
	for _, tt := range tests {
		p := netip.MustParsePrefix(tt.prefix)
		seen[p] = true
		first, last := p.Addr(), lastOf(p)
		if before := first.Prev(); before.IsValid() {
			checkTier(t, tt.prefix+", before it", before, tt.before)
		}
		checkTier(t, tt.prefix+", first", first, tt.in)
		if tt.prefix != "::/96" {
			checkTier(t, tt.prefix+", last", last, tt.in)
		} else {
			checkTier(t, tt.prefix+", last", last, priv)
		}
		if after := last.Next(); after.IsValid() {
			checkTier(t, tt.prefix+", after it", after, tt.after)
		}
	}
	for r := range iprange.Special() {
		if !seen[r.Prefix] {
			t.Errorf("%v (%s) has no row", r.Prefix, r.Name)
		}
	}
}

// checkTier asks a Guard that allows nothing and one that allows everything: public passes both, private the second, never none.
func checkTier(t *testing.T, what string, a netip.Addr, want iprange.Tier) {
	t.Helper()
	closed, open := &Guard{}, guard(t, "0.0.0.0/0", "::/0")
	err := closed.Control(t.Context(), "tcp", netip.AddrPortFrom(a, 443).String(), nil)
	if (err == nil) != (want == iprange.Public) {
		t.Errorf("%s: %v, nothing allowed: %v", what, a, err)
	}
	var coded *Error
	if err != nil && (!errors.As(err, &coded) || coded.Code() != CodeRefused || !strings.Contains(err.Error(), a.String())) {
		t.Errorf("%s: %v: %v", what, a, err)
	}
	rule := iprange.Of(a)
	if rule.Tier != want {
		t.Errorf("%s: %v is of tier %d (%s), want %d", what, a, rule.Tier, rule.Name, want)
	}
	// An address that wraps one that is never dialled stays closed.
	shut := want == iprange.Never
	for _, inner := range rule.Embedded(a) {
		shut = shut || iprange.Of(inner).Tier == iprange.Never
	}
	if err := open.Control(t.Context(), "tcp", netip.AddrPortFrom(a, 443).String(), nil); (err != nil) != shut {
		t.Errorf("%s: %v, everything allowed: %v", what, a, err)
	}
	if !a.Is4() {
		return
	}
	mapped := netip.AddrFrom16(a.As16())
	if (closed.Control(t.Context(), "tcp6", netip.AddrPortFrom(mapped, 443).String(), nil) == nil) != (want == iprange.Public) {
		t.Errorf("%s: %v is judged in another way than %v", what, mapped, a)
	}
}

// lastOf is the last address of a range.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Whoever saves a webhook is told what is wrong with its URL.
func TestGuard_CheckURL_texts(t *testing.T) {
	const number = "four decimal numbers, such as 192.0.2.1"
	for raw, want := range map[string]string{
		"http://127.1/":                     number,
		"http://0x7f000001/":                number,
		"http://0X7F000001/":                number,
		"http://0x7f.0x1/":                  number,
		"http://2130706433/":                number,
		"http://017700000001/":              number,
		"http://0177.0.0.1/":                number,
		"http://127.0.0.01/":                number,
		"http://127.0.0.1./":                number,
		"http://1.2.3/":                     number,
		"http://%31%32%37.0.0.1/":           "can not be read",
		"http://[::1%25lo]/":                "must not have a zone",
		"http://[fe80::1%25eth0]/":          "must not have a zone",
		"http://127.0.0.1/":                 "127.0.0.1 is refused: loopback addresses are called only if the service was started with --allow-target",
		"http://[::ffff:169.254.169.254]/":  "169.254.169.254 is refused: link-local (cloud metadata) addresses are never dialled",
		"http://[::ffff:7f00:1]/":           "127.0.0.1 is refused: loopback",
		"http://[64:ff9b::7f00:1]/":         "64:ff9b::7f00:1 is refused: NAT64",
		"http://[2002:7f00:1::]/":           "2002:7f00:1:: is refused: 6to4",
		"http://[::]/":                      ":: is refused: unspecified",
		"ftp://example.com/":                "must begin with http:// or https://",
		"http://user:hidden@example.com/":   "must not hold a user or password",
		"http://example.com/#token":         "must not have a fragment",
		"http://exa\u0000mple.com/":         "control characters",
		"http://example.com:99999/":         "port must be 1–65535",
		"http://xn--a.example.com\u3002.x/": "not a valid international name",
	} {
		err := (&Guard{}).CheckURL(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("CheckURL(%q) = %v, want %q", raw, err, want)
		}
	}
}
