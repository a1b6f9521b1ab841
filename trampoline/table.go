package trampoline

import "github.com/guv-project/guv/hub/poller"

const (
	// maxFd bounds descriptor numbers, above any that a kernel hands out by default, so that a wild number in the ring
	// becomes EBADF and not a huge table.
	maxFd = 1<<26 - 1
)

// registration is what we believe the kernel knows of one descriptor number.
type registration struct {
	seq  uint32 // bumped when the number changes hands, so stale events miss
	mask uint32 // 0: absent
}

// table holds registrations by descriptor number. Numbers beyond its end were never registered.
type table struct {
	rows []registration // loop thread only
}

func (t *table) get(fd int32) registration {
	if int(fd) < len(t.rows) {
		return t.rows[fd]
	}
	return registration{}
}

func (t *table) put(fd int32, r registration) {
	if int(fd) >= len(t.rows) {
		if r == (registration{}) {
			return
		}
		rows := make([]registration, max(int(fd)+1, 2*len(t.rows), 64))
		copy(rows, t.rows)
		t.rows = rows
	}
	t.rows[fd] = r
}

// maskFor translates wanted bits into epoll's.
func maskFor(wanted uint32) uint32 {
	mask := poller.EdgeTriggered
	if wanted&Readable != 0 {
		mask |= poller.In | poller.RdHup
	}
	if wanted&Writable != 0 {
		mask |= poller.Out
	}
	if wanted&Priority != 0 {
		mask |= poller.Pri
	}
	return mask
}

// flagsOf translates epoll's bits into those of a completion: an error or a hang-up is news for both directions.
func flagsOf(bits uint32) (flags uint32) {
	if bits&(poller.In|poller.RdHup|poller.Hup|poller.Err) != 0 {
		flags |= Readable
	}
	if bits&(poller.Out|poller.Hup|poller.Err) != 0 {
		flags |= Writable
	}
	if bits&poller.Pri != 0 {
		flags |= Priority
	}
	if bits&(poller.RdHup|poller.Hup) != 0 {
		flags |= HangUp
	}
	if bits&poller.Err != 0 {
		flags |= Failed
	}
	return flags
}
