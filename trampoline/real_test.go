package trampoline

import (
	"syscall"
	"testing"

	"github.com/guv-project/guv/hub"
)

// realHub opens a hub on the real kernel, closed at the end of the test.
func realHub(t testing.TB) *hub.Hub {
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

// pair opens a non-blocking socket pair, closed at the end of the test.
func pair(t testing.TB) [2]int {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
	})
	return fds
}

// BenchmarkPoll_Nothing is the floor of a turn: one wait that finds nothing.
func BenchmarkPoll_Nothing(b *testing.B) {
	loop, err := New(realHub(b), make([]int64, 64), make([]int64, 64), false)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := loop.Poll(0, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPoll_OneEvent is a byte through a watched socket pair, with the system calls of both ends.
func BenchmarkPoll_OneEvent(b *testing.B) {
	submit := make([]int64, 64)
	loop, err := New(realHub(b), submit, make([]int64, 64), false)
	if err != nil {
		b.Fatal(err)
	}
	fds := pair(b)
	submit[0], submit[1] = OpWatch|int64(fds[0])<<idShift, Readable
	if _, err := loop.Poll(2, 0); err != nil {
		b.Fatal(err)
	}
	buf := []byte{1}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = syscall.Write(fds[1], buf)
		if n, err := loop.Poll(0, -1); n != 1 || err != nil {
			b.Fatal(n, err)
		}
		_, _ = syscall.Read(fds[0], buf)
	}
}

// BenchmarkPoll_Timers sets eight timers and cancels them, all through the ring.
func BenchmarkPoll_Timers(b *testing.B) {
	submit := make([]int64, 64)
	loop, err := New(realHub(b), submit, make([]int64, 64), false)
	if err != nil {
		b.Fatal(err)
	}
	for i := range int64(8) {
		submit[4*i], submit[4*i+1] = OpTimer|i<<idShift, 1<<60+i
		submit[4*i+2] = OpCancel | i<<idShift
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := loop.Submit(32); err != nil {
			b.Fatal(err)
		}
	}
}
