package rest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestFormatRows takes pages of a table whose columns have ids.
func TestFormatRows(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(`{"name":"Product","autoname":"field:link","fields":[{"fieldname":"price","id":"c7a768d57"}]}`)
		const door = "/api/ingest/Product?format=rows"
		body := func(fields, rows string) string {
			return `{"recipeName":"@official/shopbop-products","tableName":"T391","fields":[` + fields + `],"rows":[` + rows + `]}`
		}
		const title, price, link = `{"id":"cb3a5adda","name":"title"}`, `{"id":"c7a768d57","name":"Price in $"}`, `{"id":"c45bf5749","name":"link"}`
		r := s.must("POST", door, body(title+","+price+","+link,
			`{"cb3a5adda":"Lili Jeans","c7a768d57":"$490.00","c45bf5749":"https://shop/1"},{"c45bf5749":"https://shop/2","c7a768d57":325.00},{"c45bf5749":"https://shop/3","cffffffff":1},{"cb3a5adda":"no link"}`))
		r.is(t, `{"job":null,"received":4,"inserted":2,"updated":0,"unchanged":0,"duplicates":0,"rejected":2,"errors":[
			{"line":3,"code":"invalid","message":"there is no field with the id \"cffffffff\""},
			{"line":4,"code":"name","field":"link","message":"the key is missing or empty"}],"errors_omitted":0}`)
		s.must("GET", "/api/resource/Product/https:%2F%2Fshop%2F1", "").is(t, `"$490.00"`, "data", "price")
		s.must("GET", "/api/resource/Product/https:%2F%2Fshop%2F2", "").is(t, `325.00`, "data", "price")

		// Renamed columns keep their members, and the fields may be left out then.
		s.must("POST", door, body(`{"id":"cb3a5adda","name":"name of it"},`+link, `{"cb3a5adda":"Sofie","c45bf5749":"https://shop/2","c7a768d57":"$1"}`)).is(t, "1", "updated")
		r = s.must("GET", "/api/resource/Product/https:%2F%2Fshop%2F2", "")
		r.is(t, `"Sofie"`, "data", "title")
		r.is(t, `"$1"`, "data", "price")
		s.must("POST", door+"&mode=merge", packed(t, "gzip", body("", `{"c45bf5749":"https://shop/2","cb3a5adda":"Sofie"}`)), "Content-Encoding: gzip").is(t, "1", "unchanged")

		lines := strings.Split(strings.TrimSpace(string(s.must("POST", door+"&results=lines", body("", `{"c45bf5749":"https://shop/9"},[]`)).body)), "\n")
		if len(lines) != 3 || lines[0] != `{"line":1,"name":"https://shop/9","result":"inserted"}` || !strings.Contains(lines[1], `"code":"invalid"`) {
			t.Errorf("%q", lines)
		}
		// As pages of a job.
		s.scraper("shop", "")
		job := s.job("shop", "")
		s.must("POST", job+"/results?format=rows", body("", `{"c45bf5749":"https://shop/9","c7a768d57":1}`)).is(t, "1", "updated")
		s.must("GET", job+"/results", "").is(t, `{"link":"https://shop/9","price":1}`, "data", "0", "data")

		// A page may mean it when it comes twice: the document went back.
		const one, two = `{"c45bf5749":"https://shop/9","c7a768d57":1}`, `{"c45bf5749":"https://shop/9","c7a768d57":2}`
		for _, row := range []string{two, one, two} {
			s.must("POST", door, body("", row)).is(t, "1", "updated")
		}
		s.refused(no{417, "invalid", "fields"}, "POST", door, `{"rows":[]}`)
		s.refused(no{417, "not_json", "HTML"}, "POST", door, "<html>")
		s.refused(no{400, "truncated", ""}, "POST", door, `{"rows":[`)
		s.refused(no{415, "unsupported", ""}, "POST", door, "{}", "Content-Encoding: br")
		s.refused(no{417, "not_json", "corrupt"}, "POST", door, "\x1f\x8b\x08\x00 broken")
		s.refused(no{413, "too_large", "32 MiB"}, "POST", door, packed(t, "gzip", `{"x":"`+strings.Repeat("x", 33<<20)+`"}`))
	})
}

// TestFormatRows_large cuts one body into pages.
func TestFormatRows_large(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		job := s.job("shop", "")
		var rows strings.Builder
		for i := range 10_001 {
			fmt.Fprintf(&rows, `%s{"c1":"s%d"}`, strings.Repeat(",", min(i, 1)), i)
		}
		s.must("POST", job+"/results?format=rows", `{"fields":[{"id":"c1","name":"sku"}],"rows":[`+rows.String()+`]}`).is(t, "10001", "inserted")
		s.must("GET", job, "").is(t, "2", "counts", "pages")
	})
}

// TestFormatJob takes the webhook of another scraping service, each of its
// requests twice.
func TestFormatJob(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const door = "/api/ingest/Product?format=job"
		event := func(event, status, stamp, more string) string {
			return fmt.Sprintf(`{"event":%q,"jobId":"hd-4711","jobStatus":%q,"timestamp":%q%s}`, event, status, stamp, more)
		}
		post := func(body string) reply {
			s.t.Helper()
			first := s.must("POST", door, body)
			if again := s.must("POST", door, body); !bytes.Equal(again.body, first.body) {
				t.Errorf("%s\nthen %s", first.body, again.body)
			}
			return first
		}
		started := event("scraper.job.started", "in_progress", "2025-01-01T00:00:00Z", "")
		s.refused(no{417, "link", "scraper"}, "POST", door, started) // nobody feeds it
		s.scraper("shop", `,"mode":"full"`)
		s.must("POST", "/api/ingest/Product", `{"sku":"old"}`)
		s.refused(no{417, "invalid", "jobId"}, "POST", door, `{"event":"scraper.job.started"}`)

		r := post(started)
		id, _ := r.get(t, "job").(string)
		job := "/scrapers/jobs/" + id
		s.must("GET", job, "").is(t, `"in_progress"`, "status")
		s.must("GET", job, "").is(t, `"partial"`, "mode")
		one := event("scraper.data.scraped", "in_progress", "2025-01-01T00:00:01Z", `,"data":[{"sku":"a","n":1.0},{"sku":"b"},7]`)
		r = post(one)
		r.is(t, `"`+id+`"`, "job")
		r.is(t, "2", "inserted")
		r.is(t, "1", "rejected")
		post(event("scraper.data.scraped", "in_progress", "2025-01-01T00:00:02Z", `,"data":[{"sku":"a","n":2}]`)).is(t, "1", "updated")
		post(one).is(t, "2", "inserted") // late, and once more
		s.must("GET", job, "").is(t, "3", "dataRowsCount")
		s.must("GET", "/api/resource/Product/a", "").is(t, "2", "data", "n")
		post(event("scraper.job.finished", "finished", "2025-01-01T00:00:03Z", "")).is(t, `"`+id+`"`, "job")
		s.must("GET", job, "").is(t, `"finished"`, "status")
		post(started) // late: nothing begins again
		s.refused(no{409, "conflict", "finished"}, "POST", door, event("scraper.job.finished", "failed", "2025-01-01T00:00:04Z", ""))
		s.refused(no{409, "conflict", "finished"}, "POST", door, event("scraper.data.scraped", "", "2025-01-01T00:00:05Z", `,"data":[{"sku":"z"}]`))
		s.hasEvents("on_insert old", "job.started", "on_insert a", "on_insert b", "job.data", "on_update a", "job.data", "job.finished")

		// One that was never started, with a number as its id, ends otherwise.
		r = post(`{"event":"scraper.job.finished","jobId":12,"jobStatus":"stopped","timestamp":"2025-01-01T00:00:00Z"}`)
		other, _ := r.get(t, "job").(string)
		s.must("GET", "/scrapers/jobs/"+other, "").is(t, `"stopped"`, "status")
		if other == id {
			t.Error("two jobs in one")
		}
		// One of our own, by its id; and one that the address names.
		own := s.job("shop", `{"mode":"partial"}`)
		ownID := strings.TrimPrefix(own, "/scrapers/jobs/")
		s.must("POST", door, `{"event":"scraper.job.started","jobId":"`+ownID+`"}`).is(t, `"`+ownID+`"`, "job")
		s.must("POST", own+"/results?format=job", event("scraper.data.scraped", "", "2025-01-02T00:00:00Z", `,"data":[{"sku":"q"}]`)).is(t, `"`+ownID+`"`, "job")
		s.must("POST", door+"&job="+ownID, event("scraper.job.finished", "failed", "2025-01-02T00:00:00Z", "")).is(t, `"`+ownID+`"`, "job")
		s.must("GET", own, "").is(t, `"failed"`, "status")

		s.define(`{"name":"Other","autoname":"field:sku"}`)
		s.refused(no{417, "invalid", "feeds Product"}, "POST", "/api/ingest/Other?format=job", `{"event":"scraper.job.started","jobId":"`+ownID+`"}`)
		s.refused(no{417, "invalid", "event"}, "POST", door, `{"jobId":"x"}`)
		s.refused(no{417, "invalid", "jobStatus"}, "POST", door, event("scraper.job.finished", "in_progress", "x", ""))
		s.refused(no{417, "invalid", "data"}, "POST", door, event("scraper.data.scraped", "", "x", ""))
	})
}

// TestFormatJob_full finishes a full job of ours by the words of another
// service: only then is something removed.
func TestFormatJob_full(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", `,"mode":"full","removal":{"max_ratio":null,"min_ratio":null}`)
		job := s.job("shop", "")
		s.must("POST", job+"/results", `[{"sku":"a"},{"sku":"b"}]`)
		s.must("POST", job+"/finish", "")
		for _, status := range []string{"stopped", "failed", "held", "finished"} {
			job := s.job("shop", "")
			s.must("POST", job+"/results?format=job", `{"event":"scraper.data.scraped","data":[{"sku":"a"}]}`)
			s.must("POST", job+"/results?format=job", `{"event":"scraper.job.finished","jobStatus":"`+status+`"}`)
			want := "2"
			if status == "finished" {
				want = "1"
			}
			s.must("GET", "/api/v2/doctype/Product/count", "").is(t, want, "data")
		}
	})
}

// TestFormatChanges takes what another system says was added, updated and
// removed.
func TestFormatChanges(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const door = "/api/ingest/Product?format=changes"
		s.must("POST", "/api/ingest/Product", `[{"sku":"b","price":1,"stock":4},{"sku":"c"}]`)
		body := `{"timestamp":"2024-09-05T12:34:56Z","jobID":4765,"products":[
			{"event":"ADDED","productData":{"sku":"a","price":100.0}},
			{"event":"updated","productData":{"sku":"b","price":90},"changedFields":[{"name":"price","from":1,"to":90}]},
			{"event":"REMOVED","productData":{"sku":"c"}},
			{"event":"REMOVED","productData":{"sku":"never"}},
			{"event":"SOLD","productData":{"sku":"d"}},
			{"event":"ADDED","productData":{"price":1}}]}`
		r := s.must("POST", door, body)
		for member, want := range map[string]string{"received": "6", "inserted": "1", "updated": "1", "trashed": "1", "job": "null"} {
			r.is(t, want, member)
		}
		s.must("GET", "/api/resource/Product/b", "").is(t, "null", "data", "stock")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/c", "")
		s.hasEvents("on_insert b", "on_insert c", "on_insert a", "on_update b", "on_trash c")

		// Delivered again, it does not undo what came in between.
		s.must("POST", "/api/ingest/Product", `{"sku":"c"}`).is(t, "1", "inserted")
		if again := s.must("POST", door, packed(t, "gzip", body), "Content-Encoding: gzip"); !bytes.Equal(again.body, r.body) {
			t.Errorf("%s\nthen %s", r.body, again.body)
		}
		s.must("GET", "/api/resource/Product/c", "")
		// By the id of its delivery, too, where it has no time.
		const bare = `{"products":[{"event":"REMOVED","productData":{"sku":"c"}}]}`
		s.must("POST", door, bare, "Webhook-Id: msg_1").is(t, "1", "trashed")
		s.must("POST", "/api/ingest/Product", `{"sku":"c"}`)
		s.must("POST", door, bare, "Webhook-Id: msg_1").is(t, "1", "trashed")
		s.must("GET", "/api/resource/Product/c", "")
		s.must("POST", door, bare, "Webhook-Id: msg_2")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/c", "")
		s.refused(no{422, "idempotency_mismatch", ""}, "POST", door, strings.Replace(bare, `"c"`, `"a"`, 1), "Webhook-Id: msg_1")

		// Only what changed.
		s.must("POST", door+"&mode=merge", `{"products":[{"event":"UPDATED","productData":{"sku":"a","stock":2}}]}`).is(t, "1", "updated")
		s.must("GET", "/api/resource/Product/a", "").is(t, "100.0", "data", "price")
		s.refused(no{417, "invalid", "products"}, "POST", door, `{"rows":[]}`)
		s.refused(no{417, "invalid", "array at its top"}, "POST", door, `[]`)
	})
}
