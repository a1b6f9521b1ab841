package wheel

import (
	"encoding/binary"
	"testing"
)

// FuzzWheel reads operations from bytes: 10 each, of which the first says what to do, the second names a token and the
// rest is a distance. The oracle is the model of model_test.go.
func FuzzWheel(f *testing.F) {
	op := func(kind, token byte, distance uint64) []byte {
		return binary.LittleEndian.AppendUint64([]byte{kind, token}, distance)
	}
	f.Add(append(op(0, 1, 1<<30), op(2, 200, 1<<31)...))
	f.Add(append(append(op(0, 1, 5), op(0, 2, 5)...), op(1, 1, 0)...))
	f.Fuzz(func(t *testing.T, program []byte) {
		var w Wheel
		var m model
		var now int64
		for len(program) >= 10 && now < 1<<61 {
			token := int32(program[1] % 32)
			distance := int64(binary.LittleEndian.Uint64(program[2:]) >> 3)
			switch program[0] % 3 {
			case 0:
				w.Set(token, now+distance)
				m.set(token, now+distance)
			case 1:
				if got, want := w.Cancel(token), m.cancel(token); got != want {
					t.Fatalf("Cancel(%d) = %v; the model says %v", token, got, want)
				}
			case 2:
				now += distance
				popDue(t, &w, &m, now, int(program[1]))
			}
			compare(t, &w, &m)
			program = program[10:]
		}
	})
}
