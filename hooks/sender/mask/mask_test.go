package mask

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.com":                                             "https://example.com",
		"https://example.com:8443/a/b?c=d&e":                              "https://example.com:8443/a/b?c=d&e",
		"https://u:p@example.com/":                                        "https://***@example.com/",
		"https://u@example.com/":                                          "https://***@example.com/",
		"https://h/#secret":                                               "https://h/",
		"https://h/?token=abc&page=2":                                     "https://h/?token=***&page=2",
		"https://h/?a=1&ACCESS_TOKEN=x&client_secret=y":                   "https://h/?a=1&ACCESS_TOKEN=***&client_secret=***",
		"https://h/?api-key=1&apiKey=2&api_key=3&x-api-key=4":             "https://h/?api-key=***&apiKey=***&api_key=***&x-api-key=***",
		"https://h/?k%65y=1&monkey=2&keyword=3":                           "https://h/?k%65y=***&monkey=2&keyword=3",
		"https://h/?sig=abc&X-Amz-Signature=def&sv=2020":                  "https://h/?sig=***&X-Amz-Signature=***&sv=2020",
		"https://h/?password=&pwd=x":                                      "https://h/?password=***&pwd=***",
		"https://h/?%zz=1":                                                "https://h/?%zz=***",
		"https://h/?u=a1b2c3d4e5f6a7b8c9d0":                               "https://h/?u=***",
		"https://h/?a1b2c3d4e5f6a7b8c9d0":                                 "https://h/?***",
		"https://hooks.example/services/T01/B02/aB3dE5gH7jK9mN1pQ3sT5vW7": "https://hooks.example/services/T01/B02/***",
		"https://h/doc/123e4567-e89b-12d3-a456-426614174000":              "https://h/doc/123e4567-e89b-12d3-a456-426614174000",
		"https://h/products/internationalisation-of-2024":                 "https://h/products/internationalisation-of-2024",
		"https://h/00000000000000000000000001":                            "https://h/00000000000000000000000001",
		"https://h/a%20b/\u00fc":                                          "https://h/a%20b/%C3%BC",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL(u); got != want {
			t.Errorf("URL(%q) = %q, want %q", raw, got, want)
		}
	}
	u, err := url.Parse("https://h/" + strings.Repeat("a/", 5000))
	if err != nil {
		t.Fatal(err)
	}
	if got := URL(u); len(got) > maxURLBytes || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestHeader(t *testing.T) {
	got := Header(http.Header{
		"Content-Type":               {"application/json"},
		"Webhook-Id":                 {"msg_ABCDEFGHIJKLMNOPQRSTUVWX-1a"},
		"Authorization":              {"Bearer hidden", "hidden", "hidden words", "Basic aGlkZGVu"},
		"Proxy-Authorization":        {"Digest hidden"},
		"Cookie":                     {"a=hidden"},
		"X-Api-Key":                  {"hidden"},
		"X-Auth":                     {"hidden"},
		"X-Gitlab-Token":             {"hidden"},
		"Client-Secret":              {"hidden"},
		"Ocp-Apim-Subscription-Key":  {"hidden"},
		"X-Auth-Token":               {""},
		"Webhook-Signature":          {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		"X-Frappe-Webhook-Signature": {"hidden"},
		"X-Author":                   {"Zoë"},
		"X-Odd":                      {"a\x00\xff\u202e"},
	})
	want := map[string][]string{
		"Content-Type":               {"application/json"},
		"Webhook-Id":                 {"msg_ABCDEFGHIJKLMNOPQRSTUVWX-1a"},
		"Authorization":              {"Bearer ***", "***", "***", "Basic ***"},
		"Proxy-Authorization":        {"Digest ***"},
		"Cookie":                     {"***"},
		"X-Api-Key":                  {"***"},
		"X-Auth":                     {"***"},
		"X-Gitlab-Token":             {"***"},
		"Client-Secret":              {"***"},
		"Ocp-Apim-Subscription-Key":  {"***"},
		"X-Auth-Token":               {""},
		"Webhook-Signature":          {"v1,g0hM9SsE+…"},
		"X-Frappe-Webhook-Signature": {"***"},
		"X-Author":                   {"Zoë"},
		"X-Odd":                      {`a\x00\xff\u202e`},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestHeader_is_bounded(t *testing.T) {
	many := http.Header{}
	for i := range 1000 {
		many.Add("X-"+strings.Repeat("a", i%100), "v")
	}
	for name, h := range map[string]http.Header{
		"many": many, "wide": {"A": {"small"}, "X-A": {strings.Repeat("é", 20000)}, "Z": {"last"}}, "long name": {strings.Repeat("N", 10000): {"v"}},
	} {
		size, count := 0, 0
		for k, values := range Header(h) {
			count += len(values)
			for _, v := range values {
				size += len(k) + len(v)
			}
		}
		if size > maxHeaderBytes || count > maxHeaders || count == 0 {
			t.Errorf("%s: %d headers of %d bytes", name, count, size)
		}
	}
}

// Whatever a URL is, its password does not come out, and what comes out is printable and short.
func FuzzURL(f *testing.F) {
	f.Add("https://u:pw@h/p?token=t#f")
	f.Add("http://h/%00?a=%ff&b;c")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			t.Skip()
		}
		u.User = url.UserPassword("user", "Pa55word~Pa55word")
		got := URL(u)
		if strings.Contains(got, "Pa55word~Pa55word") && !strings.Contains(raw, "Pa55word") {
			t.Fatalf("URL(%q) = %q", raw, got)
		}
		if len(got) > maxURLBytes || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("URL(%q) = %q", raw, got)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("plain", 10)
	f.Add("caf\xe9 \x00\u202e é", 12)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(0, min(limit, 1000))
		got := Text(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("Text(%q, %d) = %q", s, limit, got)
		}
		if IsPlain(s) && len(s) <= limit && got != s {
			t.Fatalf("Text(%q, %d) = %q", s, limit, got)
		}
	})
}
