package sender

import (
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dochook/fixtures/zoo"
)

// TestZoo_names is rows 15, 16 and 29–31: names that do not resolve, resolve to what must not be dialled, or change their mind.
func TestZoo_names(t *testing.T) {
	base := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		e := serve(t, zoo.Answer(noContent))
		_, port, _ := net.SplitHostPort(e.Address())
		var turn atomic.Int32
		resolver := nameServer(t, func(name string) [][4]byte {
			name = strings.ToLower(name)
			switch {
			case strings.HasPrefix(name, "silent."):
				return nil
			case strings.HasPrefix(name, "loop."), strings.HasPrefix(name, "open."):
				return [][4]byte{{127, 0, 0, 1}}
			case strings.HasPrefix(name, "meta."):
				return [][4]byte{{169, 254, 169, 254}}
			case strings.HasPrefix(name, "both."): // a private address first, then one that is allowed.
				return [][4]byte{{10, 0, 0, 1}, {127, 0, 0, 1}}
			case strings.HasPrefix(name, "rebind."):
				if turn.Add(1) <= 2 { // the questions for A and AAAA of the first look-up.
					return [][4]byte{{127, 0, 0, 1}}
				}
				return [][4]byte{{127, 0, 0, 2}}
			}
			return [][4]byte{}
		})
		send := func(url string, timeout time.Duration, allow ...string) Attempt {
			r := post(url, "{}")
			if timeout > 0 {
				r.Timeout = timeout
			}
			return local(t, ClientOptions{Resolver: resolver, Guard: allowing(t, allow...)}).Send(t.Context(), r)
		}
		at := func(host string) string { return "http://" + host + ":" + port + "/in" }
		tests := []struct {
			name    string
			attempt Attempt
			reason  Reason
			limit   string
			text    string
		}{
			{"15 unknown name", send(at("nowhere.test"), 0), ReasonDNS, "", "nowhere.test: no such host"},
			{"15 silent name server", send(at("silent.test"), soon), ReasonTimeout, LimitDNS, "host name"},
			{"resolves to the loopback", send(at("loop.test"), 0), ReasonBlocked, "", "127.0.0.1 is refused: loopback"},
			{"allowed by name", send(at("Open.test."), 0, "open.test"), ReasonDelivered, "", ""},
			{"another name is allowed", send(at("loop.test"), 0, "open.test"), ReasonBlocked, "", ""},
			{"allowed by address", send(at("loop.test"), 0, "127.0.0.1"), ReasonDelivered, "", ""},
			{"metadata is never allowed", send(at("meta.test"), 0, "meta.test", "0.0.0.0/0"), ReasonBlocked, "", "169.254.169.254"},
			{"one of two addresses is allowed", send(at("both.test"), 0, "127.0.0.1"), ReasonDelivered, "", ""},
			{"29 rebinding, first look-up", send(at("rebind.test"), 0, "127.0.0.1"), ReasonDelivered, "", ""},
			{"29 rebinding, second look-up", send(at("rebind.test"), 0, "127.0.0.1"), ReasonBlocked, "", "127.0.0.2"},
			{"30 literal", send(at("127.0.0.1"), 0), ReasonBlocked, "", "loopback"},
			{"30 mapped", send(at("[::ffff:127.0.0.1]"), 0), ReasonBlocked, "", "127.0.0.1 is refused: loopback"},
			{"30 zone", send(at("[::1%25lo]"), 0), ReasonInvalidURL, "", "zone"},
			{"31 short form", send(at("127.1"), 0, "127.0.0.1"), ReasonInvalidURL, "", "four decimal"},
			{"31 hexadecimal", send(at("0x7f000001"), 0, "127.0.0.1"), ReasonInvalidURL, "", ""},
			{"31 one number", send(at("2130706433"), 0, "127.0.0.1"), ReasonInvalidURL, "", ""},
			{"31 octal", send(at("0177.0.0.1"), 0, "127.0.0.1"), ReasonInvalidURL, "", ""},
		}
		delivered := 0
		for _, tt := range tests {
			a := tt.attempt
			if a.Reason != tt.reason || a.Limit != tt.limit || !strings.Contains(a.Error, tt.text) {
				t.Errorf("%s: %+v", tt.name, a)
			}
			if a.Class() == Delivered {
				delivered++
				if a.DNS <= 0 && !strings.Contains(tt.name, "literal") {
					t.Errorf("%s: look-up took %v", tt.name, a.DNS)
				}
			}
		}
		if n := e.Requests(); n != delivered {
			t.Errorf("%d requests arrived for %d delivered", n, delivered)
		}
	})
	goroutinesBack(t, base)
}

// TestZoo_connect is row 16.
func TestZoo_connect(t *testing.T) {
	e := serve(t, zoo.Answer(noContent))
	e.Close()
	c := local(t, ClientOptions{Guard: allowing(t, "127.0.0.0/8", "::1", "2001:db8::/32")})
	a := c.Send(t.Context(), post("http://"+e.Address(), "{}"))
	if a.Reason != ReasonRefused || a.Address != e.Address() || a.Class() != Retry || !strings.Contains(a.Error, a.Address) {
		t.Errorf("refused: %+v", a)
	}
	// A documentation address: unreachable where there is no IPv6, silent where there is.
	r := post("http://[2001:db8::1]:9/", "{}")
	r.Timeout = soon
	a = c.Send(t.Context(), r)
	if a.Reason != ReasonUnreachable && (a.Reason != ReasonTimeout || a.Limit != LimitConnect) {
		t.Errorf("unreachable: %+v", a)
	}
}
