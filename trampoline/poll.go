package trampoline

import (
	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/hub/poller"
)

// Poll drains the submissions, waits for at most timeout nanoseconds (0: not at all; negative: until the next deadline),
// and writes results to the completion ring; it returns how many. It does not wait if there are results already. An
// interrupted wait is an error (hub.EINTR) only if there is no result. hub.EBADF and hub.EINVAL say that the hub's own
// descriptors are lost: Reopen, then Poll again.
func (l *Loop) Poll(words int, timeout int64) (n int, err error) {
	if !l.watched.Load() {
		return l.poll(words, timeout)
	}
	l.phase.Store(l.phase.Load()&^1 + 1)
	if l.leftAt != 0 && l.leftAt == l.stats.Polls {
		l.stats.Longest = max(l.stats.Longest, l.hub.Now()-l.left)
	}
	n, err = l.poll(words, timeout)
	l.left, l.leftAt = l.hub.Now(), l.stats.Polls
	l.phase.Store(l.phase.Load() + 1)
	return n, err
}

// Fired returns how many of the latest Poll's results were timers. They come last.
func (l *Loop) Fired() int { return l.fired }

func (l *Loop) poll(words int, timeout int64) (n int, err error) {
	l.stats.Polls++
	l.fired = 0
	if err := l.Submit(words); err != nil {
		return 0, err
	}
	if l.lost {
		return 0, hub.EBADF
	}
	n = l.takeHeld(l.complete)
	n += l.posts.take(l.complete[n:])
	if n > 0 {
		timeout = 0
	}
	left, full := len(l.held) > 0 || l.posts.waiting(), false
	room := len(l.complete) - n
	if room > 0 {
		// Timers keep a share of the ring, of at least one word, from the events.
		share := max(1, room-max(1, room/4))
		events, err := l.hub.Wait(timeout, share)
		if err != nil && n == 0 {
			return 0, err
		}
		n = l.deliver(events, n)
		n += l.posts.take(l.complete[n:])
		var more bool
		l.fired, more = l.fire(n)
		n += l.fired
		left = left || more || l.posts.waiting()
		full = len(events) == share && share < poller.MaxEvents // the kernel may hold more, and will not wait if so
	}
	if left || full {
		l.stats.HeldBack++
	}
	if l.verify {
		if err := l.Verify(); err != nil {
			panic(err)
		}
	}
	return n, nil
}

// deliver writes the events that are still meant for someone and returns the new number of results.
func (l *Loop) deliver(events []poller.Event, n int) int {
	for i := range events {
		ev := &events[i]
		if r := l.table.get(ev.Fd); r.seq != ev.Seq || r.mask == 0 {
			l.stats.Stale++
			continue
		}
		l.complete[n] = eventWord(flagsOf(ev.Bits), ev.Fd)
		n++
		l.stats.Events++
	}
	return n
}

// fire writes the timers that are due from place n on and returns how many.
func (l *Loop) fire(n int) (fired int, more bool) {
	fired, more = l.hub.Due(l.due[:len(l.complete)-n])
	for i, token := range l.due[:fired] {
		l.complete[n+i] = KindTimer | int64(token)<<outShift
	}
	return fired, more
}

// takeHeld moves held results to the ring, oldest first.
func (l *Loop) takeHeld(ring []int64) (n int) {
	if len(l.held) == 0 {
		return 0
	}
	taken := 0
	for _, h := range l.held {
		if h.word != 0 {
			if n == len(ring) {
				break
			}
			ring[n] = h.word
			n++
		}
		taken++
	}
	l.held = l.held[:copy(l.held, l.held[taken:])]
	return n
}
