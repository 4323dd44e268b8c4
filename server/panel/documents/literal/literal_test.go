package literal_test

import (
	"testing"

	"dochook/server/panel/documents/literal"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"1.50": "1.50", "-2e3": "-2e3", "12345678901234567890.10": "12345678901234567890.10",
		"": `""`, "5%": `"5%"`, "01": `"01"`, "1 2": `"1 2"`, "true": `"true"`, `a"b`: `"a\"b"`, `1,"x":2`: `"1,\"x\":2"`,
	} {
		if got := string(literal.Of(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		"null": true, "[1, 2.0]": true, `{"a":{}}`: true, ` "x" `: true,
		"": false, "x": false, `1,"v":2`: false, "NaN": false, `{"a":1`: false,
	} {
		if got := literal.Valid(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestUnix(t *testing.T) {
	if got := literal.Unix("a\r\nb\rc\nd\r\n\r\n"); got != "a\nb\nc\nd\n\n" {
		t.Errorf("%q", got)
	}
}
