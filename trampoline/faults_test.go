package trampoline

import (
	"errors"
	"syscall"
	"testing"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/hub/poller"
)

// What the kernel may refuse, and what a program may take away from under a loop.

func TestPoll_KernelRefusesTheWait_NextPollGoesOn(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINTR, syscall.ENOMEM} {
		b := newBench(t, 8, 8)
		b.kernel.open(5, &file{ready: poller.In})
		b.write(t, OpWatch, 5, everything)
		b.write(t, OpTimer, 1, b.now)
		b.kernel.fail = errno
		if _, err := b.Poll(b.words, -1); !errors.Is(err, errno) {
			t.Fatal("error is", err)
		}
		b.words = 0
		expect(t, b.poll(t, -1), event(Readable, 5), timer(1))
	}
}

func TestArm_KernelHasNoRoom_FailsThatWaitOnly(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOMEM, syscall.ENOSPC} {
		b := newBench(t, 8, 8)
		b.kernel.open(5, &file{ready: poller.In})
		b.kernel.open(6, &file{ready: poller.In})
		b.write(t, OpWatch, 5, everything)
		b.poll(t, 0)
		b.kernel.refuse = errno
		b.write(t, OpArm, 6, Readable)
		expect(t, b.poll(t, -1), failure(errno, 6))
		b.kernel.refuse = 0
		b.kernel.happen(b.kernel.files[5], poller.In)
		b.write(t, OpArm, 6, Readable)
		expect(t, b.poll(t, -1), event(Readable, 5), event(Readable, 6))
	}
}

func TestReopen_DescriptorsLost_RegistersAgainWhatWas(t *testing.T) {
	b := newBench(t, 8, 8)
	five := b.kernel.open(5, &file{})
	b.kernel.open(6, &file{})
	b.write(t, OpWatch, 5, everything)
	b.write(t, OpArm, 6, Readable)
	b.write(t, OpTimer, 1, b.now+5)
	b.poll(t, 0)

	b.kernel.lost = true // closes everything but 5, and opens 7
	b.kernel.close(6)
	b.kernel.open(7, &file{ready: poller.In})
	b.kernel.open(8, &file{ready: poller.Out, regular: true})
	b.write(t, OpArm, 7, Readable)
	b.write(t, OpWatch, 8, Writable)
	if _, err := b.Poll(b.words, -1); !errors.Is(err, hub.EBADF) {
		t.Fatal("error is", err)
	}
	b.words = 0
	b.now += 5
	b.kernel.happen(five, poller.In)
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	got := b.poll(t, -1)
	expect(t, got, failure(syscall.EBADF, 6), event(Writable, 8), event(Readable, 5), event(Readable, 7), timer(1))
}

func TestPoll_DescriptorsLostWhileWaiting_SaysSoUntilReopened(t *testing.T) {
	b := newBench(t, 8, 8)
	b.kernel.lost = true
	for range 3 {
		if _, err := b.Poll(0, -1); !errors.Is(err, hub.EBADF) {
			t.Fatal("error is", err)
		}
	}
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	expect(t, b.poll(t, 0))
}

// Ensure that a number that changes hands very often, told or not, never brings an event of a former owner.
func TestTable_NumberReused100000Times_DeliversNoStaleEvent(t *testing.T) {
	b := newBench(t, 64, 64)
	b.verify = false // the check of the whole table, 200,000 times, is not what this is about
	for i := range 100_000 {
		f := b.kernel.open(5, &file{dup: i%3 == 0}) // some keep their registration after the close
		b.write(t, OpWatch, 5, everything)
		b.poll(t, 0)
		b.kernel.happen(f, poller.In)
		if i%2 == 0 { // the event of this owner is there when the number goes to the next
			b.write(t, OpForget, 5, 0)
			b.kernel.close(5)
			if got := b.poll(t, 0); len(got) != 0 {
				t.Fatalf("reuse %d: stale %v", i, got)
			}
		} else {
			expect(t, b.poll(t, 0), event(Readable, 5))
			b.kernel.close(5)
		}
		clear(b.kernel.sources)
		b.kernel.limits, b.kernel.timeouts = b.kernel.limits[:0], b.kernel.timeouts[:0]
		for key := range b.kernel.interest {
			if b.kernel.files[key.fd] != key.file { // its last holder goes too
				delete(b.kernel.interest, key)
			}
		}
	}
	if stats := b.Stats(); stats.Stale == 0 {
		t.Fatal("no event was ever stale: the test tests nothing")
	}
}
