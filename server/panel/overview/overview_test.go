package overview_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dochook/fixtures/peer"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// seed makes a site with a webhook that works, one that is refused, one that is
// off, and a job that waits for a decision. Names are hostile where they may be.
func seed(t *testing.T, db *migrations.DB) *paneltest.Site {
	t.Helper()
	site, r := paneltest.New(t, db), paneltest.Receiver(t)
	dead := make([]peer.Answer, 10)
	for i := range dead {
		dead[i] = peer.Answer{Status: http.StatusBadRequest}
	}
	r.Script("/refuses", dead...)
	hook := func(name, path, more string) string {
		return fmt.Sprintf(`{"name":%q,"webhook_doctype":"Product","webhook_docevent":"on_change","request_url":%q%s}`, name, r.URL()+path, more)
	}
	site.Insert(
		t, "DocType", `{"name":"Product","autoname":"field:sku"}`, "DocType", `{"name":"Private","autoname":"field:sku"}`,
		"Webhook", hook("shop", "/works", ""), "Webhook", hook("refusing", "/refuses", `,"retry":{"attempts":1}`), "Webhook", hook("off", "/off", `,"enabled":0`),
		"Scraper", `{"name":"catalogue","feeds":"Product"}`, "Scraper", `{"name":"secret","feeds":"Private"}`,
	)
	hold(t, site, "catalogue", "Product")
	hold(t, site, "secret", "Private")
	site.Ingest(t, "Private", `{"sku":"p1"}`+"\n")
	site.Ingest(t, "Product", `{"sku":"a1"}`+"\n"+`{"sku":"a2"}`+"\n"+`{"sku":`+quoted(t, paneltest.Hostile)+`}`+"\n")
	if err := r.WaitFor(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	return site
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// hold makes a full job that misses nearly everything an earlier one brought.
func hold(t *testing.T, site *paneltest.Site, scraper, docType string) {
	t.Helper()
	api := site.API(t)
	for _, n := range []int{40, 1} {
		job, err := api.CreateJob(t.Context(), scraper, []byte(`{"mode":"full"}`))
		if err != nil {
			t.Fatal(err)
		}
		var page strings.Builder
		for i := range n {
			fmt.Fprintf(&page, `{"sku":"%s-%d"}`+"\n", scraper, i)
		}
		if _, err := api.PostResults(t.Context(), job.ID, nil, "application/x-ndjson", strings.NewReader(page.String())); err != nil {
			t.Fatal(err)
		}
		if _, err := api.FinishJob(t.Context(), job.ID, []byte(`{"status":"finished"}`)); err != nil {
			t.Fatal(err)
		}
	}
}

// settled waits until both webhooks have tried everything.
func settled(t *testing.T, site *paneltest.Site) {
	t.Helper()
	paneltest.Until(t, "deliveries are written", func() bool {
		lags, err := site.App.Ledger.Lags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(lags) >= 2 && !slices.ContainsFunc(lags, func(l ledger.Lag) bool { return l.Events > 0 && l.Walker != "webhook:off" })
	})
}

func TestBrowser(t *testing.T) {
	site := seed(t, dbtest.New(t, dbtest.SQLite))
	settled(t, site)
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			b := site.Browser(t, look)
			b.SignIn(t, "admin")
			b.Screenshot(t, "overview-"+look.String())
			b.Accessible(t)
			if text := b.Text(t, "main"); !strings.Contains(text, "holds back 39 removals") || !strings.Contains(text, "<script>alert(1)</script>") {
				t.Errorf("the page says %s", text)
			}
		})
	}
}

// TestBrowser_live: what happens while the page is open is shown on it.
func TestBrowser_live(t *testing.T) {
	site := seed(t, dbtest.New(t, dbtest.SQLite))
	settled(t, site)
	b := site.Browser(t, paneltest.BrowserOptions{})
	b.SignIn(t, "admin")
	paneltest.Until(t, "the strip is live", func() bool { return b.Text(t, "#live-state") == "live" })
	site.Ingest(t, "Product", `{"sku":"fresh"}`+"\n"+`{"sku":`+quoted(t, "fresh "+paneltest.Hostile)+`}`+"\n")
	paneltest.Until(t, "the event and its delivery are shown", func() bool {
		text := b.Text(t, "#live")
		return strings.Contains(text, "fresh <script>") && strings.Contains(text, "shop got 200")
	})
	b.Accessible(t)
}

// TestShow: each role sees what it may, and names of others' records are text.
func TestShow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := seed(t, db)
		settled(t, site)
		for _, tc := range []struct {
			key       string
			has, lack []string
		}{
			{"admin", []string{"catalogue", "secret", "refusing", "Private", "given up in the last 3 days", "off</bdi></strong> is disabled"}, nil},
			{"writer", []string{"catalogue", "secret", "Private"}, []string{"refusing", "Furthest behind", "is disabled"}},
			{"reader", []string{"catalogue", "secret", "Private"}, []string{"refusing", "Furthest behind", "is disabled"}},
			{"limited", []string{"catalogue", "a2"}, []string{"secret", "Private", "p1", "refusing", "Furthest behind"}},
		} {
			r := site.SignIn(t, tc.key).Get(t, "/app")
			if r.Status != http.StatusOK {
				t.Fatalf("%s: %d", tc.key, r.Status)
			}
			for _, words := range tc.has {
				if !strings.Contains(r.Body, words) {
					t.Errorf("%s does not see %s:\n%s", tc.key, words, r.Body)
				}
			}
			for _, words := range append(tc.lack, "<script>alert", "<img src=x") {
				if strings.Contains(r.Body, words) {
					t.Errorf("%s sees %s", tc.key, words)
				}
			}
		}
	})
}

// TestLive reads the stream as a browser would, for each role.
func TestLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := seed(t, db)
		settled(t, site)
		for _, tc := range []struct{ key, wait, lack string }{{"limited", "product-limited", "private-limited"}, {"admin", "shop", ""}, {"reader", "product-reader", "shop"}} {
			stream := site.SignIn(t, tc.key).Stream(t, "/app/live")
			site.Ingest(t, "Private", `{"sku":"private-`+tc.key+`"}`)
			site.Ingest(t, "Product", `{"sku":`+quoted(t, "product-"+tc.key+paneltest.Hostile)+`}`)
			var got strings.Builder
			for !strings.Contains(got.String(), tc.wait) {
				line, err := stream.ReadString('\n')
				if err != nil {
					t.Fatalf("%s: %v after %s", tc.key, err, got.String())
				}
				got.WriteString(line)
			}
			for _, words := range []string{tc.lack, "<script>", "<img src=x"} {
				if words != "" && strings.Contains(got.String(), words) {
					t.Errorf("%s gets %s:\n%s", tc.key, words, got.String())
				}
			}
		}
	})
}

// TestFirstSteps carries out the commands that an empty service shows.
func TestFirstSteps(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("DOCHOOK_REQUIRE"), ","), "curl") {
			t.Fatal("curl is required (DOCHOOK_REQUIRE), and there is none")
		}
		t.Skip("NOT TESTED: there is no curl")
	}
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	c := site.SignIn(t, "admin")
	command := regexp.MustCompile(`(?s)id="step-[a-z]+" tabindex="0"><code>(.*?)</code>`)
	shown := command.FindAllStringSubmatch(c.Get(t, "/app").Body, -1)
	if len(shown) != 3 {
		t.Fatalf("%d commands are shown", len(shown))
	}
	for i, found := range shown {
		text := strings.Replace(html.UnescapeString(found[1]), "curl ", curl+" --fail-with-body ", 1)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", text) //nolint:gosec // what our own page shows
		cmd.Env = []string{"TOKEN=" + paneltest.Admin}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", text, err, out)
		}
		if left := len(command.FindAllString(c.Get(t, "/app").Body, -1)); left != 2-i {
			t.Errorf("after step %d there are %d left", i+1, left)
		}
	}
}

// TestFirstPage is small: everything a browser loads for it.
func TestFirstPage(t *testing.T) {
	site := seed(t, dbtest.New(t, dbtest.SQLite))
	settled(t, site)
	c := site.SignIn(t, "admin")
	all := len(c.Get(t, "/app").Body)
	for _, asset := range regexp.MustCompile(`/app/assets/[^"]+`).FindAllString(c.Get(t, "/app").Body, -1) {
		r := c.Get(t, asset)
		if r.Status != http.StatusOK || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", asset, r.Status, r.Header)
		}
		all += len(r.Body)
	}
	if t.Logf("%d bytes", all); all > 100<<10 {
		t.Errorf("the first page takes %d bytes", all)
	}
}
