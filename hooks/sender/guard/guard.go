package guard

import (
	"context"
	"net/netip"
	"strings"
	"syscall"

	"dochook/hooks/sender/iprange"
	"dochook/hooks/sender/mask"
)

// Guard decides which addresses may be dialled. Public addresses may. Loopback, private and other special ranges may only
// when an entry allows them. Link-local, metadata, unspecified, multicast, broadcast and reserved addresses never may.
//
// A Guard does not change and may be used by many goroutines. The zero Guard allows public addresses only.
type Guard struct {
	nets  []netEntry
	hosts []hostEntry
}

// netEntry allows addresses; port 0 means every port.
type netEntry struct {
	prefix netip.Prefix
	port   uint16
}

// hostEntry allows whatever private address the name in the URL resolves to.
type hostEntry struct {
	name string // for a wildcard with the dot before it.
	wild bool
	port uint16
}

// New returns a Guard that also allows what the entries name. An entry is one of
//
//	10.1.0.0/16, fd12::/48   every address in the range
//	10.1.2.3, ::1            that address
//	10.1.2.3:8080, [::1]:80  that address on that port
//	build.internal           the private addresses that name resolves to
//	build.internal:8080      the same on that port
//	*.internal               the same for every name below it, but not for itself; a port may follow
//
// A range that wraps IPv4 addresses, such as 64:ff9b::/96, does not allow the private ones among those: they need an entry of their own.
// Blank entries are skipped. An entry that is not well formed, or lies wholly in a range that is never dialled,
// is an [Error] with [CodeInvalid].
func New(allow []string) (*Guard, error) {
	g := &Guard{}
	for _, entry := range allow {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if err := g.add(entry); err != nil {
			return nil, invalid("allowed target " + mask.Text(entry, 100) + ": " + err.Error())
		}
	}
	return g, nil
}

func (g *Guard) add(entry string) error {
	if strings.Contains(entry, "/") {
		p, err := netip.ParsePrefix(entry)
		if err != nil {
			return invalid("not a range such as 10.1.0.0/16; hosts stand without http:// and path")
		}
		return g.addNet(unmapPrefix(p), 0)
	}
	bare := entry
	if strings.HasPrefix(entry, "[") && strings.HasSuffix(entry, "]") {
		bare = entry[1 : len(entry)-1]
	}
	if ip, err := netip.ParseAddr(bare); err == nil {
		return g.addAddr(ip, 0)
	}
	if ap, err := netip.ParseAddrPort(entry); err == nil {
		if ap.Port() == 0 {
			return invalid("the port must be 1–65535")
		}
		return g.addAddr(ap.Addr(), ap.Port())
	}
	return g.addHost(entry)
}

func (g *Guard) addAddr(ip netip.Addr, port uint16) error {
	if ip.Zone() != "" {
		return invalid("an address with a zone is never dialled")
	}
	ip = ip.Unmap()
	return g.addNet(netip.PrefixFrom(ip, ip.BitLen()), port)
}

func (g *Guard) addNet(p netip.Prefix, port uint16) error {
	p = p.Masked()
	if r, ok := iprange.Around(p); ok {
		return invalid(r.Name + " addresses are never dialled")
	}
	g.nets = append(g.nets, netEntry{p, port})
	return nil
}

func (g *Guard) addHost(entry string) error {
	var h hostEntry
	name := entry
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		port, err := parsePort(name[i+1:])
		if err != nil {
			return err
		}
		name, h.port = name[:i], port
	}
	name, h.wild = strings.CutPrefix(name, "*.")
	host, ip, err := normalHost(name)
	switch {
	case err != nil:
		return err
	case ip.IsValid():
		return invalid("a wildcard can not stand before an address")
	}
	h.name = host
	if h.wild {
		h.name = "." + host
	}
	g.hosts = append(g.hosts, h)
	return nil
}

// unmapPrefix turns ::ffff:10.0.0.0/104 into 10.0.0.0/8, the form addresses are compared in.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// CheckURL refuses a URL that can not or must not be called, as far as that is known without asking a name server: other schemes than
// http and https, no host, user or password, a fragment, blanks and control characters, ports outside 1–65535, IPv4 addresses that are
// not four plain decimal numbers, and literal addresses Control would refuse. International names are fine.
//
// The error is an [Error] with [CodeInvalid], or [CodeRefused] for an address.
func (g *Guard) CheckURL(raw string) error {
	t, err := Parse(raw)
	if err != nil {
		return err
	}
	if t.IP.IsValid() {
		return g.check(t.IP, t.Port, t.Host)
	}
	return nil
}

// hostKey is the context key of the host name in the URL being dialled.
type hostKey struct{}

// WithHost tells Control the host name in the URL that is dialled with ctx.
func WithHost(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, hostKey{}, host)
}

// Control is for [net.Dialer.ControlContext]: it sees each address after name resolution and before the connection, and refuses
// what may not be dialled with an [Error] with [CodeRefused]. Entries that name a host count only for a ctx WithHost has told it.
func (g *Guard) Control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return refused("network " + network + " is not dialled")
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refused("address " + mask.Text(address, 100) + " is not an IP address and port")
	}
	host, _ := ctx.Value(hostKey{}).(string)
	return g.check(ap.Addr(), ap.Port(), host)
}

// check judges an address and the IPv4 addresses inside it.
func (g *Guard) check(ip netip.Addr, port uint16, host string) error {
	ip = ip.Unmap().WithZone("")
	rule := iprange.Of(ip)
	if rule.Tier == iprange.Never {
		return refused("address " + ip.String() + " is refused: " + rule.Name + " addresses are never dialled")
	}
	if rule.Tier == iprange.Private && !g.allows(ip, port, host) {
		return refused("address " + ip.String() + " is refused: " + rule.Name + " addresses are called only if the service was started with --allow-target for them")
	}
	for _, inner := range rule.Embedded(ip) {
		if err := g.check(inner, port, host); err != nil {
			return err
		}
	}
	return nil
}

func (g *Guard) allows(ip netip.Addr, port uint16, host string) bool {
	for _, n := range g.nets {
		if (n.port == 0 || n.port == port) && n.prefix.Contains(ip) {
			return true
		}
	}
	if host == "" {
		return false
	}
	for _, h := range g.hosts {
		if h.port != 0 && h.port != port {
			continue
		}
		if h.name == host || h.wild && strings.HasSuffix(host, h.name) {
			return true
		}
	}
	return false
}
