package poller

import (
	"fmt"
	"sync/atomic"

	"github.com/guv-project/guv/hub/internal/sys"
)

// bell is the eventfd that interrupts a wait. There is no lock: users counts those who are about to write, and the last
// one out closes the descriptor if it has been closed in the meantime, so that nobody writes to a reused number.
type bell struct {
	fd    int32        // set once by open
	rung  atomic.Bool  // any thread; true from a ring until the loop has seen it
	users atomic.Int64 // any thread; ringers inside, plus shut once closed
}

// shut is added to users by close; no process has this many ringers.
const shut = 1 << 32

func (b *bell) open() (err error) {
	if b.fd, err = sys.EventFd(); err != nil {
		return fmt.Errorf("create eventfd: %w", err)
	}
	return nil
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
	if errno := sys.Notify(b.fd); errno != 0 {
		return b.leave(fmt.Errorf("write to eventfd: %w", errno))
	}
	return b.leave(nil)
}

func (b *bell) leave(err error) error {
	if b.users.Add(-1) == shut {
		_ = sys.Close(b.fd) // nothing can be done about an error, and an eventfd has none to report
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
				return true, sys.Close(b.fd)
			}
			return true, nil
		}
	}
}
