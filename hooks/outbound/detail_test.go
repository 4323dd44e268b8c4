package outbound_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dochook/fixtures/zoo"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const agent = "dochook/test"

// target returns a Target that may call the loopback, and the zoo its endpoints live in.
func target(t *testing.T) (*outbound.Target, *zoo.Zoo) {
	t.Helper()
	guard, err := sender.NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	w := hooks.Default()
	w.Name, w.WebhookDocType, w.WebhookDocEvent, w.RequestURL, w.Timeout = "w", "Product", "on_insert", "http://127.0.0.1:9/", 5
	c, err := hooks.Compile(w, guard)
	if err != nil {
		t.Fatal(err)
	}
	z := zoo.New()
	authority, err := z.Authority()
	if err != nil {
		t.Fatal(err)
	}
	tg := outbound.New(c, sender.NewClient(sender.ClientOptions{Guard: guard, RootCAs: authority.Pool()}), agent, batch.Sources{})
	t.Cleanup(z.Close)
	t.Cleanup(tg.Close)
	return tg, z
}

func endpoint(t *testing.T, z *zoo.Zoo, name string) *zoo.Endpoint {
	t.Helper()
	e, err := z.Endpoint(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func request(url string) *hooks.Request {
	return &hooks.Request{Method: "POST", URL: url, Body: []byte(`{"a":1}`), Header: http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer hidden"}, "X-Api-Key": {"hidden"}, "X-Plain": {"shown"},
	}}
}

func TestDetail_of_a_failure_tells_what_was_sent(t *testing.T) {
	tg, z := target(t)
	e := endpoint(t, z, "500")
	r := request(e.URL() + "?page=2&token=hidden")
	a := tg.Send(t.Context(), "msg_1", r)
	d := outbound.Detail(&a, r)
	sum := sha256.Sum256(r.Body)
	if d.Method != "POST" || d.URL != e.URL()+"?page=2&token=***" || d.Bytes != 7 || d.BodySHA256 != hex.EncodeToString(sum[:]) || d.Address != e.Address() {
		t.Errorf("%+v", d)
	}
	sent := d.RequestHeaders
	if at, err := strconv.ParseInt(strings.Join(sent["Webhook-Timestamp"], ""), 10, 64); err != nil || time.Since(time.Unix(at, 0)) > time.Minute {
		t.Errorf("Webhook-Timestamp %q: %v", sent["Webhook-Timestamp"], err)
	}
	delete(sent, "Webhook-Timestamp")
	want := map[string][]string{
		"Authorization": {"***"}, "Content-Type": {"application/json"}, "User-Agent": {agent}, "Webhook-Id": {"msg_1"},
		"X-Api-Key": {"***"}, "X-Plain": {"shown"},
	}
	if !reflect.DeepEqual(sent, want) {
		t.Errorf("headers %v, want %v", sent, want)
	}
	if text, err := json.Marshal(d); err != nil || strings.Contains(string(text), "hidden") {
		t.Errorf("%s, %v", text, err)
	}
}

// There is one for each delivery, so it is short, above all where the connection was there before.
func TestDetail_of_a_delivery_is_short(t *testing.T) {
	tg, z := target(t)
	for name, limit := range map[string]int{"no-content": 200, "tls": 230} {
		e := endpoint(t, z, name)
		var a sender.Attempt
		r := request(e.URL())
		for i := range 2 {
			a = tg.Send(t.Context(), "msg_1", r)
			if d := outbound.Detail(&a, r); (d.CertificateEnds != "") != (name == "tls" && i == 0) {
				t.Errorf("%s, request %d: the certificate ends %q", name, i, d.CertificateEnds)
			}
		}
		text, err := json.Marshal(outbound.Detail(&a, r))
		if err != nil || len(text) > limit || !a.Reused || a.Class() != sender.Delivered {
			t.Errorf("%s: %d bytes, %v: %s", name, len(text), err, text)
		}
	}
}

func TestDetail_of_what_went_wrong(t *testing.T) {
	tg, z := target(t)
	now := time.Now()
	for name, check := range map[string]func(ledger.Detail) bool{
		"tls-expired": func(d ledger.Detail) bool {
			ends, err := time.Parse(time.RFC3339, d.CertificateEnds)
			return err == nil && ends.Before(now) && d.Phase == "tls" && d.TLSUS > 0 && d.ConnectUS > 0
		},
		"garbage":      func(d ledger.Detail) bool { return d.Phase == "headers" && d.FirstByteUS > 0 && d.BytesRead == 0 },
		"header-flood": func(d ledger.Detail) bool { return d.Limit == "header_bytes" },
		"endless-body": func(d ledger.Detail) bool { return d.Limit == "body_bytes" && d.BytesRead == 64<<10+1 && d.Phase == "" },
		"headers-many": func(d ledger.Detail) bool { return len(d.Headers["X-A"]) > 10 && len(d.Headers["X-A"]) <= 64 },
	} {
		r := request(endpoint(t, z, name).URL())
		a := tg.Send(t.Context(), "msg_1", r)
		if d := outbound.Detail(&a, r); !check(d) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	r := request("http://user:hidden@127.0.0.1:9/?token=hidden")
	a := tg.Send(t.Context(), "msg_1", r)
	if d := outbound.Detail(&a, r); a.Reason != sender.ReasonInvalidURL || d.URL != "127.0.0.1:9" || strings.Contains(d.Error, "hidden") {
		t.Errorf("a URL that cannot be called: %+v", d)
	}
}

// Row 44 of the bad endpoints: whatever comes can be stored, and comes back as it was.
func TestDetail_is_stored_whatever_was_answered(t *testing.T) {
	tg, z := target(t)
	names := []string{
		"nul-body", "latin1-body", "surrogate-body", "noncharacter", "escaped-nul", "not-ascii", "garbage", "nul-header", "headers-wide", "gzip-bomb", "h2-goaway",
	}
	var deliveries []ledger.Delivery
	for i, name := range names {
		r := request(endpoint(t, z, name).URL())
		a := tg.Send(t.Context(), "msg_1", r)
		pos := int64(i + 1)
		deliveries = append(deliveries, ledger.Delivery{
			Key: ledger.Key{Pos: pos}, ID: ledger.ID("X", pos), Name: name, Status: ledger.Dead, Attempts: 2, CreatedAt: 100, FinishedAt: 200,
			HTTPStatus: a.Status, Reason: string(a.Reason), Detail: outbound.Detail(&a, r),
		})
	}
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		ctx := t.Context()
		s := ledger.New(db)
		if err := s.OpenNow(ctx, "webhook:w"); err != nil {
			t.Fatal(err)
		}
		lease, ok, err := s.Claim(ctx, "webhook:w", "a", time.Minute)
		if err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		b := ledger.Batch{Pos: int64(len(names)), Deliveries: deliveries}
		for i := range deliveries {
			b.Attempts = append(b.Attempts, ledger.Attempt{Delivery: deliveries[i].ID, N: 1, At: 100, Reason: deliveries[i].Reason, Detail: deliveries[i].Detail})
		}
		if err := s.Flush(ctx, lease, b); err != nil {
			t.Fatal(err)
		}
		for i := range deliveries {
			l, attempts, err := s.Get(ctx, deliveries[i].ID)
			if err != nil || len(attempts) == 0 {
				t.Fatalf("%s: %d attempts, %v", deliveries[i].Name, len(attempts), err)
			}
			want, _ := json.Marshal(deliveries[i].Detail)
			for _, d := range []ledger.Detail{l.Detail, attempts[0].Detail} {
				if got, _ := json.Marshal(d); string(got) != string(want) {
					t.Errorf("%s:\ngot  %s\nwant %s", deliveries[i].Name, got, want)
				}
			}
		}
	})
}

func TestSend_traceparent(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tests := []struct{ given, own, want string }{
		{"", "", ""},
		{"", "own", "own"},
		{parent, "", parent},
		{parent, "own", parent},
		{"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "own", "own"},
		{"01" + parent[2:], "", ""},
		{parent + "\r\nX: y", "", ""},
		{parent + "-", "", ""},
		{"00-00000000000000000000000000000000-b7ad6b7169203331-01", "", ""},
		{"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "", ""},
		{"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", "", ""},
	}
	tg, z := target(t)
	e := endpoint(t, z, "no-content")
	var got atomic.Pointer[http.Header]
	e.OnRequest(func(r *http.Request) { got.Store(&r.Header) })
	for _, tt := range tests {
		r := request(e.URL())
		if tt.own != "" {
			r.Header.Set("Traceparent", tt.own)
		}
		if a := tg.Send(outbound.WithTraceparent(t.Context(), tt.given), "msg_1", r); a.Class() != sender.Delivered {
			t.Fatalf("%+v", a)
		}
		if values := got.Load().Values("Traceparent"); strings.Join(values, "|") != tt.want {
			t.Errorf("given %q, own %q: sent %q", tt.given, tt.own, values)
		}
		if r.Header.Get("Traceparent") != tt.own {
			t.Error("the request itself was changed")
		}
	}
}

// Row 41 of the bad endpoints: a receiver that checks the time sees that of the attempt, not of the event.
func TestSend_timestamp_is_of_the_attempt(t *testing.T) {
	tg, z := target(t)
	e := endpoint(t, z, "recovers")
	arrived := make(chan string, 4)
	e.OnRequest(func(r *http.Request) { arrived <- r.Header.Get("Webhook-Timestamp") + " " + r.Header.Get("Webhook-Id") })
	r := request(e.URL())
	for i := range 4 {
		before := time.Now().Unix()
		a := tg.Send(t.Context(), "msg_1", r)
		got := <-arrived
		stamp, id, _ := strings.Cut(got, " ")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil || at < before || at > time.Now().Unix() || id != "msg_1" {
			t.Errorf("attempt %d between %d and %d: %s", i, before, time.Now().Unix(), got)
		}
		if (a.Class() == sender.Delivered) != (i == 3) {
			t.Errorf("attempt %d: %+v", i, a)
		}
	}
}
