package trampoline

import "github.com/guv-project/guv/hub/poller"

// watch registers an owned socket, for as long as it is open. It always tries ADD first: a WATCH of a number that we believe
// registered means that it was closed behind our back, or we would not have been asked.
func (l *Loop) watch(fd int32, wanted uint32) {
	r := l.table.get(fd)
	before := r.mask
	if before != 0 {
		r.seq++
		l.stats.Healed++
	}
	r.mask = maskFor(wanted)
	errno := l.add(fd, r)
	if errno == poller.EEXIST {
		r.mask |= before // the same file after all: whoever armed it still waits
		errno = l.mod(fd, r)
	}
	if errno == poller.EBADF && !l.lost {
		r.mask = 0 // closed before the ring was drained: the waiter, if any, was told by whoever closed it
		l.table.put(fd, r)
		return
	}
	l.settle(fd, r, errno, wanted)
}

// arm registers one wait on a foreign descriptor.
func (l *Loop) arm(fd int32, wanted uint32) {
	r := l.table.get(fd)
	var errno poller.Errno
	if r.mask != 0 {
		r.mask |= maskFor(wanted)
		if errno = l.mod(fd, r); errno == poller.ENOENT {
			l.stats.Healed++
			r.seq++
			r.mask = maskFor(wanted)
			errno = l.add(fd, r)
		}
	} else {
		r.mask = maskFor(wanted)
		if errno = l.add(fd, r); errno == poller.EEXIST {
			l.stats.Healed++
			errno = l.mod(fd, r)
		}
	}
	l.settle(fd, r, errno, wanted)
}

// settle records the outcome of a registration and makes a result of an error.
func (l *Loop) settle(fd int32, r registration, errno poller.Errno, wanted uint32) {
	if errno != 0 && !l.lost { // Reopen will register what the table says
		r.mask = 0
		if errno == poller.EPERM { // a regular file: always ready
			l.hold(fd, eventWord(wanted, fd))
		} else {
			l.hold(fd, KindError|int64(errno)<<errnoShift|int64(fd)<<outShift)
		}
	}
	l.table.put(fd, r)
}

// forget drops a registration. open says that the descriptor lives on, so the kernel has to be told.
func (l *Loop) forget(fd int32, open bool) {
	r := l.table.get(fd)
	if open && r.mask != 0 {
		l.stats.Controls++
		_ = l.hub.Del(fd) // it may be gone already; either way nothing is registered now
	}
	if int(fd) < len(l.table.rows) {
		l.table.rows[fd] = registration{seq: r.seq + 1}
	}
	for i := range l.held {
		if l.held[i].fd == fd {
			l.held[i].word = 0 // a result of a descriptor that is no more; take skips it
		}
	}
}

func (l *Loop) add(fd int32, r registration) poller.Errno {
	l.stats.Controls++
	return l.doubt(l.hub.Add(fd, r.mask, r.seq))
}

func (l *Loop) mod(fd int32, r registration) poller.Errno {
	l.stats.Controls++
	return l.doubt(l.hub.Mod(fd, r.mask, r.seq))
}

// doubt looks whether an error means that the hub's own descriptors are lost, and not the one that it was about.
func (l *Loop) doubt(errno poller.Errno) poller.Errno {
	if (errno == poller.EBADF || errno == poller.EINVAL) && !l.lost {
		l.lost = !l.hub.Intact()
	}
	return errno
}
