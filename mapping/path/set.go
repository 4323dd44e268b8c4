package path

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
	if len(room) < s.Places() {
		room = make([][]byte, s.Places())
	}
	clear(room[:s.Places()])
	room[0] = trimSpace(json)
	descend(s.kids, room[0], room)
	return Found{s, room}
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
