package webhooks_test

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"dochook/fixtures/peer"
	"dochook/hooks"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// world is a site with documents, a scraper with a job of two pages, and a
// receiver; what a scraper controls is hostile.
type world struct {
	*paneltest.Site

	receiver *peer.Receiver
	job      string
}

func newWorld(t *testing.T, db *migrations.DB) *world {
	t.Helper()
	w := &world{Site: paneltest.New(t, db), receiver: paneltest.Receiver(t)}
	w.Insert(
		t, "DocType", `{"name":"Product","autoname":"field:sku"}`, "DocType", `{"name":"Empty","autoname":"field:sku"}`,
		"Scraper", `{"name":"catalogue","title":"Shop catalogue","feeds":"Product"}`,
		"Scraper", fmt.Sprintf(`{"name":"prices","title":%s,"feeds":"Product"}`, quoted(t, paneltest.Hostile)),
	)
	w.Ingest(t, "Product", fmt.Sprintf(`{"sku":"A1","price":49.90,"items":[{"code":"x"}]}
{"sku":%s,"price":2500.0,%s:%s,"items":[{"code":"y"},{"code":"z"}]}
`, quoted(t, paneltest.Hostile), quoted(t, "m"+paneltest.Hostile), quoted(t, paneltest.Hostile)))
	api := w.API(t)
	job, err := api.CreateJob(t.Context(), "catalogue", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	w.job = job.ID
	for _, sku := range []string{"J1", "J2"} {
		if _, err := api.PostResults(t.Context(), job.ID, nil, "application/x-ndjson", strings.NewReader(`{"sku":"`+sku+`","price":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// hook makes a webhook over the API.
func (w *world) hook(t *testing.T, name, more string) {
	t.Helper()
	w.Insert(t, "Webhook", fmt.Sprintf(`{"name":%s,"webhook_doctype":"Product","events":["on_insert","on_update"],"request_url":%q%s}`, quoted(t, name), w.receiver.URL()+"/in", more))
}

// typed is a form that makes a webhook of format document.
func (w *world) typed(more url.Values) url.Values {
	v := url.Values{
		"do": {"save"}, "name": {"shop"}, "webhook_doctype": {"Product"}, "format": {"document"}, "events": {"on_insert", "on_update"}, "enabled": {"1"},
		"request_url": {w.receiver.URL() + "/in"}, "request_method": {"POST"}, "body": {"mapping"}, "ordering": {"document"},
		"webhook_data[0].fieldname": {"name"}, "webhook_data[0].key": {"id"},
		"webhook_data[3].fieldname": {"price"}, "webhook_data[3].key": {"price.amount"},
	}
	maps.Copy(v, more)
	return v
}

func safe(t *testing.T, r paneltest.Reply) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x"} {
		if strings.Contains(r.Body, bad) {
			t.Errorf("the page holds %s as markup", bad)
		}
	}
}

// says checks that a page is there and says something.
func says(t *testing.T, r paneltest.Reply, status int, texts ...string) {
	t.Helper()
	safe(t, r)
	if r.Status != status {
		t.Fatalf("status %d, want %d: %s", r.Status, status, main(r.Body))
	}
	body, plain := html.UnescapeString(r.Body), main(r.Body)
	for _, text := range texts {
		if !strings.Contains(body, text) && !strings.Contains(plain, text) {
			t.Errorf("the page does not say %q: %.600s", text, plain)
		}
	}
}

var tags = regexp.MustCompile(`(?s)<[^>]*>\s*`)

func main(body string) string {
	if _, rest, ok := strings.Cut(body, "<main"); ok {
		body, _, _ = strings.Cut(rest, "</main>")
	}
	body = html.UnescapeString(tags.ReplaceAllString(body, " "))
	return strings.Join(strings.Fields(body), " ")
}

func lacks(t *testing.T, r paneltest.Reply, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(r.Body), text) {
			t.Errorf("the page says %q", text)
		}
	}
}

// at is where a redirect leads; what is shown there.
func (w *world) at(t *testing.T, c *paneltest.Client, r paneltest.Reply, path string) paneltest.Reply {
	t.Helper()
	if r.Status != http.StatusSeeOther || path != "" && r.Location() != path {
		t.Fatalf("status %d to %q, want %q: %s", r.Status, r.Location(), path, main(r.Body))
	}
	return c.Get(t, r.Location())
}

func one(name string, more ...string) string {
	return page.Path(append([]string{"webhooks", "webhook", name}, more...)...)
}

func TestList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		w := newWorld(t, db)
		c := w.SignIn(t, "admin")
		says(t, c.Get(t, "/app/webhooks"), 200, "No webhooks yet", "Make one")
		w.hook(t, "shop", `,"description":"to the 100% shop"`)
		w.hook(t, "off", `,"enabled":0,"scraper":"catalogue"`)
		w.hook(t, paneltest.Hostile, fmt.Sprintf(`,"description":%s`, quoted(t, paneltest.Hostile)))
		w.Insert(t, "Webhook", fmt.Sprintf(`{"name":"jobs","format":"job","request_url":"%s/else"}`, w.receiver.URL()))
		r := c.Get(t, "/app/webhooks")
		says(t, r, 200, "shop", "off", "jobs", "disabled", "working", "of the scraper catalogue", "4 in all")
		for search, want := range map[string]string{
			"SHOP": "shop", "100%": "shop", "catalogue": "off", "/else": "jobs", "pro": "shop off " + paneltest.Hostile, "a%b": "", "<img": paneltest.Hostile,
		} {
			r := c.Get(t, "/app/webhooks?"+url.Values{"search": {search}}.Encode())
			safe(t, r)
			for _, name := range []string{"shop", "off", "jobs", paneltest.Hostile} {
				link := `href="` + html.EscapeString(one(name)) + `"`
				if got := strings.Contains(r.Body, link); got != strings.Contains(want, name) {
					t.Errorf("search for %q finds %q: %v", search, name, got)
				}
			}
			if want == "" {
				says(t, r, 200, "Nothing found")
			}
		}
		r = c.Get(t, "/app/webhooks?state=disabled")
		says(t, r, 200, "1 in all")
		r = c.Get(t, "/app/webhooks?state=enabled")
		says(t, r, 200, "3 in all")
	})
}

func TestList_in_pages(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	for i := range 51 {
		w.hook(t, fmt.Sprintf("w%02d", i), `,"enabled":0`)
	}
	c := w.SignIn(t, "admin")
	says(t, c.Get(t, "/app/webhooks"), 200, "1–50 of 51", "w49", "?page=2")
	r := c.Get(t, "/app/webhooks?page=2&search=w")
	says(t, r, 200, "51–51 of 51", "w50", "search=w")
	lacks(t, r, ">w49<")
}

func TestRoles(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "shop", "")
	gets := []string{"/app/webhooks", "/app/webhooks/new", "/app/webhooks/scrapers", one("shop"), one("shop", "edit"), one("shop", "try"), one("shop", "replay"), one("shop", "backfill")}
	posts := []string{"/app/webhooks/new", "/app/webhooks/preview", one("shop", "edit"), one("shop", "preview"), one("shop", "try"), one("shop", "disable"), one("shop", "secret"), one("shop", "delete"), one("shop", "replay"), one("shop", "backfill")}
	for _, key := range []string{"writer", "limited", "reader"} {
		c := w.SignIn(t, key)
		for _, path := range gets {
			if r := c.Get(t, path); r.Status != http.StatusForbidden {
				t.Errorf("%s may get %s: %d", key, path, r.Status)
			}
		}
		for _, path := range posts {
			if r := c.Post(t, path, w.typed(nil)); r.Status != http.StatusForbidden {
				t.Errorf("%s may post %s: %d", key, path, r.Status)
			}
		}
		if r := c.Get(t, "/app"); strings.Contains(r.Body, `href="/app/webhooks"`) {
			t.Errorf("%s is shown the way to the webhooks", key)
		}
	}
	if r := w.SignIn(t, "").Get(t, "/app/webhooks"); r.Status != http.StatusSeeOther || !strings.HasPrefix(r.Location(), "/app/login") {
		t.Errorf("a guest gets %d to %s", r.Status, r.Location())
	}
	admin := w.SignIn(t, "admin")
	for _, path := range []string{one("no such"), one("no such", "edit"), one("no such", "try"), one("no such", "replay"), "/app/webhooks/run/none"} {
		if r := admin.Get(t, path); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Status)
		}
	}
	if w.receiver.Requests() != nil {
		t.Error("something was sent")
	}
}

func TestMake(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		w := newWorld(t, db)
		c := w.SignIn(t, "admin")
		says(t, c.Get(t, "/app/webhooks/new?doctype=Product"), 200, "Make the webhook", `value="Product" selected`, "no URL yet")
		r := c.Post(t, "/app/webhooks/new", w.typed(url.Values{
			"webhook_headers[1].key": {"X-Api-Key"}, "webhook_headers[1].value": {"very-secret"}, "webhook_headers[4].key": {"X-Note"}, "webhook_headers[4].value": {"{{doc.name}}"},
			"condition": {"doc.price > 10\r\nand true"}, "fields": {"price\r\n\r\nsku"}, "schedule": {"5s 5m, 2h"}, "attempts": {"7"}, "max_per_second": {"2.5"}, "timeout": {"9"},
			"enable_security": {"1"}, "webhook_secret": {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "event_names": {"on_insert = ADDED"}, "webhook_json": {"not used"}, "only_changed": {"1"},
		}))
		says(t, w.at(t, c, r, one("shop")), 200, "Made the webhook shop", "X-Api-Key: ********", "7 attempts, after 5s, 5m, 2h", "signed; a secret is set", "price.amount")
		got, err := w.App.Webhooks.Get(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if got.Condition != "doc.price > 10\nand true" || strings.Join(got.Fields, ",") != "price,sku" || got.WebhookJSON != "" || bool(got.OnlyChanged) ||
			len(got.WebhookHeaders) != 2 || got.EventNames["on_insert"] != "ADDED" || got.MaxPerSecond != 2.5 || got.Timeout != 9 || len(got.WebhookData) != 2 || got.ModifiedBy == "" {
			t.Errorf("stored is %+v", got.Webhook)
		}
		r = c.Get(t, one("shop", "edit"))
		says(t, r, 200, "********", "a secret is set", "5s, 5m, 2h")
		lacks(t, r, "very-secret", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	})
}

func TestMake_of_each_format(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	c := w.SignIn(t, "admin")
	for name, more := range map[string]url.Values{
		"rows":     {"format": {"rows"}, "events": nil, "webhook_doctype": nil, "scraper": {"catalogue"}, "max_records": {"10"}},
		"job":      {"format": {"job"}, "events": {"on_insert"}, "webhook_doctype": nil},
		"template": {"format": {"template"}, "events": {"Task Success"}, "webhook_json": {`{"a":"{{resource}}"}`}, "headers_template": {`{"X-T":"{{job}}"}`}},
		"changes":  {"format": {"changes"}, "events": {"on_trash"}, "only_changed": {"1"}},
		"mapped":   {"body": {"mapping"}, "request_structure": {"Form URL-Encoded"}},
		"none":     {"body": {"none"}},
		"dynamic":  {"request_url": {w.receiver.URL() + "/{{doc.name}}"}, "is_dynamic_url": {"1"}},
	} {
		more["name"] = []string{name}
		r := c.Post(t, "/app/webhooks/new", w.typed(more))
		says(t, w.at(t, c, r, one(name)), 200, "Made the webhook "+name)
		// What the form shows of it is what it was made of: saved untouched it is the same.
		was, err := w.App.Webhooks.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		says(t, w.at(t, c, c.Post(t, one(name, "edit"), fieldsOf(c.Get(t, one(name, "edit")).Body)), one(name)), 200, "Saved")
		now, err := w.App.Webhooks.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		a, b := plain(t, was), plain(t, now)
		if a != b {
			t.Errorf("%s: saved untouched it is\n%s\nand was\n%s", name, b, a)
		}
	}
}

func plain(t *testing.T, s hooks.Stored) string {
	t.Helper()
	out, err := json.Marshal(s.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

var (
	inputs    = regexp.MustCompile(`(?s)<input([^>]*)>`)
	textareas = regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>`)
	selects   = regexp.MustCompile(`(?s)<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>`)
	selected  = regexp.MustCompile(`<option value="([^"]*)" selected>`)
	attribute = regexp.MustCompile(`([a-z]+)(?:="([^"]*)")?`)
)

// fieldsOf are what a browser would post of the form of a page.
func fieldsOf(body string) url.Values {
	v := url.Values{"do": {"save"}}
	_, body, _ = strings.Cut(body, `id="webhook">`)
	body = regexp.MustCompile(`(?s)<template>.*?</template>`).ReplaceAllString(body, "")
	for _, m := range inputs.FindAllStringSubmatch(body, -1) {
		a := map[string]string{}
		for _, pair := range attribute.FindAllStringSubmatch(m[1], -1) {
			if _, there := a[pair[1]]; !there {
				a[pair[1]] = html.UnescapeString(pair[2])
			}
		}
		_, checked := a["checked"]
		if a["name"] == "csrf" || (a["type"] == "checkbox" || a["type"] == "radio") && !checked {
			continue
		}
		v.Add(a["name"], a["value"])
	}
	for _, m := range textareas.FindAllStringSubmatch(body, -1) {
		v.Add(m[1], strings.ReplaceAll(html.UnescapeString(m[2]), "\n", "\r\n"))
	}
	for _, m := range selects.FindAllStringSubmatch(body, -1) {
		if s := selected.FindStringSubmatch(m[2]); s != nil {
			v.Add(m[1], html.UnescapeString(s[1]))
		}
	}
	return v
}

func TestMake_mistakes_stand_at_their_fields(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "taken", "")
	c := w.SignIn(t, "admin")
	for field, more := range map[string]url.Values{
		"name":                      {"name": {"taken"}},
		"request_url":               {"request_url": {"ftp://x"}},
		"webhook_doctype":           {"webhook_doctype": {"Nothing"}},
		"scraper":                   {"scraper": {"nobody"}, "webhook_doctype": nil},
		"events":                    {"events": nil},
		"condition":                 {"condition": {"doc. >"}},
		"webhook_headers-1--key":    {"webhook_headers[1].key": {"X-A"}, "webhook_headers[2].key": {"bad name"}},
		"webhook_data-1--fieldname": {"webhook_data[3].fieldname": {"items.#("}},
		"webhook_data-1--key":       {"webhook_data[3].key": {"id"}},
		"webhook_json":              {"body": {"template"}, "webhook_json": {`{"a": {{doc.`}},
		"headers_template":          {"format": {"template"}, "webhook_json": {"{}"}, "headers_template": {"{"}},
		"timeout":                   {"timeout": {"soon"}},
		"attempts":                  {"attempts": {"1000"}},
		"schedule":                  {"schedule": {"8d"}},
		"max_in_flight":             {"max_in_flight": {"1000"}},
		"max_per_second":            {"max_per_second": {"-1"}},
		"max_records":               {"format": {"changes"}, "max_records": {"-1"}},
		"max_bytes":                 {"format": {"changes"}, "max_bytes": {"7"}},
		"webhook_secret":            {"enable_security": {"1"}},
		"ca_certificate":            {"ca_certificate": {"no PEM"}},
		"client_key":                {"client_key": {"no PEM"}},
		"event_names":               {"event_names": {"on_insert"}},
	} {
		t.Run(field, func(t *testing.T) {
			v := w.typed(more)
			v.Set("description", paneltest.Hostile)
			r := c.Post(t, "/app/webhooks/new", v)
			says(t, r, 422, "right first", paneltest.Hostile)
			if !strings.Contains(r.Body, `href="#f-`+field+`"`) || !strings.Contains(r.Body, `id="f-`+field+`"`) {
				t.Errorf("no link to the field: %s", regexp.MustCompile(`href="#[^"]*"`).FindAllString(r.Body, -1))
			}
			if strings.Count(r.Body, `aria-invalid="true"`)+strings.Count(r.Body, `class="field wide wrong"`) == 0 && !strings.Contains(r.Body, `class="error"`) {
				t.Error("no mistake at a field")
			}
			body := html.UnescapeString(r.Body)
			for name, values := range v {
				if name == "do" || strings.Contains(name, "[") {
					continue
				}
				for _, value := range values {
					if !strings.Contains(body, value) {
						t.Errorf("what was typed into %s is gone: %s", name, value)
					}
				}
			}
		})
	}
	if _, err := w.App.Webhooks.Get(t.Context(), "shop"); err == nil {
		t.Error("a webhook was made")
	}
}

func TestForm_buttons_work_without_scripts(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	c := w.SignIn(t, "admin")
	press := func(do string, more url.Values) paneltest.Reply {
		v := w.typed(more)
		v.Set("do", do)
		return c.Post(t, "/app/webhooks/new", v)
	}
	rows := func(r paneltest.Reply, name string) int {
		body := regexp.MustCompile(`(?s)<template>.*?</template>`).ReplaceAllString(r.Body, "")
		return strings.Count(body, `name="`+name+`[`) / 2
	}
	r := press("row", nil)
	says(t, r, 200, `name="webhook_data[1].key" value="price.amount"`)
	if got := rows(r, "webhook_data"); got != 7 {
		t.Errorf("%d rows of the mapping", got)
	}
	if got := rows(press("header", nil), "webhook_headers"); got != 5 {
		t.Errorf("%d rows of headers", got)
	}
	r = press("search", url.Values{"scraper_search": {"SHOP cat"}})
	says(t, r, 200, "Shop catalogue (catalogue), feeds Product")
	lacks(t, r, `value="prices"`)
	says(t, press("", url.Values{"scraper_search": {"zzz"}}), 200, "nothing found")
	says(t, press("refresh", url.Values{"format": {"job"}}), 200, "This format makes its body itself.")
	r = press("secret", url.Values{"enable_security": {"1"}})
	says(t, r, 200, `value="whsec_`)
	says(t, press("test", nil), 200, "The answer", "delivered")
	if n := len(w.receiver.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPreview_of_the_draft(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "stored", `,"webhook_headers":[{"key":"X-Api-Key","value":"kept-secret"}]`)
	c := w.SignIn(t, "admin")
	draft := func(more url.Values) paneltest.Reply {
		v := w.typed(more)
		v.Del("do")
		return c.Post(t, "/app/webhooks/preview", v)
	}
	r := draft(url.Values{"try_document": {"A1"}, "name": nil})
	says(t, r, 200, "would fire", "POST", w.receiver.URL()+"/in", `{"id":"A1","price":{"amount":49.90}}`, "items.#.code", "Webhook-Id", "application/json")
	if strings.Contains(r.Body, "<main") {
		t.Error("the answer is a whole page")
	}
	says(t, draft(url.Values{"try_document": {"A1"}, "condition": {"doc.price > 50"}}), 200, "would not fire", "the condition does not hold")
	says(t, draft(url.Values{"try_document": {"A1"}, "events": {"on_trash"}}), 200, "would not fire", "does not listen to on_insert")
	says(t, draft(url.Values{"try_document": {paneltest.Hostile}, "body": {"template"}, "webhook_json": {"{\"a\":\"{{doc}}\"}"}}), 200, "2500.0", paneltest.Hostile)
	says(t, draft(url.Values{"condition": {"doc. >"}}), 200, "nothing to show yet", "condition")
	says(t, draft(url.Values{"try_document": {"nobody"}}), 200, "nothing to show yet", "nobody")
	says(t, draft(url.Values{"webhook_doctype": {"Empty"}}), 200, "has no document yet")
	says(t, draft(url.Values{"webhook_doctype": {"Gone"}}), 200, "nothing to show yet")
	says(t, draft(url.Values{"webhook_doctype": nil, "scraper": {"catalogue"}, "try_document": {"J1"}}), 200, "would fire", `"id":"J1"`)
	says(t, draft(url.Values{"format": {"rows"}, "events": {"job.data"}, "webhook_doctype": nil, "scraper": {"catalogue"}, "try_page": {"1"}}), 200, "would fire", `"recipeName":"Shop catalogue"`, "J1", "in_progress")
	r = draft(url.Values{"format": {"rows"}, "events": {"job.data"}, "webhook_doctype": nil, "scraper": {"catalogue"}, "try_page": {"2"}, "try_document": {w.job}})
	says(t, r, 200, "would fire", "J2")
	lacks(t, r, `"J1"`)
	says(t, draft(url.Values{"format": {"job"}, "events": nil, "webhook_doctype": nil, "try_page": {"9"}}), 200, "no event of page 9")
	says(t, draft(url.Values{"format": {"job"}, "events": {"job.started"}, "webhook_doctype": nil, "try_page": {"x"}}), 200, "whole number")
	// A draft over a stored webhook has its secrets, and does not show them.
	v := w.typed(url.Values{"webhook_headers[0].key": {"X-Api-Key"}, "webhook_headers[0].value": {"********"}, "do": {"test"}, "try_document": {"A1"}})
	r = c.Post(t, one("stored", "preview"), v)
	says(t, r, 200, "X-Api-Key", "delivered")
	lacks(t, r, "kept-secret")
	got := w.receiver.Requests()
	if len(got) != 1 || got[0].Header.Get("X-Api-Key") != "kept-secret" || string(got[0].Body) != `{"id":"A1","price":{"amount":49.90}}` {
		t.Errorf("sent was %v", got)
	}
	if _, err := w.App.Webhooks.Get(t.Context(), "shop"); err == nil {
		t.Error("the draft was stored")
	}
}

func TestEdit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		w := newWorld(t, db)
		w.hook(t, "shop", `,"enable_security":1,"webhook_secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","webhook_data":[{"fieldname":"name","key":"id"}]`)
		c := w.SignIn(t, "admin")
		v := fieldsOf(c.Get(t, one("shop", "edit")).Body)
		other := fieldsOf(c.Get(t, one("shop", "edit")).Body)
		v.Set("description", paneltest.Hostile)
		v.Set("webhook_data[1].fieldname", "items.#.code")
		v.Set("webhook_data[1].key", "codes")
		says(t, w.at(t, c, c.Post(t, one("shop", "edit"), v), one("shop")), 200, "Saved", "items.#.code", "signed; a secret is set")
		// Somebody else had the form open meanwhile.
		other.Set("description", "mine")
		r := c.Post(t, one("shop", "edit"), other)
		says(t, r, 422, "while you were at it", `value="mine"`)
		says(t, w.at(t, c, c.Post(t, one("shop", "edit"), fieldsOf(r.Body)), one("shop")), 200, "Saved", "mine")
		v = fieldsOf(c.Get(t, one("shop", "edit")).Body)
		v.Set("forget_webhook_secret", "1")
		says(t, c.Post(t, one("shop", "edit"), v), 422, "is needed to sign")
		v.Del("enable_security")
		says(t, w.at(t, c, c.Post(t, one("shop", "edit"), v), one("shop")), 200, "not signed; no secret is set")
	})
}
