package access_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"dochook/server/access"
)

// FuzzParseKey: what is accepted survives its own JSON, what is refused has a
// code.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte(`{"name":"n","user":"u","role":"writer","doctypes":["A"],"description":"d","enabled":0}`))
	f.Add([]byte(`{"doctypes":null,"enabled":"1"}`))
	f.Add([]byte(`{"role":"admin"} x`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := access.ParseKey(data)
		if err != nil {
			if _, ok := errors.AsType[*access.Error](err); !ok {
				t.Errorf("uncoded %v", err)
			}
			return
		}
		text, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		again, err := access.ParseKey(text)
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("%s: %+v, then %+v, %v", data, k, again, err)
		}
	})
}
