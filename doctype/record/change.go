package record

import "encoding/json"

// Change is one top-level member that differs between two versions of a record. From and To are the exact
// texts of the values; the side on which the member is absent is nil, while a null is the text null.
type Change struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// Changes compares two versions of a record by the rules and returns what differs: the members of the new version
// in their order, then those only the old one has. nil means the versions count as the same. A field with compare "ignore" never appears. The values are parts of old and new.
func (r Rules) Changes(old, new []byte) []Change {
	var changes []Change
	co, cn := elementsOf(old, '{'), elementsOf(new, '{')
	for {
		restOld, restNew := co, cn
		nameOld, from := co.member()
		nameNew, to := cn.member()
		if nameOld == nil && nameNew == nil {
			return changes
		}
		if nameOld == nil || nameNew == nil || !sameName(nameOld, nameNew) {
			return r.changesUnordered(changes, restOld, restNew)
		}
		if !r.of(nameNew).same(from, to) {
			changes = append(changes, Change{Name: Unquote(nameNew), From: from, To: to})
		}
	}
}

// changesUnordered goes on where the members of the two versions stop to agree in order.
func (r Rules) changesUnordered(changes []Change, co, cn elements) []Change {
	type side struct {
		quoted, value []byte
		seen          bool
	}
	byName := make(map[string]*side)
	var order []*side
	for name, value := co.member(); name != nil; name, value = co.member() {
		s := &side{quoted: name, value: value}
		byName[Unquote(name)] = s
		order = append(order, s)
	}
	for name, to := cn.member(); name != nil; name, to = cn.member() {
		key := Unquote(name)
		var from []byte
		if s := byName[key]; s != nil {
			s.seen, from = true, s.value
		}
		if !r.of(name).same(from, to) {
			changes = append(changes, Change{Name: key, From: from, To: to})
		}
	}
	for _, s := range order {
		if !s.seen && !r.of(s.quoted).same(s.value, nil) {
			changes = append(changes, Change{Name: Unquote(s.quoted), From: s.value})
		}
	}
	return changes
}

// AppendChanges appends the changes as a JSON array of {name, from, to}, the values exactly as they are and the
// absent side left out.
func AppendChanges(dst []byte, changes []Change) []byte {
	dst = append(dst, '[')
	for i, c := range changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendQuote(append(dst, `{"name":`...), c.Name)
		if c.From != nil {
			dst = append(append(dst, `,"from":`...), c.From...)
		}
		if c.To != nil {
			dst = append(append(dst, `,"to":`...), c.To...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// ParseChanges reads what AppendChanges wrote. The values are parts of data.
func ParseChanges(data []byte) ([]Change, error) {
	if !json.Valid(data) {
		return nil, failf(CodeInvalid, "changed", "must be JSON")
	}
	i := skipBlanks(data, 0)
	if data[i] != '[' {
		return nil, failf(CodeInvalid, "changed", "must be an array")
	}
	var changes []Change
	for v := range Elements(data) {
		change := Change{}
		for name, value := range Members(v) {
			switch name {
			case "name":
				change.Name = Unquote(value)
			case "from":
				change.From = value
			case "to":
				change.To = value
			}
		}
		if v[0] != '{' || Member(v, "name") == nil {
			return nil, failf(CodeInvalid, "changed", "must be an array of {name, from, to}")
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// Undo returns the version that data was before the changes: changed members get their old text back in
// place, added ones go, removed ones come back at the end. A member that the comparison ignores keeps the new
// value, as its old one is not in the changes.
func Undo(data []byte, changes []Change) []byte {
	if len(changes) == 0 {
		return data
	}
	byName := make(map[string]Change, len(changes))
	for _, c := range changes {
		byName[c.Name] = c
	}
	var w Writer
	for quoted, value := range QuotedMembers(data) {
		change, changed := byName[Unquote(quoted)]
		switch {
		case !changed:
			w.Quoted(quoted, value)
		case change.From != nil:
			w.Quoted(quoted, change.From)
		}
	}
	for _, c := range changes {
		if c.To == nil {
			w.Raw(c.Name, c.From)
		}
	}
	return w.Bytes()
}
