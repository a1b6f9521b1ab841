package trampoline

import (
	"sync"
	"sync/atomic"
)

// Delivery is work that was finished on another thread. Deliver runs on the loop thread, inside Poll: there it may touch
// Python's memory. It returns the token to report, or ok false if nobody wants to know any more. It must not block.
type Delivery interface {
	Deliver() (token int64, ok bool)
}

// postQueue carries deliveries from any thread to the loop. The flag spares a turn without posts the lock.
type postQueue struct {
	some   atomic.Bool // any thread; true if queue is not empty
	mu     sync.Mutex  // held for a few instructions only; nothing is called under it
	queue  []Delivery  // protected by mu; oldest first
	closed bool        // protected by mu
}

// Post hands over d and wakes the loop. After Close it does nothing. Any thread.
func (l *Loop) Post(d Delivery) {
	if l.posts.put(d) {
		_ = l.Wake() // the only error is that the loop is closed, and then nobody waits for d
	}
}

func (q *postQueue) put(d Delivery) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.queue = append(q.queue, d)
	q.some.Store(true)
	return true
}

func (q *postQueue) waiting() bool { return q.some.Load() }

func (q *postQueue) pop() (d Delivery, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.some.Store(false)
		return nil, false
	}
	d = q.queue[0]
	q.queue[0] = nil
	if q.queue = q.queue[1:]; len(q.queue) == 0 {
		q.queue = nil
		q.some.Store(false)
	}
	return d, true
}

// take delivers posts to the ring while there is room.
func (q *postQueue) take(ring []int64) (n int) {
	for n < len(ring) && q.some.Load() {
		d, ok := q.pop()
		if !ok {
			return n
		}
		if token, wanted := d.Deliver(); wanted {
			ring[n] = KindPosted | token<<outShift
			n++
		}
	}
	return n
}

func (q *postQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.queue = true, nil
	q.some.Store(false)
}
