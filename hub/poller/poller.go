package poller

import (
	"errors"
	"fmt"

	"github.com/guv-project/guv/hub/internal/sys"
)

// Errno is an error number of the kernel's; 0 is success.
type Errno = sys.Errno

// Error numbers that the layers above decide on.
const (
	EBADF  = sys.EBADF
	EEXIST = sys.EEXIST
	EINTR  = sys.EINTR
	EINVAL = sys.EINVAL
	ENOENT = sys.ENOENT
	EPERM  = sys.EPERM
)

// Bits of a registration and of an event. Err and Hup need not be asked for.
const (
	In            uint32 = sys.In
	Pri           uint32 = sys.Pri
	Out           uint32 = sys.Out
	Err           uint32 = sys.Err
	Hup           uint32 = sys.Hup
	RdHup         uint32 = sys.RdHup
	EdgeTriggered uint32 = sys.EdgeTriggered
)

// MaxEvents is the most that one Wait returns; the kernel keeps the rest for the next.
const MaxEvents = 1024

// wakeFd marks the eventfd's own registration; no descriptor has this number.
const wakeFd = -1

// ErrClosed is returned by Wait and Wake after Close.
var ErrClosed = errors.New("poller closed")

// Event says what happened to a descriptor, and carries the sequence number it was registered with.
type Event struct {
	Fd   int32
	Seq  uint32
	Bits uint32
}

// Poller is one epoll instance. See the package comment for what may be called where.
type Poller struct {
	epfd    int32        // loop thread only; not used after close
	buffer  []sys.Event  // loop thread only; reused by each Wait
	events  []Event      // loop thread only; what Wait returns
	timeout sys.Timespec // loop thread only; argument of the current wait
	coarse  bool         // loop thread only; the kernel has no epoll_pwait2
	waits   int64        // loop thread only; system calls made by Wait
	wakes   int64        // loop thread only; rings seen by Wait
	bell    bell         // any thread
}

// New opens an epoll instance with its eventfd.
func New() (*Poller, error) {
	p := &Poller{buffer: make([]sys.Event, MaxEvents), events: make([]Event, 0, MaxEvents)}
	if err := p.open(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Poller) open() error {
	epfd, err := sys.EpollCreate()
	if err != nil {
		return fmt.Errorf("create epoll descriptor: %w", err)
	}
	bellFd, err := sys.EventFd()
	if err != nil {
		return errors.Join(fmt.Errorf("create eventfd: %w", err), sys.Close(epfd))
	}
	ev := sys.Event{Events: In | EdgeTriggered, Fd: wakeFd}
	if errno := sys.EpollCtl(epfd, sys.CtlAdd, bellFd, &ev); errno != 0 {
		return errors.Join(fmt.Errorf("register eventfd: %w", errno), sys.Close(bellFd), sys.Close(epfd))
	}
	p.epfd = epfd
	p.bell.hang(bellFd)
	return nil
}

// Intact reports whether both descriptors are still what New made of them. A program that closes all descriptors closes
// these too, and their numbers may be other files by now. The eventfd is registered in our epoll instance and nowhere
// else, so changing that registration succeeds only if neither has changed hands.
func (p *Poller) Intact() bool {
	fd := p.bell.fd.Load()
	ev := sys.Event{Events: In | EdgeTriggered, Fd: wakeFd}
	return p.bell.closed() || sys.EpollCtl(p.epfd, sys.CtlMod, fd, &ev) == 0
}

// Reopen makes new descriptors, with nothing registered, after the old ones were lost. Those are not closed: they are gone,
// or somebody else's. A Wake that found none is made up for.
func (p *Poller) Reopen() error {
	if p.bell.closed() {
		return ErrClosed
	}
	return p.open()
}

// Add registers fd with bits; its events carry seq.
func (p *Poller) Add(fd int32, bits, seq uint32) Errno {
	return p.control(sys.CtlAdd, fd, fd, bits, seq)
}

// Mod changes the registration of fd; readiness is examined again, so what is ready now is reported by the next Wait.
func (p *Poller) Mod(fd int32, bits, seq uint32) Errno {
	return p.control(sys.CtlMod, fd, fd, bits, seq)
}

// Del removes the registration of fd.
func (p *Poller) Del(fd int32) Errno { return p.control(sys.CtlDel, fd, fd, 0, 0) }

func (p *Poller) control(op int, fd, mark int32, bits, seq uint32) Errno {
	if p.bell.closed() {
		return EBADF
	}
	ev := sys.Event{Events: bits, Fd: mark, Pad: int32(seq)}
	return sys.EpollCtl(p.epfd, op, fd, &ev)
}

// Wait waits for events for at most timeout nanoseconds, for ever if it is negative, and returns at most limit of them
// (limit is capped at MaxEvents). The slice is reused by the next call. It may return early and empty after a Wake.
func (p *Poller) Wait(timeout int64, limit int) ([]Event, error) {
	if p.bell.closed() {
		return nil, ErrClosed
	}
	limit = min(max(limit, 1), MaxEvents)
	p.waits++
	n, errno := p.call(timeout, p.buffer[:limit])
	if errno != 0 {
		return nil, errno
	}
	events := p.events[:0]
	for i := range p.buffer[:n] {
		ev := &p.buffer[i]
		if ev.Fd == wakeFd {
			p.wakes++
			p.bell.quiet()
			continue
		}
		events = append(events, Event{Fd: ev.Fd, Seq: uint32(ev.Pad), Bits: ev.Events})
	}
	return events, nil
}

func (p *Poller) call(timeout int64, buffer []sys.Event) (int, Errno) {
	raw := timeout == 0
	if !p.coarse {
		var limit *sys.Timespec
		if timeout >= 0 {
			p.timeout.Sec, p.timeout.Nsec = timeout/1e9, timeout%1e9
			limit = &p.timeout
		}
		n, errno := sys.EpollPwait2(p.epfd, buffer, limit, raw)
		if errno != sys.ENOSYS {
			return n, errno
		}
		p.coarse = true
	}
	return sys.EpollPwait(p.epfd, buffer, milliseconds(timeout), raw)
}

// milliseconds rounds a timeout up, for a timer must not be early, and to what the kernel accepts.
func milliseconds(timeout int64) int {
	if timeout < 0 {
		return -1
	}
	return int(min((timeout+999_999)/1_000_000, 1<<31-1))
}

// Waits returns how many system calls Wait has made.
func (p *Poller) Waits() int64 { return p.waits }

// Wakes returns how many times a Wake has reached Wait.
func (p *Poller) Wakes() int64 { return p.wakes }

// Fd returns the epoll descriptor, or -1 after Close.
func (p *Poller) Fd() int32 {
	if p.bell.closed() {
		return -1
	}
	return p.epfd
}

// WakeFd returns the eventfd, or -1 after Close.
func (p *Poller) WakeFd() int32 {
	if p.bell.closed() {
		return -1
	}
	return p.bell.fd.Load()
}

// Wake makes the current Wait, or else the next one, return early.
func (p *Poller) Wake() error { return p.bell.ring() }

// Close closes both descriptors. Only the first call does anything.
func (p *Poller) Close() error {
	first, err := p.bell.close()
	if !first {
		return nil
	}
	return errors.Join(err, sys.Close(p.epfd))
}
