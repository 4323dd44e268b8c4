package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

// TestIngest_answers_a_client_that_sends_no_more sends one page more than is read at once and leaves the body open: an error of what was
// written must be answered all the same.
func TestIngest_answers_a_client_that_sends_no_more(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.scraper("shop", "")
		job := s.job("shop", "{}")
		s.must("DELETE", job, "")
		body, feed := io.Pipe()
		t.Cleanup(func() { _ = feed.Close() })
		go func() {
			for i := range 10_001 {
				if _, err := fmt.Fprintf(feed, "{\"sku\":\"p%d\"}\n", i); err != nil {
					return
				}
			}
		}()
		req := s.request("POST", job+"/results", "", "Content-Type: application/x-ndjson")
		req.Body, req.ContentLength = body, -1
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusConflict {
			t.Errorf("status %d, want 409", res.StatusCode)
		}
		s.must("GET", job, "") // the next request is none of that body
	})
}
