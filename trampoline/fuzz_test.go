package trampoline

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/guv-project/guv/hub/poller"
)

// FuzzSubmit drains arbitrary words: whatever they are, the loop answers with results or ErrArgument, its invariants
// hold (newBench checks them each turn), and it works afterwards.
func FuzzSubmit(f *testing.F) {
	word := func(op, id, arg int64) []byte {
		b := binary.LittleEndian.AppendUint64(nil, uint64(op|id<<idShift))
		return binary.LittleEndian.AppendUint64(b, uint64(arg))
	}
	f.Add(word(OpWatch, 3, Readable), int64(0))
	f.Add(append(word(OpArm, 4, Readable), word(OpForget, 4, 1)...), int64(-1))
	f.Add(append(word(OpTimer, 0, 5), word(OpCancel, 0, 0)...), int64(100))
	f.Add(word(OpTimer, 1<<54, -1), int64(-1<<63))
	f.Fuzz(func(t *testing.T, program []byte, timeout int64) {
		b := newBench(t, 16, 4)
		for fd := range int32(4) {
			b.kernel.open(fd, &file{ready: poller.In, regular: fd == 3})
		}
		for len(program) >= 16 {
			words := 0
			for ; words < len(b.submit) && len(program) >= 16; words += 2 {
				head := int64(binary.LittleEndian.Uint64(program))
				if head&0xff == OpTimer {
					head &= 1<<20 - 1 // a node table for the largest token would be 3 GiB
				}
				b.submit[words], b.submit[words+1] = head, int64(binary.LittleEndian.Uint64(program[8:]))
				program = program[16:]
			}
			n, err := b.Poll(words, timeout)
			if err != nil && !errors.Is(err, ErrArgument) || n < 0 || n > len(b.complete) {
				t.Fatal(n, err)
			}
		}
		b.kernel.open(6, &file{ready: poller.Out})
		b.write(t, OpForget, 6, 0)
		b.write(t, OpArm, 6, Writable)
		for range 1000 {
			for _, result := range b.poll(t, 0) {
				if result == eventWord(Writable, 6) {
					return
				}
			}
		}
		t.Fatal("an armed and ready descriptor was not reported")
	})
}
