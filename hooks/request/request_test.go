package request_test

import (
	"net/http"
	"reflect"
	"testing"

	"dochook/hooks/request"
)

func TestRequest_Redact(t *testing.T) {
	r := request.Request{Header: http.Header{"Authorization": {"Bearer ses\"ame"}, "X-Api-Key": {"k-123456"}, "X-Token": {"abc"}, "X-Shop": {"shoes"}}}
	for text, want := range map[string]string{
		"":                                    "",
		`got Bearer ses"ame`:                  `got ********`,
		`{"authorization":"Bearer ses\"ame"}`: `{"authorization":"********"}`,
		`{"token":"ses\"ame","key":["k-123456"]}`:    `{"token":"********","key":["********"]}`,
		`{"shop":"shoes","abc":"too short to mask"}`: `{"shop":"shoes","abc":"too short to mask"}`,
	} {
		if got := r.Redact(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestMaskHeader(t *testing.T) {
	h := http.Header{"Cookie": {"a", "b"}, "X-Shop": {"shoes"}}
	got := request.MaskHeader(h)
	if !reflect.DeepEqual(got, http.Header{"Cookie": {"********", "********"}, "X-Shop": {"shoes"}}) || h.Get("Cookie") != "a" {
		t.Errorf("%v from %v", got, h)
	}
}
