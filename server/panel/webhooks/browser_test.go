package webhooks_test

import (
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

const demand = `,"description":"Tells the shop","condition":"doc.price > 10","webhook_headers":[{"key":"Authorization","value":"token abc"},{"key":"X-Note","value":"{{doc.name}}"}],` +
	`"webhook_data":[{"fieldname":"name","key":"id"},{"fieldname":"price","key":"price.amount"},{"fieldname":"items.#.code","key":"codes"}]`

func TestBrowser(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "shop", demand)
	w.hook(t, "asleep", `,"enabled":0,"format":"template","webhook_json":"{\"it\": \"{{doc}}\"}"`)
	w.hook(t, paneltest.Hostile, `,"max_per_second":0.01`)
	c := w.SignIn(t, "admin")
	run := c.Post(t, one(paneltest.Hostile, "backfill"), map[string][]string{"expect": {"4"}}).Location()
	type shot struct{ name, path string }
	each := []shot{{"list", "/app/webhooks"}, {"edit", one("shop", "edit")}, {"show", one("shop")}, {"try", one("shop", "try") + "?try_document=A1"}, {"run", run}}
	t.Run("other pages", func(t *testing.T) {
		b := w.Browser(t, paneltest.BrowserOptions{})
		b.SignIn(t, "admin")
		for _, p := range []shot{
			{"list-none", "/app/webhooks?search=nothing-is-called-so"},
			{"show-off", one("asleep")},
			{"replay", one("shop", "replay") + "?count=1&source=log"},
			{"backfill", one(paneltest.Hostile, "backfill") + "?count=1"},
		} {
			if status := b.Go(t, p.path); status != 200 {
				t.Fatalf("%s: %d", p.path, status)
			}
			b.Screenshot(t, "webhooks-"+p.name)
			b.Accessible(t)
		}
	})
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			b := w.Browser(t, look)
			b.SignIn(t, "admin")
			for _, p := range each {
				if status := b.Go(t, p.path); status != 200 {
					t.Fatalf("%s: %d", p.path, status)
				}
				b.Screenshot(t, "webhooks-"+p.name+"-"+look.String())
				b.Accessible(t)
			}
			// A mistake, put right.
			b.Go(t, "/app/webhooks/new?doctype=Product")
			b.Fill(t, "#f-name", look.String())
			b.Fill(t, "#f-request_url", "ftp://nowhere")
			if status := b.Follow(t, ".buttons button[value=save]"); status != 422 {
				t.Fatalf("status %d: %s", status, b.Text(t, "main"))
			}
			b.Screenshot(t, "webhooks-wrong-"+look.String())
			if got := b.Text(t, "#f-request_url-error"); !strings.Contains(got, "URL") {
				t.Errorf("at the URL stands %q", got)
			}
			b.Fill(t, "#f-request_url", w.receiver.URL()+"/in")
			b.Fill(t, `[name="webhook_data[0].fieldname"]`, "price")
			b.Fill(t, `[name="webhook_data[0].key"]`, "cost")
			if status := b.Follow(t, ".buttons button[value=save]"); status != 200 || b.Path(t) != one(look.String()) {
				t.Fatalf("status %d at %s: %s", status, b.Path(t), b.Text(t, "main"))
			}
			if got := b.Text(t, "main"); !strings.Contains(got, "cost") {
				t.Errorf("the page of the webhook does not show its mapping: %s", got)
			}
		})
	}
}

func TestBrowser_form_while_it_is_typed_in(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	b := w.Browser(t, paneltest.BrowserOptions{})
	b.SignIn(t, "admin")
	b.Go(t, "/app/webhooks/new?doctype=Product")
	preview := func(what, text string) {
		t.Helper()
		paneltest.Until(t, what, func() bool {
			return strings.Contains(paneltest.Evaluate[string](t, b, `document.getElementById('preview').textContent`), text)
		})
	}
	b.Fill(t, "#f-request_url", w.receiver.URL()+"/in")
	preview("the draft is shown", "would fire")
	b.Fill(t, "#f-try_document", "A1")
	// Rows are added in place; a path that is chosen gives the key its name.
	b.Click(t, `[data-rows=webhook_data] [data-row=add]`)
	b.Wait(t, `[name="webhook_data[2].fieldname"]`)
	b.Choose(t, `[name="webhook_data[2].fieldname"]`, "items.#.code")
	preview("the row is in the body", `{"items":{"code":["x"]}}`)
	if got := paneltest.Evaluate[string](t, b, `document.querySelector('[name="webhook_data[2].key"]').value`); got != "items.code" {
		t.Errorf("the key is %q", got)
	}
	// What is typed into a suggested key takes its place.
	b.Click(t, `[name="webhook_data[2].key"]`)
	b.Type(t, "id")
	preview("the key that was typed is in the body", `{"id":["x"]}`)
	if got := paneltest.Evaluate[string](t, b, `document.querySelector('[name="webhook_data[2].key"]').value`); got != "id" {
		t.Errorf("the key is %q", got)
	}
	b.Fill(t, `[name="webhook_data[2].key"]`, "items.code")
	b.Choose(t, `[name="webhook_data[1].fieldname"]`, "price")
	b.Click(t, `[data-rows=webhook_data] .row:nth-of-type(3) [data-row=up]`)
	preview("the price is spelled as it came", "49.90")
	preview("the rows changed places", `{"items":{"code":["x"]},"price":49.90}`)
	b.Click(t, `[data-rows=webhook_data] .row:nth-of-type(2) [data-row=remove]`)
	preview("the row is gone", `{"price":49.90}`)
	if got := b.Count(t, `#paths option[value="items.#.code"]`); got != 1 {
		t.Errorf("the path is suggested %d times", got)
	}
	// Another kind of body, with a variable put in.
	b.Click(t, "[name=body][value=template]")
	b.Wait(t, "#f-webhook_json")
	b.Fill(t, "#f-webhook_json", `{"p":`)
	b.Click(t, "[data-body=template] summary")
	b.Click(t, `[data-insert="{{doc}}"]`)
	paneltest.Evaluate[bool](t, b, `(() => { const e = document.getElementById('f-webhook_json'); e.value = e.value.replace('doc}}', 'doc.price}}') + '}'; e.dispatchEvent(new Event('input', { bubbles: true })); return true; })()`)
	preview("the template is shown", `{"p":49.90}`)
	// A test is sent, and nothing is saved.
	b.Click(t, "[data-test]")
	preview("the answer is there", "The answer")
	if got := w.receiver.Requests(); len(got) != 1 || string(got[0].Body) != `{"p":49.90}` {
		t.Errorf("sent was %v", got)
	}
	b.Screenshot(t, "webhooks-typed")
	b.Accessible(t)
	// Another format has other fields.
	b.Click(t, "[name=format][value=job]")
	if b.Count(t, "[data-formats]:not([hidden]) #f-webhook_json") != 0 || b.Count(t, `[data-formats]:not([hidden]) > [value="job.failed"]`) != 1 {
		t.Error("the fields are not those of the format")
	}
	b.Choose(t, "#f-try_document", w.job)
	b.Choose(t, "#f-try_page", "1")
	preview("a page of a job is taken", "J1")
	// Scrapers are found by a keyword.
	b.Click(t, "details:has(#f-scraper_search) > summary")
	b.Fill(t, "#f-scraper_search", "shop")
	paneltest.Until(t, "the scraper is found", func() bool { return b.Count(t, "#f-scraper option") == 2 })
	if n := len(w.receiver.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A run that goes on is followed to its end.
func TestBrowser_run(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "shop", "")
	b := w.Browser(t, paneltest.BrowserOptions{})
	b.SignIn(t, "admin")
	b.Go(t, one("shop", "backfill"))
	b.Follow(t, "main form button.primary")
	if status := b.Follow(t, "form[method=post].buttons button.primary"); status != 200 {
		t.Fatalf("status %d: %s", status, b.Text(t, "main"))
	}
	paneltest.Until(t, "the run ends on the page", func() bool {
		return strings.Contains(paneltest.Evaluate[string](t, b, `document.getElementById('progress')?.textContent ?? ''`), "finished")
	})
	if err := w.receiver.WaitFor(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
}
