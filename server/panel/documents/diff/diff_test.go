package diff_test

import (
	"fmt"
	"strings"
	"testing"

	"dochook/server/panel/documents/diff"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("a", 400)
	for _, tc := range []struct{ from, to, want string }{
		{`1`, `2`, "f: 1 > 2"},
		{`1.0`, `1`, ""},
		{`5`, `"5"`, `f: 5 > "5"`},
		{``, `null`, "f: - > null"},
		{`""`, ``, "f:  > -"},
		{`"a\nb"`, `"c"`, "f: a\nb > c"},
		{`{"a":1,"b":{"c":[1,2,3]}}`, `{"b":{"c":[1,5,3]},"d":{"e":1}}`, "f.a: 1 > -|f.b.c[1]: 2 > 5|f.d: - > {\"e\":1}"},
		{`[1,2,3]`, `[2,3]`, "f[0]: 1 > -"},
		{`[{"p":1},{"p":2}]`, `[{"p":1},{"p":3},{"p":4}]`, "f[1].p: 2 > 3|f[2]: - > {\"p\":4}"},
		{`[1]`, `{"a":1}`, `f: [1] > {"a":1}`},
		{`"` + long + `x` + long + `"`, `"` + long + `yy` + long + `"`, "f: …" + long[:32] + "x" + long[:32] + "… > …" + long[:32] + "yy" + long[:32] + "…"},
		{`[1,2,3,4,5]`, `[6,7,8,9,0]`, "f[0]: 1 > 6|f[1]: 2 > 7|f[2]: 3 > 8|f[3]: 4 > 9|1 more"},
	} {
		var got []string
		lines, omitted := diff.Lines("f", side(tc.from), side(tc.to), 4)
		for _, l := range lines {
			if l.Absent {
				l.From = "-"
			}
			if l.Gone {
				l.To = "-"
			}
			got = append(got, l.Path+": "+l.From+" > "+l.To)
		}
		if omitted > 0 {
			got = append(got, fmt.Sprint(omitted, " more"))
		}
		if text := strings.Join(got, "|"); text != tc.want {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", tc.from, tc.to, text, tc.want)
		}
	}
}

func side(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
