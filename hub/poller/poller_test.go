package poller

import (
	"errors"
	"sync"
	"syscall"
	"testing"
)

// open returns a poller that is closed at the end of the test.
func open(t testing.TB) *Poller {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func pair(t testing.TB) (int32, int32) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Close(fds[0])
		_ = syscall.Close(fds[1])
	})
	return int32(fds[0]), int32(fds[1])
}

var oneByte = []byte{1}

func send(t testing.TB, fd int32) {
	t.Helper()
	if _, err := syscall.Write(int(fd), oneByte); err != nil {
		t.Fatal(err)
	}
}

func TestWait_ReadyDescriptor_CarriesItsSequenceNumber(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		for _, timeout := range []int64{0, 1_000_000, -1} {
			p := open(t)
			p.coarse = coarse
			a, b := pair(t)
			if errno := p.Add(a, In|EdgeTriggered, 1<<31+7); errno != 0 {
				t.Fatal(errno)
			}
			send(t, b)
			events, err := p.Wait(timeout, MaxEvents)
			if err != nil || len(events) != 1 || events[0] != (Event{a, 1<<31 + 7, In}) {
				t.Fatalf("coarse %v, timeout %d: %v, %v", coarse, timeout, events, err)
			}
		}
	}
}

func TestWait_NothingComes_MakesOneSystemCall(t *testing.T) {
	for _, timeout := range []int64{0, 1, 1_000_000} {
		p := open(t)
		events, err := p.Wait(timeout, 1)
		for err == EINTR { // Go's own signal for preemption, which is off where Python loads this
			p = open(t)
			events, err = p.Wait(timeout, 1)
		}
		if err != nil || len(events) != 0 || p.Waits() != 1 {
			t.Fatalf("timeout %d: %v, %v, %d waits", timeout, events, err, p.Waits())
		}
	}
}

func TestWait_LimitBelowWhatIsReady_KeepsTheRest(t *testing.T) {
	p := open(t)
	for range 3 {
		a, _ := pair(t)
		p.Add(a, Out|EdgeTriggered, 0)
	}
	for _, want := range []int{2, 1, 0} {
		if events, err := p.Wait(0, 2); err != nil || len(events) != want {
			t.Fatal(events, err, want)
		}
	}
}

func TestMod_StillReady_ReportsAgain(t *testing.T) {
	p := open(t)
	a, _ := pair(t)
	p.Add(a, Out|EdgeTriggered, 0)
	for range 3 {
		if events, err := p.Wait(0, 2); err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		p.Mod(a, Out|EdgeTriggered, 0)
	}
}

func TestControl_Errors_ArePassedOn(t *testing.T) {
	p := open(t)
	a, _ := pair(t)
	if errno := p.Mod(a, In, 0); errno != ENOENT {
		t.Error("Mod of an unregistered descriptor:", errno)
	}
	p.Add(a, In, 0)
	if errno := p.Add(a, In, 0); errno != EEXIST {
		t.Error("Add of a registered descriptor:", errno)
	}
	if errno := p.Add(1<<20, In, 0); errno != EBADF {
		t.Error("Add of a number that is not open:", errno)
	}
}

func TestWake_ManyAtOnce_EndOneWait(t *testing.T) {
	p := open(t)
	var ringers sync.WaitGroup
	for range 8 {
		ringers.Go(func() {
			if err := p.Wake(); err != nil {
				t.Error(err)
			}
		})
	}
	ringers.Wait()
	if events, err := p.Wait(-1, 8); err != nil || len(events) != 0 {
		t.Fatal(events, err)
	}
	if _, err := p.Wait(0, 8); err != nil || p.Wakes() != 1 {
		t.Fatalf("%d wakes reached the loop", p.Wakes())
	}
	if err := p.Wake(); err != nil { // the next one counts again
		t.Fatal(err)
	}
	if _, err := p.Wait(-1, 8); err != nil || p.Wakes() != 2 {
		t.Fatalf("%d wakes reached the loop", p.Wakes())
	}
}

func TestWake_DuringAWaitForEver_EndsIt(t *testing.T) {
	p := open(t)
	for range 100 {
		done := make(chan error)
		go func() {
			_, err := p.Wait(-1, 8)
			done <- err
		}()
		if err := errors.Join(p.Wake(), <-done); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClose_RacingWakes_ClosesTheEventFdOnceAndWritesToNoOther(t *testing.T) {
	for range 200 {
		p, err := New()
		if err != nil {
			t.Fatal(err)
		}
		var ringers sync.WaitGroup
		for range 4 {
			ringers.Go(func() {
				if err := p.Wake(); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		ringers.Wait()
		if users := p.bell.users.Load(); users != shut {
			t.Fatalf("users is %d after close", users)
		}
		var stat syscall.Stat_t
		if err := syscall.Fstat(int(p.bell.fd.Load()), &stat); !errors.Is(err, syscall.EBADF) {
			t.Fatal("the eventfd is still open:", err)
		}
	}
}

func TestClose_Twice_IsHarmlessAndEndsEverything(t *testing.T) {
	p := open(t)
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(0, 1); !errors.Is(err, ErrClosed) {
		t.Error("Wait:", err)
	}
	if err := p.Wake(); !errors.Is(err, ErrClosed) {
		t.Error("Wake:", err)
	}
	if errno := p.Add(0, In, 0); errno != EBADF {
		t.Error("Add:", errno)
	}
	if p.Fd() != -1 || p.WakeFd() != -1 {
		t.Error("descriptors:", p.Fd(), p.WakeFd())
	}
}

func TestMilliseconds_Fractions_RoundUp(t *testing.T) {
	for timeout, want := range map[int64]int{-5: -1, 0: 0, 1: 1, 1_000_000: 1, 1_000_001: 2, 1<<63 - 1 - 999_999: 1<<31 - 1} {
		if got := milliseconds(timeout); got != want {
			t.Errorf("milliseconds(%d) = %d, want %d", timeout, got, want)
		}
	}
}

func TestWait_SteadyState_AllocatesNothing(t *testing.T) {
	p := open(t)
	a, b := pair(t)
	p.Add(a, In|EdgeTriggered, 1)
	if n := testing.AllocsPerRun(100, func() {
		send(t, b)
		_ = p.Wake()
		p.Mod(a, In|EdgeTriggered, 2)
		if events, err := p.Wait(-1, 8); len(events) != 1 || err != nil {
			t.Fatal(events, err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestReopen_OwnDescriptorsTakenAway_WaitsAndWakesAgain(t *testing.T) {
	for _, name := range []string{"epoll closed", "eventfd closed", "both closed", "both replaced by others of the kind"} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			if !p.Intact() {
				t.Fatal("not intact from the start")
			}
			a, b := pair(t)
			epfd, bell := int(p.Fd()), int(p.WakeFd())
			other := open(t)
			var left []int // of the two numbers, those that still are not p's new ones
			switch name {
			case "epoll closed":
				_ = syscall.Close(epfd)
				left = []int{bell}
			case "eventfd closed":
				_ = syscall.Close(bell)
				left = []int{epfd}
			case "both closed":
				_, _ = syscall.Close(epfd), syscall.Close(bell)
			default:
				_, _ = syscall.Dup2(int(other.Fd()), epfd), syscall.Dup2(int(other.WakeFd()), bell)
				left = []int{epfd, bell}
			}
			if p.Intact() {
				t.Fatal("still intact")
			}
			_ = p.Wake() // into the void, or into somebody else's
			if err := p.Reopen(); err != nil {
				t.Fatal(err)
			}
			if !p.Intact() {
				t.Fatal("not intact after Reopen")
			}
			if events, err := p.Wait(-1, MaxEvents); err != nil || len(events) != 0 || p.Wakes() != 1 {
				t.Fatalf("the wake was lost: %v, %v", events, err)
			}
			if errno := p.Add(a, In|EdgeTriggered, 3); errno != 0 {
				t.Fatal(errno)
			}
			send(t, b)
			if events, err := p.Wait(-1, MaxEvents); err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			for _, fd := range left {
				_ = syscall.Close(fd)
			}
		})
	}
}

func TestNew_NoDescriptorsLeft_FailsAndLeaksNone(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	a, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(a)
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }()
	for room := range 2 { // none, and one: for the epoll instance
		tight := syscall.Rlimit{Cur: uint64(a + room), Max: before.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &tight); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := New(); !errors.Is(err, syscall.EMFILE) {
				t.Fatal("error is", err)
			}
		}
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)
		b, err := syscall.Dup(0)
		if err != nil || a != b {
			t.Fatalf("the next free descriptor was %d and is %d, %v", a, b, err)
		}
		_ = syscall.Close(b)
	}
}
