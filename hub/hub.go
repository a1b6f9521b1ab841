package hub

import (
	"github.com/guv-project/guv/hub/poller"
	"github.com/guv-project/guv/hub/wheel"
)

// Poller is what a hub needs of package poller; tests put a simulated kernel in its place.
type Poller interface {
	Add(fd int32, bits, seq uint32) Errno
	Mod(fd int32, bits, seq uint32) Errno
	Del(fd int32) Errno
	Wait(timeout int64, limit int) ([]poller.Event, error)
	Waits() int64
	Wakes() int64
	Wake() error
	Intact() bool
	Reopen() error
	Close() error
	Fd() int32
	WakeFd() int32
}

// Hub is one loop. All of it belongs to the loop thread but Wake.
type Hub struct {
	Poller             // set once
	wheel  wheel.Wheel // loop thread only
	clock  Clock       // set once
	stats  Stats       // loop thread only
}

// Stats counts what a hub did with timers.
type Stats struct {
	Fired     int64
	Cancelled int64
}

// Open makes a hub on a real epoll instance and CLOCK_MONOTONIC.
func Open() (*Hub, error) {
	p, err := poller.New()
	if err != nil {
		return nil, err
	}
	return New(p, Monotonic), nil
}

// New makes a hub of the given parts.
func New(p Poller, clock Clock) *Hub { return &Hub{Poller: p, clock: clock} }

// Wait waits for events for at most timeout nanoseconds (for ever if negative) and not past the earliest deadline, or
// those close behind it: where sleepers are many, a wait for each would cost several times what else they do.
// It returns at most limit events in a slice that the next Wait reuses.
func (h *Hub) Wait(timeout int64, limit int) ([]poller.Event, error) {
	if timeout != 0 {
		if first, ok := h.wheel.Next(); ok {
			now := h.clock()
			var left int64
			if first > now {
				left = h.wheel.Gather() - now
			}
			if timeout < 0 || left < timeout {
				timeout = left
			}
		}
	}
	return h.Poller.Wait(timeout, limit)
}

// SetTimer makes token due at deadline, or moves it. It reports whether the token is acceptable.
func (h *Hub) SetTimer(token int32, deadline int64) bool { return h.wheel.Set(token, deadline) }

// CancelTimer forgets token; unknown and fired ones are ignored.
func (h *Hub) CancelTimer(token int32) {
	if h.wheel.Cancel(token) {
		h.stats.Cancelled++
	}
}

// Deadline returns when token is due; ok is false if it is not pending.
func (h *Hub) Deadline(token int32) (deadline int64, ok bool) { return h.wheel.Deadline(token) }

// Now reads the hub's clock.
func (h *Hub) Now() int64 { return h.clock() }

// Due fills tokens with timers that are due, in order of deadline, and returns how many. more says that others are due
// which did not fit.
func (h *Hub) Due(tokens []int32) (n int, more bool) {
	if h.wheel.Pending() == 0 {
		return 0, false
	}
	now := h.clock()
	for n < len(tokens) {
		token, ok := h.wheel.PopDue(now)
		if !ok {
			break
		}
		tokens[n] = token
		n++
	}
	h.stats.Fired += int64(n)
	if n < len(tokens) {
		return n, false
	}
	next, ok := h.wheel.Next()
	return n, ok && next <= now
}

// Close closes the poller and forgets the timers. Only the first call does anything.
func (h *Hub) Close() error {
	h.wheel.Free()
	return h.Poller.Close()
}

// Pending returns how many timers are set.
func (h *Hub) Pending() int { return h.wheel.Pending() }

// Stats returns the counters.
func (h *Hub) Stats() Stats { return h.stats }

// Verify checks the invariants of the wheel.
func (h *Hub) Verify() error { return h.wheel.Verify() }
