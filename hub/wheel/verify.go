package wheel

import (
	"fmt"
	"math/bits"
)

// Verify checks the invariants of the package comment and describes the first that is broken. It looks at every timer.
func (w *Wheel) Verify() error {
	seen := 0
	for level := range levels {
		any := false
		for slot := range slots {
			ref := w.roots[level][slot]
			if set := w.bitmap[level][slot/64]>>(uint(slot)%64)&1 == 1; set != (ref != 0) {
				return fmt.Errorf("wheel: level %d slot %d: bitmap says %v, root is %d", level, slot, set, ref)
			}
			if ref == 0 {
				continue
			}
			any = true
			if w.nodes[ref-1].link != root {
				return fmt.Errorf("wheel: root %d has link %d", ref-1, w.nodes[ref-1].link)
			}
			n, err := w.checkHeap(level, slot, ref)
			if err != nil {
				return err
			}
			seen += n
		}
		if occupied := w.occupied>>level&1 == 1; occupied != any {
			return fmt.Errorf("wheel: level %d: occupied bit is %v, has roots is %v", level, occupied, any)
		}
	}
	linked := 0
	for block, users := range w.users {
		before := linked
		for i := range w.nodes[block<<blockBits : (block+1)<<blockBits] {
			if w.nodes[block<<blockBits+i].link != idle {
				linked++
			}
		}
		if linked-before != int(users) {
			return fmt.Errorf("wheel: block %d has %d timers, %d counted", block, linked-before, users)
		}
	}
	if seen != w.pending || linked != w.pending {
		return fmt.Errorf("wheel: %d timers in slots, %d linked, %d counted", seen, linked, w.pending)
	}
	if bits.Len8(w.occupied) > levels {
		return fmt.Errorf("wheel: occupied bits %b beyond the last level", w.occupied)
	}
	return nil
}

// checkHeap checks the heap under ref, which stands in the given slot, and returns how many timers it holds.
func (w *Wheel) checkHeap(level, slot int, ref int32) (int, error) {
	count := 0
	for stack := []int32{ref}; len(stack) > 0; count++ {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := &w.nodes[top-1]
		if l, s := w.place(n.deadline); l != level || s != slot {
			return 0, fmt.Errorf("wheel: timer %d is on level %d slot %d, belongs on level %d slot %d", top-1, level, slot, l, s)
		}
		left := top
		for child := n.child; child != 0; child = w.nodes[child-1].next {
			c := &w.nodes[child-1]
			if c.link != left {
				return 0, fmt.Errorf("wheel: timer %d has link %d, expected %d", child-1, c.link, left)
			}
			if before(c, n) {
				return 0, fmt.Errorf("wheel: timer %d fires before its parent %d", child-1, top-1)
			}
			left = child
			stack = append(stack, child)
			if len(stack) > w.pending {
				return 0, fmt.Errorf("wheel: level %d slot %d is not a tree", level, slot)
			}
		}
	}
	return count, nil
}
