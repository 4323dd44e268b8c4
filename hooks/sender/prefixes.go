package sender

import "net/netip"

// tier is how an address range is treated.
type tier int

const (
	public  tier = iota // dialled freely.
	private             // dialled only when allowed.
	never               // not dialled whatever is allowed.
)

// embedding is where a range carries an IPv4 address that will be reached in the end.
type embedding int

const (
	noIPv4     embedding = iota
	lowIPv4              // the last 32 bits (RFC 6052 /96, RFC 4291, RFC 2765).
	sixToFour            // bits 16–47 (RFC 3056).
	teredoIPv4           // server in bits 32–63, client in the last 32, inverted (RFC 4380).
)

type addressRule struct {
	prefix netip.Prefix
	tier   tier
	name   string
	ipv4   embedding
}

// addressRules holds the special ranges of the IANA registries (RFC 6890 and its successors) and the metadata addresses of the
// clouds. The first rule that contains an address decides, so narrow ranges stand before the wide ones around them.
var addressRules = []addressRule{
	{netip.MustParsePrefix("0.0.0.0/8"), never, "unspecified (this network)", noIPv4},
	{netip.MustParsePrefix("169.254.0.0/16"), never, "link-local (cloud metadata)", noIPv4},
	{netip.MustParsePrefix("224.0.0.0/4"), never, "multicast", noIPv4},
	{netip.MustParsePrefix("255.255.255.255/32"), never, "broadcast", noIPv4},
	{netip.MustParsePrefix("240.0.0.0/4"), never, "reserved", noIPv4},
	{netip.MustParsePrefix("100.100.100.200/32"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("168.63.129.16/32"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("192.0.0.192/32"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("127.0.0.0/8"), private, "loopback", noIPv4},
	{netip.MustParsePrefix("10.0.0.0/8"), private, "private", noIPv4},
	{netip.MustParsePrefix("172.16.0.0/12"), private, "private", noIPv4},
	{netip.MustParsePrefix("192.168.0.0/16"), private, "private", noIPv4},
	{netip.MustParsePrefix("100.64.0.0/10"), private, "shared (carrier NAT)", noIPv4},
	{netip.MustParsePrefix("192.0.0.0/24"), private, "IETF protocol assignment", noIPv4},
	{netip.MustParsePrefix("192.0.2.0/24"), private, "documentation", noIPv4},
	{netip.MustParsePrefix("198.51.100.0/24"), private, "documentation", noIPv4},
	{netip.MustParsePrefix("203.0.113.0/24"), private, "documentation", noIPv4},
	{netip.MustParsePrefix("198.18.0.0/15"), private, "benchmarking", noIPv4},
	{netip.MustParsePrefix("192.88.99.0/24"), private, "6to4 relay", noIPv4},
	{netip.MustParsePrefix("0.0.0.0/0"), public, "public", noIPv4},

	{netip.MustParsePrefix("::/128"), never, "unspecified", noIPv4},
	{netip.MustParsePrefix("fe80::/10"), never, "link-local", noIPv4},
	{netip.MustParsePrefix("ff00::/8"), never, "multicast", noIPv4},
	{netip.MustParsePrefix("fd00:ec2::254/128"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("fd00:ec2::23/128"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("fd20:ce::254/128"), never, "cloud metadata", noIPv4},
	{netip.MustParsePrefix("::1/128"), private, "loopback", noIPv4},
	{netip.MustParsePrefix("::/96"), private, "IPv4-compatible", lowIPv4},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), private, "IPv4-translated", lowIPv4},
	{netip.MustParsePrefix("64:ff9b::/96"), private, "NAT64", lowIPv4},
	{netip.MustParsePrefix("64:ff9b:1::/48"), private, "local NAT64", lowIPv4},
	{netip.MustParsePrefix("100::/64"), private, "discard-only", noIPv4},
	{netip.MustParsePrefix("100:0:0:1::/64"), private, "dummy", noIPv4},
	{netip.MustParsePrefix("2001::/32"), private, "Teredo", teredoIPv4},
	{netip.MustParsePrefix("2001::/23"), private, "IETF protocol assignment", noIPv4},
	{netip.MustParsePrefix("2001:db8::/32"), private, "documentation", noIPv4},
	{netip.MustParsePrefix("2002::/16"), private, "6to4", sixToFour},
	{netip.MustParsePrefix("3fff::/20"), private, "documentation", noIPv4},
	{netip.MustParsePrefix("5f00::/16"), private, "segment routing", noIPv4},
	{netip.MustParsePrefix("fc00::/7"), private, "private (unique local)", noIPv4},
	{netip.MustParsePrefix("fec0::/10"), private, "private (site-local)", noIPv4},
	{netip.MustParsePrefix("2000::/3"), public, "public", noIPv4},
	{netip.MustParsePrefix("::/0"), private, "not global unicast", noIPv4},
}

// ruleFor returns the rule of an unmapped address without zone.
func ruleFor(a netip.Addr) addressRule {
	for _, r := range addressRules {
		if r.prefix.Contains(a) {
			return r
		}
	}
	return addressRule{tier: never, name: "unknown"}
}

// embedded returns the IPv4 addresses a carries.
func embedded(a netip.Addr, e embedding) []netip.Addr {
	b := a.As16()
	switch e {
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
