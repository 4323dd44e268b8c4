// Package path selects values of JSON texts by paths in gjson's syntax. It promises that a path with a mistake is refused
// when it is parsed, with the position, instead of selecting nothing for ever; that a value comes out spelled as it stands
// in the text (2500.0, 9007199254740993, the order of keys); and that no path makes a text grow beyond 128 MiB on the way
// to its value. It knows nothing of mappings and templates. Texts must be valid JSON, nested at most 10,000 levels deep;
// they are not checked again. On other bytes nothing panics or loops, but what is selected is undefined.
//
// A [Path] is a path of gjson (https://github.com/tidwall/gjson/blob/master/SYNTAX.md):
//
//	customer.name             a member of a member
//	items.0.item_code         the first element's member
//	items.#                   how many there are
//	items.#.item_code         one member of each, as an array
//	items.#(qty>1).item_code  of the first element that matches
//	items.#(qty>1)#           all elements that match
//	fav\.movie  \@type  \#    a dot, @ or # in a key
//	pri*  pric?               the first key that matches
//	tags.@reverse  @this      modifiers (@this @ugly @pretty @valid @reverse @flatten @join @keys @values @tostr
//	                          @fromstr @group @dig); @this is the whole document
//	{name,"total":sum}        a new object; [name,sum] is a new array
//	!"fixed"                  a literal
//
// [Path.Lookup] finds one value. A [Set] finds the values of many paths in one walk. Values are the text as written:
// [Members] walks those that are objects, [AppendCompact] writes them without white space.
//
// Plain keys (customer.name, items.0) are walked here, without an allocation; the rest of a path is gjson's work. gjson
// has no bound of its own on what its modifiers build, so this package computes one from the path and the text first.
package path
