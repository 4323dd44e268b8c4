package guard

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"dochook/hooks/sender/iprange"
)

func guard(t *testing.T, allow ...string) *Guard {
	t.Helper()
	g, err := New(allow)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGuard_table has a row for the first and last address of each range, and its neighbours where they are public.
func TestGuard_table(t *testing.T) {
	tests := []struct {
		tier  iprange.Tier
		addrs string
	}{
		{iprange.Never, "0.0.0.0 0.0.0.1 0.255.255.255"},
		{iprange.Public, "1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 126.255.255.255 128.0.0.0"},
		{iprange.Private, "10.0.0.0 10.255.255.255"},
		{iprange.Public, "100.63.255.255 100.128.0.0"},
		{iprange.Private, "100.64.0.0 100.127.255.255"},
		{iprange.Never, "100.100.100.200"},
		{iprange.Private, "127.0.0.0 127.0.0.1 127.255.255.255"},
		{iprange.Never, "168.63.129.16"},
		{iprange.Public, "168.63.129.15 168.63.129.17"},
		{iprange.Never, "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255"},
		{iprange.Public, "169.253.255.255 169.255.0.0"},
		{iprange.Private, "172.16.0.0 172.31.255.255"},
		{iprange.Public, "172.15.255.255 172.32.0.0"},
		{iprange.Private, "192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255"},
		{iprange.Never, "192.0.0.192"},
		{iprange.Public, "192.0.1.0 192.0.3.0"},
		{iprange.Private, "192.88.99.0 192.88.99.255"},
		{iprange.Public, "192.88.98.255 192.88.100.0"},
		{iprange.Private, "192.168.0.0 192.168.255.255"},
		{iprange.Public, "192.167.255.255 192.169.0.0"},
		{iprange.Private, "198.18.0.0 198.19.255.255"},
		{iprange.Public, "198.17.255.255 198.20.0.0"},
		{iprange.Private, "198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255"},
		{iprange.Public, "198.51.101.0 203.0.114.0 223.255.255.255"},
		{iprange.Never, "224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255"},

		{iprange.Never, ":: fe80:: fe80::1%eth0 febf:ffff:: ff00:: ff02::1 ffff:ffff::"},
		{iprange.Never, "fd00:ec2::254 fd00:ec2::23 fd20:ce::254"},
		{iprange.Private, "::1 ::1%lo"},
		{iprange.Private, "::7f00:1 ::808:808"},
		{iprange.Private, "::ffff:127.0.0.1 ::ffff:10.0.0.1"},
		{iprange.Never, "::ffff:169.254.169.254 ::ffff:0.0.0.0"},
		{iprange.Public, "::ffff:8.8.8.8"},
		{iprange.Private, "::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8"},
		{iprange.Private, "64:ff9b::808:808 64:ff9b::7f00:1 64:ff9b:1::808:808 64:ff9b:1:ffff::808:808"},
		{iprange.Private, "100:: 100::ffff:ffff:ffff:ffff 100:0:0:1::"},
		{iprange.Private, "2001:: 2001:0:ffff::1 2001:2::1 2001:10::1 2001:1ff:ffff::"},
		{iprange.Public, "2001:200:: 2001:4860:4860::8888"},
		{iprange.Private, "2001:db8:: 2001:db8:ffff:ffff::"},
		{iprange.Public, "2001:db7:: 2001:db9:: 2606:4700::1111 2a00::"},
		{iprange.Private, "2002:: 2002:ffff:ffff::"},
		{iprange.Public, "2003::"},
		{iprange.Private, "3fff:: 3fff:fff:ffff::"},
		{iprange.Public, "3fff:1000::"},
		{iprange.Private, "5f00:: 5f00:ffff::"},
		{iprange.Private, "fc00:: fd00::1 fdff:ffff::"},
		{iprange.Private, "fec0:: feff:ffff::"},
		{iprange.Private, "4000:: 200::1 fe00::1 64:ff9c::1 ::2:0:0"},
	}
	strict := &Guard{}
	for _, tt := range tests {
		for addr := range strings.FieldsSeq(tt.addrs) {
			a := netip.MustParseAddr(addr)
			if got := iprange.Of(a); got.Tier != tt.tier {
				t.Errorf("%s: tier %d (%s), want %d", addr, got.Tier, got.Name, tt.tier)
			}
			err := strict.Control(context.Background(), "tcp", netip.AddrPortFrom(a, 443).String(), nil)
			if (err == nil) != (tt.tier == iprange.Public) {
				t.Errorf("Control(%s) = %v", addr, err)
			}
			var coded *Error
			if err != nil && (!errors.As(err, &coded) || coded.Code() != CodeRefused) {
				t.Errorf("Control(%s): error %v has no code", addr, err)
			}
		}
	}
}

func TestGuard_allow(t *testing.T) {
	tests := []struct {
		allow   string // comma list.
		host    string
		address string
		want    bool
	}{
		{"127.0.0.0/8", "", "127.0.0.1:80", true},
		{"127.0.0.0/8", "", "[::ffff:127.0.0.1]:80", true},
		{"127.0.0.0/8", "", "[::1]:80", false},
		{"127.0.0.0/8", "", "10.0.0.1:80", false},
		{"::ffff:10.0.0.0/104", "", "10.1.2.3:80", true},
		{"::ffff:10.0.0.1", "", "10.0.0.1:80", true},
		{"10.1.2.3", "", "10.1.2.3:8080", true},
		{"10.1.2.3", "", "10.1.2.4:8080", false},
		{"10.1.2.3:8080", "", "10.1.2.3:8080", true},
		{"10.1.2.3:8080", "", "10.1.2.3:8081", false},
		{"::1", "", "[::1%lo]:80", true},
		{"[::1]", "", "[::1]:80", true},
		{"[::1]:80", "", "[::1]:80", true},
		{"[::1]:80", "", "[::1]:81", false},
		{" , fd12::/48", "", "[fd12::9]:80", true},

		{"build.internal", "build.internal", "10.0.0.1:80", true},
		{"Build.Internal.", "build.internal", "127.0.0.1:80", true},
		{"build.internal", "build.internal", "[fd00::1]:80", true},
		{"build.internal", "other.internal", "10.0.0.1:80", false},
		{"build.internal", "x.build.internal", "10.0.0.1:80", false},
		{"build.internal", "", "10.0.0.1:80", false},
		{"build.internal:8080", "build.internal", "10.0.0.1:8080", true},
		{"build.internal:8080", "build.internal", "10.0.0.1:80", false},
		{"my_service", "my_service", "172.17.0.2:80", true},
		{"*.internal", "build.internal", "10.0.0.1:80", true},
		{"*.internal", "a.b.internal", "10.0.0.1:80", true},
		{"*.internal", "internal", "10.0.0.1:80", false},
		{"*.internal", "notinternal", "10.0.0.1:80", false},
		{"*.internal:9000", "a.internal", "10.0.0.1:9000", true},
		{"*.internal:9000", "a.internal", "10.0.0.1:80", false},
		{"bücher.example", "xn--bcher-kva.example", "10.0.0.1:80", true},

		// The never tier stays closed.
		{"0.0.0.0/0,::/0", "", "169.254.169.254:80", false},
		{"0.0.0.0/0,::/0", "", "[::ffff:169.254.169.254]:80", false},
		{"0.0.0.0/0,::/0", "", "0.0.0.0:80", false},
		{"0.0.0.0/0,::/0", "", "[fe80::1%eth0]:80", false},
		{"0.0.0.0/0,::/0", "", "[fd00:ec2::254]:80", false},
		{"0.0.0.0/0,::/0", "", "224.0.0.1:80", false},
		{"metadata.internal", "metadata.internal", "169.254.169.254:80", false},
		{"0.0.0.0/0", "", "192.168.1.1:80", true},

		// IPv4 inside IPv6 is judged, too.
		{"64:ff9b::/96", "", "[64:ff9b::808:808]:80", true},
		{"64:ff9b::/96", "", "[64:ff9b::a00:1]:80", false},
		{"64:ff9b::/96,10.0.0.0/8", "", "[64:ff9b::a00:1]:80", true},
		{"::/0,0.0.0.0/0", "", "[64:ff9b::a9fe:a9fe]:80", false},
		{"::/0,0.0.0.0/0", "", "[64:ff9b:1::a9fe:a9fe]:80", false},
		{"::/0,0.0.0.0/0", "", "[::a9fe:a9fe]:80", false},
		{"::/0,0.0.0.0/0", "", "[::ffff:0:a9fe:a9fe]:80", false},
		{"2002::/16", "", "[2002:808:808::1]:80", true},
		{"2002::/16", "", "[2002:7f00:1::1]:80", false},
		{"::/0,0.0.0.0/0", "", "[2002:a9fe:a9fe::1]:80", false},
		{"2001::/32", "", "[2001:0:808:808::f7f7:f7f7]:80", true},           // client 8.8.8.8.
		{"2001::/32", "", "[2001:0:808:808::80ff:fffe]:80", false},          // client 127.0.0.1.
		{"2001::/32", "", "[2001:0:a9fe:a9fe::f7f7:f7f7]:80", false},        // server is metadata.
		{"2001::/32,127.0.0.1", "", "[2001:0:808:808::80ff:fffe]:80", true}, //
		{"nat.internal", "nat.internal", "[64:ff9b::a00:1]:80", true},       //
		{"::1", "", "[::1]:80", true},                                       // not the IPv4 address 0.0.0.1.
		{"2001:db8::1", "", "[2001:db8::1]:80", true},                       //
		{"10.0.0.0/8", "", "no-address:80", false},                          //
	}
	for _, tt := range tests {
		g := guard(t, strings.Split(tt.allow, ",")...)
		ctx := WithHost(context.Background(), tt.host)
		if err := g.Control(ctx, "tcp6", tt.address, nil); (err == nil) != tt.want {
			t.Errorf("allow %s, host %q, %s: %v", tt.allow, tt.host, tt.address, err)
		}
	}
	if err := (&Guard{}).Control(context.Background(), "udp", "8.8.8.8:53", nil); err == nil {
		t.Error("UDP was let through")
	}
}

func TestNew_refuses(t *testing.T) {
	for _, entry := range []string{
		"10.0.0.0/33", "10.0.0/8", "http://x.internal", "x.internal/path", "x.internal:0", "x.internal:65536", "x.internal:http",
		"10.0.0.1:0", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "-x.internal", "a..b", "*", "*.", "*.10.0.0.1", "a b",
		"x*.internal", "169.254.169.254", "169.254.0.0/16", "fe80::/10", "fe80::1%eth0", "ff02::1", "0.0.0.0", "::", "255.255.255.255",
	} {
		g, err := New([]string{"10.0.0.0/8", entry})
		var coded *Error
		if err == nil || !errors.As(err, &coded) || coded.Code() != CodeInvalid || g != nil {
			t.Errorf("New(%q) = %v, %v", entry, g, err)
		}
	}
}

func TestGuard_CheckURL_accepts(t *testing.T) {
	g := guard(t, "10.9.0.0/16", "127.0.0.1:9000")
	for _, raw := range []string{
		"http://example.com", "https://example.com/", "HTTPS://Example.COM:8443/a?b=c&d=%20", "http://example.com.:80/",
		"http://bücher.example/", "http://xn--bcher-kva.example/", "http://my_service:8080/", "http://localhost/", "http://a",
		"http://1and1.example/", "http://0x.example/", "http://8.8.8.8/", "http://[2606:4700::1111]:443/",
		"http://10.9.1.1/", "http://127.0.0.1:9000/", "http://example.com:65535/", "http://example.com/ü?q=ü",
	} {
		if err := g.CheckURL(raw); err != nil {
			t.Errorf("CheckURL(%q) = %v", raw, err)
		}
	}
}

func TestGuard_CheckURL_refuses(t *testing.T) {
	g := guard(t, "10.9.0.0/16", "127.0.0.1:9000")
	tests := []struct{ code, raw string }{
		{CodeInvalid, ""},
		{CodeInvalid, "example.com"},
		{CodeInvalid, "/path"},
		{CodeInvalid, "//example.com/"},
		{CodeInvalid, "ftp://example.com/"},
		{CodeInvalid, "file:///etc/passwd"},
		{CodeInvalid, "javascript:alert(1)"},
		{CodeInvalid, "gopher://127.0.0.1:6379/_"},
		{CodeInvalid, "http:example.com"},
		{CodeInvalid, "http://"},
		{CodeInvalid, "http:///path"},
		{CodeInvalid, "http://:80/"},
		{CodeInvalid, "http://user:pass@example.com/"},
		{CodeInvalid, "http://user@example.com/"},
		{CodeInvalid, "http://@example.com/"},
		{CodeInvalid, "http://example.com\\@127.0.0.1/"},
		{CodeInvalid, "http://example.com/#part"},
		{CodeInvalid, "http://example.com/#"},
		{CodeInvalid, "http://example.com#@127.0.0.1/"},
		{CodeInvalid, "http://example.com:/"},
		{CodeInvalid, "http://example.com:0/"},
		{CodeInvalid, "http://example.com:65536/"},
		{CodeInvalid, "http://example.com:-1/"},
		{CodeInvalid, "http://example.com:+80/"},
		{CodeInvalid, "http://example.com:http/"},
		{CodeInvalid, "http://exa mple.com/"},
		{CodeInvalid, "http://example.com/a b"},
		{CodeInvalid, " http://example.com/"},
		{CodeInvalid, "http://example.com/\r\nX: y"},
		{CodeInvalid, "http://example.com/\x00"},
		{CodeInvalid, "http://example.com/\u202e"},
		{CodeInvalid, "http://example.com/\u00a0"},
		{CodeInvalid, "http://example.com/\xff"},
		{CodeInvalid, "http://example.com/%zz"},
		{CodeInvalid, "http://{{ doc.host }}/"},
		{CodeInvalid, "http://-a.example/"},
		{CodeInvalid, "http://a..example/"},
		{CodeInvalid, "http://example.com../"},
		{CodeInvalid, "http://" + strings.Repeat("a", 64) + ".example/"},
		{CodeInvalid, "http://" + strings.Repeat("a.", 130) + "example/"},
		{CodeInvalid, "http://example.com/" + strings.Repeat("a", maxURLBytes)},
		{CodeInvalid, "http://127.1/"},
		{CodeInvalid, "http://0x7f000001/"},
		{CodeInvalid, "http://0x7f.1/"},
		{CodeInvalid, "http://2130706433/"},
		{CodeInvalid, "http://0177.0.0.1/"},
		{CodeInvalid, "http://127.0.0.1./"},
		{CodeInvalid, "http://127.0.0.0x1/"},
		{CodeInvalid, "http://1.2.3.4.5/"},
		{CodeInvalid, "http://256.1.1.1/"},
		{CodeInvalid, "http://[::1%25lo]/"},
		{CodeInvalid, "http://[127.0.0.1]/"},
		{CodeInvalid, "http://[::1/"},
		{CodeInvalid, "http://::1/"},
		{CodeRefused, "http://１２７.０.０.１/"},
		{CodeRefused, "http://127。0。0。1/"},
		{CodeRefused, "http://127.0.0.1/"},
		{CodeRefused, "http://127.0.0.1:9001/"},
		{CodeRefused, "https://10.8.0.1/"},
		{CodeRefused, "http://[::1]:80/"},
		{CodeRefused, "http://[::ffff:127.0.0.1]/"},
		{CodeRefused, "http://169.254.169.254/latest/meta-data/"},
		{CodeRefused, "http://0.0.0.0/"},
		{CodeRefused, "http://[fd00:ec2::254]/"},
		{CodeRefused, "http://255.255.255.255/"},
	}
	for _, tt := range tests {
		err := g.CheckURL(tt.raw)
		var coded *Error
		if !errors.As(err, &coded) || coded.Code() != tt.code {
			t.Errorf("CheckURL(%q) = %v, want code %s", tt.raw, err, tt.code)
		}
	}
}

// Whatever CheckURL lets through keeps its host when net/http reads it, and holds no way to smuggle another.
func FuzzGuard_CheckURL(f *testing.F) {
	for _, s := range []string{"http://example.com:80/a?b", "https://[::1]/", "http://１２７.1/", "http://a%2eb/", "http://a\\b", "http://a:b@c/"} {
		f.Add(s)
	}
	g := &Guard{}
	f.Fuzz(func(t *testing.T, raw string) {
		if g.CheckURL(raw) != nil {
			return
		}
		target, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(target.URL.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", raw, target.URL, err)
		}
		if again.Host != target.Host || again.Port != target.Port || !isASCII(target.Host) {
			t.Fatalf("%q: host %s:%d became %s:%d", raw, target.Host, target.Port, again.Host, again.Port)
		}
	})
}
