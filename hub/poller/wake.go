package poller

import (
	"fmt"
	"sync/atomic"

	"github.com/guv-project/guv/hub/internal/sys"
)

// bell is the eventfd that interrupts a wait. There is no lock: users counts those who are about to write, and the last
// one out closes the descriptor if it has been closed in the meantime, so that nobody writes to a reused number.
type bell struct {
	fd    atomic.Int32 // any thread; written by hang
	rung  atomic.Bool  // any thread; true from a ring until the loop has seen it
	users atomic.Int64 // any thread; ringers inside, plus shut once closed
}

// shut is added to users by close; no process has this many ringers.
const shut = 1 << 32

// hang puts up an eventfd: the first one, or one in place of a lost one, whose ring, if it had one, is repeated.
func (b *bell) hang(fd int32) {
	b.fd.Store(fd)
	if b.rung.Load() {
		_ = sys.Notify(fd) // it is new: it has room
	}
}

// ring wakes the loop unless a ring that it has not seen yet will do so anyway.
func (b *bell) ring() error {
	if b.closed() {
		return ErrClosed
	}
	if !b.rung.CompareAndSwap(false, true) {
		return nil
	}
	for {
		users := b.users.Load()
		if users >= shut {
			return ErrClosed
		}
		if b.users.CompareAndSwap(users, users+1) {
			break
		}
	}
	if errno := sys.Notify(b.fd.Load()); errno != 0 { // lost: hang sees that it was rung
		return b.leave(fmt.Errorf("write to eventfd: %w", errno))
	}
	return b.leave(nil)
}

func (b *bell) leave(err error) error {
	if b.users.Add(-1) == shut {
		_ = sys.Close(b.fd.Load()) // nothing can be done about an error, and an eventfd has none to report
	}
	return err
}

// quiet says that the loop has seen the ring: from now on a ring writes again.
func (b *bell) quiet() { b.rung.Store(false) }

func (b *bell) closed() bool { return b.users.Load() >= shut }

// close reports whether this call is the first one.
func (b *bell) close() (first bool, err error) {
	for {
		users := b.users.Load()
		if users >= shut {
			return false, nil
		}
		if b.users.CompareAndSwap(users, users+shut) {
			if users == 0 {
				return true, sys.Close(b.fd.Load())
			}
			return true, nil
		}
	}
}
