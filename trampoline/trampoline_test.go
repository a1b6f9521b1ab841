package trampoline

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/guv-project/guv/hub/poller"
)

func expect(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("results %#x, want %#x", got, want)
	}
}

const everything = Readable | Writable | Priority

func event(flags, fd int64) int64 { return flags | fd<<outShift }

func failure(errno syscall.Errno, fd int64) int64 {
	return KindError | int64(errno)<<errnoShift | fd<<outShift
}

func timer(token int64) int64 { return KindTimer | token<<outShift }

func TestPoll_EventBits_AreTranslated(t *testing.T) {
	for _, c := range []struct {
		name  string
		bits  uint32
		flags int64
	}{
		{"readable", poller.In, Readable},
		{"writable", poller.Out, Writable},
		{"priority", poller.Pri, Priority},
		{"peer shut down", poller.RdHup, HangUp | Readable},
		{"hang-up", poller.Hup, HangUp | Readable | Writable},
		{"error", poller.Err, Failed | Readable | Writable},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 8, 8)
			b.kernel.open(5, &file{ready: c.bits})
			b.write(t, OpWatch, 5, everything)
			expect(t, b.poll(t, -1), event(c.flags, 5))
			expect(t, b.poll(t, 0))
		})
	}
}

func TestWatch_SecondWait_NeedsNoSystemCall(t *testing.T) {
	b := newBench(t, 8, 8)
	f := b.kernel.open(5, &file{})
	b.write(t, OpWatch, 5, everything)
	expect(t, b.poll(t, 0))
	for range 3 {
		b.kernel.happen(f, poller.In)
		expect(t, b.poll(t, -1), event(Readable, 5))
	}
	if b.Stats().Controls != 1 || b.kernel.waits != 4 {
		t.Fatalf("%d epoll_ctl, %d waits", b.Stats().Controls, b.kernel.waits)
	}
}

func TestWatch_DescriptorAlreadyClosed_IsDroppedQuietly(t *testing.T) {
	b := newBench(t, 8, 8)
	b.write(t, OpWatch, 5, everything)
	b.write(t, OpWatch, 1<<40, everything)
	expect(t, b.poll(t, 0))
}

func TestArm_BadDescriptor_ReportsEBADF(t *testing.T) {
	b := newBench(t, 8, 8)
	b.write(t, OpArm, 5, Readable)
	b.write(t, OpArm, 1<<27, Readable)
	expect(t, b.poll(t, -1), failure(syscall.EBADF, 5), failure(syscall.EBADF, 1<<27))
	if b.kernel.timeouts[0] != 0 {
		t.Fatal("Poll waited although it had results")
	}
}

func TestArm_RegularFile_IsReadyForWhatWasWanted(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{regular: true})
	b.write(t, OpArm, 5, Writable)
	b.write(t, OpWatch, 5, everything)
	expect(t, b.poll(t, -1), event(Writable, 5), event(everything, 5))
}

func TestArm_StillReady_ReportsAgain(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{ready: poller.In})
	for range 2 {
		b.write(t, OpArm, 5, Readable)
		expect(t, b.poll(t, -1), event(Readable, 5))
		expect(t, b.poll(t, 0))
	}
}

func TestArm_OtherDirection_KeepsTheFirst(t *testing.T) {
	b := newBench(t, 8, 8)
	f := b.kernel.open(5, &file{})
	b.write(t, OpArm, 5, Readable)
	b.write(t, OpArm, 5, Writable)
	expect(t, b.poll(t, 0))
	b.kernel.happen(f, poller.In)
	expect(t, b.poll(t, 0), event(Readable, 5))
}

func TestWatch_ArmedDescriptor_KeepsWhatWasArmed(t *testing.T) {
	b := newBench(t, 8, 8)
	f := b.kernel.open(5, &file{})
	b.write(t, OpArm, 5, Writable)
	b.write(t, OpWatch, 5, Readable)
	expect(t, b.poll(t, 0))
	b.kernel.happen(f, poller.Out)
	expect(t, b.poll(t, 0), event(Writable, 5))
}

func TestArm_WatchedDescriptor_KeepsWhatIsWatched(t *testing.T) {
	b := newBench(t, 8, 8)
	f := b.kernel.open(5, &file{})
	b.write(t, OpWatch, 5, everything)
	b.write(t, OpArm, 5, Readable)
	expect(t, b.poll(t, 0))
	b.kernel.happen(f, poller.Out)
	expect(t, b.poll(t, 0), event(Writable, 5))
}

func TestArm_NumberReusedBehindOurBack_Heals(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{})
	b.write(t, OpArm, 5, Readable)
	expect(t, b.poll(t, 0))
	b.kernel.open(5, &file{ready: poller.In})
	b.write(t, OpArm, 5, Readable)
	expect(t, b.poll(t, 0), event(Readable, 5))
	if b.Stats().Healed != 1 {
		t.Fatalf("%d healed", b.Stats().Healed)
	}
}

func TestArm_ForgottenButStillOpen_Heals(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{ready: poller.In})
	b.write(t, OpArm, 5, Readable)
	b.write(t, OpForget, 5, 0)
	b.write(t, OpArm, 5, Readable)
	expect(t, b.poll(t, 0), event(Readable, 5))
	if b.Stats().Healed != 1 {
		t.Fatalf("%d healed", b.Stats().Healed)
	}
}

func TestForget_FileOpenElsewhere_DropsAndCountsItsEvents(t *testing.T) {
	b := newBench(t, 8, 8)
	f := b.kernel.open(5, &file{dup: true})
	b.write(t, OpWatch, 5, everything)
	expect(t, b.poll(t, 0))
	b.write(t, OpForget, 5, 0)
	b.kernel.close(5)
	b.kernel.open(5, &file{})
	b.write(t, OpWatch, 5, everything)
	b.kernel.happen(f, poller.In)
	expect(t, b.poll(t, 0))
	if b.Stats().Stale != 1 {
		t.Fatalf("%d stale", b.Stats().Stale)
	}
}

func TestWatch_NumberReusedBehindOurBack_DropsEventsOfTheOldFile(t *testing.T) {
	b := newBench(t, 8, 8)
	old := b.kernel.open(5, &file{dup: true})
	b.write(t, OpWatch, 5, everything)
	expect(t, b.poll(t, 0))
	b.kernel.open(5, &file{})
	b.write(t, OpWatch, 5, everything)
	b.kernel.happen(old, poller.In)
	expect(t, b.poll(t, 0))
	if b.Stats().Stale != 1 {
		t.Fatalf("%d stale", b.Stats().Stale)
	}
}

func TestForget_StaysOpen_LeavesNoRegistration(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{ready: poller.In})
	b.write(t, OpWatch, 5, everything)
	b.write(t, OpForget, 5, 1)
	expect(t, b.poll(t, 0))
	if len(b.kernel.interest) != 0 {
		t.Fatal("still registered")
	}
}

func TestForget_ResultHeldBack_IsNotDelivered(t *testing.T) {
	b := newBench(t, 8, 2)
	for fd := int64(5); fd < 9; fd++ {
		b.write(t, OpArm, fd, Readable)
	}
	expect(t, b.poll(t, -1), failure(syscall.EBADF, 5), failure(syscall.EBADF, 6))
	b.write(t, OpForget, 7, 0)
	expect(t, b.poll(t, -1), failure(syscall.EBADF, 8))
	if b.Stats().HeldBack != 1 {
		t.Fatalf("%d polls held back", b.Stats().HeldBack)
	}
}

func TestPoll_RingFullOfTimers_ContinuesWithoutWaiting(t *testing.T) {
	b := newBench(t, 8, 2)
	for token := range int64(3) {
		b.write(t, OpTimer, token, b.now-token)
	}
	expect(t, b.poll(t, -1), timer(2), timer(1))
	expect(t, b.poll(t, -1), timer(0))
	if !slices.Equal(b.kernel.timeouts, []int64{0, 0}) {
		t.Fatal("waited", b.kernel.timeouts)
	}
}

func TestPoll_ManyEvents_LeaveRoomForTimers(t *testing.T) {
	b := newBench(t, 64, 8)
	for fd := int32(1); fd <= 20; fd++ {
		b.kernel.open(fd, &file{ready: poller.Out})
		b.write(t, OpWatch, int64(fd), everything)
	}
	b.write(t, OpTimer, 7, 1)
	results := b.poll(t, -1)
	if len(results) != 7 || results[6] != timer(7) {
		t.Fatalf("results %#x", results)
	}
	rest := 0
	for n := -1; n != 0; rest += n {
		n = len(b.poll(t, 0))
	}
	if rest != 14 {
		t.Fatalf("%d more events, want 14", rest)
	}
}

func TestPoll_BoundedWait_EndsAtTheNextDeadline(t *testing.T) {
	for _, c := range []struct {
		name                    string
		timeout, deadline, want int64
	}{
		{"no timer, for ever", -1, 0, -1},
		{"no timer, bounded", 700, 0, 700},
		{"deadline first", 700, 300, 300},
		{"timeout first", 700, 900, 700},
		{"for ever, deadline", -1, 900, 900},
		{"deadline passed", -1, -5, 0},
		{"no wait", 0, 900, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 8, 8)
			if c.deadline != 0 {
				b.write(t, OpTimer, 1, b.now+c.deadline)
			}
			b.poll(t, c.timeout)
			if got := b.kernel.timeouts; !slices.Equal(got, []int64{c.want}) {
				t.Fatalf("waits %v, want one of %d", got, c.want)
			}
		})
	}
}

func TestPoll_Interrupted_LosesNothing(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.open(5, &file{ready: poller.In})
	b.write(t, OpWatch, 5, everything)
	b.kernel.fail = poller.EINTR
	if _, err := b.Poll(b.words, -1); !errors.Is(err, poller.EINTR) {
		t.Fatal("error is", err)
	}
	b.words = 0
	expect(t, b.poll(t, -1), event(Readable, 5))
}

func TestPoll_InterruptedWithResults_ReturnsThem(t *testing.T) {
	b := newBench(t, 8, 8)
	b.write(t, OpArm, 5, Readable)
	b.kernel.fail = poller.EINTR
	expect(t, b.poll(t, -1), failure(syscall.EBADF, 5))
}

func TestSubmit_Nonsense_IsAnArgumentError(t *testing.T) {
	for _, c := range []struct {
		name        string
		op, id, arg int64
		words       int
	}{
		{"unknown operation", 9, 1, 0, 2},
		{"no operation", 0, 0, 0, 2},
		{"arm for nothing", OpArm, 1, 0, 2},
		{"watch for nothing", OpWatch, 1, 0, 2},
		{"arm for unknown bits", OpArm, 1, 8, 2},
		{"token too large", OpTimer, 1 << 40, 0, 2},
		{"negative token", OpTimer, -1, 0, 2},
		{"odd number of words", OpWatch, 1, 0, 3},
		{"more words than the ring has", OpWatch, 1, 0, 10},
		{"negative number of words", OpWatch, 1, 0, -2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 8, 8)
			b.submit[0], b.submit[1] = c.op|c.id<<idShift, c.arg
			if err := b.Submit(c.words); !errors.Is(err, ErrArgument) {
				t.Fatal("error is", err)
			}
		})
	}
}

func TestNew_RingTooSmall_IsAnArgumentError(t *testing.T) {
	if _, err := New(nil, make([]int64, 1), make([]int64, 2), false); !errors.Is(err, ErrArgument) {
		t.Fatal("error is", err)
	}
}

type parcel struct{ token int64 }

func (p parcel) Deliver() (int64, bool) { return p.token, p.token >= 0 }

func TestPost_FromAnywhere_WakesAndIsDeliveredInOrder(t *testing.T) {
	b := newBench(t, 8, 2)
	for _, token := range []int64{1, -1, 2, 3} {
		b.Post(parcel{token})
	}
	if !b.kernel.woken {
		t.Fatal("not woken")
	}
	expect(t, b.poll(t, -1), KindPosted|1<<outShift, KindPosted|2<<outShift)
	expect(t, b.poll(t, -1), KindPosted|3<<outShift)
	expect(t, b.poll(t, 0))
}

func TestPost_AfterClose_IsDropped(t *testing.T) {
	b := newBench(t, 8, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Post(parcel{1})
	if b.kernel.woken || b.posts.waiting() {
		t.Fatal("a closed loop took a post")
	}
}

func TestPhase_Watched_IsEvenOutsidePoll(t *testing.T) {
	b := newBench(t, 8, 2)
	b.poll(t, 0)
	if b.Phase() != 0 {
		t.Fatal("an unwatched loop keeps its phase")
	}
	b.Watch(true)
	before := b.Phase()
	b.poll(t, 0)
	if b.Phase() != before+2 {
		t.Fatalf("phase went from %d to %d", before, b.Phase())
	}
}

func TestStats_Longest_CountsTheTurnsOfAWatchedLoop(t *testing.T) {
	b := newBench(t, 8, 2)
	turn := func(ns int64) {
		b.poll(t, 0)
		b.now += ns
	}
	turn(500)
	b.poll(t, 0)
	if got := b.Stats().Longest; got != 0 {
		t.Fatalf("%d ns before anybody watched", got)
	}
	b.Watch(true)
	turn(30) // from here on
	turn(70)
	turn(20)
	b.Watch(false)
	turn(900)
	b.Watch(true)
	turn(10)
	turn(10)
	if got := b.Stats().Longest; got != 70 {
		t.Fatalf("the longest turn was %d ns, not 70", got)
	}
}

func TestPoll_SteadyState_AllocatesNothing(t *testing.T) {
	b := newBench(t, 64, 64)
	b.verify = false
	b.Loop.hub = realHub(t)
	fds := pair(t)
	b.submit[0], b.submit[1] = OpWatch|int64(fds[0])<<idShift, everything
	b.submit[2], b.submit[3] = OpTimer|9<<idShift, 1<<60
	if _, err := b.Poll(4, 0); err != nil {
		t.Fatal(err)
	}
	buf := []byte{1}
	if n := testing.AllocsPerRun(200, func() {
		_, _ = syscall.Write(fds[1], buf)
		b.submit[0], b.submit[1] = OpTimer|3<<idShift, 1
		b.submit[2], b.submit[3] = OpArm|int64(fds[1])<<idShift, Writable
		b.submit[4], b.submit[5] = OpCancel|3<<idShift, 1
		if n, err := b.Poll(6, -1); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations per turn", n)
	}
}
