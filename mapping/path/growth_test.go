package path

import (
	"strings"
	"testing"
)

// The bound is only worth something if gjson never makes more.
func TestGrowthIsNeverMoreThanItsBound(t *testing.T) {
	docs := []string{
		`{}`, `[]`, `[1,2,3,4,5,6,7,8,9]`, `{"a":[1,2,3],"b":[4,5,6]}`, `[[[[[[1],2],3],4],5],6]`,
		`{"` + strings.Repeat("k", 50) + `":[` + strings.Repeat("1,", 50) + `1]}`,
		`{"s":"` + strings.Repeat("<\u2028>&\\\\", 30) + `","a":{"a":{"a":{"a":{"a":1}}}}}`,
		`[` + strings.Repeat(`{"a":1},`, 40) + `{"b":[{},{},[],{"a":[0]}]}]`,
		`"{\"a\":[1,2,3]}"`, `{"s":"[[[[[1,2]]]]]","t":["[1]","{}"]}`,
	}
	modifiers := []string{
		"@this", "@reverse", "@ugly", "@keys", "@values", "@flatten", `@flatten:{"deep":true}`, "@join", "@pretty",
		`@pretty:{"indent":"          ","prefix":"      "}`, "@dig:a", "@dig:@this", "@group", "@tostr", "@fromstr", "[@this,@this,a]",
		`{"<long name>":@this,"other":!"<long>",a,s:{x:a,y:@this}}`, "#.[@this,a]", `#.{"<a long name>":a,"x":!"literal"}`,
	}
	checked := 0
	for _, doc := range docs {
		for _, first := range modifiers {
			for _, second := range modifiers {
				for _, third := range []string{"", "|@tostr", "|@pretty", "|@dig:a", "|[@this,@this]"} {
					p, err := Parse(first + "|" + second + third)
					if err != nil {
						t.Fatal(err)
					}
					s := shapeOf([]byte(doc))
					for _, e := range p.effects {
						s = s.after(e, float64(len(p.rest)))
					}
					// A few bytes more for the brackets around nothing.
					if n := len(get([]byte(doc), p.rest)); float64(n) > s.size+16 {
						t.Errorf("%s makes %d bytes of %s, the bound is %.0f", p, n, doc, s.size)
					} else if n > 0 {
						checked++
					}
				}
			}
		}
	}
	if checked < 5000 {
		t.Errorf("only %d results", checked)
	}
}
