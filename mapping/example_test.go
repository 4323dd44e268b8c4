package mapping_test

import (
	"fmt"

	"dochook/mapping"
)

const quotation = `{
	"name": "QTN-1", "customer": {"name": "Ada & Söhne"}, "total": 2500.0,
	"items": [{"item_code": "I1", "qty": 1.0}, {"item_code": "I2", "qty": 3}],
	"fav.movie": "Heat", "@type": "Quotation"
}`

func ExampleMapping() {
	m, err := mapping.Compile([]mapping.Row{
		{Fieldname: "name", Key: "id"},
		{Fieldname: "customer.name", Key: "buyer.name"},
		{Fieldname: "total", Key: `a\.b`},
		{Fieldname: "customer.mail", Key: "buyer.mail"},
		{Fieldname: "items", Key: "lineItems"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := m.Append(nil, []byte(quotation))
	fmt.Printf("%s %v\n", body, err)
	// Output:
	// {"id":"QTN-1","buyer":{"name":"Ada & Söhne","mail":null},"a.b":2500.0,"lineItems":[{"item_code":"I1","qty":1.0},{"item_code":"I2","qty":3}]} <nil>
}

func ExampleMapping_wholeBody() {
	m, err := mapping.Compile([]mapping.Row{{Fieldname: "items.#.item_code"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := m.Append(nil, []byte(quotation))
	fmt.Printf("%s %v\n", body, err)
	// Output:
	// ["I1","I2"] <nil>
}

func ExampleCompile_mistakes() {
	for _, rows := range [][]mapping.Row{
		{{Fieldname: "name", Key: "id"}, {Fieldname: "items..qty", Key: "qty"}},
		{{Fieldname: "name", Key: "a"}, {Fieldname: "total", Key: "a.b"}},
	} {
		_, err := mapping.Compile(rows)
		fmt.Println(err)
	}
	// Output:
	// webhook_data[1].fieldname: empty component (at offset 6)
	// webhook_data[1].key: another row makes "a" a value, nothing can stand below it (at offset 1)
}

func doc(root string) []byte {
	if root == "doc" {
		return []byte(quotation)
	}
	return nil
}

func ExampleParseTemplate() {
	t, err := mapping.ParseTemplate(
		`{"codes":"{{doc.items.#.item_code}}", "n":{{doc.items.#}}, "say":"{{doc.name}} is {{doc.total}}", "{{doc.name}}":true, "old":{{old}}}`,
		mapping.JSON)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := t.Append(nil, doc)
	fmt.Printf("%s %v\n", body, err)
	// Output:
	// {"codes":["I1","I2"], "n":2, "say":"QTN-1 is 2500.0", "QTN-1":true, "old":null} <nil>
}

func ExampleParseTemplate_url() {
	t, err := mapping.ParseTemplate("https://example.com/orders/{{doc.name}}?by={{doc.customer.name}}", mapping.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	url, err := t.Append(nil, doc)
	fmt.Printf("%s %v\n", url, err)
	// Output:
	// https://example.com/orders/QTN-1?by=Ada%20%26%20S%C3%B6hne <nil>
}

func ExampleParseTemplate_mistakes() {
	for _, src := range []string{
		`{"a": "{{ dok.name }}"}`,
		"{\n  \"a\": \"{{ doc.items..qty }}\"}",
		`{"a": "{{ doc.name"}`,
		`{"a": {{doc.name}},}`,
	} {
		_, err := mapping.ParseTemplate(src, mapping.JSON)
		fmt.Println(err)
	}
	// Output:
	// unknown variable "dok.name", there are: doc, old, changed, event, job, globals, userId, userName, createdAt, eventType, eventData, resource (line 1, column 11)
	// empty component (line 2, column 22)
	// {{ is not closed by }}, or brackets or quotes between them are not (line 1, column 8)
	// no JSON around the variables: invalid character '}' at start of string (expecting '"') (line 1, column 20)
}

func ExampleAppendForm() {
	body, err := mapping.AppendForm(nil, []byte(`{"id": "a b&c", "n": 1.0, "gone": null, "tags": ["x", "y"]}`))
	fmt.Printf("%s %v\n", body, err)
	// Output:
	// id=a+b%26c&n=1.0&gone=&tags=%5B%22x%22%2C%22y%22%5D <nil>
}
