package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"dochook/doctype/query"
	"dochook/fixtures/peer"
	"dochook/hooks/ledger"
	"dochook/migrations/dbtest"
)

const (
	killDocuments = 2000
	killVersions  = 10 // of each document: 20,000 deliveries
	killLimit     = 2 * time.Minute
)

// witness is a receiver that writes down what arrived first, and finds fault.
type witness struct {
	mu         sync.Mutex
	bodies     map[string][32]byte // Webhook-Id → body
	versions   map[string]int      // document → version that arrived last
	duplicates int
	faults     []string
	reached    chan struct{} // closed when next have arrived
	next       int
}

func newWitness() *witness {
	return &witness{bodies: map[string][32]byte{}, versions: map[string]int{}, reached: make(chan struct{})}
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed: it did not arrive
	}
	w.take(r.Header.Get("Webhook-Id"), body)
	out.WriteHeader(http.StatusNoContent)
}

func (w *witness) take(id string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := sha256.Sum256(body)
	if before, again := w.bodies[id]; again {
		w.duplicates++
		if before != sum {
			w.fault("%s came with another body", id)
		}
		return
	}
	w.bodies[id] = sum
	var doc struct {
		ID string
		V  int
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		w.fault("%s: %v", id, err)
		return
	}
	if last := w.versions[doc.ID]; doc.V != last+1 {
		w.fault("%s: version %d came after version %d", doc.ID, doc.V, last)
	}
	w.versions[doc.ID] = doc.V
	if w.next > 0 && len(w.bodies) >= w.next {
		close(w.reached)
		w.next = 0
	}
}

func (w *witness) fault(format string, args ...any) {
	if len(w.faults) < 20 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

// wait returns when n different deliveries have arrived.
func (w *witness) wait(t *testing.T, n int, late <-chan time.Time) {
	t.Helper()
	w.mu.Lock()
	have := len(w.bodies)
	if have < n {
		w.next, w.reached = n, make(chan struct{})
	}
	reached := w.reached
	w.mu.Unlock()
	if have >= n {
		return
	}
	select {
	case <-reached:
	case <-late:
		w.mu.Lock()
		defer w.mu.Unlock()
		t.Fatalf("%d of %d deliveries arrived in time; %v", len(w.bodies), n, w.faults)
	}
}

// freePort is a port that is free now, for a service that has to come back on it.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // only looked up
	return l.Addr().String()
}

// TestKill kills the service without warning in the middle of 20,000 deliveries,
// several times: none is lost, each document's versions arrive in order, and
// what arrives twice has the same id and the same body.
func TestKill(t *testing.T) {
	for dialect, kills := range map[string][]int{
		dbtest.SQLite:   {1500, 4000, 7000, 11000, 16000},
		dbtest.Postgres: {4000, 12000}, // each time the dead process's leases have to run out
	} {
		t.Run(dialect, func(t *testing.T) { killing(t, dbtest.URL(t, dialect), kills) })
	}
}

func killing(t *testing.T, database string, kills []int) {
	t.Helper()
	w := newWitness()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // ends with Close
	defer func() { _ = s.Close() }()

	dir := t.TempDir()
	args := []string{"--listen=" + freePort(t), loopback, "--database", database, "--log-level=warn"}
	p := start(t, dir, tokenEnv(), args...)
	c := client(t, p.url)
	insert(t, c, "DocType", `{"name":"Product","autoname":"field:sku"}`,
		"Webhook", `{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_change","timeout":2,"retry":{"schedule":[0.1]},"request_url":"http://`+l.Addr().String()+`/in",
			"webhook_data":[{"fieldname":"sku","key":"id"},{"fieldname":"v","key":"v"}]}`)
	late := time.After(killLimit)
	fed := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { fed <- feed(ctx, c) }()
	for _, n := range kills {
		w.wait(t, n, late)
		p.kill()
		p = start(t, dir, tokenEnv(), args...)
	}
	w.wait(t, killDocuments*killVersions, late)
	if err := <-fed; err != nil {
		t.Error(err)
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.errs)
	}
	w.verdict(t, len(kills))
	checkLedger(t, database)
}

// feed writes all versions of all documents, a page per version, and again
// whatever the service was killed over: what was committed is then unchanged.
func feed(ctx context.Context, c *peer.Client) error {
	for v := 1; v <= killVersions; v++ {
		var page bytes.Buffer
		for d := range killDocuments {
			fmt.Fprintf(&page, `{"sku":"D%04d","v":%d,"text":"some text that is not sent"}`+"\n", d, v)
		}
		for {
			answer, err := c.Ingest(ctx, "Product", url.Values{}, "application/x-ndjson", bytes.NewReader(page.Bytes()))
			if err == nil && answer.Received == killDocuments && answer.Rejected == 0 {
				break
			}
			if err == nil {
				return fmt.Errorf("version %d: %+v", v, answer)
			}
			select {
			case <-time.After(50 * time.Millisecond): // it is coming up again
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (w *witness) verdict(t *testing.T, kills int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		t.Error(f)
	}
	for d := range killDocuments {
		if name := fmt.Sprintf("D%04d", d); w.versions[name] != killVersions {
			t.Errorf("%s ends at version %d", name, w.versions[name])
		}
	}
	if len(w.bodies) != killDocuments*killVersions {
		t.Errorf("%d different deliveries arrived", len(w.bodies))
	}
	t.Logf("%d kills, %d of %d came twice", kills, w.duplicates, len(w.bodies))
}

// checkLedger: everything is recorded as delivered, and nothing waits.
func checkLedger(t *testing.T, url string) {
	t.Helper()
	store := ledger.New(dbtest.Open(t, url))
	n, err := store.Count(t.Context(), query.Query{Filters: []query.Filter{query.NewFilter("status", query.Equal, ledger.Delivered)}})
	if err != nil || n != killDocuments*killVersions {
		t.Errorf("%d deliveries are recorded as delivered (%v)", n, err)
	}
	lags, err := store.Lags(t.Context())
	if err != nil || len(lags) != 1 || lags[0].Events != 0 || lags[0].Retries != 0 {
		t.Errorf("what is left: %+v, %v", lags, err)
	}
}
