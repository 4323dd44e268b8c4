package rest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scraper makes a scraper of Product.
func (s *site) scraper(name, more string) {
	s.t.Helper()
	s.must("POST", "/api/resource/Scraper", fmt.Sprintf(`{"name":%q,"feeds":"Product"%s}`, name, more))
}

// job makes a job of a scraper and returns its path.
func (s *site) job(scraper, body string) string {
	s.t.Helper()
	r := s.must("POST", "/scrapers/"+url.PathEscape(scraper)+"/jobs", body)
	id, _ := r.get(s.t, "id").(string)
	return "/scrapers/jobs/" + id
}

// names lists the events of Product and its jobs, each with what it is about.
func (s *site) names() []string {
	s.t.Helper()
	var out []string
	list, _ := s.must("GET", "/api/events?doctype=Product&limit=1000", "").get(s.t, "data").([]any)
	for _, e := range list {
		e, _ := e.(map[string]any)
		event, name := fmt.Sprint(e["event"]), fmt.Sprint(e["name"])
		if strings.HasPrefix(event, "job.") {
			name = ""
		}
		out = append(out, strings.TrimSpace(event+" "+name))
	}
	return out
}

func (s *site) hasEvents(want ...string) {
	s.t.Helper()
	if got := s.names(); !slices.Equal(got, want) {
		s.t.Errorf("events\n%q, want\n%q", got, want)
	}
}

// times are what differs from run to run.
var times = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)

// TestJob_life follows a full job from its making to its end and reads it at
// each step.
func TestJob_life(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("google-maps", `,"title":"Maps","mode":"full","removal":{"min_ratio":null,"max_ratio":null}`)
		s.must("POST", "/api/ingest/Product", `{"sku":"alien"}`)

		const input = `{"keywords":["coffee shops"],"locations":["CUSTOM>New York, NY"],"extractEmails":true,"n":2500.0}`
		r := s.must("POST", "/scrapers/google-maps/jobs", strings.TrimSuffix(input, "}")+`,"mode":"full","expect":null}`, "Content-Type: application/json")
		id, _ := r.get(t, "id").(string)
		if at := r.header.Get("Location"); r.status != 201 || !strings.HasSuffix(at, "/scrapers/jobs/"+id) {
			t.Errorf("%d, Location %q", r.status, at)
		}
		got := times.ReplaceAllString(strings.ReplaceAll(string(r.body), id, "ID"), `"AT"`)
		if want := `{"id":"ID","jobId":"ID","scraper":"google-maps","doctype":"Product","status":"pending","mode":"full","dataRowsCount":0,"input":` + input +
			`,"stats":{},`; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `"createdAt":"AT","startedAt":null,"finishedAt":null}`) {
			t.Errorf("got  %s\nwant %s…", got, want)
		}
		job := "/scrapers/jobs/" + id
		if again := s.must("GET", job, ""); !bytes.Equal(again.body, r.body) {
			t.Errorf("%s\nthen %s", r.body, again.body)
		}

		r = s.must("POST", job+"/start", "")
		r.is(t, `"in_progress"`, "status")
		s.must("POST", job+"/start", "").is(t, string(r.body)) // it is so already
		s.must("POST", job+"/results", `{"sku":"a","n":1}`+"\n"+`{"sku":"b"}`+"\n"+`{"n":1}`).
			is(t, `{"job":"`+id+`","received":3,"inserted":2,"updated":0,"unchanged":0,"duplicates":0,"rejected":1,
				"errors":[{"line":3,"code":"name","field":"sku","message":"the key is missing or empty"}],"errors_omitted":0}`)
		s.must("POST", "/api/ingest/Product?job="+id, `[{"sku":"c"},{"sku":"a","n":1.0}]`).is(t, `"`+id+`"`, "job")
		s.must("GET", job, "").is(t, "4", "dataRowsCount")
		r = s.must("POST", job+"/finish", `{"status":"finished","reason":"all done","stats":{"requests":26}}`)
		r.is(t, `"finished"`, "status")
		r.is(t, `"all done"`, "reason")
		r.is(t, `{"requests":26}`, "stats")
		s.must("POST", job+"/finish", "").is(t, string(r.body)) // the same again
		s.must("DELETE", job, "").is(t, string(r.body))         // what has ended is not stopped

		second := s.job("google-maps", "")
		s.must("POST", second+"/results", `{"sku":"a","n":2}`)
		s.must("POST", second+"/finish", "").is(t, "2", "counts", "removed")
		s.hasEvents("on_insert alien", "job.started", "on_insert a", "on_insert b", "job.data", "on_insert c", "job.data", "job.finished",
			"job.started", "on_update a", "job.data", "on_trash b", "on_trash c", "job.finished")
		s.must("GET", "/scrapers/google-maps/jobs?limit=1", "").is(t, `"`+strings.TrimPrefix(second, "/scrapers/jobs/")+`"`, "data", "0", "id")
		s.must("GET", "/scrapers/google-maps/jobs?limit=1&page=2", "").is(t, `"`+id+`"`, "data", "0", "id")
	})
}

// TestJob_ends has every way to end a job, and what may come after it.
func TestJob_ends(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", `,"mode":"full"`)
		ends := map[string]func(s *site, job string) reply{
			"finished": func(s *site, job string) reply { return s.do("POST", job+"/finish", "") },
			"failed":   func(s *site, job string) reply { return s.do("POST", job+"/finish", `{"status":"failed"}`) },
			"stopped": func(s *site, job string) reply {
				return s.do("POST", job+"/finish", `{"status":"stopped","reason":null}`)
			},
		}
		for was, end := range ends {
			t.Run(was, func(t *testing.T) {
				s := s.at(t)
				job := s.job("shop", "")
				s.must("POST", job+"/results", `{"sku":"a"}`)
				end(s, job).is(t, `"`+was+`"`, "status")
				for again, other := range ends {
					r := other(s, job)
					if again == was {
						r.is(t, `"`+was+`"`, "status")
					} else {
						s.isRefusal(r, 409, "conflict", "is "+was+" already")
					}
				}
				s.must("DELETE", job, "").is(t, `"`+was+`"`, "status")
				s.refused(no{409, "conflict", "no page can come any more"}, "POST", job+"/results", `{"sku":"late"}`)
				s.refused(no{409, "conflict", "is " + was}, "POST", "/api/ingest/Product?results=lines&job="+strings.TrimPrefix(job, "/scrapers/jobs/"), `{"sku":"late"}`)
				s.refused(no{409, "conflict", "is " + was}, "POST", job+"/start", "")
				s.refused(no{409, "conflict", "holds nothing"}, "POST", job+"/approve", "")
				s.refused(no{409, "conflict", "holds nothing"}, "POST", job+"/discard", "")
				s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/late", "")
			})
		}
		job := s.job("shop", "")
		s.must("DELETE", job, "").is(t, `"stopped"`, "status") // before its first page
		s.must("DELETE", job, "").is(t, `"stopped"`, "status")
		s.must("GET", "/api/resource/Product/a", "")
	})
}

// TestJob_held holds removals back, shows them, and has a person decide.
func TestJob_held(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", `,"mode":"full"`)
		all := manyRecords(250)
		first := s.job("shop", "")
		s.must("POST", first+"/results", all)
		s.must("POST", first+"/finish", "").is(t, `"finished"`, "status")
		held := func() string {
			job := s.job("shop", "")
			s.must("POST", job+"/results", `{"sku":"s00000"}`)
			s.must("POST", job+"/finish", "").is(t, `"held"`, "status")
			return job
		}
		job := held()
		r := s.must("GET", job+"/removals", "")
		r.is(t, "249", "total")
		r.is(t, `"s00001"`, "data", "0")
		if n := len(r.get(t, "data").([]any)); n != 100 {
			t.Errorf("%d names", n)
		}
		s.must("GET", job+"/removals?start=248&limit=1000", "").is(t, `{"data":["s00249"],"total":249}`)
		s.must("GET", job+"/removals?start=300", "").is(t, `{"data":[],"total":249}`)
		s.must("GET", first+"/removals", "").is(t, `{"data":[],"total":0}`)
		s.must("GET", job, "").is(t, "249", "removal", "held")
		s.must("POST", job+"/discard", "").is(t, `"discarded"`, "removal", "decision")
		s.must("POST", job+"/discard", "").is(t, `"finished"`, "status")
		s.refused(no{409, "conflict", ""}, "POST", job+"/approve", "")
		s.must("GET", "/api/v2/doctype/Product/count", "").is(t, "250", "data")

		id := strings.TrimPrefix(held(), "/scrapers/jobs/")
		s.must("GET", "/api/resource/Scrape%20Job?filters="+url.QueryEscape(`{"status":"held"}`)+"&fields="+url.QueryEscape(`["name","scraper","held","record.doctype"]`), "").
			is(t, `[{"name":"`+id+`","scraper":"shop","held":249,"record.doctype":"Product"}]`, "data")
		r = s.must("POST", "/api/v2/document/Scrape%20Job/"+id+"/method/approve", "")
		r.is(t, `"approved"`, "data", "decision")
		r.is(t, `"`+id+`"`, "data", "name")
		s.must("GET", "/api/v2/doctype/Product/count", "").is(t, "1", "data")
		s.must("POST", "/api/v2/document/Scrape%20Job/"+id+"/method/approve", "{}").is(t, "249", "data", "counts", "removed")
	})
}

// TestJob_mistakes is what clients get wrong.
func TestJob_mistakes(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		s.scraper("shop", "")
		s.scraper("whole", `,"mode":"full"`)
		s.must("POST", "/api/resource/Scraper", `{"name":"others","feeds":"Other"}`)
		job, other := s.job("shop", ""), s.job("others", "")
		id := strings.TrimPrefix(job, "/scrapers/jobs/")
		otherID := strings.TrimPrefix(other, "/scrapers/jobs/")
		open := s.job("whole", "")
		const create = "/scrapers/shop/jobs"
		for _, tc := range []struct {
			status                    int
			code, words               string
			method, path, body, extra string
		}{
			{404, "not_found", "POST /api/resource/Scraper", "POST", "/scrapers/none/jobs", "{}", ""},
			{404, "not_found", "none", "GET", "/scrapers/none", "", ""},
			{404, "not_found", "none", "GET", "/scrapers/none/jobs", "", ""},
			{404, "not_found", "", "GET", "/scrapers/%00", "", ""},
			{405, "method_not_allowed", "", "DELETE", "/scrapers/shop", "", ""},
			{405, "method_not_allowed", "", "POST", "/scrapers", "{}", ""},
			{409, "conflict", strings.TrimPrefix(open, "/scrapers/jobs/"), "POST", "/scrapers/whole/jobs", "{}", ""},
			{409, "conflict", "open full job", "POST", "/scrapers/shop/jobs", `{"mode":"full"}`, "full"},

			{417, "not_json", "HTML", "POST", create, "<!doctype html>", ""},
			{417, "invalid", "object", "POST", create, "[]", ""},
			{417, "invalid", "ends early", "POST", create, `{"a":`, ""},
			{417, "invalid", "duplicate", "POST", create, `{"a":1,"a":2}`, ""},
			{417, "invalid", "no parameter", "POST", create + "?webhook=1", "{}", ""},
			{417, "invalid", "mode", "POST", create, `{"mode":"whole"}`, ""},
			{417, "invalid", "mode", "POST", create, `{"mode":1}`, ""},
			{417, "invalid", "scope", "POST", create, `{"scope":5}`, ""},
			{417, "invalid", "scope", "POST", create, `{"scope":[["brand","near","x"]]}`, ""},
			{417, "invalid", "baseline", "POST", create, `{"baseline":"maybe"}`, ""},
			{417, "invalid", "expect", "POST", create, `{"expect":"many"}`, ""},
			{417, "invalid", "expect", "POST", create, `{"expect":-1}`, ""},
			{417, "invalid", "expect", "POST", create, `{"expect":1.5}`, ""},
			{417, "invalid", "max_updates", "POST", create, `{"max_updates":"half"}`, ""},
			{417, "invalid", "max_updates", "POST", create, `{"max_updates":-0.1}`, ""},
			{417, "invalid", "webhook", "POST", create, `{"webhook":"https://example.com"}`, ""},
			{417, "invalid", "webhook", "POST", create, `{"webhook":{"url":"http://127.0.0.1:9/","events":["scraper.job.started"],"method":"PUT"}}`, ""},
			{417, "invalid", "webhook", "POST", create, `{"webhook":{"url":"http://127.0.0.1:9/","events":["scraper.job.exploded"]}}`, ""},

			{404, "not_found", "none", "GET", "/scrapers/jobs/none", "", ""},
			{404, "not_found", "jobs", "GET", "/scrapers/jobs/jobs", "", ""},
			{404, "not_found", "", "POST", "/scrapers/jobs/none/start", "", ""},
			{404, "not_found", "", "POST", "/scrapers/jobs/none/finish", "", ""},
			{404, "not_found", "", "POST", "/scrapers/jobs/none/results", `{"sku":"x"}`, ""},
			{404, "not_found", "", "DELETE", "/scrapers/jobs/none", "", ""},
			{404, "not_found", "", "GET", "/scrapers/jobs/none/results", "", ""},
			{404, "not_found", "", "GET", "/scrapers/jobs/none/results.csv", "", ""},
			{404, "not_found", "", "GET", "/scrapers/jobs/none/removals", "", ""},
			{404, "not_found", "", "POST", "/scrapers/jobs/none/restart", "", ""},
			{405, "method_not_allowed", "", "PUT", job, "{}", ""},

			{417, "invalid", "finished, failed or stopped", "POST", job + "/finish", `{"status":"done"}`, ""},
			{417, "invalid", "reason", "POST", job + "/finish", `{"reason":1}`, ""},
			{417, "invalid", "stats", "POST", job + "/finish", `{"stats":[]}`, ""},
			{417, "invalid", "state", "POST", job + "/finish", `{"state":"failed"}`, ""},
			{417, "not_json", "HTML", "POST", job + "/finish", "<p>", ""},
			{409, "conflict", "holds nothing", "POST", job + "/approve", "", ""},

			{417, "not_json", "HTML", "POST", job + "/results", "<html>", ""},
			{417, "not_json", "empty", "POST", job + "/results", "", ""},
			{417, "invalid", "mod", "POST", job + "/results?mod=merge", "{}", ""},
			{417, "invalid", "another job", "POST", job + "/results?job=" + otherID, `{"sku":"x"}`, ""},
			{417, "invalid", "feeds", "POST", "/api/ingest/Product?job=" + otherID, `{"sku":"x"}`, ""},
			{404, "not_found", "nowhere", "POST", "/api/ingest/Product?job=nowhere", `{"sku":"x"}`, ""},

			{417, "invalid", "limit is at most 100", "GET", job + "/results?limit=1000", "", ""},
			{417, "invalid", "limit", "GET", job + "/results?limit=0", "", ""},
			{417, "invalid", "page must be a number from 1 on", "GET", job + "/results?page=0", "", ""},
			{417, "invalid", "page", "GET", job + "/results?page=99999999999999999999", "", ""},
			{417, "invalid", "page", "GET", job + "/results?page=x", "", ""},
			{417, "invalid", "per_page", "GET", job + "/results?per_page=5", "", ""},
			{400, "bad_request", "2 times", "GET", job + "/results?page=1&page=2", "", ""},
			{417, "invalid", "none", "GET", job + "/results.json?page=1", "", ""},
			{417, "invalid", "limit", "GET", job + "/removals?limit=1001", "", ""},
			{417, "invalid", "limit", "GET", "/scrapers?limit=101", "", ""},
			{417, "invalid", "q", "GET", "/scrapers?q=shop", "", ""},
			{417, "invalid", "search", "GET", "/scrapers?search=" + strings.Repeat("x", 141), "", ""},
			{417, "invalid", "limit", "GET", "/scrapers/shop/jobs?limit=-1", "", ""},
		} {
			if tc.extra == "full" {
				s.must("POST", create, tc.body)
			}
			t.Run(tc.method+" "+tc.path+" "+tc.body[:min(len(tc.body), 60)], func(t *testing.T) {
				s := s.at(t)
				s.refused(no{tc.status, tc.code, tc.words}, tc.method, tc.path, tc.body)
			})
		}
		s.must("GET", "/api/v2/doctype/Product/count", "").is(t, "0", "data")
		s.must("GET", job, "").is(t, `"pending"`, "status")
		s.must("POST", job+"/results?job="+id, `{"sku":"x"}`).is(t, "1", "inserted")
	})
}

// TestJob_pages cuts one body into pages of the job, and resends it.
func TestJob_pages(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		job := s.job("shop", "")
		const key = "Idempotency-Key: page 1"
		body := manyRecords(10_500)
		first := s.must("POST", job+"/results", packed(t, "gzip", body), "Content-Encoding: gzip", key)
		first.is(t, "10500", "inserted")
		if again := s.must("POST", job+"/results", body, key); !bytes.Equal(again.body, first.body) {
			t.Errorf("%s\nthen %s", first.body, again.body)
		}
		s.must("GET", job, "").is(t, "10500", "dataRowsCount")
		s.must("GET", job, "").is(t, "2", "counts", "pages")
		s.refused(no{422, "idempotency_mismatch", ""}, "POST", job+"/results", `{"sku":"x"}`, key)
		s.refused(no{422, "idempotency_mismatch", ""}, "POST", "/api/ingest/Product", body, key) // not the job's
		s.must("POST", job+"/finish", "")
		if again := s.must("POST", job+"/results", body, key); !bytes.Equal(again.body, first.body) {
			t.Errorf("%s\nthen, after the end, %s", first.body, again.body)
		}
		r := s.do("POST", job+"/results", `[{"sku":"y"}`)
		s.isRefusal(r, 400, "truncated", "")
		r.is(t, `"`+strings.TrimPrefix(job, "/scrapers/jobs/")+`"`, "job")
	})
}

// TestJob_webhook hears of a job at the webhook that came with it.
func TestJob_webhook(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("google-maps", "")
		to := newReceiver(t)
		job := s.job("google-maps", `{"keywords":["coffee shops"],"webhook":{"url":"`+to.url+`/hook","events":["scraper.job.started","scraper.job.finished","scraper.data.scraped"],
			"headers":{"x-custom-header":"custom header value"}}}`)
		s.must("GET", job, "").is(t, `{"keywords":["coffee shops"]}`, "input")
		s.must("POST", job+"/results", `[{"sku":"a","price":"$490.00"},{"sku":"b"}]`)
		s.must("POST", job+"/finish", "")
		for _, want := range []string{
			`"event":"scraper.job.started"`,
			`"data":[{"sku":"a","price":"$490.00"},{"sku":"b"}]`,
			`"event":"scraper.job.finished"`,
		} {
			a := to.next(t)
			if a.path != "/hook" || a.header.Get("X-Custom-Header") != "custom header value" || !strings.Contains(a.body, want) {
				t.Errorf("%s %v %s; want %s", a.path, a.header, a.body, want)
			}
		}
	})
}

// TestJob_roles is what each role may do to scrapers and jobs.
func TestJob_roles(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		s.scraper("shop", "")
		s.must("POST", "/api/resource/Scraper", `{"name":"others","feeds":"Other"}`)
		key := func(doc string) *site {
			token, _ := s.must("POST", "/api/resource/API%20Key", doc).get(t, "data", "token").(string)
			return s.as(t, token)
		}
		who := []*site{s.as(t, ""), key(`{"name":"r","role":"reader"}`), key(`{"name":"l","role":"writer","doctypes":["Product"]}`), key(`{"name":"w","role":"writer"}`), s}
		job, other := s.job("shop", ""), s.job("others", "")
		id, otherID := strings.TrimPrefix(job, "/scrapers/jobs/"), strings.TrimPrefix(other, "/scrapers/jobs/")
		for _, tc := range []struct{ method, path, body, want string }{
			{"GET", "/scrapers", "", "403 200 200 200 200"},
			{"GET", "/scrapers/others", "", "403 200 403 200 200"},
			{"GET", "/scrapers/others/jobs", "", "403 200 403 200 200"},
			{"GET", other, "", "403 200 403 200 200"},
			{"GET", other + "/results", "", "403 200 403 200 200"},
			{"GET", other + "/results.ndjson", "", "403 200 403 200 200"},
			{"GET", other + "/removals", "", "403 200 403 200 200"},
			{"POST", "/scrapers/shop/jobs", "", "403 403 201 201 201"},
			{"POST", "/scrapers/others/jobs", "", "403 403 403 201 201"},
			{"POST", other + "/start", "", "403 403 403 200 200"},
			{"POST", other + "/results", `{"sku":"x"}`, "403 403 403 200 200"},
			{"POST", "/api/ingest/Other?job=" + otherID, `{"sku":"x"}`, "403 403 403 200 200"},
			{"POST", "/api/ingest/Product?job=" + id, `{"sku":"x"}`, "403 403 200 200 200"},
			{"POST", job + "/results", `{"sku":"x"}`, "403 403 200 200 200"},
			{"POST", other + "/finish", "", "403 403 403 200 200"},
			{"POST", other + "/approve", "", "403 403 403 409 409"},
			{"DELETE", other, "", "403 403 403 200 200"},
			{"GET", "/api/resource/Scraper/others", "", "403 200 403 200 200"},
			{"POST", "/api/resource/Scraper", `{"name":"new","feeds":"Product"}`, "403 403 403 403 200"},
			{"PUT", "/api/resource/Scraper/shop", `{"title":"Shop"}`, "403 403 403 403 200"},
			{"DELETE", "/api/resource/Scraper/new", "", "403 403 403 403 202"},
			{"GET", "/api/resource/Scrape%20Job/" + otherID, "", "403 200 403 200 200"},
			{"POST", "/api/resource/Scrape%20Job", `{"scraper":"others"}`, "403 403 403 200 200"},
			{"POST", "/api/v2/document/Scrape%20Job/" + otherID + "/method/stop", "", "403 403 403 200 200"},
			{"GET", "/api/v2/document/Scrape%20Job/" + otherID + "/events", "", "403 200 403 200 200"},
			{"PUT", "/api/resource/Scrape%20Job/" + otherID, "{}", "403 403 403 403 403"},
			{"DELETE", "/api/resource/Scrape%20Job/" + otherID, "", "403 403 403 403 403"},
		} {
			wants := strings.Fields(tc.want)
			for i, w := range who {
				if r := w.do(tc.method, tc.path, tc.body); wants[i] != fmt.Sprint(r.status) {
					t.Errorf("%d %s %s: %d, want %s: %.300s", i, tc.method, tc.path, r.status, wants[i], r.body)
				}
			}
		}
		// Lists show a limited key its own alone.
		limited := who[2]
		limited.must("GET", "/scrapers", "").is(t, `"shop"`, "data", "0", "name")
		for path, want := range map[string]int{"/scrapers": 1, "/api/resource/Scraper": 1, "/api/resource/Scrape%20Job?limit=0": 4, "/scrapers/jobs": 4} {
			if list := limited.must("GET", path, "").get(t, "data").([]any); len(list) != want {
				t.Errorf("%s: %d, want %d", path, len(list), want)
			}
		}
		limited.must("GET", "/scrapers/jobs", "").is(t, "4", "meta", "total")
		limited.must("GET", "/api/v2/doctype/Scrape%20Job/count", "").is(t, "4", "data")
	})
}

// TestJob_doctype makes and asks for jobs as documents.
func TestJob_doctype(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		r := s.must("POST", "/api/resource/Scrape%20Job", `{"doctype":"Scrape Job","scraper":"shop","url":"https://example.com/?a=1&b=<2>","mode":"full","__islocal":1,"owner":"me"}`)
		id, _ := r.get(t, "data", "name").(string)
		r.is(t, `{"url":"https://example.com/?a=1&b=<2>"}`, "data", "input")
		r.is(t, `"Scrape Job"`, "data", "doctype")
		r.is(t, `{"doctype":"Product"}`, "data", "record")
		r.is(t, `"Administrator"`, "data", "owner")
		doc := "/api/v2/document/Scrape%20Job/" + id
		s.must("GET", doc, "").is(t, string(r.body))
		s.must("POST", doc+"/method/start", "").is(t, `"in_progress"`, "data", "status")
		s.must("POST", "/scrapers/jobs/"+id+"/results", `{"sku":"a"}`)
		s.refused(no{417, "invalid", "finished, failed or stopped"}, "POST", doc+"/method/finish", `{"status":"ok"}`)
		s.refused(no{417, "invalid", "no parameter"}, "POST", doc+"/method/stop", `{"status":"ok"}`)
		s.must("POST", doc+"/method/finish", `{"status":"failed","reason":"no more"}`).is(t, `"no more"`, "data", "reason")
		s.must("POST", doc+"/method/stop", "").is(t, `"failed"`, "data", "status")
		s.refused(no{409, "conflict", ""}, "POST", doc+"/method/approve", "")
		s.refused(no{404, "not_found", "method"}, "POST", doc+"/method/pause", "")
		s.refused(no{403, "forbidden", "its methods start, finish"}, "PUT", "/api/resource/Scrape%20Job/"+id, `{"status":"finished"}`)
		s.refused(no{403, "forbidden", "its methods start, finish"}, "DELETE", "/api/resource/Scrape%20Job/"+id, "")
		s.refused(no{403, "forbidden", "at /api/resource"}, "POST", "/api/ingest/Scrape%20Job", `{"scraper":"shop"}`)
		s.refused(no{417, "mandatory", "scraper"}, "POST", "/api/resource/Scrape%20Job", `{}`)
		s.refused(no{417, "invalid", "scraper"}, "POST", "/api/resource/Scrape%20Job", `{"scraper":1}`)
		s.refused(no{404, "not_found", "Scraper none"}, "POST", "/api/resource/Scrape%20Job", `{"scraper":"none"}`)
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Scrape%20Job/none", "")

		var got []string
		for _, e := range s.must("GET", doc+"/events", "").get(t, "data").([]any) {
			got = append(got, fmt.Sprint(e.(map[string]any)["event"]))
		}
		if want := []string{"job.failed", "job.data", "job.started"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		for filters, want := range map[string]string{
			`{"status":"failed"}`: "1", `{"status":["in",["pending","failed"]],"scraper":"shop"}`: "1", `{"doctype":"Product","mode":"full"}`: "1",
			`{"doctype":"Other"}`: "0", `{"dataRowsCount":[">",0]}`: "1", `{"held":[">",0]}`: "0", `{"reason":["like","no%"]}`: "1", `{"name":"` + id + `"}`: "1",
		} {
			s.must("GET", "/api/v2/doctype/Scrape%20Job/count?filters="+url.QueryEscape(filters), "").is(t, want, "data")
		}
		s.refused(no{417, "invalid", "colour"}, "GET", "/api/resource/Scrape%20Job?filters="+url.QueryEscape(`{"colour":"red"}`), "")
		s.must("GET", "/api/resource/Scrape%20Job?order_by="+url.QueryEscape("creation desc")+"&fields="+url.QueryEscape(`["scraper","status","dataRowsCount","removal"]`), "").
			is(t, `[{"scraper":"shop","status":"failed","dataRowsCount":1,"removal":{"live":0,"held":0,"held_updates":0,"brake":null,"decision":null}}]`, "data")
	})
}

// TestJob_second has many clients open a full job at once: one of them gets it.
func TestJob_second(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", `,"mode":"full"`)
		got := make(chan int, 8)
		for range cap(got) {
			go func() {
				res, err := http.DefaultClient.Do(s.request("POST", "/scrapers/shop/jobs", ""))
				if err != nil {
					got <- 0
					return
				}
				_ = res.Body.Close()
				got <- res.StatusCode
			}()
		}
		made := 0
		for range cap(got) {
			switch status := <-got; status {
			case 201:
				made++
			case 409:
			default:
				t.Errorf("status %d", status)
			}
		}
		if made != 1 {
			t.Errorf("%d jobs", made)
		}
		s.must("POST", "/scrapers/shop/jobs", `{"mode":"partial"}`) // beside it
	})
}
