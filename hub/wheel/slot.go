package wheel

// node is one timer. References to other nodes are token + 1, so that 0 means none and a fresh table needs no set-up.
type node struct {
	deadline int64
	order    uint32 // value of Wheel.order when it was set
	child    int32  // first child
	next     int32  // next sibling
	link     int32  // the previous sibling, or the parent of a first child; root or idle otherwise
}

const (
	idle int32 = 0  // link of a node that is not pending
	root int32 = -1 // link of a slot's root
)

// before reports whether a is to fire before b.
func before(a, b *node) bool {
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	return int32(a.order-b.order) < 0 // survives the wrap-around of order
}

// insert puts a lone node, or the root of a whole heap, into the slot where its deadline belongs.
func (w *Wheel) insert(token int32) {
	level, slot := w.place(w.nodes[token].deadline)
	if top := w.roots[level][slot]; top != 0 {
		w.roots[level][slot] = w.meld(top, token+1)
		return
	}
	w.setRoot(level, slot, token+1)
}

// remove takes a pending node out of its slot and makes it idle.
func (w *Wheel) remove(token int32) {
	n := &w.nodes[token]
	orphans := w.pairUp(n.child)
	if n.link == root {
		level, slot := w.place(n.deadline)
		w.setRoot(level, slot, orphans)
	} else {
		if left := &w.nodes[n.link-1]; left.child == token+1 {
			left.child = n.next
		} else {
			left.next = n.next
		}
		if n.next != 0 {
			w.nodes[n.next-1].link = n.link
		}
		if orphans != 0 {
			level, slot := w.place(n.deadline)
			w.roots[level][slot] = w.meld(w.roots[level][slot], orphans)
		}
	}
	n.child, n.next, n.link = 0, 0, idle
	w.pending--
	block := token >> blockBits
	w.users[block]--
	if w.users[block] == 0 && block != w.spare {
		w.giveBack(block)
	}
}

// setRoot makes ref the root of a slot, or empties the slot if ref is 0, and keeps the bitmaps true.
func (w *Wheel) setRoot(level, slot int, ref int32) {
	w.roots[level][slot] = ref
	word, bit := &w.bitmap[level][slot/64], uint64(1)<<(uint(slot)%64)
	if ref != 0 {
		*word |= bit
		w.occupied |= 1 << level
		return
	}
	*word &^= bit
	var left uint64
	for _, bits := range &w.bitmap[level] {
		left |= bits
	}
	if left == 0 {
		w.occupied &^= 1 << level
	}
}

// meld joins two heaps, neither of them empty, and returns the root of both.
func (w *Wheel) meld(a, b int32) int32 {
	top, sub := &w.nodes[a-1], &w.nodes[b-1]
	if before(sub, top) {
		a, b = b, a
		top, sub = sub, top
	}
	sub.next, sub.link = top.child, a
	if top.child != 0 {
		w.nodes[top.child-1].link = b
	}
	top.child, top.next, top.link = b, 0, root
	return a
}

// pairUp joins a list of siblings into one heap, in the two passes that give pairing heaps their amortised bound: pairs
// from left to right, then the pairs from right to left. It returns 0 for an empty list.
func (w *Wheel) pairUp(first int32) int32 {
	var pairs int32 // the joined pairs, last one first, linked through next
	for first != 0 {
		a := first
		b := w.nodes[a-1].next
		if b == 0 {
			w.nodes[a-1].link = root
			w.nodes[a-1].next = pairs
			pairs = a
			break
		}
		first = w.nodes[b-1].next
		a = w.meld(a, b)
		w.nodes[a-1].next = pairs
		pairs = a
	}
	if pairs == 0 {
		return 0
	}
	top := pairs
	pairs = w.nodes[top-1].next
	w.nodes[top-1].next = 0
	for pairs != 0 {
		next := w.nodes[pairs-1].next
		top = w.meld(top, pairs)
		pairs = next
	}
	return top
}
