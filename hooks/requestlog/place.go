package requestlog

import (
	"encoding/base64"
	"encoding/json"

	"dochook/hooks/ledger"
)

// Place is where a page begins or ends; the zero value is the newest delivery.
type Place struct {
	at, pos, part int64
	walker        string
}

func placeOf(l *ledger.Logged) Place { return Place{l.CreatedAt, l.Pos, l.Part, l.Walker} }

// IsZero reports whether it is the zero value.
func (p Place) IsZero() bool { return p == Place{} }

// String is the place as text for an address; "" for the zero value.
func (p Place) String() string {
	if p.IsZero() {
		return ""
	}
	raw, err := json.Marshal([]any{p.at, p.pos, p.part, p.walker})
	if err != nil { // three numbers and a text
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ParsePlace reads what String wrote. Its error has the code invalid.
func ParsePlace(text string) (Place, error) {
	var p Place
	if text == "" {
		return p, nil
	}
	wrong := &Error{CodeWord: CodeInvalid, Message: "this is no place in the list: begin at its first page"}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return p, wrong
	}
	into := []any{&p.at, &p.pos, &p.part, &p.walker}
	if json.Unmarshal(raw, &into) != nil || len(into) != 4 || !usable(p.walker) {
		return Place{}, wrong
	}
	return p, nil
}
