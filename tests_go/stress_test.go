package tests_go

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/hub/poller"
	"github.com/guv-project/guv/trampoline"
)

// loop is a whole loop on the real kernel, driven as Python drives it.
type loop struct {
	*trampoline.Loop
	t                *testing.T
	submit, complete []int64
	words            int
}

func newLoop(t *testing.T, submit, complete int) *loop {
	t.Helper()
	h, err := hub.Open()
	if err != nil {
		t.Fatal(err)
	}
	l := &loop{t: t, submit: make([]int64, submit), complete: make([]int64, complete)}
	if l.Loop, err = trampoline.New(h, l.submit, l.complete, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *loop) write(op, id, arg int64) {
	l.t.Helper()
	if l.words == len(l.submit) {
		if err := l.Submit(l.words); err != nil {
			l.t.Fatal(err)
		}
		l.words = 0
	}
	l.submit[l.words], l.submit[l.words+1] = op|id<<8, arg
	l.words += 2
}

func (l *loop) poll(timeout int64) []int64 {
	l.t.Helper()
	n, err := l.Poll(l.words, timeout)
	l.words = 0
	if err != nil && !errors.Is(err, poller.EINTR) {
		l.t.Fatal(err)
	}
	return l.complete[:n]
}

// Ensure that bytes bounced between many socket pairs all arrive, however small the rings.
func TestLoop_ManyPairsWithTinyRings_EveryByteArrives(t *testing.T) {
	const pairs, rounds = 50, 20
	for _, size := range []int{2, 8, 256} {
		l := newLoop(t, size, size)
		peer, got := map[int]int{}, map[int]int{}
		for range pairs {
			fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = syscall.Close(fds[0]), syscall.Close(fds[1]) }()
			peer[fds[0]], peer[fds[1]] = fds[1], fds[0]
			l.write(trampoline.OpWatch, int64(fds[0]), trampoline.Readable)
			l.write(trampoline.OpWatch, int64(fds[1]), trampoline.Readable)
			if _, err := syscall.Write(fds[0], []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		for done := 0; done < pairs; {
			for _, word := range l.poll(-1) {
				fd, buf := int(word>>16), make([]byte, 16)
				n, err := syscall.Read(fd, buf)
				if n != 1 || err != nil || word&0xff != trampoline.Readable {
					t.Fatalf("event %#x: read %d, %v", word, n, err)
				}
				if got[fd]++; got[fd] < rounds {
					if _, err := syscall.Write(peer[fd], buf[:1]); err != nil {
						t.Fatal(err)
					}
				} else {
					done++
				}
			}
		}
		if stats := l.Stats(); stats.Controls != 2*pairs {
			t.Errorf("ring of %d: %d epoll_ctl calls for %d descriptors", size, stats.Controls, 2*pairs)
		}
	}
}

// Ensure that a turn in steady state is one system call and nothing else.
func TestLoop_SteadyState_OneWaitPerTurnAndNoControl(t *testing.T) {
	l := newLoop(t, 64, 64)
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = syscall.Close(fds[0]), syscall.Close(fds[1]) }()
	l.write(trampoline.OpWatch, int64(fds[0]), trampoline.Readable)
	l.poll(0)
	before, waits := l.Stats(), l.Hub().Waits()
	for range 100 {
		if _, err := syscall.Write(fds[1], []byte{1}); err != nil {
			t.Fatal(err)
		}
		if n := len(l.poll(-1)); n != 1 {
			t.Fatal(n, "results")
		}
		if _, err := syscall.Read(fds[0], make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if after := l.Stats(); after.Controls != before.Controls || l.Hub().Waits() != waits+100 {
		t.Fatalf("%d controls, %d waits in 100 turns", after.Controls-before.Controls, l.Hub().Waits()-waits)
	}
}

// Ensure that descriptors that are closed and reused at random, told or not, never yield an error or a wild event.
func TestLoop_DescriptorsReusedAtRandom_HealWithoutErrors(t *testing.T) {
	l := newLoop(t, 32, 32)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var open [][2]int
	for range 3000 {
		switch pick := random.IntN(6); {
		case pick < 2 || len(open) == 0:
			fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, fds)
			l.write(trampoline.OpWatch, int64(fds[0]), trampoline.Readable|trampoline.Writable)
		case pick == 2:
			l.poll(0) // no submission of a closed descriptor may be left in the ring, or it means another file
			i := random.IntN(len(open))
			for _, fd := range open[i] {
				if random.IntN(2) == 0 {
					l.write(trampoline.OpForget, int64(fd), 0)
				}
				_ = syscall.Close(fd)
			}
			open = append(open[:i], open[i+1:]...)
		default:
			fd := open[random.IntN(len(open))][random.IntN(2)]
			l.write(trampoline.OpArm, int64(fd), trampoline.Writable)
			found := false
			for !found { // a small ring may need several turns
				for _, word := range l.poll(0) {
					if word&0xff == trampoline.KindError {
						t.Fatalf("error %#x", word)
					}
					found = found || int(word>>16) == fd && word&trampoline.Writable != 0
				}
			}
		}
	}
	for _, fds := range open {
		_, _ = syscall.Close(fds[0]), syscall.Close(fds[1])
	}
}

type note struct{ delivered *atomic.Int64 }

func (n note) Deliver() (int64, bool) { n.delivered.Add(1); return 1, true }

// Ensure that posts and wakes from many goroutines reach a loop that waits for ever, and that none is lost.
func TestLoop_PostsFromManyGoroutines_AllArrive(t *testing.T) {
	const posters, each = 8, 500
	l := newLoop(t, 8, 8)
	var delivered atomic.Int64
	var all sync.WaitGroup
	for range posters {
		all.Go(func() {
			for range each {
				l.Post(note{&delivered})
			}
		})
	}
	results := 0
	for results < posters*each {
		results += len(l.poll(-1))
	}
	all.Wait()
	if delivered.Load() != posters*each {
		t.Fatal(delivered.Load(), "delivered")
	}
}

// Ensure that timers set from the outside in any order fire in order, none early, on the real clock.
func TestLoop_TimersAtRandom_FireInOrderAndNeverEarly(t *testing.T) {
	const timers = 2000
	l := newLoop(t, 64, 16)
	start := hub.Monotonic()
	deadlines := make([]int64, timers)
	for token := range deadlines {
		deadlines[token] = start + rand.Int64N(20_000_000)
		l.write(trampoline.OpTimer, int64(token), deadlines[token])
	}
	for fired := 0; fired < timers; {
		last := int64(0)
		for _, word := range l.poll(-1) {
			deadline := deadlines[word>>16]
			if now := hub.Monotonic(); deadline > now || deadline < last {
				t.Fatalf("timer of %d fired at %d after one of %d", deadline, now, last)
			}
			last = deadline
			fired++
		}
	}
}
