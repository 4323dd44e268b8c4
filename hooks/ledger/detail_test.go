package ledger

import (
	"encoding/json"
	"reflect"
	"testing"
)

// However it is written, it is what encoding/json makes of it, also of fields that come later.
func TestDetail_encode(t *testing.T) {
	full := Detail{Method: "POST", URL: "https://x.example/a?b=1", Bytes: 5, Webhook: 3, Address: "[::1]:443", TLSVersion: "1.3", Reused: true, FirstByteUS: 7, BytesRead: 2, Body: "ok"}
	check := func(d Detail, short bool) {
		t.Helper()
		want, err := json.Marshal(&d)
		got, wrong := d.encode()
		if err != nil || wrong != nil || got != string(want) || d.short() != short {
			t.Errorf("%t: got %s, %v\nwant %s, %v", d.short(), got, wrong, want, err)
		}
	}
	check(Detail{}, true)
	check(full, true)
	for _, body := range []string{"a\"b", "a\\b", "<", ">", "a&b", "\x00", "\n", "ö", "\xff", "\u2028", "\x7f"} {
		d := full
		d.Body = body
		check(d, false)
	}
	kept := map[string]bool{ // by appendShort
		"Method": true, "URL": true, "Bytes": true, "Webhook": true, "Address": true, "Addresses": true, "TLSVersion": true, "Reused": true,
		"FirstByteUS": true, "BytesRead": true, "Body": true,
	}
	for i := range reflect.TypeFor[Detail]().NumField() {
		d, name := full, reflect.TypeFor[Detail]().Field(i).Name
		switch f := reflect.ValueOf(&d).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("text")
		case reflect.Int, reflect.Int64:
			f.SetInt(-9)
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string][]string{"A": {"b"}}))
		case reflect.Slice:
			f.SetBytes([]byte(`{"a":1}`))
		default:
			t.Fatalf("what is %s?", name)
		}
		check(d, kept[name])
	}
}
