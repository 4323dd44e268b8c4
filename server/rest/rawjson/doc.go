// Package rawjson puts JSON text together from pieces that stay exactly as they
// are: nothing is decoded, so no number and no key order can change. Its input
// is JSON that was checked before.
package rawjson
