package mapping

import (
	"bytes"

	"dochook/mapping/path"
)

// AppendForm appends object, one valid JSON value, as application/x-www-form-urlencoded text
// (https://url.spec.whatwg.org/#application/x-www-form-urlencoded): a pair per member in their order, strings as they
// are, numbers as spelled, true and false, null as the empty text, arrays and objects as their compact JSON text. A value
// that is not an object is an error of the code [CodeRenderFailed]; dst is then returned as it came.
func AppendForm(dst, object []byte) ([]byte, error) {
	object = bytes.TrimLeft(object, jsonSpace)
	if len(object) == 0 || object[0] != '{' {
		return dst, renderError("only an object can be sent as a form, the mapping makes another value")
	}
	start := len(dst)
	for name, value := range path.Members(object) {
		if len(dst) > start {
			dst = append(dst, '&')
		}
		dst = appendPercent(dst, name, true)
		dst = append(dst, '=')
		dst = appendPercent(dst, value, true)
		if len(dst)-start > MaxBytes {
			return dst[:start], tooLarge(MaxBytes)
		}
	}
	return dst, nil
}
