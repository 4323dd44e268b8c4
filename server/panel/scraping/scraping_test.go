package scraping_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// seed makes a site with scrapers of two DocTypes.
func seed(t *testing.T, db *migrations.DB) *paneltest.Site {
	t.Helper()
	site := paneltest.New(t, db)
	site.Insert(
		t, "DocType", `{"name":"Product","autoname":"field:sku"}`, "DocType", `{"name":"Private","autoname":"field:sku"}`,
		"Scraper", `{"name":"catalogue","feeds":"Product","mode":"full","title":"The catalogue","description":`+quoted(t, paneltest.Hostile)+`}`,
		"Scraper", `{"name":"secret","feeds":"Private","mode":"full"}`,
	)
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

// records are p000, p001 and so on.
type records struct {
	n     int
	price string
}

// run makes a job that brings records, and ends it.
func run(t *testing.T, site *paneltest.Site, scraper, body string, brings records) string {
	t.Helper()
	api := site.API(t)
	job, err := api.CreateJob(t.Context(), scraper, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	bring(t, site, job.ID, brings.n, brings.price)
	if _, err := api.FinishJob(t.Context(), job.ID, []byte(`{"status":"finished","reason":`+quoted(t, paneltest.Hostile)+`,"stats":{"said":`+quoted(t, paneltest.Hostile)+`}}`)); err != nil {
		t.Fatal(err)
	}
	return job.ID
}

func bring(t *testing.T, site *paneltest.Site, job string, n int, price string) {
	t.Helper()
	var page strings.Builder
	for i := range n {
		fmt.Fprintf(&page, `{"sku":%s,"price":%s,"title":%s}`+"\n", quoted(t, fmt.Sprintf("p%03d/%s", i, paneltest.Hostile)), price, quoted(t, paneltest.Hostile))
	}
	if _, err := site.API(t).PostResults(t.Context(), job, nil, "application/x-ndjson", strings.NewReader(page.String())); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, r paneltest.Reply, status int, texts ...string) {
	t.Helper()
	text := html.UnescapeString(r.Body)
	_, main, _ := strings.Cut(text, "<main")
	if r.Status != status {
		t.Errorf("status %d, want %d: %.900s", r.Status, status, main)
	}
	for _, want := range texts {
		if no, absent := strings.CutPrefix(want, "!"); absent {
			if strings.Contains(text, no) {
				t.Errorf("the page has %q", no)
			}
		} else if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%.5000s", want, main)
		}
	}
	for _, planted := range []string{"<script>alert", "<img src=x", "{{.}}</textarea>"} {
		if strings.Contains(r.Body, planted) {
			t.Errorf("the page has %s", planted)
		}
	}
}

// follow posts a form and goes where that leads.
func follow(t *testing.T, c *paneltest.Client, path string, form url.Values) (string, paneltest.Reply) {
	t.Helper()
	r := c.Post(t, path, form)
	if r.Status != http.StatusSeeOther {
		t.Fatalf("%s: %d %.2000s", path, r.Status, html.UnescapeString(r.Body))
	}
	return r.Location(), c.Get(t, r.Location())
}

func TestScrapers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := seed(t, db)
		c := site.SignIn(t, "admin")
		has(t, c.Get(t, "/app/scrapers"), http.StatusOK, "catalogue", "secret", "none yet", "New scraper")
		has(t, c.Get(t, "/app/scrapers?search=CATALOG"), http.StatusOK, "catalogue", "!>secret<")
		has(t, c.Get(t, "/app/scrapers?search="+url.QueryEscape(paneltest.Hostile)), http.StatusOK, "catalogue")
		has(t, c.Get(t, "/app/scrapers?search=nothing"), http.StatusOK, "No such scraper")
		has(t, c.Get(t, "/app/scrapers?search="+strings.Repeat("x", 141)), http.StatusUnprocessableEntity, `href="#f-search"`)

		has(t, c.Get(t, "/app/scrapers/new?doctype=Product"), http.StatusOK, `<option value="Product" selected>`, "0.5")
		form := url.Values{
			"name": {"shop/" + paneltest.Hostile}, "title": {paneltest.Hostile}, "feeds": {"Product"}, "mode": {"full"}, "brakes": {"own"}, "on_zero": {"1"},
			"min_ratio": {"0.10"}, "max_ratio": {"0.250"}, "max_removals": {"12"}, "misses": {"2"}, "description": {"x"}, "table": {"tbl"},
		}
		typed := []string{`value="a half"`, `value="0.250"`, "shop/" + paneltest.Hostile}
		for field, values := range map[string][2]string{ // wrong, right
			"min_ratio": {"a half", "0.10"}, "max_ratio": {"7", "0.250"}, "max_removals": {"1.5", "12"}, "misses": {"0", "2"}, "feeds": {"None", "Product"}, "mode": {"some", "full"}, "name": {"", "shop/" + paneltest.Hostile},
		} {
			form.Set(field, values[0])
			r := c.Post(t, "/app/scrapers/new", form)
			form.Set(field, values[1])
			if field == "min_ratio" {
				has(t, r, http.StatusUnprocessableEntity, append(typed, `href="#f-min_ratio"`)...)
			} else {
				has(t, r, http.StatusUnprocessableEntity, `href="#f-`+field+`"`, "Error:", "tbl")
			}
		}
		at, r := follow(t, c, "/app/scrapers/new", form)
		has(t, r, http.StatusOK, "Done.", "the scraper’s own", "fewer than 10 %", "25 % of the documents or more", "more than 12", "2 finished full jobs in a row", "No jobs yet")
		has(t, c.Post(t, "/app/scrapers/new", form), http.StatusUnprocessableEntity, `href="#f-name"`, "already exists")
		has(t, c.Get(t, at+"/edit"), http.StatusOK, `value="0.10"`, `value="0.250"`, `value="12"`, "Edit shop/")
		stored, err := site.App.Scrapers.Get(t.Context(), form.Get("name"))
		if err != nil || string(stored.Removal) != `{"on_zero":"hold","on_nameless":"allow","min_ratio":0.10,"max_ratio":0.250,"max_removals":12,"misses":2}` {
			t.Errorf("%s %v", stored.Removal, err)
		}
		form.Set("brakes", "")
		form.Set("title", "Other")
		_, r = follow(t, c, at+"/edit", form)
		has(t, r, http.StatusOK, "Other", "neither the scraper nor its DocType")
		_, r = follow(t, c, at+"/delete", nil)
		has(t, r, http.StatusOK, "Deleted the scraper")
		has(t, c.Get(t, at), http.StatusNotFound)

		run(t, site, "secret", `{}`, records{1, "1"})
		open, err := site.API(t).CreateJob(t.Context(), "secret", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		_, r = follow(t, c, "/app/scrapers/scraper/secret/delete", nil)
		has(t, r, http.StatusOK, "Failed.", "1 open or held jobs")
		has(t, c.Get(t, "/app/scrapers/job/"+open.ID), http.StatusOK, "pending", "Begin now")
	})
}

// TestJob goes with a job from its making to its end.
func TestJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := seed(t, db)
		c := site.SignIn(t, "admin")
		start := "/app/scrapers/scraper/catalogue/start"
		has(t, c.Get(t, start), http.StatusOK, `value="full" checked`)
		form := url.Values{"mode": {"full"}, "baseline": {"1"}, "expect": {"3"}, "max_updates": {"0.5"}, "scope": {`{"title": "` + "x" + `"}`}, "input": {`{"url": "<b>", "n": 1.50}`}}
		for field, values := range map[string][2]string{
			"expect": {"many", "30"}, "max_updates": {"2", "0.5"}, "scope": {"{", `{"price": [">", 0]}`}, "input": {`{"mode":"full"}`, `{"url": "<b>", "n": 1.50}`}, "mode": {"half", "full"},
		} {
			form.Set(field, values[0])
			want := []string{`href="#f-` + field + `"`, "Error:"}
			if field != "mode" { // of which there is nothing to be typed
				want = append(want, values[0])
			}
			has(t, c.Post(t, start, form), http.StatusUnprocessableEntity, want...)
			form.Set(field, values[1])
		}
		form.Set("input", "[1]")
		has(t, c.Post(t, start, form), http.StatusUnprocessableEntity, `href="#f-input"`)
		form.Set("input", `{"url": "<b>", "n": 1.50}`)
		form.Set("expect", "3")
		at, r := follow(t, c, start, form)
		has(t, r, http.StatusOK, "Done.", "pending", "a baseline", `"n": 1.50`, `"url": "<b>"`, "3 records", "50 % of the documents", "It has brought nothing", `data-refresh="`+at+`/live"`)
		has(t, c.Post(t, start, form), http.StatusUnprocessableEntity, `href="#f-mode"`, "has an open full job", `"n": 1.50`)
		_, r = follow(t, c, at+"/start", nil)
		has(t, r, http.StatusOK, "in_progress", "job.started", "!Begin now")

		id := strings.TrimPrefix(at, "/app/scrapers/job/")
		bring(t, site, id, 30, "10")
		has(t, c.Get(t, at+"/live"), http.StatusOK, "30", "+ inserted", "!data-over", "!<main")
		r = c.Get(t, at)
		has(t, r, http.StatusOK, "p000/", "1–25 of 30", "job.data", "page=2")
		has(t, c.Get(t, at+"?page=2"), http.StatusOK, "p029/", "26–30 of 30", "!p000/")
		for suffix, kind := range map[string]string{"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8; header=present"} {
			r := c.Get(t, at+"/results."+suffix)
			if r.Status != http.StatusOK || r.Header.Get("Content-Type") != kind || strings.Count(r.Body, "p0") != 30 {
				t.Errorf("%s: %d %q %.200s", suffix, r.Status, r.Header, r.Body)
			}
		}
		has(t, c.Post(t, at+"/finish", url.Values{"status": {"finished"}, "stats": {"{no"}, "reason": {"because " + paneltest.Hostile}}), http.StatusUnprocessableEntity, `href="#f-stats"`, "{no", "because ")
		has(t, c.Post(t, at+"/finish", url.Values{"status": {"done"}, "reason": {"why"}}), http.StatusUnprocessableEntity, `href="#f-status"`, `value="why"`)
		_, r = follow(t, c, at+"/finish", url.Values{"status": {"finished"}, "stats": {`{"n": 2.0}`}, "reason": {"all of it"}})
		has(t, r, http.StatusOK, "Done.", `"n": 2.0`, "all of it", "job.finished", "data-over", "!End the job")
		_, r = follow(t, c, at+"/finish", url.Values{"status": {"failed"}})
		has(t, r, http.StatusOK, "Failed.", "is finished already")
		_, r = follow(t, c, at+"/approve", nil)
		has(t, r, http.StatusOK, "Failed.", "holds nothing back")
		has(t, c.Get(t, "/app/scrapers/scraper/catalogue"), http.StatusOK, "+30 ~0 −0", "What its jobs changed", "c-inserted")
		has(t, c.Get(t, "/app/scrapers/job/none"), http.StatusNotFound)

		// The next one is stopped.
		at, _ = follow(t, c, start, url.Values{"mode": {"partial"}})
		_, r = follow(t, c, at+"/finish", url.Values{"status": {"stopped"}})
		has(t, r, http.StatusOK, "stopped")
	})
}

// TestHeld has people decide about what brakes hold.
func TestHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := seed(t, db)
		c := site.SignIn(t, "admin")
		run(t, site, "catalogue", `{}`, records{80, "1"})
		at := "/app/scrapers/job/" + run(t, site, "catalogue", `{}`, records{10, "1"})
		r := c.Get(t, at)
		has(t, r, http.StatusOK, "Held: too few records", "It brought 10 records, and 80 documents were there when it began: 12.5 %. Less than 50 % holds a job.",
			"70 documents are to be removed", "p010/", "All 70", "Approve…", "Discard…", "/app/documents/doctype/Product/doc/p010%2F")
		has(t, c.Get(t, "/app/scrapers"), http.StatusOK, "Jobs that are held", "would remove 70 documents", at)
		has(t, c.Get(t, at+"/removals"), http.StatusOK, "p010/", "p059/", "!p060/", "1–50 of 70")
		has(t, c.Get(t, at+"/removals?page=2"), http.StatusOK, "p060/", "51–70 of 70")
		_, r = follow(t, c, at+"/discard", nil)
		has(t, r, http.StatusOK, "Discarded: nothing was removed.", "discarded", "!Approve…")
		_, r = follow(t, c, at+"/approve", nil)
		has(t, r, http.StatusOK, "Failed.")

		at = "/app/scrapers/job/" + run(t, site, "catalogue", `{}`, records{0, "1"})
		has(t, c.Get(t, at), http.StatusOK, "Held: no records", "It brought no records at all, and 80 documents were there when it began.")
		_, r = follow(t, c, at+"/approve", nil)
		has(t, r, http.StatusOK, "Approved: 80 documents were removed.", "approved")
		has(t, c.Get(t, "/app/scrapers/scraper/catalogue"), http.StatusOK, "c-gone", "+0 ~0 −80")

		run(t, site, "catalogue", `{}`, records{20, "1"})
		at = "/app/scrapers/job/" + run(t, site, "catalogue", `{"max_updates":0.1,"expect":21}`, records{20, "2"})
		has(t, c.Get(t, at), http.StatusOK, "too large a part changed", "It changed 20 documents, and 20 documents were there when it began: 100 %. It was begun with a limit of 10 % for updates.",
			"20 updates are stored", "!to be removed")
		at = "/app/scrapers/job/" + run(t, site, "catalogue", `{"expect":21}`, records{19, "2"})
		has(t, c.Get(t, at), http.StatusOK, "It announced 21 records and brought 19.", "1 document is to be removed")
		if _, err := site.App.Scrapers.Update(t.Context(), "catalogue", []byte(`{"removal":{"max_removals":3}}`)); err != nil {
			t.Fatal(err)
		}
		at = "/app/scrapers/job/" + run(t, site, "catalogue", `{}`, records{16, "2"})
		has(t, c.Get(t, at), http.StatusOK, "Held: too many removals", "It would remove 4 documents. More than 3 hold a job.")
		if _, err := site.App.Scrapers.Update(t.Context(), "catalogue", []byte(`{"removal":{"max_ratio":0.1}}`)); err != nil {
			t.Fatal(err)
		}
		at = "/app/scrapers/job/" + run(t, site, "catalogue", `{}`, records{16, "2"})
		has(t, c.Get(t, at), http.StatusOK, "Held: too large a part removed", "It would remove 4 documents, and 20 documents were there when it began: 20 %. 10 % or more hold a job.")
	})
}

// TestRoles asks for everything with every key. The limited one sees what feeds its DocType.
func TestRoles(t *testing.T) {
	site := seed(t, dbtest.New(t, dbtest.SQLite))
	run(t, site, "secret", `{}`, records{3, "1"})
	secret := run(t, site, "secret", `{}`, records{0, "1"})
	run(t, site, "catalogue", `{}`, records{3, "1"})
	ours := run(t, site, "catalogue", `{}`, records{0, "1"})
	for i, key := range []string{"", "reader", "limited", "writer", "admin"} {
		c := site.SignIn(t, key)
		for path, want := range map[string]string{
			"": "303 200 200 200 200", "/new": "303 403 403 403 200", "/scraper/secret": "303 200 403 200 200", "/scraper/catalogue": "303 200 200 200 200",
			"/scraper/catalogue/edit": "303 403 403 403 200", "/scraper/catalogue/start": "303 403 200 200 200", "/scraper/secret/start": "303 403 403 200 200",
			"/job/" + secret: "303 200 403 200 200", "/job/" + ours: "303 200 200 200 200", "/job/" + secret + "/live": "303 200 403 200 200",
			"/job/" + secret + "/removals": "303 200 403 200 200", "/job/" + secret + "/results.csv": "303 200 403 200 200", "/job/" + secret + "/results.json": "303 200 403 200 200",
			"/job/" + secret + "/results.ndjson": "303 200 403 200 200",
		} {
			if r := c.Get(t, "/app/scrapers"+path); fmt.Sprint(r.Status) != strings.Fields(want)[i] {
				t.Errorf("%q GET %s: %d, want %s", key, path, r.Status, want)
			}
		}
		for path, want := range map[string]string{
			"/new": "401 403 403 403 422", "/scraper/catalogue/edit": "401 403 403 403 422", "/scraper/catalogue/delete": "401 403 403 403 303",
			"/scraper/secret/start": "401 403 403 422 422", "/job/" + secret + "/start": "401 403 403 303 303", "/job/" + secret + "/finish": "401 403 403 303 303",
			"/job/" + secret + "/approve": "401 403 403 303 303", "/job/" + secret + "/discard": "401 403 403 303 303",
		} {
			form := url.Values{"mode": {"odd"}, "status": {"failed"}}
			if r := c.Post(t, "/app/scrapers"+path, form); fmt.Sprint(r.Status) != strings.Fields(want)[i] {
				t.Errorf("%q POST %s: %d, want %s", key, path, r.Status, want)
			}
		}
		switch key {
		case "reader":
			has(t, c.Get(t, "/app/scrapers/job/"+ours), http.StatusOK, "Held: no records", "!Approve…", "!Discard…")
			has(t, c.Get(t, "/app/scrapers/scraper/catalogue"), http.StatusOK, "!Start a job…", "!>Edit<", "!Delete…")
		case "limited":
			has(t, c.Get(t, "/app/scrapers"), http.StatusOK, "catalogue", "!secret", "!New scraper")
			has(t, c.Get(t, "/app/scrapers/job/"+ours), http.StatusOK, "Approve…", "!Its deliveries")
		}
	}
}

func TestEmpty(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	has(t, site.SignIn(t, "admin").Get(t, "/app/scrapers"), http.StatusOK, "No scrapers yet", "New scraper")
	has(t, site.SignIn(t, "reader").Get(t, "/app/scrapers"), http.StatusOK, "An admin sets them up.", "!New scraper")
}

func TestBrowser(t *testing.T) {
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			site := seed(t, dbtest.New(t, dbtest.SQLite))
			run(t, site, "catalogue", `{}`, records{60, "1"})
			run(t, site, "catalogue", `{}`, records{50, "2"})
			run(t, site, "catalogue", `{}`, records{5, "3"})
			b := site.Browser(t, look)
			shot := func(name string) {
				t.Helper()
				b.Screenshot(t, "scraping-"+name+"-"+look.String())
				b.Accessible(t)
			}
			b.SignIn(t, "admin")
			b.Go(t, "/app/scrapers")
			shot("list")
			b.Go(t, "/app/scrapers/new")
			shot("new")
			b.Fill(t, "#f-name", "shop")
			b.Choose(t, "#f-feeds", "Product")
			b.Fill(t, "#f-misses", "0")
			b.Click(t, "input[name=brakes][value=own]")
			if status := b.Follow(t, "main .form button"); status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", status)
			}
			b.Accessible(t)
			b.Fill(t, "#f-misses", "2")
			b.Follow(t, "main .form button")
			b.Accessible(t)
			b.Follow(t, ".actions a")
			shot("start")
			b.Follow(t, "main .form button")
			shot("open")
			running := b.Path(t)
			bring(t, site, strings.TrimPrefix(running, "/app/scrapers/job/"), 7, "1")
			if look.NoScript {
				b.Follow(t, "#live a")
			}
			paneltest.Until(t, "the page shows what came", func() bool { return strings.Contains(b.Text(t, "#live"), "7") })
			b.Go(t, "/app/scrapers/scraper/catalogue")
			shot("one")
			b.Follow(t, "tbody tr:first-child th a")
			shot("held")
			b.Follow(t, `#held a[href$="/removals"]`)
			b.Accessible(t)
			b.Follow(t, "nav.crumbs li:last-child a")
			b.Click(t, "#held .confirm summary") // two of the 45 were brought by the other scraper since
			b.Follow(t, "#held .confirm-box button")
			if text := b.Text(t, ".notice"); !strings.Contains(text, "43 documents were removed") {
				t.Errorf("%s", text)
			}
		})
	}
}
