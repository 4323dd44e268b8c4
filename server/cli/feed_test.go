package cli_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// TestServe_ends_streams: who follows the log does not keep a service from
// stopping.
func TestServe_ends_streams(t *testing.T) {
	p := start(t, t.TempDir(), tokenEnv(), anyPort)
	insert(t, client(t, p.url), "DocType", `{"name":"Product","autoname":"field:sku"}`, "Product", `{"sku":"A"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/events?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "token "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.errs)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the last event comes %q", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream does not end, it breaks off: %v", err)
	}
}
