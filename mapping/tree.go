package mapping

// tree holds the plain steps of many paths, so that one walk over a document finds the values of all of them.
type tree struct {
	kids []branch
	size int // slots in use
}

// branch is a step; what it leads to is put into slot.
type branch struct {
	step step
	slot int
	kids []branch
}

// add returns the slot of the place the steps lead to, -1 for the root.
func (t *tree) add(steps []step) int {
	slot, kids := -1, &t.kids
	for _, s := range steps {
		at := 0
		for at < len(*kids) && (*kids)[at].step != s {
			at++
		}
		if at == len(*kids) {
			*kids = append(*kids, branch{step: s, slot: t.size})
			t.size++
		}
		slot, kids = (*kids)[at].slot, &(*kids)[at].kids
	}
	return slot
}

// find walks over raw, whose first byte is not white space, and fills the slots of what is there. found must be empty.
func (t *tree) find(raw []byte, found [][]byte) { descend(t.kids, raw, found) }

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
