package path_test

import (
	"fmt"

	"dochook/mapping/path"
)

const quotation = `{
	"name": "QTN-1", "customer": {"name": "Ada & Söhne"}, "total": 2500.0,
	"items": [{"item_code": "I1", "qty": 1.0}, {"item_code": "I2", "qty": 3}],
	"fav.movie": "Heat", "@type": "Quotation"
}`

func ExampleParse() {
	for _, expr := range []string{
		"customer.name", "items.0.item_code", "items.#", "items.#.item_code", "items.#(qty>1).item_code",
		"items.#(qty>1)#", `fav\.movie`, `\@type`, "tot*", "items.#.qty|@reverse", `{name,"sum":total}`, `!"fixed"`,
		"nothing.here",
	} {
		p, err := path.Parse(expr)
		if err != nil {
			fmt.Println(err)
			continue
		}
		raw, ok := p.Lookup([]byte(quotation))
		fmt.Printf("%-25s %s %t\n", p, raw, ok)
	}
	// Output:
	// customer.name             "Ada & Söhne" true
	// items.0.item_code         "I1" true
	// items.#                   2 true
	// items.#.item_code         ["I1","I2"] true
	// items.#(qty>1).item_code  "I2" true
	// items.#(qty>1)#           [{"item_code": "I2", "qty": 3}] true
	// fav\.movie                "Heat" true
	// \@type                    "Quotation" true
	// tot*                      2500.0 true
	// items.#.qty|@reverse      [3,1.0] true
	// {name,"sum":total}        {"name":"QTN-1","sum":2500.0} true
	// !"fixed"                  "fixed" true
	// nothing.here               false
}

func ExampleParse_mistakes() {
	for _, expr := range []string{"items..qty", "items[0]", "items.#(qty>1", "@type", "name."} {
		_, err := path.Parse(expr)
		fmt.Println(err)
	}
	// Output:
	// empty component (at offset 6)
	// unexpected "[", write \[ where it is part of a key (at offset 5)
	// unbalanced "(" (at offset 7)
	// unknown modifier "@type"; a key that begins with @ is written \@ (at offset 0)
	// the path ends with "." (at offset 4)
}

func ExampleSet() {
	var set path.Set
	for _, expr := range []string{"customer.name", "items.#.qty", "nothing.here"} {
		p, err := path.Parse(expr)
		if err != nil {
			fmt.Println(err)
			return
		}
		set.Add(p)
	}
	found := set.Find([]byte(quotation), make([][]byte, set.Places()))
	for i := range 3 {
		raw, err := found.Value(i)
		fmt.Printf("%s %t %v\n", raw, raw != nil, err)
	}
	// Output:
	// "Ada & Söhne" true <nil>
	// [1.0,3] true <nil>
	//  false <nil>
}

func ExampleMembers() {
	for name, value := range path.Members([]byte(`{"b": 1.0, "a": {"x": [1, 2]}}`)) {
		fmt.Printf("%s %s\n", name, path.AppendCompact(nil, value))
	}
	// Output:
	// "b" 1.0
	// "a" {"x":[1,2]}
}
