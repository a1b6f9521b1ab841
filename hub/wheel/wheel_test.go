package wheel

import (
	"math"
	"runtime"
	"testing"
	"unsafe"
)

// drain takes out everything that is due at now.
func drain(w *Wheel, now int64) (fired []int32) {
	for {
		token, ok := w.PopDue(now)
		if !ok {
			return fired
		}
		fired = append(fired, token)
	}
}

func verify(t testing.TB, w *Wheel) {
	t.Helper()
	if err := w.Verify(); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got []int32, want ...int32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("fired %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("fired %v, want %v", got, want)
		}
	}
}

func TestWheel_LevelTable_MatchesConstants(t *testing.T) {
	if levels*digitBits+tickBits < 63 {
		t.Fatal("the last level does not reach to the end of int64")
	}
	// The table of the package comment: where level k ends, in nanoseconds.
	for level, want := range []float64{16.78e6, 4.295e9, 18.33 * 60e9, 78.19 * 3600e9, 834.0 * 86400e9} {
		got := math.Exp2(float64(tickBits + (level+1)*digitBits))
		if math.Abs(got-want) > want/1000 {
			t.Errorf("level %d reaches to %v ns, the table says %v", level, got, want)
		}
	}
}

func TestNode_Size_StaysAt24Bytes(t *testing.T) {
	if size := unsafe.Sizeof(node{}); size != 24 {
		t.Fatalf("a node takes %d bytes", size)
	}
}

func TestWheel_PopDue_FiresInDeadlineOrderInsideOneTick(t *testing.T) {
	var w Wheel
	for token, deadline := range []int64{30, 10, 20, 10, 0} {
		w.Set(int32(token), deadline)
	}
	verify(t, &w)
	equal(t, drain(&w, 30), 4, 1, 3, 2, 0)
}

func TestWheel_PopDue_NeverEarly(t *testing.T) {
	for _, deadline := range []int64{1, 1<<tickBits - 1, 1 << tickBits, 1<<40 + 1, math.MaxInt64} {
		var w Wheel
		w.Set(0, deadline)
		equal(t, drain(&w, deadline-1))
		equal(t, drain(&w, deadline), 0)
		verify(t, &w)
	}
}

func TestWheel_PopDue_StoppedEarly_KeepsTheRestDue(t *testing.T) {
	var w Wheel
	w.Set(0, 1<<30)
	w.Set(1, 1<<20)
	if token, ok := w.PopDue(1 << 31); !ok || token != 1 {
		t.Fatal("expected token 1 first, got", token, ok)
	}
	w.Set(2, 5) // earlier than what is left, and long past
	if next, ok := w.Next(); !ok || next != 5 {
		t.Fatal("next is", next, ok)
	}
	verify(t, &w)
	equal(t, drain(&w, 1<<31), 2, 0)
}

func TestWheel_Next_ExactOnEveryLevel(t *testing.T) {
	var w Wheel
	for level := range levels {
		deadline := int64(3)<<(tickBits+level*digitBits) + 12345
		w.Set(0, deadline+1)
		w.Set(1, deadline)
		w.Set(2, deadline+2)
		if next, ok := w.Next(); !ok || next != deadline {
			t.Fatalf("level %d: next is %d, want %d", level, next, deadline)
		}
		w.Cancel(1)
		if next, _ := w.Next(); next != deadline+1 {
			t.Fatalf("level %d after cancel: next is %d, want %d", level, next, deadline+1)
		}
	}
	w.Cancel(0)
	w.Cancel(2)
	if _, ok := w.Next(); ok {
		t.Fatal("an empty wheel has a next deadline")
	}
	verify(t, &w)
}

func TestWheel_Deadline_KnownWhilePending(t *testing.T) {
	var w Wheel
	w.Set(3, 1<<40)
	w.Set(4, 5)
	w.PopDue(6)
	for token, want := range map[int32]int64{3: 1 << 40, 4: 0, 5: 0, -1: 0, MaxToken: 0} {
		if got, ok := w.Deadline(token); got != want || ok != (want != 0) {
			t.Errorf("Deadline(%d) = %d, %v", token, got, ok)
		}
	}
}

func TestWheel_Set_PendingToken_MovesIt(t *testing.T) {
	var w Wheel
	w.Set(7, 100)
	w.Set(7, 1<<40)
	if w.Pending() != 1 {
		t.Fatal("pending:", w.Pending())
	}
	equal(t, drain(&w, 1<<30))
	w.Set(7, 1<<30+1)
	equal(t, drain(&w, 1<<30+1), 7)
}

func TestWheel_Set_UnacceptableToken_ChangesNothing(t *testing.T) {
	var w Wheel
	if w.Set(-1, 1) || w.Set(MaxToken+1, 1) || w.Cancel(-1) || w.Cancel(1<<30) || w.Pending() != 0 {
		t.Fatal("an unacceptable token was accepted")
	}
}

func TestWheel_Set_OrderWrapsAround_KeepsEqualDeadlinesInOrder(t *testing.T) {
	w := Wheel{order: math.MaxUint32 - 1}
	for token := range int32(4) {
		w.Set(token, 50)
	}
	equal(t, drain(&w, 50), 0, 1, 2, 3)
}

func TestWheel_SteadyState_AllocatesNothing(t *testing.T) {
	var w Wheel
	now := int64(0)
	w.Set(999, 1)
	if n := testing.AllocsPerRun(100, func() {
		for token := range int32(1000) {
			w.Set(token, now+int64(token)*3e6)
		}
		for token := int32(0); token < 1000; token += 3 {
			w.Cancel(token)
		}
		now += 4e9
		for {
			if _, ok := w.PopDue(now); !ok {
				break
			}
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestWheel_MillionPending_TakesAtMost64BytesEach(t *testing.T) {
	const most = 64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var w Wheel
	for token := range int32(million) {
		w.Set(token, int64(token%1000)*1e6)
	}
	runtime.ReadMemStats(&after)
	table := uint64(len(w.nodes)) * uint64(unsafe.Sizeof(node{}))
	if each := float64(table+after.TotalAlloc-before.TotalAlloc) / million; each > most {
		t.Errorf("a pending timer takes %.1f bytes", each)
	}
	if w.Pending() != million {
		t.Fatal("pending:", w.Pending())
	}
}

func TestWheel_Gather_IsThatOfATimerCloseBehindTheEarliest(t *testing.T) {
	const tick = 1 << tickBits
	for name, c := range map[string]struct {
		deadlines []int64
		want      int64
	}{
		"alone":              {[]int64{5 * tick}, 5 * tick},
		"far behind":         {[]int64{5 * tick, 5*tick + Span}, 5 * tick},
		"close behind":       {[]int64{5 * tick, 7*tick + 1, 9*tick + 3}, 9*tick + 3},
		"equal":              {[]int64{5 * tick, 5 * tick}, 5 * tick},
		"within one slot":    {[]int64{5*tick + 9, 5*tick + 1}, 5*tick + 1},
		"past the last slot": {[]int64{(slots - 1) * tick, slots * tick}, (slots - 1) * tick},
		"on a higher level":  {[]int64{slots * tick, slots*tick + 1}, slots * tick},
	} {
		var w Wheel
		for token, deadline := range c.deadlines {
			w.Set(int32(token), deadline)
		}
		if got := w.Gather(); got != c.want {
			t.Errorf("%s: Gather() = %d, want %d", name, got, c.want)
		}
	}
}

func TestWheel_BlocksThatWereVacated_AreUsedAgain(t *testing.T) {
	var w Wheel
	defer w.Free()
	const many = 3*blockNodes + 1
	for round := range int64(3) {
		for token := range int32(many) {
			w.Set(token, round<<32+int64(token))
		}
		if err := w.Verify(); err != nil {
			t.Fatal(err)
		}
		for token := range int32(many) {
			if token%2 == 0 {
				w.Cancel(token)
			}
		}
		for want := int32(1); want < many; want += 2 {
			if got, ok := w.PopDue((round + 1) << 32); !ok || got != want {
				t.Fatalf("PopDue() = %d, %v, want %d", got, ok, want)
			}
		}
		if _, ok := w.PopDue((round + 1) << 32); ok || w.Pending() != 0 {
			t.Fatalf("%d timers are left", w.Pending())
		}
		if err := w.Verify(); err != nil {
			t.Fatal(err)
		}
	}
}
