package foreign

import (
	"strings"

	"dochook/doctype/record"
)

var changesLayout = layout{
	format:  formatChanges,
	example: `{"timestamp", "jobID", "products": [{"event", "productData", "changedFields"}]}`,
	members: []string{"jobID", "products"},
}

// Changes reads a body of format changes, {timestamp, jobID, products: [{event,
// productData, changedFields}]}. An event is ADDED, UPDATED or REMOVED, in any
// case of letters; a product with another one, or without an object as its
// productData, is refused alone.
//
// The productData of an update may be all of the product or only what changed,
// as the sender was set up; the body does not say which. ChangedFields are not
// read: they repeat what productData says.
func Changes(body []byte) (Push, error) {
	e, err := changesLayout.open(body)
	if err != nil {
		return Push{}, err
	}
	var p Push
	if p.JobID, err = e.literal("jobID"); err != nil {
		return Push{}, err
	}
	products, err := e.array("products")
	if err != nil {
		return Push{}, err
	}
	if p.Records, err = collect(products, "products", readProduct); err != nil {
		return Push{}, err
	}
	return p, nil
}

// readProduct makes the record of one product.
func readProduct(product []byte) Record {
	if product[0] != '{' {
		return Record{Err: failf(CodeInvalid, "", "a product must be an object, it is %s", kind(product))}
	}
	var event, data, changed []byte
	for name, value := range record.Members(product) {
		var into *[]byte
		switch name {
		case "event":
			into = &event
		case "productData":
			into = &data
		case "changedFields":
			into = &changed
		default:
			continue
		}
		if *into != nil {
			return Record{Err: failf(CodeInvalid, name, "comes twice in the product")}
		}
		*into = value
	}
	trash, err := removed(event)
	switch {
	case err != nil:
		return Record{Err: err}
	case data == nil:
		return Record{Trash: trash, Err: failf(CodeInvalid, "productData", "is missing in the product")}
	}
	r := plain("productData", data)
	r.Trash = trash
	return r
}

// removed reads the event of a product.
func removed(event []byte) (bool, error) {
	const words = "ADDED, UPDATED or REMOVED"
	switch {
	case event == nil:
		return false, failf(CodeInvalid, "event", "is missing in the product: it is %s", words)
	case event[0] != '"':
		return false, failf(CodeInvalid, "event", "is %s, not %s", words, kind(event))
	}
	name := record.Unquote(event)
	switch strings.ToUpper(name) {
	case "ADDED", "UPDATED":
		return false, nil
	case "REMOVED":
		return true, nil
	}
	return false, failf(CodeInvalid, "event", "is %s, not %.60q", words, name)
}
