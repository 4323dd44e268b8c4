// Package mapping turns JSON documents into the bytes another system wants. It promises that the same input makes the
// same bytes, that every value is spelled in the output as it was in the input (2500.0, 9007199254740993, the order of
// keys), that a JSON result is valid JSON, and that whatever can be wrong with a mapping is found when it is compiled and
// reported with its position. It knows no clock, no network and no database. Input documents must be valid JSON, nested at
// most 10,000 levels deep; they are not checked again.
//
// # Mappings
//
// A [Mapping] is a list of rows, each a path (package [dochook/mapping/path]) and the key its value gets:
//
//	name               id              {"id":"QTN-1",
//	customer.name      buyer.name       "buyer":{"name":"Ada",
//	customer.mail      buyer.mail       "mail":null},
//	total              a\.b             "a.b":2500.0}
//
// Keys keep the order of the rows; a dot in a key nests; a missing value is null. One row with an empty key makes its
// value the whole body. The body is compact whatever the document looks like, so @pretty is only of use before @tostr.
// [AppendForm] sends such an object as a form.
//
// # Templates
//
// A [Template] is text with variables. A variable is {{ root }} or {{ root.path }}, where the roots are
//
//	doc old changed event job globals userId userName createdAt eventType eventData resource
//
// In a JSON template a string that is only one variable, or a variable outside of strings, becomes the value itself;
// elsewhere in a string it becomes text: a string without its quotes, null and what is missing as nothing, anything else
// as its JSON:
//
//	{"order":"{{doc}}", "n":{{doc.items.#}}, "say":"{{doc.name}} is {{doc.total}}", "{{doc.name}}":true}
//
// In a header value (kind [Text]) a variable becomes text, and a line break in it is an error. In a URL (kind [URL]) it
// becomes text that cannot leave its place:
//
//	https://example.com/orders/{{doc.name}}?by={{doc.customer.name}}
//
// [Headers] is a JSON template for all headers at once; its names are literal, its values must come out as strings:
//
//	{"X-Task":"{{job}}", "X-Note":"{{doc.name}} is {{doc.total}}"}
//
// Names made by variables are not compared: two that come out equal stand in the body twice.
package mapping
