package wheel

import "math/bits"

const (
	tickBits  = 16 // a tick is 65.536 µs
	digitBits = 8  // a level has one slot for each value of a digit
	slots     = 1 << digitBits
	levels    = 6 // levels*digitBits + tickBits >= 63: every deadline has a place
	words     = slots / 64

	gathered = 8 // slots of level 0 that Gather looks at

	// Span bounds by how many nanoseconds Gather is past Next.
	Span = gathered << tickBits

	// MaxToken is the largest token a Wheel accepts; the node table for it takes 3 GiB.
	MaxToken = 1<<27 - 1
)

// Wheel is a set of pending timers. The zero value is an empty wheel.
type Wheel struct {
	nodes    []node               // indexed by token; not in Go's heap
	users    []int32              // how many timers are pending in each block of nodes
	spare    int32                // the block that was empty last
	roots    [levels][slots]int32 // root token + 1, 0 for an empty slot
	bitmap   [levels][words]uint64
	occupied uint8  // one bit for each level with a root
	base     uint64 // tick; only ever grows
	order    uint32 // number of the latest Set; breaks ties between equal deadlines
	pending  int
}

// Pending returns how many timers are set and have neither fired nor been cancelled.
func (w *Wheel) Pending() int { return w.pending }

// Set makes token due at deadline, in nanoseconds; a pending token is moved. It reports whether token is acceptable
// (0 to MaxToken); if not, nothing happens.
func (w *Wheel) Set(token int32, deadline int64) bool {
	if uint32(token) > MaxToken {
		return false
	}
	if int(token) >= len(w.nodes) {
		w.grow(int(token))
	} else if w.nodes[token].link != idle {
		w.remove(token)
	}
	w.order++
	w.nodes[token] = node{deadline: deadline, order: w.order, link: root}
	w.insert(token)
	w.users[token>>blockBits]++
	w.pending++
	return true
}

// Cancel forgets token and reports whether it was pending. Unknown and idle tokens are ignored.
func (w *Wheel) Cancel(token int32) bool {
	if uint32(token) >= uint32(len(w.nodes)) || w.nodes[token].link == idle {
		return false
	}
	w.remove(token)
	return true
}

// Deadline returns when token is due; ok is false if it is not pending.
func (w *Wheel) Deadline(token int32) (deadline int64, ok bool) {
	if uint32(token) >= uint32(len(w.nodes)) || w.nodes[token].link == idle {
		return 0, false
	}
	return w.nodes[token].deadline, true
}

// Next returns the exact deadline of the earliest pending timer; ok is false if none is pending.
func (w *Wheel) Next() (deadline int64, ok bool) {
	level, slot, ok := w.front()
	if !ok {
		return 0, false
	}
	return w.nodes[w.roots[level][slot]-1].deadline, true
}

// Gather returns a deadline that is worth waiting for instead of the earliest one, because timers before it are not due
// long before: it is that of a timer and less than Span after the earliest. Somebody must be pending.
func (w *Wheel) Gather() (deadline int64) {
	level, slot, _ := w.front()
	last := w.roots[level][slot]
	if level == 0 {
		for _, ref := range w.roots[0][slot+1 : min(slot+gathered, slots)] {
			if ref != 0 {
				last = ref
			}
		}
	}
	return w.nodes[last-1].deadline
}

// PopDue takes out the earliest timer whose deadline is not after now and returns its token; ok is false if there is
// none. Call it until then, or stop early: the rest stays due. now must not decrease from call to call.
func (w *Wheel) PopDue(now int64) (token int32, ok bool) {
	for {
		level, slot, any := w.front()
		if !any || w.nodes[w.roots[level][slot]-1].deadline > now {
			w.rebase(tickOf(now))
			return 0, false
		}
		if level == 0 {
			token = w.roots[0][slot] - 1
			w.remove(token)
			return token, true
		}
		// Spread the slot over the levels below before taking from it: heaps there are small, and cheap to pop.
		above := uint(level+1) * digitBits
		w.rebase(w.base>>above<<above | uint64(slot)<<(above-digitBits))
	}
}

// tickOf returns the tick of a time, which is 0 for negative times.
func tickOf(t int64) uint64 { return uint64(max(t, 0)) >> tickBits }

// place returns the slot for a deadline, which depends on the base alone.
func (w *Wheel) place(deadline int64) (level, slot int) {
	tick := max(tickOf(deadline), w.base)
	level = (bits.Len64(tick^w.base|1) - 1) / digitBits
	return level, int(tick >> (uint(level) * digitBits) & (slots - 1))
}

// front returns the slot with the earliest timer.
func (w *Wheel) front() (level, slot int, ok bool) {
	if w.occupied == 0 {
		return 0, 0, false
	}
	level = bits.TrailingZeros8(w.occupied)
	for i, word := range &w.bitmap[level] {
		if word != 0 {
			return level, i*64 + bits.TrailingZeros64(word), true
		}
	}
	panic("wheel: occupied level without a timer")
}

// rebase moves the base forward to tick, which no pending timer may precede: everything earlier has been taken out.
// Only the slot that the new base falls into changes its meaning; its timers are spread over lower levels.
func (w *Wheel) rebase(tick uint64) {
	if tick <= w.base {
		return // now has not left the base's tick, or the caller's clock stepped back
	}
	level := (bits.Len64(tick^w.base) - 1) / digitBits
	w.base = tick
	if level == 0 {
		return
	}
	slot := int(tick >> (uint(level) * digitBits) & (slots - 1))
	stack := w.roots[level][slot]
	if stack == 0 {
		return
	}
	w.setRoot(level, slot, 0)
	// Unroll the heap without recursion, for it may be as deep as it is big: the stack is a list through next.
	for stack != 0 {
		n := &w.nodes[stack-1]
		token := stack - 1
		stack = n.next
		for child := n.child; child != 0; {
			c := &w.nodes[child-1]
			child, c.next, stack = c.next, stack, child
		}
		n.child, n.next, n.link = 0, 0, root
		w.insert(token)
	}
}
