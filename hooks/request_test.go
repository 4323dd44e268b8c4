package hooks

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const withHeaders = `,"webhook_data":[{"fieldname":"name","key":"id"}],"webhook_headers":[
	{"key":"Authorization","value":"Bearer sesame {{doc.total}}"},{"key":"Cookie","value":"a=sesame"},{"key":"Cookie","value":"b=sesame"},{"key":"X-Shop","value":"shoes"}]`

func TestRequest_is_kept_without_its_secrets(t *testing.T) {
	e := event("on_insert", `{"total":2500.0}`, "")
	w, err := compile(t, "{"+minimal+withHeaders+"}")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Render(e)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := r.Keep()
	if err != nil || strings.Contains(string(kept), "sesame") || !strings.Contains(string(kept), "shoes") || r.Header.Get("Authorization") != "Bearer sesame 2500.0" {
		t.Fatalf("%s, %v", kept, err)
	}
	again, err := w.Restore(kept, e)
	if err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("was %+v\nis %+v, %v", r, again, err)
	}

	// The webhook was edited: what was rendered stays, credentials are those it has now.
	edited, err := compile(t, "{"+minimal+`,"request_url":"https://other.example/","webhook_headers":[{"key":"authorization","value":"Bearer new"},{"key":"X-Shop","value":"hats"},{"key":"X-More","value":"1"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	again, err = edited.Restore(kept, e)
	want := http.Header{"Authorization": {"Bearer new"}, "X-Shop": {"shoes"}, "Content-Type": {"application/json"}, "Webhook-Hops": {"1"}}
	if err != nil || !reflect.DeepEqual(again.Header, want) || again.URL != r.URL || string(again.Body) != string(r.Body) {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestRestore_of_what_needs_nothing: parts that were not rendered yet, and requests as they were kept before their secrets were masked.
func TestRestore_of_what_needs_nothing(t *testing.T) {
	w, err := compile(t, "{"+minimal+withHeaders+"}")
	if err != nil {
		t.Fatal(err)
	}
	e := event("on_insert", `{}`, "")
	for text, want := range map[string]Request{
		`{"method":"","url":"","headers":null,"part":{"from":1,"to":2,"n":1,"of":3}}`: {Part: &Part{From: 1, To: 2, N: 1, Of: 3}},
		`{"method":"POST","url":"https://x.example/","headers":{"Authorization":["Bearer old"],"X-A":["********"]},"body":"e30="}`: {
			Method: "POST", URL: "https://x.example/", Header: http.Header{"Authorization": {"Bearer old"}, "X-A": {"********"}}, Body: []byte(`{}`),
		},
	} {
		if got, err := w.Restore([]byte(text), e); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := w.Restore([]byte("{"), e); err == nil {
		t.Error("half a request was restored")
	}
}
