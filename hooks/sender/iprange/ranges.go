package iprange

import (
	"iter"
	"net/netip"
)

// Tier is how the addresses of a range are to be treated.
type Tier int

// The tiers.
const (
	Public  Tier = iota // called freely
	Private             // called only when allowed
	Never               // not called whatever is allowed
)

// embedding is where a range carries an IPv4 address that will be reached in the end.
type embedding int

const (
	noIPv4     embedding = iota
	lowIPv4              // the last 32 bits (RFC 6052 /96, RFC 4291, RFC 2765).
	sixToFour            // bits 16–47 (RFC 3056).
	teredoIPv4           // server in bits 32–63, client in the last 32, inverted (RFC 4380).
)

// Range is a range of addresses.
type Range struct {
	Prefix netip.Prefix
	Tier   Tier
	// Name is such as "loopback".
	Name string

	ipv4 embedding
}

// ranges holds the special ranges of the IANA registries (RFC 6890 and its successors) and the metadata addresses of the
// clouds. The first rule that contains an address decides, so narrow ranges stand before the wide ones around them.
var ranges = []Range{
	{netip.MustParsePrefix("0.0.0.0/8"), Never, "unspecified (this network)", noIPv4},
	{netip.MustParsePrefix("169.254.0.0/16"), Never, "link-local (cloud metadata)", noIPv4},
	{netip.MustParsePrefix("224.0.0.0/4"), Never, "multicast", noIPv4},
	{netip.MustParsePrefix("255.255.255.255/32"), Never, "broadcast", noIPv4},
	{netip.MustParsePrefix("240.0.0.0/4"), Never, "reserved", noIPv4},
	{netip.MustParsePrefix("100.100.100.200/32"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("168.63.129.16/32"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("192.0.0.192/32"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("127.0.0.0/8"), Private, "loopback", noIPv4},
	{netip.MustParsePrefix("10.0.0.0/8"), Private, "private", noIPv4},
	{netip.MustParsePrefix("172.16.0.0/12"), Private, "private", noIPv4},
	{netip.MustParsePrefix("192.168.0.0/16"), Private, "private", noIPv4},
	{netip.MustParsePrefix("100.64.0.0/10"), Private, "shared (carrier NAT)", noIPv4},
	{netip.MustParsePrefix("192.0.0.0/24"), Private, "IETF protocol assignment", noIPv4},
	{netip.MustParsePrefix("192.0.2.0/24"), Private, "documentation", noIPv4},
	{netip.MustParsePrefix("198.51.100.0/24"), Private, "documentation", noIPv4},
	{netip.MustParsePrefix("203.0.113.0/24"), Private, "documentation", noIPv4},
	{netip.MustParsePrefix("198.18.0.0/15"), Private, "benchmarking", noIPv4},
	{netip.MustParsePrefix("192.88.99.0/24"), Private, "6to4 relay", noIPv4},
	{netip.MustParsePrefix("0.0.0.0/0"), Public, "public", noIPv4},

	{netip.MustParsePrefix("::/128"), Never, "unspecified", noIPv4},
	{netip.MustParsePrefix("fe80::/10"), Never, "link-local", noIPv4},
	{netip.MustParsePrefix("ff00::/8"), Never, "multicast", noIPv4},
	{netip.MustParsePrefix("fd00:ec2::254/128"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("fd00:ec2::23/128"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("fd20:ce::254/128"), Never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("::1/128"), Private, "loopback", noIPv4},
	{netip.MustParsePrefix("::/96"), Private, "IPv4-compatible", lowIPv4},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), Private, "IPv4-translated", lowIPv4},
	{netip.MustParsePrefix("64:ff9b::/96"), Private, "NAT64", lowIPv4},
	{netip.MustParsePrefix("64:ff9b:1::/48"), Private, "local NAT64", lowIPv4},
	{netip.MustParsePrefix("100::/64"), Private, "discard-only", noIPv4},
	{netip.MustParsePrefix("100:0:0:1::/64"), Private, "dummy", noIPv4},
	{netip.MustParsePrefix("2001::/32"), Private, "Teredo", teredoIPv4},
	{netip.MustParsePrefix("2001::/23"), Private, "IETF protocol assignment", noIPv4},
	{netip.MustParsePrefix("2001:db8::/32"), Private, "documentation", noIPv4},
	{netip.MustParsePrefix("2002::/16"), Private, "6to4", sixToFour},
	{netip.MustParsePrefix("3fff::/20"), Private, "documentation", noIPv4},
	{netip.MustParsePrefix("5f00::/16"), Private, "segment routing", noIPv4},
	{netip.MustParsePrefix("fc00::/7"), Private, "private (unique local)", noIPv4},
	{netip.MustParsePrefix("fec0::/10"), Private, "private (site-local)", noIPv4},
	{netip.MustParsePrefix("2000::/3"), Public, "public", noIPv4},
	{netip.MustParsePrefix("::/0"), Private, "not global unicast", noIPv4},
}

// Of returns the narrowest range that tells how to treat an address. A mapped IPv4 address (::ffff:10.0.0.1) counts as that IPv4
// address, and a zone does not matter.
func Of(a netip.Addr) Range {
	a = a.Unmap().WithZone("")
	for _, r := range ranges {
		if r.Prefix.Contains(a) {
			return r
		}
	}
	return Range{Tier: Never, Name: "unknown"}
}

// Special returns every range but the two that stand for all the other addresses.
func Special() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for _, r := range ranges {
			if r.Prefix.Bits() > 0 && !yield(r) {
				return
			}
		}
	}
}

// Around returns the range that holds all of a prefix and is never called, if there is one.
func Around(p netip.Prefix) (Range, bool) {
	for _, r := range ranges {
		if r.Tier == Never && r.Prefix.Bits() <= p.Bits() && r.Prefix.Contains(p.Addr()) {
			return r, true
		}
	}
	return Range{}, false
}

// Embedded returns the IPv4 addresses that will be reached in the end by an address of the range.
func (r Range) Embedded(a netip.Addr) []netip.Addr {
	b := a.As16()
	switch r.ipv4 {
	case lowIPv4:
		return []netip.Addr{netip.AddrFrom4([4]byte(b[12:16]))}
	case sixToFour:
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredoIPv4:
		client := [4]byte{^b[12], ^b[13], ^b[14], ^b[15]}
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4(client)}
	case noIPv4:
	}
	return nil
}
