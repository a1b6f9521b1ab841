package wheel

import (
	"fmt"

	"github.com/guv-project/guv/hub/internal/memory"
)

const (
	blockBits  = 13 // a block of nodes is 192 KiB
	blockNodes = 1 << blockBits
)

// grow makes the node table reach token.
func (w *Wheel) grow(token int) {
	blocks := max(token>>blockBits+1, 2*len(w.users))
	nodes, err := memory.Remap(w.nodes, blocks<<blockBits)
	if err != nil {
		panic(fmt.Errorf("no memory for timer %d: %w", token, err))
	}
	w.nodes = nodes
	w.users = append(w.users, make([]int32, blocks-len(w.users))...)
}

// giveBack lets the kernel have the memory of a block in which no timer is pending, for idle nodes may be zeros: that of the
// one that was empty before, if it still is, so that a lone timer of a block may come and go.
func (w *Wheel) giveBack(block int32) {
	block, w.spare = w.spare, block
	if w.users[block] == 0 {
		memory.Vacate(w.nodes[int(block)<<blockBits:][:blockNodes])
	}
}

// Free gives all memory back. The wheel is empty then.
func (w *Wheel) Free() {
	memory.Unmap(w.nodes)
	*w = Wheel{}
}
