package deliveries_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"dochook/doctype/query"
	"dochook/fixtures/peer"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const secret = "very-secret-credential"

// seed makes a site with deliveries of all kinds: delivered, dead after two attempts, waiting, skipped by nobody. A document has a hostile
// name, and the endpoint a hostile answer.
func seed(t *testing.T, db *migrations.DB) (*paneltest.Site, *peer.Receiver) {
	t.Helper()
	site, r := paneltest.New(t, db), paneltest.Receiver(t)
	bad := peer.Answer{Status: http.StatusServiceUnavailable, Header: http.Header{"X-Said": {paneltest.Hostile}}}
	r.Script("/fails", bad, bad, bad, bad, bad, bad, bad) // two attempts for each, and one by hand
	r.Script("/waits", bad, bad, bad)
	hook := func(name, path, more string) string {
		return fmt.Sprintf(`{"name":%q,"webhook_doctype":"Product","webhook_docevent":"on_change","request_url":%q%s}`, name, r.URL()+path, more)
	}
	site.Insert(
		t, "DocType", `{"name":"Product","autoname":"field:sku"}`, "Scraper", `{"name":"catalogue","feeds":"Product"}`,
		"Webhook", hook("shop", "/works", `,"webhook_headers":[{"key":"Authorization","value":"Bearer `+secret+`"}]`),
		"Webhook", hook("failing", "/fails", `,"webhook_data":[{"fieldname":"title","key":"title"}],"retry":{"attempts":2,"schedule":[0]},"webhook_headers":[{"key":"Authorization","value":"Bearer `+secret+`"}]`),
		"Webhook", hook("waiting", "/waits", `,"retry":{"schedule":[3600]}`),
	)
	site.Ingest(t, "Product", `{"sku":"a1","title":"First"}`+"\n"+`{"sku":"a2"}`+"\n"+`{"sku":`+quoted(t, paneltest.Hostile)+`}`+"\n")
	paneltest.Until(t, "everything was tried", func() bool {
		return count(t, site, "status", ledger.Delivered) == 3 && count(t, site, "status", ledger.Dead) == 3 && count(t, site, "status", ledger.Retrying) == 3
	})
	return site, r
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func count(t *testing.T, site *paneltest.Site, field, value string) int64 {
	t.Helper()
	n, err := site.App.Ledger.Count(t.Context(), query.Query{Filters: []query.Filter{query.NewFilter(field, query.Equal, value)}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// one is the delivery of a webhook about a document.
func one(t *testing.T, site *paneltest.Site, webhook, document string) ledger.Logged {
	t.Helper()
	list, err := site.App.Ledger.List(t.Context(), query.Query{
		Filters: []query.Filter{query.NewFilter("webhook", query.Equal, webhook), query.NewFilter("reference_name", query.Equal, document)}, Limit: 1,
	})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0]
}

func has(t *testing.T, r paneltest.Reply, status int, texts ...string) {
	t.Helper()
	text := html.UnescapeString(r.Body)
	if r.Status != status {
		t.Errorf("status %d, want %d: %.600s", r.Status, status, text)
	}
	for _, want := range texts {
		if no, absent := strings.CutPrefix(want, "!"); absent {
			if strings.Contains(text, no) {
				t.Errorf("the page has %q", no)
			}
		} else if !strings.Contains(text, want) {
			_, main, _ := strings.Cut(text, "<main")
			t.Errorf("the page has no %q:\n%s", want, main)
		}
	}
	harmless(t, r)
}

func harmless(t *testing.T, r paneltest.Reply) {
	t.Helper()
	for _, planted := range []string{"<script>alert", "<img src=x", "{{.}}</textarea>", secret} {
		if strings.Contains(r.Body, planted) {
			t.Errorf("the page has %s", planted)
		}
	}
}

func rows(r paneltest.Reply) int { return strings.Count(r.Body, `data-label="First attempt"`) }

func TestPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site, receiver := seed(t, db)
		c := site.SignIn(t, "admin")
		t.Run("list", func(t *testing.T) { list(t, c) })
		t.Run("one", func(t *testing.T) { show(t, site, c) })
		t.Run("file", func(t *testing.T) { file(t, c) })
		t.Run("resend", func(t *testing.T) { resend(t, site, c) })
		t.Run("replay", func(t *testing.T) { replay(t, site, receiver, c) })
	})
}

func list(t *testing.T, c *paneltest.Client) {
	t.Helper()
	r := c.Get(t, "/app/deliveries")
	if has(t, r, http.StatusOK, "shop", "failing", "waiting", "a1"); rows(r) != 9 {
		t.Errorf("%d rows", rows(r))
	}
	for q, want := range map[string]int{
		"webhook=shop": 3, "status=dead": 3, "status=dead&webhook=shop": 0, "doctype=Product&document=a1": 3, "document=" + url.QueryEscape(paneltest.Hostile): 3,
		"doctype=Product&document=" + url.QueryEscape(paneltest.Hostile) + "&webhook=failing": 1, "job=none": 0, "from=2020-01-01T00:00": 9, "to=2020-01-01": 0,
		"webhook=" + url.QueryEscape(paneltest.Hostile): 0,
	} {
		if r := c.Get(t, "/app/deliveries?"+q); r.Status != http.StatusOK || rows(r) != want {
			t.Errorf("%s: %d, %d rows, want %d", q, r.Status, rows(r), want)
		} else {
			harmless(t, r)
		}
	}
	has(t, c.Get(t, "/app/deliveries?status=retrying"), http.StatusOK, "What waits", "Waiting for another attempt", ">3<")
	has(t, c.Get(t, "/app/deliveries?webhook=nobody"), http.StatusOK, "No such deliveries")
	// What is wrong stands at its field, and what was typed stays.
	has(t, c.Get(t, "/app/deliveries?status=lost&webhook=shop"), http.StatusUnprocessableEntity, `href="#f-status"`, `value="shop"`, "no status of that name")
	has(t, c.Get(t, "/app/deliveries?from=tomorrow&document=a1"), http.StatusUnprocessableEntity, `href="#f-from"`, `value="tomorrow"`, `value="a1"`)
	has(t, c.Get(t, "/app/deliveries?from=2026-02-02&to=2026-02-01"), http.StatusUnprocessableEntity, `href="#f-to"`)
	has(t, c.Get(t, "/app/deliveries?older=rubbish"), http.StatusUnprocessableEntity, "no place in the list")
}

func show(t *testing.T, site *paneltest.Site, c *paneltest.Client) {
	t.Helper()
	l := one(t, site, "failing", "a1")
	r := c.Get(t, "/app/deliveries/delivery/"+l.ID)
	has(t, r, http.StatusOK, "Attempt 1", "Attempt 2", "HTTP 503, no success", "How the time was spent", "waiting for the first byte", "127.0.0.1:", l.EventID,
		"very same that was sent", `"First"`, "Authorization", "X-Said", "Send again…", "POST http://127.0.0.1")
	r = c.Get(t, "/app/deliveries/delivery/"+one(t, site, "shop", paneltest.Hostile).ID)
	has(t, r, http.StatusOK, "Attempt 1", "!Attempt 2", "HTTP 200", "It had no body", "Send again…")
	r = c.Get(t, "/app/deliveries/delivery/"+one(t, site, "waiting", "a2").ID)
	has(t, r, http.StatusOK, "Next attempt", "is sent like this again", "!Send again…")
	has(t, c.Get(t, "/app/deliveries/delivery/msg_none-1"), http.StatusNotFound)

	// The webhook is another by now.
	update := func(body string) {
		t.Helper()
		if _, err := site.App.Webhooks.Update(t.Context(), "failing", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	update(`{"webhook_data":[{"fieldname":"sku","key":"id"}]}`)
	has(t, c.Get(t, "/app/deliveries/delivery/"+l.ID), http.StatusOK, "would be sent today")
	update(`{"webhook_data":[{"fieldname":"title","key":"title"}]}`)
}

func file(t *testing.T, c *paneltest.Client) {
	t.Helper()
	links := regexp.MustCompile(`href="(/app/deliveries/export[^"]*)"`)
	for q, want := range map[string]int{
		"": 9, "webhook=failing&status=dead": 3, "doctype=Product&document=a1": 3, "job=none": 0, "from=2020-01-01T00:00&to=2020-01-02": 0, "from=2020-01-01T00:00": 9,
	} {
		found := links.FindAllStringSubmatch(c.Get(t, "/app/deliveries?"+q).Body, -1)
		if len(found) != 2 {
			t.Fatalf("%q", found)
		}
		r := c.Get(t, html.UnescapeString(found[0][1]))
		if n := strings.Count(r.Body, "\n"); r.Status != http.StatusOK || n != want || r.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: %d, %d lines, want %d: %.300s", q, r.Status, n, want, r.Body)
		}
		for line := range strings.Lines(r.Body) {
			if !json.Valid([]byte(line)) || !strings.Contains(line, "attempts_log") {
				t.Errorf("%s", line)
			}
		}
		r = c.Get(t, html.UnescapeString(found[1][1]))
		if list, err := csv.NewReader(strings.NewReader(r.Body)).ReadAll(); err != nil || len(list) != want+1 {
			t.Errorf("%s: %d rows, want %d and a header, %v", q, len(list), want, err)
		}
	}
}

func resend(t *testing.T, site *paneltest.Site, c *paneltest.Client) {
	t.Helper()
	l := one(t, site, "failing", "a1")
	at := "/app/deliveries/delivery/" + l.ID
	r := c.Post(t, at+"/resend", nil)
	if r.Status != http.StatusSeeOther || r.Location() != at+"#attempts" {
		t.Fatalf("%d %s %.500s", r.Status, r.Location(), r.Body)
	}
	has(t, c.Get(t, at), http.StatusOK, "Attempt 3", "Failed.", "not delivered: HTTP 503, no success")
	waits := one(t, site, "waiting", "a1")
	at = "/app/deliveries/delivery/" + waits.ID
	if r := c.Post(t, at+"/resend", nil); r.Status != http.StatusSeeOther {
		t.Fatalf("%d", r.Status)
	}
	has(t, c.Get(t, at), http.StatusOK, "Nothing was sent: the delivery is still being retried")
	delivered := one(t, site, "shop", "a1")
	at = "/app/deliveries/delivery/" + delivered.ID
	c.Post(t, at+"/resend", nil)
	has(t, c.Get(t, at), http.StatusOK, "Attempt 2", "Done.", "and delivered: HTTP 200")
	if r := c.Post(t, "/app/deliveries/delivery/msg_none-1/resend", nil); r.Status != http.StatusNotFound {
		t.Errorf("%d", r.Status)
	}
}

func replay(t *testing.T, site *paneltest.Site, receiver *peer.Receiver, c *paneltest.Client) {
	t.Helper()
	has(t, c.Get(t, "/app/deliveries/runs"), http.StatusOK, "No replay yet")
	has(t, c.Get(t, "/app/deliveries/again"), http.StatusOK, "choose one", "!again to send")
	has(t, c.Get(t, "/app/deliveries/again?webhook=none"), http.StatusUnprocessableEntity, `href="#f-webhook"`)
	has(t, c.Get(t, "/app/deliveries/again?webhook=shop&document=none"), http.StatusOK, "Nothing to send again")
	has(t, c.Get(t, "/app/deliveries/again?webhook=shop&from=never&document=a1"), http.StatusUnprocessableEntity, `href="#f-from"`, `value="never"`, `value="a1"`)
	has(t, c.Get(t, "/app/deliveries/again?webhook=shop&status=delivered"), http.StatusOK, "3 events to send again", "Send 3 again")

	order := url.Values{"webhook": {"shop"}, "status": {"delivered"}, "expect": {"2"}, "document": {""}}
	has(t, c.Post(t, "/app/deliveries/runs", order), http.StatusUnprocessableEntity, "there are 3 by now, not 2", "Send 3 again")
	order.Del("expect")
	has(t, c.Post(t, "/app/deliveries/runs", order), http.StatusUnprocessableEntity, "count first")
	before := len(receiver.Requests())
	order.Set("expect", "3")
	r := c.Post(t, "/app/deliveries/runs", order)
	at := r.Location()
	if r.Status != http.StatusSeeOther || !strings.HasPrefix(at, "/app/deliveries/run/") {
		t.Fatalf("%d %.900s", r.Status, r.Body)
	}
	paneltest.Until(t, "the replay has ended", func() bool { return strings.Contains(c.Get(t, at+"/progress").Body, "data-over") })
	has(t, c.Get(t, at), http.StatusOK, "3 of 3", "100 %", "Delivered", "finished", "!Cancel it…")
	if n := len(receiver.Requests()) - before; n != 3 {
		t.Errorf("%d requests", n)
	}
	id := strings.TrimPrefix(at, "/app/deliveries/run/")
	if r := c.Get(t, "/app/deliveries?run="+id); rows(r) != 3 {
		t.Errorf("%d rows", rows(r))
	}
	if r := c.Get(t, "/app/deliveries?webhook=shop"); rows(r) != 6 {
		t.Errorf("%d rows", rows(r))
	}
	has(t, c.Get(t, "/app/deliveries/runs"), http.StatusOK, "3 of 3", at)
	c.Post(t, at+"/cancel", nil)
	has(t, c.Get(t, at), http.StatusOK, "Note.", "has finished")
	has(t, c.Get(t, "/app/deliveries/run/none"), http.StatusNotFound)

	// A webhook that is disabled stands still: its replay can be canceled.
	order.Set("webhook", "failing")
	order.Set("status", "dead")
	receiver.Script("/fails", peer.Answer{Status: http.StatusServiceUnavailable})
	if _, err := site.App.Webhooks.SetEnabled(t.Context(), "failing", false); err != nil {
		t.Fatal(err)
	}
	has(t, c.Post(t, "/app/deliveries/runs", order), http.StatusUnprocessableEntity, "is disabled", `href="#f-webhook"`)
}

// TestJob finds what was sent about the events of a job, in the list and in the file.
func TestJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site, _ := seed(t, db)
		api := site.API(t)
		job, err := api.CreateJob(t.Context(), "catalogue", []byte(`{"mode":"partial"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.PostResults(t.Context(), job.ID, nil, "application/x-ndjson", strings.NewReader(`{"sku":"j1"}`+"\n"+`{"sku":"j2"}`+"\n")); err != nil {
			t.Fatal(err)
		}
		paneltest.Until(t, "the job's records were sent", func() bool { return count(t, site, "job", job.ID) == 6 })
		c := site.SignIn(t, "admin")
		r := c.Get(t, "/app/deliveries?job="+job.ID)
		if has(t, r, http.StatusOK, "j1", "j2", "!>a1<"); rows(r) != 6 {
			t.Errorf("%d rows", rows(r))
		}
		if r := c.Get(t, "/app/deliveries?webhook=shop&job="+job.ID); rows(r) != 2 {
			t.Errorf("%d rows", rows(r))
		}
		link := regexp.MustCompile(`href="(/app/deliveries/export[^"]*)"`).FindStringSubmatch(r.Body)
		if r := c.Get(t, html.UnescapeString(link[1])); strings.Count(r.Body, "\n") != 6 {
			t.Errorf("%s", r.Body)
		}
		has(t, c.Get(t, "/app/deliveries/delivery/"+one(t, site, "shop", "j1").ID), http.StatusOK, "/app/scrapers/job/"+job.ID)
	})
}

// TestRoles has those who may not see requests ask for everything.
func TestRoles(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for _, key := range []string{"", "reader", "limited", "writer", "admin"} {
		c := site.SignIn(t, key)
		for _, path := range []string{"", "/export", "/delivery/msg_x-1", "/again", "/runs", "/run/x", "/run/x/progress"} {
			want := http.StatusForbidden
			switch {
			case key == "":
				want = http.StatusSeeOther
			case key == "admin" && strings.HasSuffix(path, "1"), key == "admin" && strings.Contains(path, "/x"):
				want = http.StatusNotFound
			case key == "admin":
				want = http.StatusOK
			}
			if r := c.Get(t, "/app/deliveries"+path); r.Status != want {
				t.Errorf("%q GET %s: %d, want %d", key, path, r.Status, want)
			}
		}
		for _, path := range []string{"/delivery/msg_x-1/resend", "/runs", "/run/x/cancel"} {
			want := http.StatusForbidden
			switch key {
			case "":
				want = http.StatusUnauthorized
			case "admin":
				want = http.StatusNotFound
				if path == "/runs" {
					want = http.StatusUnprocessableEntity
				}
			}
			if r := c.Post(t, "/app/deliveries"+path, nil); r.Status != want {
				t.Errorf("%q POST %s: %d, want %d", key, path, r.Status, want)
			}
		}
		if link := strings.Contains(c.Get(t, "/app").Body, `href="/app/deliveries"`); link != (key == "admin") {
			t.Errorf("%q: a link to the deliveries: %v", key, link)
		}
	}
}

func TestEmpty(t *testing.T) {
	c := paneltest.New(t, dbtest.New(t, dbtest.SQLite)).SignIn(t, "admin")
	has(t, c.Get(t, "/app/deliveries"), http.StatusOK, "Nothing was sent yet")
	has(t, c.Get(t, "/app/deliveries?status=retrying"), http.StatusOK, "Nothing waits")
}

func TestBrowser(t *testing.T) {
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			site, _ := seed(t, dbtest.New(t, dbtest.SQLite))
			b := site.Browser(t, look)
			b.SignIn(t, "admin")
			b.Go(t, "/app/deliveries")
			b.Screenshot(t, "deliveries-list-"+look.String())
			b.Accessible(t)
			b.Follow(t, `.tabs li:nth-child(2) a`)
			b.Accessible(t)
			b.Follow(t, `.tabs li:nth-child(3) a`)
			if n := b.Count(t, "tbody tr"); n != 3 {
				t.Errorf("%d dead deliveries", n)
			}
			b.Follow(t, "tbody tr:last-child th a")
			b.Screenshot(t, "deliveries-one-"+look.String())
			b.Accessible(t)
			b.Click(t, ".confirm summary")
			b.Follow(t, ".confirm-box button")
			if text := b.Text(t, ".notice"); !strings.Contains(text, "not delivered") {
				t.Errorf("%s", text)
			}
			b.Go(t, "/app/deliveries?webhook=shop")
			b.Follow(t, ".actions a:last-child")
			b.Screenshot(t, "deliveries-again-"+look.String())
			b.Accessible(t)
			b.Follow(t, "#counted button")
			b.Accessible(t)
			paneltest.Until(t, "the replay has ended", func() bool {
				if look.NoScript {
					b.Go(t, b.Path(t))
				}
				return b.Count(t, "#progress [data-over]") == 1
			})
			b.Screenshot(t, "deliveries-run-"+look.String())
			b.Follow(t, "nav.crumbs li:last-child a")
			b.Accessible(t)
		})
	}
}
