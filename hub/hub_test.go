package hub_test

import (
	"slices"
	"testing"
	"time"

	"github.com/guv-project/guv/hub"
)

func open(t *testing.T) *hub.Hub {
	t.Helper()
	h, err := hub.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestMonotonic_IsTheClockThatTimersAreMeasuredBy(t *testing.T) {
	// time.Now carries the same reading; only differences can be compared, and they must agree in sign.
	before, base := hub.Monotonic(), time.Now()
	for time.Since(base) <= 0 {
	}
	if after := hub.Monotonic(); after <= before {
		t.Fatalf("the clock went from %d to %d", before, after)
	}
}

func TestWait_ForEver_EndsAtTheDeadlineAndNotBefore(t *testing.T) {
	h := open(t)
	deadline := hub.Monotonic() + 1_000_000
	h.SetTimer(3, deadline)
	tokens := make([]int32, 4)
	for n := 0; n == 0; n, _ = h.Due(tokens) {
		if _, err := h.Wait(-1, 8); err != nil {
			t.Fatal(err)
		}
	}
	if now := hub.Monotonic(); now < deadline || tokens[0] != 3 {
		t.Fatalf("token %d fired %d ns early", tokens[0], deadline-now)
	}
}

func TestDue_MoreThanFits_SaysSo(t *testing.T) {
	h := open(t)
	for token := range int32(3) {
		h.SetTimer(token, int64(token))
	}
	h.SetTimer(9, 1<<62)
	tokens := make([]int32, 2)
	if n, more := h.Due(tokens); n != 2 || !more || !slices.Equal(tokens, []int32{0, 1}) {
		t.Fatal(n, more, tokens)
	}
	if n, more := h.Due(tokens); n != 1 || more || tokens[0] != 2 {
		t.Fatal(n, more, tokens)
	}
	h.CancelTimer(9)
	h.CancelTimer(9)
	if got := h.Stats(); got != (hub.Stats{Fired: 3, Cancelled: 1}) || h.Pending() != 0 {
		t.Fatal(got, h.Pending())
	}
	if err := h.Verify(); err != nil {
		t.Fatal(err)
	}
}
