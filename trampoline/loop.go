package trampoline

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/hub/wheel"
)

// ErrArgument is wrapped by errors that say what was wrong with a ring or a submission.
var ErrArgument = errors.New("bad argument")

// Loop is a hub with its two rings. All of it belongs to the loop thread unless a field says otherwise.
type Loop struct {
	hub      *hub.Hub
	submit   []int64 // Python's memory; read only
	complete []int64 // Python's memory; written by Poll only
	table    table
	held     []heldResult // results made while draining, not yet delivered; oldest first
	due      []int32      // reused by each Poll
	fired    int          // how many of the latest Poll's results were timers
	stats    Stats
	lost     bool          // loop thread only; the kernel's side of all this is gone, until Reopen
	verify   bool          // set once; GUV_VERIFY=1
	posts    postQueue     // any thread
	watched  atomic.Bool   // any thread; somebody reads phase
	phase    atomic.Uint64 // written by the loop thread, read by any; odd while inside Poll
	left     int64         // when the last watched Poll returned
	leftAt   int64         // stats.Polls at that time: left is out of date if others have come since
}

// heldResult is a completion that waits for room.
type heldResult struct {
	fd   int32
	word int64 // 0: forgotten in the meantime
}

// Stats are the counters of a loop. Those of timers and wakes are kept elsewhere.
type Stats struct {
	Polls     int64 // calls of Poll
	Controls  int64 // epoll_ctl calls
	Events    int64 // descriptor events delivered
	Stale     int64 // events dropped because of an old sequence number
	Submitted int64 // operations drained
	Healed    int64 // registrations that the kernel saw differently from us
	HeldBack  int64 // Polls that left results for the next because the ring was full
	Longest   int64 // nanoseconds; the longest time between two Polls, of those that were watched
}

// New makes a loop on h. The rings must stay where they are and hold at least two words each. verify turns on the check of
// all invariants after each turn.
func New(h *hub.Hub, submit, complete []int64, verify bool) (*Loop, error) {
	if len(submit) < 2 || len(complete) < 2 {
		return nil, fmt.Errorf("%w: rings of %d and %d words, each needs 2", ErrArgument, len(submit), len(complete))
	}
	return &Loop{hub: h, submit: submit, complete: complete, due: make([]int32, len(complete)), verify: verify}, nil
}

// Submit drains the first words of the submission ring. An operation that makes no sense ends it with an ErrArgument;
// those before it are done, those after it are not.
func (l *Loop) Submit(words int) error {
	if words < 0 || words > len(l.submit) || words%2 != 0 {
		return fmt.Errorf("%w: %d words submitted in a ring of %d", ErrArgument, words, len(l.submit))
	}
	for i := 0; i < words; i += 2 {
		if err := l.perform(l.submit[i], l.submit[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) perform(head, arg int64) error {
	op, id := head&0xff, head>>idShift
	l.stats.Submitted++
	switch op {
	case OpWatch, OpArm, OpForget:
		wild := id < 0 || id > maxFd
		switch {
		case op != OpForget && (arg == 0 || arg&^wantable != 0):
			return fmt.Errorf("%w: register descriptor %d for bits %#x", ErrArgument, id, arg)
		case wild && op == OpArm:
			l.hold(-1, KindError|int64(hub.EBADF)<<errnoShift|id<<outShift)
		case wild: // a WATCH that fails with EBADF is dropped, and there is nothing to forget
		case op == OpWatch:
			l.watch(int32(id), uint32(arg))
		case op == OpArm:
			l.arm(int32(id), uint32(arg))
		default:
			l.forget(int32(id), arg == 1)
		}
	case OpTimer:
		if id < 0 || id > wheel.MaxToken || !l.hub.SetTimer(int32(id), arg) {
			return fmt.Errorf("%w: timer token %d", ErrArgument, id)
		}
	case OpCancel:
		if id >= 0 && id <= wheel.MaxToken {
			l.hub.CancelTimer(int32(id))
		}
	default:
		return fmt.Errorf("%w: operation %d of id %d", ErrArgument, op, id)
	}
	return nil
}

// hold keeps a result until Poll delivers it.
func (l *Loop) hold(fd int32, word int64) { l.held = append(l.held, heldResult{fd, word}) }

// Wake makes the current or next Poll return early. Any thread.
func (l *Loop) Wake() error { return l.hub.Wake() }

// Hub returns the hub below, for its descriptors and counters.
func (l *Loop) Hub() *hub.Hub { return l.hub }

// Stats returns the counters.
func (l *Loop) Stats() Stats { return l.stats }

// Reopen gives the hub new descriptors and registers everything again that was registered, after Poll has failed because the
// program closed the old ones. Descriptors that it closed as well become failures. Timers are not touched.
func (l *Loop) Reopen() error {
	if err := l.hub.Reopen(); err != nil {
		return err
	}
	l.lost = false
	for i, r := range l.table.rows {
		if r.mask == 0 {
			continue
		}
		fd := int32(i)
		l.stats.Healed++
		r.seq++
		l.settle(fd, r, l.add(fd, r), flagsOf(r.mask))
	}
	return nil
}

// Close closes the hub. Posts that were not delivered are dropped, and so is what is posted later.
func (l *Loop) Close() error {
	l.posts.close()
	return l.hub.Close()
}
