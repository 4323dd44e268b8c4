package path

import "slices"

// Set finds the values of many paths in one walk over a text, however many of them begin with the same keys. The zero
// Set is empty and ready for use; once the last path is added it is safe for concurrent use.
type Set struct {
	paths []Path
	slots []int // per path: the place its plain steps lead to; 0 is the whole text
	kids  []branch
	steps int // branches in all
}

// branch is a step; what it leads to is put into the place slot.
type branch struct {
	step step
	slot int
	kids []branch
}

// Add puts p into the set and returns its number there, from 0.
func (s *Set) Add(p Path) int {
	slot, kids := 0, &s.kids
	for _, next := range p.steps {
		at := 0
		for at < len(*kids) && (*kids)[at].step != next {
			at++
		}
		if at == len(*kids) {
			s.steps++
			*kids = append(*kids, branch{step: next, slot: s.steps})
		}
		slot, kids = (*kids)[at].slot, &(*kids)[at].kids
	}
	s.paths, s.slots = append(s.paths, p), append(s.slots, slot)
	return len(s.paths) - 1
}

// Places returns how many slices [Set.Find] needs room for.
func (s *Set) Places() int { return s.steps + 1 }

// Find walks over json, one valid JSON value or nothing. It overwrites the first [Set.Places] slices of room, and makes
// its own where room is shorter than that.
func (s *Set) Find(json []byte, room [][]byte) Found {
	room = s.room(room)
	room[0] = trimSpace(json)
	descend(s.kids, room[0], room)
	return Found{s, room}
}

func (s *Set) room(room [][]byte) [][]byte {
	if len(room) < s.Places() {
		return make([][]byte, s.Places())
	}
	clear(room[:s.Places()])
	return room
}

// Found is where the paths of a set lead in one text. It is valid as long as the text and the room it was found with
// do not change.
type Found struct {
	set    *Set
	places [][]byte // nothing else may lead to the text: where room lies on a caller's stack, it can stay there
}

// Value returns what [Path.Lookup] returns for path i of the set, nil where there is no such value. Modifiers, queries
// and multipaths are evaluated by each call, not before. The error is an [*Error] of the code [CodeTooLarge].
func (f Found) Value(i int) ([]byte, error) {
	raw, err := f.set.paths[i].finish(f.places[f.set.slots[i]])
	if err != nil {
		return nil, err
	}
	return raw, nil
}

// descend fills the places of what is in raw, whose first byte is not white space.
func descend(kids []branch, raw []byte, found [][]byte) {
	missing := len(kids)
	if missing == 0 || len(raw) == 0 {
		return
	}
	switch raw[0] {
	case '{':
		for m := membersOf(raw); missing > 0; {
			name, ok := m.name()
			if !ok {
				return
			}
			value := m.value()
			for i := range kids {
				if kid := &kids[i]; found[kid.slot] == nil && nameIs(name, kid.step.key) {
					found[kid.slot] = value
					descend(kid.kids, value, found)
					missing--
				}
			}
		}
	case '[':
		e := elementsOf(raw)
		for i := 0; missing > 0 && e.more(); i++ {
			value := e.value()
			for k := range kids {
				if kid := &kids[k]; kid.step.index == i {
					found[kid.slot] = value
					descend(kid.kids, value, found)
					missing--
				}
			}
		}
	}
}

// Apart finds the values of a set in a document that comes in two texts: a head, and the rest of its members. Nobody has to put them
// together for it. It is immutable and safe for concurrent use.
type Apart struct {
	set   Set
	heads int // of its branches, the first ones lead into the head
}

// Apart returns the set for documents that come in two texts; head reports whether a member stands in the first of them. It is nil
// where a path wants something of the document as a whole.
func (s *Set) Apart(head func(key string) bool) *Apart {
	for _, p := range s.paths {
		if len(p.steps) == 0 && p.literal == nil {
			return nil
		}
	}
	var heads, rest []branch
	for _, kid := range s.kids {
		if head(kid.step.key) {
			heads = append(heads, kid)
		} else {
			rest = append(rest, kid)
		}
	}
	return &Apart{set: Set{paths: s.paths, slots: s.slots, steps: s.steps, kids: slices.Concat(heads, rest)}, heads: len(heads)}
}

// Heads are the members of the head that are looked at.
func (a *Apart) Heads() []string {
	keys := make([]string, a.heads)
	for i := range keys {
		keys[i] = a.set.kids[i].step.key
	}
	return keys
}

// Find is [Set.Find] of the two texts, both objects.
func (a *Apart) Find(head, rest []byte, room [][]byte) Found {
	room = a.set.room(room)
	descend(a.set.kids[:a.heads], trimSpace(head), room)
	descend(a.set.kids[a.heads:], trimSpace(rest), room)
	return Found{&a.set, room}
}
