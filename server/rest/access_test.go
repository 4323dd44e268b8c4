package rest_test

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/openapi/openapitest"
)

// TestRoles calls what each role may and may not do.
func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		key := func(doc string) *site {
			token, _ := s.must("POST", "/api/resource/API%20Key", doc).get(t, "data", "token").(string)
			return s.as(t, token)
		}
		who := []struct {
			name string
			*site
		}{
			{"nobody", s.as(t, "")},
			{"stranger", s.as(t, "who:knows0123456789")},
			{"reader", key(`{"name":"r","role":"reader","user":"rita@example.com"}`)},
			{"limited", key(`{"name":"l","role":"writer","doctypes":["Product"]}`)},
			{"writer", key(`{"name":"w","role":"writer","user":"willi@example.com"}`)},
			{"admin", s},
		}
		s.must("POST", "/api/resource/Product", `{"sku":"A"}`)
		s.must("POST", "/api/resource/Other", `{"sku":"A"}`)
		const doctype = `{"name":"Mine"}`
		for _, tc := range []struct{ method, path, body, want string }{
			{"GET", "/healthz", "", "200 200 200 200 200 200"},
			{"GET", "/readyz", "", "200 200 200 200 200 200"},
			{"GET", "/api/method/ping", "", "200 200 200 200 200 200"},
			{"GET", "/api/method/frappe.auth.get_logged_user", "", "403 401 200 200 200 200"},
			{"GET", "/api/resource/Product/A", "", "403 401 200 200 200 200"},
			{"GET", "/api/resource/Other/A", "", "403 401 200 403 200 200"},
			{"GET", "/api/resource/Other", "", "403 401 200 403 200 200"},
			{"GET", "/api/v2/document/Other/A/events", "", "403 401 200 403 200 200"},
			{"GET", "/api/method/frappe.client.get_count?doctype=Other", "", "403 401 200 403 200 200"},
			{"GET", "/api/method/frappe.client.get?doctype=Other&name=A", "", "403 401 200 403 200 200"},
			{"GET", "/api/events", "", "403 401 200 403 200 200"},
			{"GET", "/api/events?doctype=Product", "", "403 401 200 200 200 200"},
			{"PUT", "/api/resource/Product/A", `{"x":1}`, "403 401 403 200 200 200"},
			{"PUT", "/api/resource/Other/A", `{"x":1}`, "403 401 403 403 200 200"},
			{"POST", "/api/method/frappe.client.set_value", `{"doctype":"Product","name":"A","fieldname":"x","value":1}`, "403 401 403 200 200 200"},
			{"POST", "/api/method/frappe.client.set_value", `{"doctype":"Other","name":"A","fieldname":"x","value":1}`, "403 401 403 403 200 200"},
			{"POST", "/api/method/frappe.client.insert", `{"doc":{"doctype":"DocType","name":"DocType"}}`, "403 401 403 403 403 409"},
			{"POST", "/api/ingest/Product", `{"sku":"A"}`, "403 401 403 200 200 200"},
			{"POST", "/api/ingest/Other", `{"sku":"A"}`, "403 401 403 403 200 200"},
			{"DELETE", "/api/resource/Other/none", "", "403 401 403 403 404 404"},
			{"POST", "/api/v2/document/Other/none/method/restore", "", "403 401 403 403 404 404"},
			{"GET", "/api/resource/DocType", "", "403 401 200 200 200 200"},
			{"POST", "/api/resource/DocType", doctype, "403 401 403 403 403 200"},
			{"PUT", "/api/resource/DocType/Mine", doctype, "403 401 403 403 403 200"},
			{"DELETE", "/api/resource/DocType/Mine", "", "403 401 403 403 403 202"},
			{"GET", "/api/resource/Webhook", "", "403 401 403 403 403 200"},
			{"GET", "/api/resource/Webhook%20Request%20Log", "", "403 401 403 403 403 200"},
			{"GET", "/api/method/frappe.client.get_list?doctype=Webhook", "", "403 401 403 403 403 200"},
			{"POST", "/api/v2/document/Webhook/none/method/preview", "", "403 401 403 403 403 404"},
			{"POST", "/api/v2/document/Webhook/none/method/retry", "", "403 401 403 403 403 404"},
			{"POST", "/api/v2/document/Webhook%20Request%20Log/none/method/resend", "", "403 401 403 403 403 404"},
			{"GET", "/api/resource/API%20Key", "", "403 401 403 403 403 200"},
			{"POST", "/api/resource/API%20Key", `{"name":"n"}`, "403 401 403 403 403 200"},
			{"DELETE", "/api/resource/API%20Key/n", "", "403 401 403 403 403 202"},
		} {
			wants := strings.Fields(tc.want)
			for i, w := range who {
				if r := w.do(tc.method, tc.path, tc.body); wants[i] != strconv.Itoa(r.status) {
					t.Errorf("%s %s %s: %d, want %s: %.300s", w.name, tc.method, tc.path, r.status, wants[i], r.body)
				}
			}
		}
		// Who wrote is the key's user.
		who[4].must("POST", "/api/resource/Product", `{"sku":"mine"}`).is(t, `"willi@example.com"`, "data", "owner")
		who[3].must("PUT", "/api/resource/Product/mine", `{"x":1}`).is(t, `"l"`, "data", "modified_by")
		who[2].must("GET", "/api/method/frappe.auth.get_logged_user", "").is(t, `{"message":"rita@example.com"}`)
	})
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const path = "/api/resource/API%20Key"
		r := s.must("POST", path, `{"name":"k","role":"writer","doctypes":["Product"],"description":"d"}`)
		secret, _ := r.get(t, "data", "api_secret").(string)
		if len(secret) < 20 || r.get(t, "data", "token") != "k:"+secret {
			t.Errorf("made %s", r.body)
		}
		for _, p := range []string{path + "/k", path + "?fields=" + url.QueryEscape(`["*"]`), "/api/v2/document/API%20Key/k"} {
			if got := s.must("GET", p, ""); strings.Contains(string(got.body), secret) || strings.Contains(string(got.body), "hash") {
				t.Errorf("%s shows the secret: %s", p, got.body)
			}
		}
		s.must("GET", path+"?filters="+url.QueryEscape(`[["role","=","writer"],["enabled","=",1]]`), "").is(t, `[{"name":"k"}]`, "data")
		s.must("GET", "/api/method/frappe.client.get_count?doctype=API%20Key&filters="+url.QueryEscape(`{"role":"admin"}`), "").is(t, "1", "message")
		s.must("GET", path+"?order_by="+url.QueryEscape("description desc")+"&limit=1", "").is(t, `[{"name":"k"}]`, "data")
		// Sent back as it was read.
		read := s.must("GET", path+"/k", "")
		s.must("PUT", path+"/k", string(read.body[len(`{"data":`):len(read.body)-1])).is(t, `["Product"]`, "data", "doctypes")
		s.must("PUT", path+"/k", `{"doctypes":null}`).is(t, `null`, "data", "doctypes")
		s.must("PUT", path+"/k", `{"enabled":0}`)
		s.as(t, "k:"+secret).refused(no{401, "unauthenticated", ""}, "GET", "/api/resource/DocType", "")
		s.refused(no{409, "conflict", ""}, "POST", path, `{"name":"k"}`)
		s.refused(no{417, "invalid", "colour"}, "POST", path, `{"colour":1}`)
		s.refused(no{417, "invalid", "last enabled admin"}, "DELETE", path+"/admin", "")
		s.must("DELETE", path+"/k", "")
		s.refused(no{404, "not_found", ""}, "GET", path+"/k", "")
	})
}

// TestReady is not ready before the start, nor on a schema of another age.
func TestReady(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		app, err := server.New(db, server.Config{}, server.Options{Around: openapitest.Around(t)})
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(app.Handler())
		t.Cleanup(web.Close)
		s := &site{t: t, app: app, url: web.URL}
		r := s.do("GET", "/readyz", "")
		r.is(t, `{"status":"not ready","checks":{"database":"ok","couriers":"the couriers are not running"}}`)
		if r.status != 503 {
			t.Errorf("%d", r.status)
		}
		if _, err := migrations.Down(t.Context(), db, 1); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.do("GET", "/readyz", "").get(t, "checks", "database").(string); !strings.Contains(got, "migrate up") {
			t.Errorf("database: %q", got)
		}
		s.must("GET", "/healthz", "").is(t, `{"status":"ok"}`)
		root := s.must("GET", "/", "")
		for member, want := range map[string]string{"service": `"dochook"`, "panel": `"/app"`, "docs": `"/docs"`, "openapi": `"/openapi.json"`} {
			root.is(t, want, member)
		}
	})
}
