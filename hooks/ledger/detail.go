package ledger

import (
	"encoding/json"
	"strconv"
)

// encode makes the JSON that is stored. One that went well, of which there is one for each delivery, holds little; encoding/json looks at
// all that it does not hold.
func (d *Detail) encode() (string, error) {
	if d.short() {
		var room [512]byte
		return string(d.appendShort(room[:0])), nil
	}
	text, err := json.Marshal(d)
	return string(text), err
}

// short reports whether there is nothing in it but what appendShort writes, in letters that stand for themselves.
func (d *Detail) short() bool {
	return d.RequestHeaders == nil && d.BodySHA256 == "" && d.Part == nil && d.LeftOut == "" && d.EventPos == 0 && d.CertificateEnds == "" &&
		d.Phase == "" && d.DNSUS == 0 && d.ConnectUS == 0 && d.TLSUS == 0 && d.Limit == "" && d.Error == "" && d.RetryAfterUS == 0 && d.Headers == nil &&
		d.Note == "" && plain(d.Method) && plain(d.URL) && plain(d.Address) && plain(d.TLSVersion) && plain(d.Body)
}

// plain reports whether a text is the same between the quotes of JSON.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func (d *Detail) appendShort(b []byte) []byte {
	text := func(name, value string) {
		if value != "" {
			b = append(append(append(b, name...), value...), `",`...)
		}
	}
	number := func(name string, n int64) {
		if n != 0 {
			b = append(strconv.AppendInt(append(b, name...), n, 10), ',')
		}
	}
	b = append(b, '{')
	text(`"method":"`, d.Method)
	text(`"url":"`, d.URL)
	b = append(strconv.AppendInt(append(b, `"bytes":`...), int64(d.Bytes), 10), ',')
	number(`"webhook_version":`, d.Webhook)
	text(`"address":"`, d.Address)
	number(`"addresses":`, int64(d.Addresses))
	text(`"tls_version":"`, d.TLSVersion)
	if d.Reused {
		b = append(b, `"reused":true,`...)
	}
	number(`"first_byte_us":`, d.FirstByteUS)
	number(`"bytes_read":`, int64(d.BytesRead))
	text(`"response_body":"`, d.Body)
	b[len(b)-1] = '}'
	return b
}
