// Package literal makes JSON of what people type into the fields of a form.
package literal
