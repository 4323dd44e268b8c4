package web

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzCredentials: what is found is key:secret, what is refused is
// unauthenticated, and an empty carrier never hides the other one.
func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"", "token a:b", "Bearer a:b", "Basic YTpi", "Basic Og==", "Digest x", "a:b", "token", " \t", "basic ===="} {
		f.Add(s, "k:s")
	}
	f.Fuzz(func(t *testing.T, authorization, apiKey string) {
		token, found, err := credentials(http.Header{"Authorization": {authorization}, "X-Api-Key": {apiKey}})
		key, secret, colon := strings.Cut(token, ":")
		switch {
		case err != nil:
			if found || token != "" || Classify(err).Code != "unauthenticated" {
				t.Errorf("%q: %q %v %v", authorization, token, found, err)
			}
		case found:
			if !colon || key == "" || secret == "" {
				t.Errorf("%q: found %q", authorization, token)
			}
		case strings.TrimSpace(apiKey) != "":
			t.Errorf("%q hides %q", authorization, apiKey)
		}
	})
}
