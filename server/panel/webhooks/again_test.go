package webhooks_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"dochook/fixtures/peer"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

func TestTry(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, paneltest.Hostile, `,"webhook_data":[{"fieldname":"@this","key":""}]`)
	w.receiver.Script("/in", peer.Answer{Status: http.StatusTeapot, Header: http.Header{"X-Said": {paneltest.Hostile}}})
	c := w.SignIn(t, "admin")
	at := one(paneltest.Hostile, "try")
	says(t, c.Get(t, at+"?try_document=A1&try_event=on_trash"), 200, "would not fire", `"price": 49.90`, "Send it now")
	if n := len(w.receiver.Requests()); n != 0 {
		t.Fatalf("%d requests without a button", n)
	}
	says(t, c.Post(t, at, url.Values{"do": {"test"}, "try_document": {paneltest.Hostile}}), 200, "418", "X-Said", "First byte")
	says(t, c.Post(t, at, url.Values{"do": {"test"}}), 200, "delivered")
	says(t, c.Get(t, at+"?try_document=none"), 200, "nothing to show yet")
	if r := c.Get(t, at+"?try_document=none"); strings.Contains(r.Body, "Send it now") {
		t.Error("what cannot be made can be sent")
	}
	says(t, c.Post(t, at, url.Values{"do": {"test"}, "try_page": {"x"}}), 200, "whole number")
}

func TestStates(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		w := newWorld(t, db)
		w.hook(t, "shop", `,"retry":{"schedule":[36000]}`)
		c := w.SignIn(t, "admin")
		says(t, w.at(t, c, c.Post(t, one("shop", "disable"), nil), one("shop")), 200, "Disabled.", "switched off by hand")
		w.Ingest(t, "Product", `{"sku":"B1"}`+"\n")
		r := c.Get(t, one("shop"))
		says(t, r, 200, "Skip what waits (1 events, 0 retries)")
		says(t, w.at(t, c, c.Post(t, one("shop", "enable"), url.Values{"skip": {"1"}}), one("shop")), 200, "What waited is skipped")
		r = c.Post(t, one("shop", "enable"), url.Values{"skip": {"1"}})
		says(t, w.at(t, c, r, one("shop")), 200, "disable it before it can skip")
		c.Post(t, one("shop", "disable"), nil)
		w.Ingest(t, "Product", `{"sku":"B2"}`+"\n")
		says(t, w.at(t, c, c.Post(t, one("shop", "enable"), nil), one("shop")), 200, "It goes on where it stood")
		if err := w.receiver.WaitFor(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got := w.receiver.Requests(); len(got) != 1 {
			t.Errorf("%d requests; what was skipped was sent", len(got))
		}
		if r := c.Get(t, one("shop")); strings.Contains(r.Body, "Try now what waits") {
			t.Error("nothing waits, and it can be tried")
		}
		w.receiver.Script("/in", peer.Answer{Status: 503})
		w.Ingest(t, "Product", `{"sku":"B3"}`+"\n")
		for failed := false; !failed; { // what came of it is written a moment after the answer
			if failed = strings.Contains(c.Get(t, one("shop")).Body, "Try now what waits"); t.Context().Err() != nil {
				t.Fatal("there is nothing to try")
			}
		}
		says(t, w.at(t, c, c.Post(t, one("shop", "retry"), nil), one("shop")), 200, "is tried now")
		if err := w.receiver.WaitFor(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		c.Post(t, one("shop", "disable"), nil)
		says(t, w.at(t, c, c.Post(t, one("shop", "retry"), nil), one("shop")), 200, "the webhook is disabled")
		c.Post(t, one("shop", "enable"), nil)
		r = c.Post(t, one("shop", "secret"), nil)
		says(t, r, 200, "Copy the secret now", "whsec_", "not signed yet")
		secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(r.Body))
		for _, path := range []string{one("shop"), one("shop", "edit"), "/app/webhooks"} {
			if r := c.Get(t, path); strings.Contains(html.UnescapeString(r.Body), secret) {
				t.Errorf("%s shows the secret", path)
			}
		}
		says(t, w.at(t, c, c.Post(t, one("shop", "delete"), nil), "/app/webhooks"), 200, "Deleted the webhook shop")
		if r := c.Post(t, one("shop", "delete"), nil); r.Status != http.StatusNotFound {
			t.Errorf("deleted twice: %d", r.Status)
		}
	})
}

func TestReplay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		w := newWorld(t, db)
		w.receiver.Script("/in", peer.Answer{Status: http.StatusBadRequest})
		w.hook(t, "shop", `,"retry":{"attempts":1}`)
		w.Ingest(t, "Product", `{"sku":"R1"}`+"\n")
		c := w.SignIn(t, "admin")
		ask := one("shop", "replay") + "?count=1&status=dead"
		var r paneltest.Reply
		paneltest.Until(t, "a delivery is given up", func() bool {
			r = c.Get(t, ask)
			return strings.Contains(r.Body, "Send 1 now")
		})
		says(t, c.Get(t, one("shop", "replay")), 200, "Count")
		says(t, c.Get(t, one("shop", "replay")+"?count=1&status=delivered"), 200, "nothing to send")
		says(t, c.Get(t, one("shop", "replay")+"?count=1&from=yesterday&job=x"), 422, "is not a time", "yesterday", `id="f-from-error"`, `value="x"`)
		says(t, c.Get(t, one("shop", "replay")+"?count=1&source=log&status=dead"), 200, "Send 5 now")
		send := url.Values{"status": {"dead"}, "source": {"deliveries"}}
		says(t, c.Post(t, one("shop", "replay"), send), 422, "Count first")
		send.Set("expect", "7")
		says(t, c.Post(t, one("shop", "replay"), send), 422, "not 7")
		send.Set("expect", "1")
		r = c.Post(t, one("shop", "replay"), send)
		says(t, w.at(t, c, r, ""), 200, "Begun: 1 to send", "deliveries that were dead")
		run := r.Location()
		paneltest.Until(t, "the run is done", func() bool {
			r := c.Get(t, run+"/progress")
			return r.Status == 200 && strings.Contains(r.Body, "finished")
		})
		says(t, c.Get(t, run), 200, "1 of 1")
		says(t, w.at(t, c, c.Post(t, run+"/cancel", nil), run), 200, "has finished")
		says(t, c.Get(t, one("shop")), 200, "Replays and backfills", "finished")
	})
}

func TestBackfill(t *testing.T) {
	w := newWorld(t, dbtest.New(t, dbtest.SQLite))
	w.hook(t, "shop", `,"max_per_second":0.01,"webhook_data":[{"fieldname":"name","key":"id"}]`)
	w.hook(t, "off", `,"enabled":0`)
	c := w.SignIn(t, "admin")
	says(t, c.Get(t, one("shop", "backfill")), 200, "All documents of Product", `value="price"`)
	says(t, c.Get(t, one("shop", "backfill")+"?count=1"), 200, "Send 4 now")
	says(t, c.Get(t, one("off", "backfill")+"?count=1"), 200, "4 documents", "enable it first")
	filter := url.Values{"count": {"1"}, "filters[0].field": {"price"}, "filters[0].op": {">"}, "filters[0].value": {"10"}}
	says(t, c.Get(t, one("shop", "backfill")+"?"+filter.Encode()), 200, "Send 2 now", `name="filters[0].field" value="price"`)
	filter.Set("filters[0].op", "~")
	says(t, c.Get(t, one("shop", "backfill")+"?"+filter.Encode()), 422, "right first")
	filter.Set("filters[0].op", "=")
	filter.Set("filters[0].value", paneltest.Hostile)
	says(t, c.Get(t, one("shop", "backfill")+"?"+filter.Encode()), 200, "nothing to send", paneltest.Hostile)
	filter.Set("filters[0].op", ">")
	filter.Set("filters[0].value", "10")
	filter.Set("expect", "2")
	r := c.Post(t, one("shop", "backfill"), filter)
	says(t, w.at(t, c, r, ""), 200, "Begun: 2 to send", `documents of Product that pass [["price",">","10"]]`)
	run := r.Location()
	says(t, c.Post(t, one("shop", "backfill"), filter), 422, "goes on")
	says(t, w.at(t, c, c.Post(t, run+"/cancel", nil), run), 200, "Canceled.")
	w.Insert(t, "Webhook", fmt.Sprintf(`{"name":"jobs","format":"job","request_url":"%s/else"}`, w.receiver.URL()))
	says(t, c.Get(t, one("jobs", "backfill")+"?count=1"), 422, "cannot be backfilled")
}
