package rest_test

import (
	"net/url"
	"testing"
)

func TestMethods(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"A","price":2500.0,"color":"red","n":null}`)
		s.must("POST", "/api/resource/Product", `{"sku":"B","price":1,"color":"red"}`)
		const client = "/api/method/frappe.client."
		q := func(v ...string) string {
			out := url.Values{"doctype": {"Product"}}
			for i := 0; i < len(v); i += 2 {
				out.Set(v[i], v[i+1])
			}
			return "?" + out.Encode()
		}
		for _, tc := range []struct{ method, path, body, want string }{
			{"GET", "/api/method/ping", "", `"pong"`},
			{"POST", "/api/method/ping/", "", `"pong"`},
			{"GET", "/api/method/frappe.auth.get_logged_user", "", `"Administrator"`},
			{"GET", client + "get_count" + q(), "", `2`},
			{"GET", client + "get_count" + q("filters", `{"color":"blue"}`, "debug", "true", "cache", "true"), "", `0`},
			{"POST", client + "get_count", `{"doctype":"Product","filters":{"name":"A"}}`, `1`},
			{"POST", client + "get_list", `{"doctype":"Product","filters":[["price",">",5]],"fields":["name","price"],"limit_page_length":5}`, `[{"name":"A","price":2500.0}]`},
			{"GET", client + "get_list" + q("order_by", "name", "limit", "1"), "", `[{"name":"A"}]`},
			{"GET", client + "get_value" + q("fieldname", "price", "filters", "A", "as_dict", "true", "debug", "false"), "", `{"price":2500.0}`},
			{"GET", client + "get_value" + q("fieldname", `["price","color"]`, "filters", `{"name":"B"}`), "", `{"price":1,"color":"red"}`},
			{"GET", client + "get_value" + q("fieldname", `price`, "filters", `B`, "as_dict", "false"), "", `1`},
			{"GET", client + "get_value" + q("fieldname", `["price","color"]`, "filters", `B`, "as_dict", "false"), "", `[1,"red"]`},
			{"GET", client + "get_value" + q("fieldname", "price", "filters", "none"), "", `{}`},
			{"GET", client + "get_value" + q("fieldname", "price", "filters", "none", "as_dict", "false"), "", `null`},
			{"POST", client + "set_value", `{"doctype":"Product","name":"B","fieldname":"stock","value":7.0}`, ``},
			{"GET", client + "get_value" + q("fieldname", "stock", "filters", "B"), "", `{"stock":7.0}`},
			{"POST", client + "set_value", `{"doctype":"Product","name":"B","fieldname":{"a":1,"b":[2]}}`, ``},
			{"POST", client + "set_value", `{"doctype":"Product","name":"B","fieldname":"{\"c\":3}"}`, ``},
			{"POST", client + "get_value", `{"doctype":"Product","fieldname":["a","b","c"],"filters":{"name":"B"}}`, `{"a":1,"b":[2],"c":3}`},
			{"POST", client + "insert", `{"doc":{"doctype":"Product","sku":"C","price":3}}`, ``},
			{"POST", client + "save", `{"doc":"{\"doctype\":\"Product\",\"name\":\"C\",\"price\":4}"}`, ``},
			{"GET", client + "get_value" + q("fieldname", "price", "filters", "C"), "", `{"price":4}`},
			{"POST", client + "delete", `{"doctype":"Product","name":"C"}`, `"ok"`},
			{"GET", client + "get_count" + q("filters", `"C"`), "", `0`},
		} {
			r := s.must(tc.method, tc.path, tc.body)
			if tc.want != "" {
				r.is(t, tc.want, "message")
			}
		}
		s.must("GET", client+"get"+q("name", "A"), "").is(t, `2500.0`, "message", "price")
		s.must("GET", client+"get"+q("filters", `{"price":1}`), "").is(t, `"B"`, "message", "name")
		for _, tc := range []struct {
			status                          int
			code, words, method, path, body string
		}{
			{404, "not_found", "no method", "GET", "/api/method/frappe.client.explode", ""},
			{404, "not_found", "no method", "POST", "/api/method/os.system", `{"cmd":"ls"}`},
			{405, "method_not_allowed", "POST", "GET", client + "set_value" + q("name", "A", "fieldname", "price", "value", "0"), ""},
			{405, "method_not_allowed", "POST", "GET", client + "delete" + q("name", "A"), ""},
			{417, "mandatory", "doctype", "GET", client + "get_count", ""},
			{404, "not_found", "None", "GET", client + "get_count?doctype=None", ""},
			{404, "not_found", "", "GET", client + "get" + q("name", "none"), ""},
			{404, "not_found", "passes", "GET", client + "get" + q("filters", `{"price":99}`), ""},
			{417, "invalid", "filters", "GET", client + "get_count" + q("filters", `{"a":[1,2,3]}`), ""},
			{417, "mandatory", "fieldname", "POST", client + "set_value", `{"doctype":"Product","name":"A"}`},
			{417, "immutable", "standard field", "POST", client + "set_value", `{"doctype":"Product","name":"A","fieldname":"owner","value":"x"}`},
			{417, "invalid", "duplicate", "POST", client + "set_value", `{"doctype":"Product","name":"A","fieldname":"{\"a\":1,\"a\":2}"}`},
			{417, "mandatory", "doc", "POST", client + "insert", `{}`},
			{417, "mandatory", "name", "POST", client + "save", `{"doc":{"doctype":"Product"}}`},
			{417, "mandatory", "name", "POST", client + "delete", `{"doctype":"Product"}`},
			{404, "not_found", "", "POST", client + "delete?name=%00", `{"doctype":"Product"}`},
			{417, "invalid", "not supported", "POST", client + "rename_doc", `{"doctype":"Product","old_name":"A","new_name":"Z"}`},
			{417, "invalid", "not supported", "GET", client + "get_single_value?doctype=Product&field=x", ""},
			{417, "invalid", "not supported", "POST", client + "submit", `{"doc":{}}`},
			{417, "invalid", "not supported", "POST", client + "cancel", `{"doctype":"Product","name":"A"}`},
			{417, "invalid", "API key", "POST", "/api/method/login", `{"usr":"a","pwd":"b"}`},
		} {
			s.refused(no{tc.status, tc.code, tc.words}, tc.method, tc.path, tc.body)
		}
	})
}
