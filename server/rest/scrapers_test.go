package rest_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestScraper makes, changes, lists and deletes scrapers as documents.
func TestScraper(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const path = "/api/resource/Scraper"
		r := s.must("POST", path, `{"doctype":"Scraper","name":"@official/shop ü","feeds":"Product","title":"Shop","description":"All of it","table":"T391","mode":"full","removal":{"misses": 2}}`)
		r.is(t, `"@official/shop ü"`, "data", "name")
		r.is(t, `"Administrator"`, "data", "owner")
		const one = path + "/%40official%2Fshop%20%C3%BC"
		s.must("GET", one, "").is(t, string(r.body))
		s.must("PUT", one, `{"title":"The shop","mode":null}`).is(t, `"partial"`, "data", "mode")
		r = s.must("GET", one, "")
		s.must("PUT", one, string(r.body[len(`{"data":`):len(r.body)-1])).is(t, `{"misses":2}`, "data", "removal") // as it was read
		s.must("GET", path+"?filters="+url.QueryEscape(`{"feeds":"Product","mode":"partial"}`)+"&fields="+url.QueryEscape(`["name","table"]`), "").
			is(t, `[{"name":"@official/shop ü","table":"T391"}]`, "data")
		s.must("GET", "/api/v2/doctype/Scraper/count", "").is(t, "1", "data")
		for _, tc := range []struct {
			status      int
			code, words string
			body        string
		}{
			{409, "conflict", "already exists", `{"name":"@official/shop ü","feeds":"Product"}`},
			{417, "link", "Nothing", `{"name":"x","feeds":"Nothing"}`},
			{417, "mandatory", "feeds", `{"name":"x"}`},
			{417, "mandatory", "name", `{"feeds":"Product"}`},
			{417, "invalid", "paths", `{"name":"jobs","feeds":"Product"}`},
			{417, "invalid", "colour", `{"name":"x","feeds":"Product","colour":"red"}`},
			{417, "invalid", "mode", `{"name":"x","feeds":"Product","mode":"all"}`},
			{417, "invalid", "removal", `{"name":"x","feeds":"Product","removal":{"on_zero":"shrug"}}`},
			{417, "invalid", "string", `{"name":1,"feeds":"Product"}`},
		} {
			s.refused(no{tc.status, tc.code, tc.words}, "POST", path, tc.body)
		}
		s.refused(no{417, "immutable", "renamed"}, "PUT", one, `{"name":"other"}`)
		s.refused(no{404, "not_found", "none"}, "GET", path+"/none", "")
		s.refused(no{404, "not_found", "none"}, "DELETE", path+"/none", "")
		s.refused(no{404, "not_found", "no method"}, "POST", "/api/v2/document/Scraper/none/method/start", "")
		s.refused(no{404, "not_found", "no events"}, "GET", "/api/v2/document/Scraper/none/events", "")
		s.refused(no{404, "not_found", "built in"}, "GET", "/api/v2/doctype/Scraper/meta", "")

		job := s.job("@official/shop ü", "")
		s.must("GET", job, "").is(t, `"@official/shop ü"`, "scraper")
		s.refused(no{417, "immutable", "open or held jobs"}, "DELETE", one, "")
		s.must("DELETE", job, "")
		s.must("DELETE", one, "")
		s.refused(no{404, "not_found", "POST /api/resource/Scraper"}, "GET", "/scrapers/%40official%2Fshop%20%C3%BC", "")
		s.must("GET", job, "").is(t, `"stopped"`, "status") // stays
	})
}

// TestScraper_panel lists what a list of recipes needs.
func TestScraper_panel(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("@official/shopbop-products", `,"title":"Shopbop","description":"Clothes, 100% of them","table":"T391"`)
		s.scraper("google-maps", `,"title":"Maps"`)
		s.scraper("amazon", "")
		s.job("google-maps", "")
		job := s.job("google-maps", "")
		s.must("POST", job+"/start", "")

		names := func(query string) string {
			var out []string
			for _, one := range s.must("GET", "/scrapers"+query, "").get(t, "data").([]any) {
				out = append(out, fmt.Sprint(one.(map[string]any)["name"]))
			}
			return strings.Join(out, " ")
		}
		for query, want := range map[string]string{
			"":                      "@official/shopbop-products amazon google-maps",
			"/":                     "@official/shopbop-products amazon google-maps",
			"?search=MAPS":          "google-maps",
			"?search=shop":          "@official/shopbop-products",
			"?search=clothes":       "@official/shopbop-products",
			"?search=100%25":        "@official/shopbop-products",
			"?search=%25":           "@official/shopbop-products",
			"?search=_":             "",
			"?search=nothing":       "",
			"?search=a&limit=1":     "@official/shopbop-products",
			"?limit=2&start=1":      "amazon google-maps",
			"?limit=1&start=3":      "",
			"?search=&limit=&start": "@official/shopbop-products amazon google-maps",
		} {
			if got := names(query); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		s.must("GET", "/scrapers?limit=2", "").is(t, "true", "has_next_page")
		s.must("GET", "/scrapers?limit=3", "").is(t, "false", "has_next_page")
		r := s.must("GET", "/scrapers/google-maps", "")
		got := times.ReplaceAllString(string(r.body), `"AT"`)
		if want := `{"name":"google-maps","title":"Maps","description":"","feeds":"Product","table":"","mode":"partial","removal":null,` +
			`"createdAt":"AT","updatedAt":"AT","lastJob":{"id":"` + strings.TrimPrefix(job, "/scrapers/jobs/") + `","status":"in_progress","createdAt":"AT"}}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		s.must("GET", "/scrapers?search=maps", "").is(t, string(r.body), "data", "0")
		s.must("GET", "/scrapers/amazon", "").is(t, "null", "lastJob")
	})
}

// TestScraper_paths has names that look like parts of the paths.
func TestScraper_paths(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		for _, name := range []string{"j", "jo", "job", "jobs2", "jobs/x", "jobsx/jobs", "Jobs", "a b", "a+b", "50%", "ü", "results", "start", "."} {
			s.scraper(name, "")
			path := "/scrapers/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
			s.must("GET", path, "").is(t, fmt.Sprintf("%q", name), "name")
			job := s.must("POST", path+"/jobs", "")
			job.is(t, fmt.Sprintf("%q", name), "scraper")
			s.must("GET", path+"/jobs", "").is(t, string(job.body), "data", "0")
			s.must("GET", path+"/jobs/", "").is(t, "1", "meta", "total")
		}
		s.must("GET", "/scrapers/jobs", "").is(t, "14", "meta", "total")
		s.must("GET", "/scrapers/jobs/", "").is(t, "1", "meta", "lastPage")
		s.refused(no{404, "not_found", "x"}, "GET", "/scrapers/jobs/x", "")
		s.refused(no{405, "method_not_allowed", ""}, "POST", "/scrapers/jobs/jobs", "") // none is called jobs
		s.refused(no{404, "not_found", ""}, "GET", "/scrapers/job/x", "")
	})
}

// TestResults reads what a job brought, page by page and as files.
func TestResults(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		job := s.job("shop", "")
		url := regexp.MustCompile(`"https?://[^/"]*/`)
		get := func(query string) reply {
			r := s.must("GET", job+"/results"+query, "")
			r.body = url.ReplaceAll(r.body, []byte(`"/`))
			return r
		}
		get("").is(t, `{"total":0,"perPage":100,"currentPage":1,"lastPage":1,"firstPage":1,
			"firstPageUrl":"`+job+`/results?page=1&limit=100","lastPageUrl":"`+job+`/results?page=1&limit=100","nextPageUrl":null,"previousPageUrl":null}`, "meta")
		for suffix, want := range map[string]string{".json": "[]\n", ".ndjson": "", ".csv": ""} {
			if r := s.must("GET", job+"/results"+suffix, ""); string(r.body) != want {
				t.Errorf("%s: %q", suffix, r.body)
			}
		}
		s.must("POST", job+"/results", `[{"sku":"a", "price":2500.0,"t":"x,\"y\""},{"nothing":1},{"sku":"b","tags":["1",2],"big":12345678901234567890},{"sku":"a","again":true}]`)
		s.must("POST", job+"/results", "{\"sku\":\"c\",\n\t\"t\":null}")

		r := get("?limit=2")
		r.is(t, `{"total":3,"perPage":2,"currentPage":1,"lastPage":2,"firstPage":1,
			"firstPageUrl":"`+job+`/results?page=1&limit=2","lastPageUrl":"`+job+`/results?page=2&limit=2","nextPageUrl":"`+job+`/results?page=2&limit=2","previousPageUrl":null}`, "meta")
		r.is(t, `{"sku":"b","tags":["1",2],"big":12345678901234567890}`, "data", "0", "data")
		row := regexp.MustCompile(`\{"id":"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}","data":\{"sku":"b","tags":\["1",2\],"big":12345678901234567890\},"createdAt":"[^"]+Z","updatedAt":"[^"]+Z"\}`)
		if !row.Match(r.body) {
			t.Errorf("%s", r.body)
		}
		first := r.get(t, "data", "0", "id")
		if again := get("?limit=1").get(t, "data", "0", "id"); again != first {
			t.Errorf("row %v, then %v", first, again)
		}
		r = get("?page=2&limit=2")
		r.is(t, `"c"`, "data", "0", "data", "sku")
		r.is(t, `null`, "meta", "nextPageUrl")
		r.is(t, `"`+job+`/results?page=1&limit=2"`, "meta", "previousPageUrl")
		r = get("?page=7&limit=2")
		r.is(t, `[]`, "data")
		r.is(t, `"`+job+`/results?page=2&limit=2"`, "meta", "previousPageUrl")
		r.is(t, `7`, "meta", "currentPage")

		id := strings.TrimPrefix(job, "/scrapers/jobs/")
		for suffix, want := range map[string]struct{ kind, body string }{
			".json": {"application/json", "[" + `{"sku":"b","tags":["1",2],"big":12345678901234567890},` + "\n" + `{"sku":"a","again":true},` + "\n" +
				"{\"sku\":\"c\",\n\t\"t\":null}]\n"},
			".ndjson": {"application/x-ndjson", `{"sku":"b","tags":["1",2],"big":12345678901234567890}` + "\n" + `{"sku":"a","again":true}` + "\n" + "{\"sku\":\"c\",\t\"t\":null}\n"},
			".csv":    {"text/csv; charset=utf-8; header=present", "sku,tags,big,again,t\r\nb,\"[\"\"1\"\",2]\",12345678901234567890,,\r\na,,,true,\r\nc,,,,\r\n"},
		} {
			r := s.must("GET", job+"/results"+suffix, "")
			if string(r.body) != want.body || r.header.Get("Content-Type") != want.kind || r.header.Get("Content-Disposition") != `attachment; filename="`+id+suffix+`"` {
				t.Errorf("%s: %v\n%s\nwant\n%s", suffix, r.header, r.body, want.body)
			}
		}
		// What was read goes in again.
		for _, suffix := range []string{".json", ".ndjson"} {
			s.must("POST", "/api/ingest/Product", string(s.must("GET", job+"/results"+suffix, "").body)).is(t, "3", "unchanged")
		}
	})
}

// TestResults_many streams more than one page of a job.
func TestResults_many(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		job := s.job("shop", "")
		body := manyRecords(10_250)
		s.must("POST", job+"/results", body)
		if r := s.must("GET", job+"/results.ndjson", ""); string(r.body) != body {
			t.Errorf("%d bytes, want %d", len(r.body), len(body))
		}
		s.must("GET", job+"/results?page=101", "").is(t, `"s10000"`, "data", "0", "data", "sku")
		s.must("GET", job+"/results?page=103&limit=100", "").is(t, "103", "meta", "lastPage")
		rows, err := csv.NewReader(strings.NewReader(string(s.must("GET", job+"/results.csv", "").body))).ReadAll()
		if err != nil || len(rows) != 10_251 || rows[10_250][0] != "s10249" {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}
