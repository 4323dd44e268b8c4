package sender

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"dochook/fixtures/zoo"
)

// beast is an endpoint of the zoo, the rule for it and what must be said of it.
type beast struct {
	row  int // in the list of bad endpoints, which begins with silence and ends with text no database takes.
	rule string
	name string // in the zoo.

	timeout time.Duration // short only where it is what must fire.
	body    string        // "{}" if empty.
	sends   int           // how many requests; the last one is judged. 0 is one.
	arrives int           // how many of them reach the end of the request; 0 is all, -1 none, anyNumber whatever.

	status int
	reason Reason
	class  Class
	limit  string
	phase  string
	text   string // part of Error or BodyNote.
	check  func(*testing.T, Attempt)
}

const (
	soon      = 150 * time.Millisecond
	anyNumber = -2
	// maxGrowth is what the heap may have grown by when the whole zoo has been visited.
	maxGrowth = 8 << 20
)

// beasts is the table.
func beasts() []beast {
	return slices.Concat(slow(), endless(), broken(), garbled(), statuses(), redirects(), retryAfters(), secure(), unreadable())
}

// elsewhere says who keeps the rules that have no endpoint in the table.
var elsewhere = map[int]string{
	15: "TestZoo_names", 16: "TestZoo_connect", 29: "TestZoo_names", 30: "TestZoo_names, TestGuard_prefixes", 31: "TestZoo_names, TestGuard_CheckURL_texts",
	32: "TestGuard_prefixes", 33: "TestGuard_prefixes", 34: "TestGuard_prefixes", 35: "TestSend_knows_no_proxy", 36: "TestGuard_CheckURL_refuses",
	40: "the engine: the loop guard", 41: "hooks/outbound: the timestamp of each attempt", 42: "TestEngine_a_thousand_endpoints_dead_at_once",
	43: "the engine: the breaker",
}

// visitors are the endpoints that only the engine can make sense of.
var visitors = []string{"dead", "flapping", "recovers", "crowded"}

// TestZoo sends to every bad endpoint we know of. Nothing may hang, be repeated, be followed, or leave anything behind.
func TestZoo(t *testing.T) {
	base, heap := runtime.NumGoroutine(), heapInUse()
	z := zoo.New()
	var mu sync.Mutex
	endpoints := map[string]*zoo.Endpoint{}
	t.Run("all", func(t *testing.T) {
		for _, b := range beasts() {
			t.Run(fmt.Sprintf("%02d %s: %s", b.row, b.name, b.rule), func(t *testing.T) {
				t.Parallel()
				e := b.meet(t, z)
				mu.Lock()
				defer mu.Unlock()
				endpoints[t.Name()] = e
			})
		}
	})
	// The endpoints still run: a connection they know of is one that a Client left open.
	for name, e := range endpoints {
		if strings.Contains(name, "slow-reader") { // it would not notice.
			continue
		}
		eventually(t, func() string {
			if n := e.Open(); n > 0 {
				return fmt.Sprintf("%s: %d connections are open", name, n)
			}
			return ""
		})
	}
	z.Close()
	goroutinesBack(t, base)
	if grown := heapInUse() - heap; grown > maxGrowth {
		t.Errorf("the heap has grown by %d bytes, more than %d", grown, maxGrowth)
	}
}

// TestZoo_is_whole fails for a row nobody tests and for an endpoint nobody visits.
func TestZoo_is_whole(t *testing.T) {
	rows, names := maps.Clone(elsewhere), map[string]bool{}
	for _, b := range beasts() {
		rows[b.row] = b.name
		names[b.name] = true
		if b.rule == "" {
			t.Errorf("row %d, %s: no rule", b.row, b.name)
		}
	}
	for row := 1; row <= 44; row++ {
		if rows[row] == "" {
			t.Errorf("row %d is not tested", row)
		}
	}
	for _, name := range zoo.Names() {
		if !names[name] && !slices.Contains(visitors, name) {
			t.Errorf("nobody visits %s", name)
		}
	}
}

func (b beast) meet(t *testing.T, z *zoo.Zoo) *zoo.Endpoint {
	t.Helper()
	e, err := z.Endpoint(t.Context(), b.name)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := z.Authority()
	if err != nil {
		t.Fatal(err)
	}
	c := local(t, ClientOptions{RootCAs: authority.Pool()})
	r := post(e.URL(), "{}")
	if b.body != "" {
		r.Body = []byte(b.body)
	}
	if b.timeout > 0 {
		r.Timeout = b.timeout
	}
	var a Attempt
	sends := max(b.sends, 1)
	for range sends {
		a = c.Send(t.Context(), r)
	}
	b.judge(t, a)
	if a.Duration <= 0 || a.At.IsZero() || a.Address != e.Address() && a.Reason != ReasonTimeout {
		t.Errorf("duration %v, at %v, address %q", a.Duration, a.At, a.Address)
	}
	want := map[int]int{0: sends, -1: 0}[b.arrives]
	if n := e.Requests(); n != want && b.arrives != anyNumber {
		t.Errorf("%d requests arrived of %d sent", n, sends)
	}
	return e
}

func (b beast) judge(t *testing.T, a Attempt) {
	t.Helper()
	phase := a.Phase == b.phase || b.phase == anyPhase ||
		a.Phase == PhaseWrite && b.phase == PhaseHeaders && a.FirstByte == 0 && a.Reason == ReasonReset // the end may come before the news that all was written.
	if a.Status != b.status || a.Reason != b.reason || a.Class() != b.class || a.Limit != b.limit || !phase {
		t.Errorf("got status %d, reason %q, class %v, limit %q, phase %q\nwant     %d, %q, %v, %q, %q\n%+v",
			a.Status, a.Reason, a.Class(), a.Limit, a.Phase, b.status, b.reason, b.class, b.limit, b.phase, a)
	}
	if (a.Error == "") != (b.reason == ReasonDelivered) {
		t.Errorf("error text %q", a.Error)
	}
	if said := a.Error + "|" + a.BodyNote; !strings.Contains(said, b.text) {
		t.Errorf("%q does not say %q", said, b.text)
	}
	printable(t, a)
	if b.check != nil {
		b.check(t, a)
	}
}

// printable checks what ends up in a database and on a page.
func printable(t *testing.T, a Attempt) {
	t.Helper()
	if len(a.Error) > maxErrorBytes || !isText([]byte(a.Error)) || strings.ContainsAny(a.Error, "\r\n\t") {
		t.Errorf("error text %q", a.Error)
	}
	if len(a.ResponseBody) > maxBodyKept || !isText(a.ResponseBody) {
		t.Errorf("a body of %d bytes was kept, text: %v", len(a.ResponseBody), isText(a.ResponseBody))
	}
	if a.BytesRead > maxBodyRead+1 {
		t.Errorf("%d bytes of body were read", a.BytesRead)
	}
	size, count := 0, 0
	for name, values := range a.ResponseHeader {
		count += len(values)
		for _, v := range values {
			size += len(name) + len(v)
			if !utf8.ValidString(v) || !isText([]byte(v)) {
				t.Errorf("header %s: %q", name, v)
			}
		}
	}
	if size > maxHeadersKept || count > maxHeaderCount {
		t.Errorf("%d headers of %d bytes were kept", count, size)
	}
}

// TestSend_knows_no_proxy is row 35: the name must not be resolved by a proxy, whose addresses the Guard would not see.
func TestSend_knows_no_proxy(t *testing.T) {
	proxy, e := serve(t, zoo.Answer(noContent)), serve(t, zoo.Answer(noContent))
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://"+proxy.Address())
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	resolver := nameServer(t, func(string) [][4]byte { return [][4]byte{{127, 0, 0, 1}} })
	// The loopback is never proxied, so the target needs a name.
	a := local(t, ClientOptions{Resolver: resolver}).Send(t.Context(), post(strings.Replace(e.URL(), "127.0.0.1", "target.test", 1), "{}"))
	if a.Class() != Delivered || proxy.Connections() != 0 || e.Requests() != 1 {
		t.Errorf("%d connections to the proxy, %d requests at the target: %+v", proxy.Connections(), e.Requests(), a)
	}
}

// A client whose certificate is asked for shows it, whatever the version; one that has none, or another's, is told.
func TestSend_client_certificate(t *testing.T) {
	z := keeper(t)
	authority, err := z.Authority()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	own, err := authority.Leaf(now.Add(-time.Hour), now.Add(time.Hour), "client.example")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := zoo.SelfSigned("client.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls-client-certificate", "tls12-client-certificate"} {
		e, err := z.Endpoint(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		options := ClientOptions{RootCAs: authority.Pool(), Certificate: &own}
		if a := local(t, options).Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered {
			t.Errorf("%s, with the right one: %+v", name, a)
		}
		options.Certificate = &foreign
		a := local(t, options).Send(t.Context(), post(e.URL(), "{}"))
		// The alert may be lost when the endpoint closes the connection under the request.
		if a.Reason != ReasonTLSClient && a.Reason != ReasonReset || a.Class() != Retry {
			t.Errorf("%s, with another one: %+v", name, a)
		}
	}
	// One that is not asked for is not shown, and does no harm.
	e, err := z.Endpoint(t.Context(), "tls")
	if err != nil {
		t.Fatal(err)
	}
	options := ClientOptions{RootCAs: authority.Pool(), Certificate: &foreign}
	if a := local(t, options).Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered {
		t.Errorf("not asked for: %+v", a)
	}
}

// RootCAs stand alone, and nothing of one Client is known to another.
func TestSend_authorities(t *testing.T) {
	z := keeper(t)
	authority, err := z.Authority()
	if err != nil {
		t.Fatal(err)
	}
	e, err := z.Endpoint(t.Context(), "tls")
	if err != nil {
		t.Fatal(err)
	}
	if a := local(t, ClientOptions{RootCAs: authority.Pool()}).Send(t.Context(), post(e.URL(), "{}")); a.Class() != Delivered {
		t.Errorf("with the authority: %+v", a)
	}
	if a := local(t, ClientOptions{}).Send(t.Context(), post(e.URL(), "{}")); a.Reason != ReasonTLSAuthority || a.CertificateExpiry.IsZero() {
		t.Errorf("with the system's: %+v", a)
	}
}

// An endpoint may change its mind under a Client that keeps its connections.
func TestSend_outage_and_recovery(t *testing.T) {
	e, err := keeper(t).Endpoint(t.Context(), "no-content")
	if err != nil {
		t.Fatal(err)
	}
	c := local(t, ClientOptions{})
	for _, step := range []struct {
		name   string
		reason Reason
	}{{"503", ReasonStatus}, {"reset-after-read", ReasonReset}, {"garbage", ReasonProtocol}, {"no-content", ReasonDelivered}} {
		if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Status == 0 && step.name == "503" {
			t.Fatalf("before: %+v", a)
		}
		if err := e.Become(step.name); err != nil {
			t.Fatal(err)
		}
		// The connection it had is closed by now; the Client may learn that from the request it writes to it.
		eventually(t, func() string {
			if a := c.Send(t.Context(), post(e.URL(), "{}")); a.Reason != step.reason {
				return fmt.Sprintf("%s: %+v", step.name, a)
			}
			return ""
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first one only empties the pools' first half.
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // a heap fits
}

// eventually asks again and again until nothing is wrong any more.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for text := wrong(); text != ""; text = wrong() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(text)
		}
	}
}

// goroutinesBack waits until no more goroutines run than before.
func goroutinesBack(t *testing.T, base int) {
	t.Helper()
	eventually(t, func() string {
		n := runtime.NumGoroutine()
		if n <= base {
			return ""
		}
		buf := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines, %d before\n%s", n, base, buf[:runtime.Stack(buf, true)])
	})
}

func headerIs(name, want string) func(*testing.T, Attempt) {
	return func(t *testing.T, a Attempt) {
		t.Helper()
		if got := a.ResponseHeader.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func bodyIs(want string) func(*testing.T, Attempt) {
	return func(t *testing.T, a Attempt) {
		t.Helper()
		if string(a.ResponseBody) != want {
			t.Errorf("body %q, want %q", a.ResponseBody, want)
		}
	}
}
