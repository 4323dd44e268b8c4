package rest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func packed(t *testing.T, how, body string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch how {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return body
	}
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestIngestShapes sends the same three records in every shape and packing.
func TestIngestShapes(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const a, b, c = `{"sku":"a","price":1.50}`, `{"sku":"b","price":2}`, `{"sku":"c","price":3}`
		for i, tc := range []struct{ what, query, body string }{
			{"NDJSON", "", a + "\n" + b + "\n" + c},
			{"array", "", "[" + a + "," + b + ",\n" + c + "]"},
			{"wrapper", "?records=data.items", `{"meta":{"n":3},"data":{"items":[` + a + "," + b + "," + c + `]}}`},
			{"map", "", `{"1":` + a + `,"2":` + b + `,"3":` + c + `}`},
			{"map by its word", "?shape=map", `{"1":` + a + `,"2":` + b + `,"3":` + c + `}`},
			{"CSV", "", "sku,price\na,1.50\nb,2\nc,3\n"},
			{"one by one", "", ""},
		} {
			for _, pack := range []string{"", "gzip", "zstd"} {
				t.Run(strings.TrimSpace(tc.what+" "+pack), func(t *testing.T) {
					s := s.at(t)
					dt := fmt.Sprintf("Shape%d%s", i, pack)
					s.define(fmt.Sprintf(`{"name":%q,"autoname":"field:sku","fields":[{"fieldname":"price","fieldtype":"Float"}]}`, dt))
					headers := []string{"X-Nothing: x"}
					if pack != "" {
						headers = append(headers, "Content-Encoding: "+pack)
					}
					path := "/api/ingest/" + dt + tc.query
					if tc.body == "" {
						for _, one := range []string{a, b, c} {
							s.must("POST", path, packed(t, pack, one), headers...).is(t, "1", "inserted")
						}
					} else {
						s.must("POST", path, packed(t, pack, tc.body), headers...).
							is(t, `{"job":null,"received":3,"inserted":3,"updated":0,"unchanged":0,"duplicates":0,"rejected":0,"errors":[],"errors_omitted":0}`)
						s.must("POST", path, packed(t, pack, tc.body), headers...).is(t, "3", "unchanged")
					}
					s.must("GET", "/api/resource/"+dt+"?order_by=name&fields=%5B%22name%22,%22price%22%5D", "").
						is(t, `[{"name":"a","price":1.50},{"name":"b","price":2},{"name":"c","price":3}]`, "data")
				})
			}
		}
		s.define(`{"name":"Keyed","autoname":"field:@key"}`)
		s.must("POST", "/api/ingest/Keyed", `{"x/1":{"price":1},"x/2":{"price":2}}`).is(t, "2", "inserted")
		s.must("GET", "/api/resource/Keyed/x%2F1", "").is(t, "1", "data", "price")
	})
}

// TestIngestLines has good and bad lines in one body.
func TestIngestLines(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"old","price":1}`)
		s.must("POST", "/api/resource/Product", `{"sku":"same","price":1}`)
		body := strings.Join([]string{
			`{"sku":"new"}`, `{"sku":"old","price":2}`, `{"sku":"same","price":1.0}`, `{"sku":}`, ``, `{"price":1}`, `{"sku":"d","v":1}`, `{"sku":"d","v":2}`,
			`{"sku":"x","x":1,"x":2}`, `[1]`, `{"sku":"last"}`,
		}, "\n")
		r := s.must("POST", "/api/ingest/Product?results=lines", body)
		if ct := r.header.Get("Content-Type"); ct != "application/x-ndjson" {
			t.Errorf("Content-Type %q", ct)
		}
		lines := strings.Split(strings.TrimSpace(string(r.body)), "\n")
		want := []string{"1 inserted", "2 updated", "3 unchanged", "4 rejected not_json", "6 rejected name", "7 duplicate", "8 inserted", "9 rejected invalid", "10 rejected invalid", "11 inserted"}
		if len(lines) != len(want)+1 {
			t.Fatalf("%d lines:\n%s", len(lines), r.body)
		}
		for i, w := range want {
			var l struct {
				Line         int
				Result, Code string
			}
			if err := json.Unmarshal([]byte(lines[i]), &l); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(fmt.Sprint(l.Line, " ", l.Result, " ", l.Code)); got != w {
				t.Errorf("line %d: %s, want %s", i, got, w)
			}
		}
		last := reply{body: []byte(lines[len(lines)-1])}
		last.is(t, "10", "summary", "received")
		last.is(t, "3", "summary", "inserted")
		last.is(t, "4", "summary", "rejected")
		last.is(t, "1", "summary", "duplicates")
		s.must("GET", "/api/resource/Product/d", "").is(t, "2", "data", "v")

		r = s.must("POST", "/api/ingest/Product", body)
		r.is(t, "4", "rejected")
		r.is(t, `{"line":6,"code":"name","field":"sku","message":"the key is missing or empty"}`, "errors", "1")

		s.must("POST", "/api/ingest/Product?mode=merge", `{"sku":"old","stock":5}`)
		s.must("GET", "/api/resource/Product/old", "").is(t, "2", "data", "price")
		s.must("POST", "/api/ingest/Product?mode=replace", `{"sku":"old","stock":6}`)
		s.must("GET", "/api/resource/Product/old", "").is(t, "null", "data", "price")
		s.must("POST", "/api/ingest/Product", "[]").is(t, "0", "received")
		r = s.must("POST", "/api/ingest/Product", strings.Repeat("{}\n", 1200))
		r.is(t, "1200", "rejected")
		r.is(t, "200", "errors_omitted")
	})
}

func TestIngestRefused(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		for _, tc := range []struct {
			path, body, header string
			status             int
			code, words        string
		}{
			{"Nothing", "{", "", 404, "not_found", "Nothing"},
			{"Webhook", "{}", "", 403, "forbidden", "one document at a time"},
			{"Product?mod=merge", "{}", "", 417, "invalid", "mod"},
			{"Product?mode=append", "{}", "", 417, "invalid", "replace or merge"},
			{"Product?shape=rows", "{}", "", 417, "invalid", "shape"},
			{"Product?results=all", "{}", "", 417, "invalid", "results"},
			{"Product?job=1", "{}", "", 404, "not_found", "1"},
			{"Product?format=xml", "{}", "", 417, "invalid", "rows, job or changes"},
			{"Product?format=rows&shape=map", "{}", "", 417, "invalid", "shape does not go with format"},
			{"Product?format=rows&records=a", "{}", "", 417, "invalid", "records does not go with format"},
			{"Product?records=a.#.b", "{}", "", 417, "invalid", "records"},
			{"Product?records=none", `{"a":[]}`, "", 417, "invalid", "records"},
			{"Product", "<html>", "", 417, "not_json", ""},
			{"Product", "PK\x03\x04....", "", 415, "unsupported", "zip"},
			{"Product", "{}", "Content-Encoding: br", 415, "unsupported", "gzip"},
			{"Product", "", "", 417, "not_json", "empty"},
			{"Product", "\x1f\x8b\x08\x00 broken", "", 417, "not_json", "corrupt"},
			{"Product", `[{"sku":"A"}`, "", 400, "truncated", ""},
			{"Product", `[{"sku":"A"},}`, "", 417, "not_json", ""},
			{"Product", "{}", "Idempotency-Key: " + strings.Repeat("k", 256), 417, "invalid", "Idempotency-Key"},
		} {
			t.Run(tc.path+" "+tc.header, func(t *testing.T) {
				s := s.at(t)
				headers := []string{"X-Nothing: x"}
				if tc.header != "" {
					headers = append(headers, tc.header)
				}
				s.refused(no{tc.status, tc.code, tc.words}, "POST", "/api/ingest/"+tc.path, tc.body, headers...)
			})
		}
		s.must("GET", "/api/events", "").is(t, `{"data":[]}`)
	})
}

// manyRecords is more than one page.
func manyRecords(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"sku\":\"s%05d\"}\n", i)
	}
	return b.String()
}

// TestIngestBreaks ends the body behind the first page: that page stands and is
// reported, with one summary and with an answer per line.
func TestIngestBreaks(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		body := manyRecords(10_500) + `{"sku":"cut`
		r := s.do("POST", "/api/ingest/Product", body)
		s.isRefusal(r, 400, "truncated", "")
		r.is(t, "10000", "inserted")
		s.must("GET", "/api/v2/doctype/Product/count", "").is(t, "10000", "data")

		r = s.do("POST", "/api/ingest/Product?results=lines", body)
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		lines := bytes.Split(bytes.TrimSpace(r.body), []byte("\n"))
		last := reply{body: lines[len(lines)-1]}
		last.is(t, `"truncated"`, "error", "code")
		last.is(t, "10000", "summary", "unchanged")
		if len(lines) != 10_001 {
			t.Errorf("%d lines", len(lines))
		}
		r = s.do("POST", "/api/ingest/Product?results=lines", `{"sku":"cut`)
		s.isRefusal(r, 400, "truncated", "")
	})
}

// TestIngestStreams reads answers while it is still sending.
func TestIngestStreams(t *testing.T) {
	s := newSite(t, dbtest.New(t, dbtest.SQLite))
	s.define(product)
	in, out := io.Pipe()
	req := s.request("POST", "/api/ingest/Product?results=lines", "")
	req.Body, req.ContentLength = in, -1
	sent := make(chan error, 1)
	first := make(chan struct{})
	go func() {
		if _, err := io.WriteString(out, manyRecords(10_001)); err != nil {
			sent <- err
			return
		}
		<-first // only when the first page was answered
		_, err := io.WriteString(out, `{"sku":"end"}`)
		_ = out.Close()
		sent <- err
	}()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	one := make([]byte, 1)
	if _, err := io.ReadFull(res.Body, one); err != nil {
		t.Fatal(err)
	}
	close(first)
	rest, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(rest), `"name":"end","result":"inserted"`) || !strings.Contains(string(rest), `"inserted":10002`) {
		t.Errorf("…%s", rest[max(len(rest)-300, 0):])
	}
}

func TestIdempotency(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const key = "Idempotency-Key: k 1"
		body := manyRecords(10_500) // two pages
		first := s.must("POST", "/api/ingest/Product", body, key)
		first.is(t, "10500", "inserted")
		s.must("DELETE", "/api/resource/Product/s00000", "")
		if again := s.must("POST", "/api/ingest/Product", body, key); string(again.body) != string(first.body) {
			t.Errorf("%s\nthen %s", first.body, again.body)
		}
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/s00000", "")
		s.refused(no{422, "idempotency_mismatch", "another body"}, "POST", "/api/ingest/Product", `{"sku":"x"}`, key)
		s.refused(no{422, "idempotency_mismatch", "another body"}, "POST", "/api/ingest/Product?mode=merge", body, key)
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/x", "")

		// The same key of somebody else is another one.
		token, _ := s.must("POST", "/api/resource/API%20Key", `{"role":"writer"}`).get(t, "data", "token").(string)
		s.as(t, token).must("POST", "/api/ingest/Product", `{"sku":"x"}`, key).is(t, "1", "inserted")

		// At the same time: one writes; the others are told to wait or, when it
		// is done, get its answer.
		statuses, answers := make([]int, 8), make([]string, 8)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				r := s.do("POST", "/api/ingest/Product", manyRecords(3000)+`{"sku":"once"}`, "Idempotency-Key: k2")
				if statuses[i] = r.status; r.status == 200 {
					answers[i] = string(r.body)
				} else {
					s.isRefusal(r, 409, "idempotency_busy", "")
				}
			})
		}
		wg.Wait()
		answers = slices.DeleteFunc(answers, func(a string) bool { return a == "" })
		slices.Sort(answers)
		if len(slices.Compact(answers)) != 1 {
			t.Errorf("statuses %v, answers %q", statuses, answers)
		}
		if n := len(s.must("GET", "/api/v2/document/Product/once/events", "").get(t, "data").([]any)); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

// TestIdempotencyBusy has a request wait in the middle of its body while
// another one comes with its key.
func TestIdempotencyBusy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := newSite(t, db)
		s.define(product)
		in, out := io.Pipe()
		req := s.request("POST", "/api/ingest/Product?results=lines", "", "Idempotency-Key: k")
		req.Body, req.ContentLength = in, -1
		done := make(chan reply, 1)
		head := make(chan struct{})
		go func() {
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				done <- reply{}
				return
			}
			close(head) // a page was written
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			done <- reply{res.StatusCode, res.Header, body}
		}()
		if _, err := io.WriteString(out, manyRecords(10_001)); err != nil {
			t.Fatal(err)
		}
		<-head
		s.refused(no{409, "idempotency_busy", "still running"}, "POST", "/api/ingest/Product", `{"sku":"y"}`, "Idempotency-Key: k")
		_ = out.Close()
		if r := <-done; !strings.Contains(string(r.body), `"inserted":10001`) {
			t.Errorf("%d %s", r.status, r.body[max(len(r.body)-300, 0):])
		}
		s.refused(no{422, "idempotency_mismatch", ""}, "POST", "/api/ingest/Product", `{"sku":"y"}`, "Idempotency-Key: k")
	})
}
