package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errno is the kernel's error number; 0 is success.
type Errno = unix.Errno

// The numbers that guv decides on; all others are passed through.
const (
	EBADF  = unix.EBADF
	EEXIST = unix.EEXIST
	EINTR  = unix.EINTR
	EINVAL = unix.EINVAL
	ENOENT = unix.ENOENT
	ENOSYS = unix.ENOSYS
	EPERM  = unix.EPERM
)

// Operations of EpollCtl.
const (
	CtlAdd = unix.EPOLL_CTL_ADD
	CtlMod = unix.EPOLL_CTL_MOD
	CtlDel = unix.EPOLL_CTL_DEL
)

// Event bits.
const (
	In            = unix.EPOLLIN
	Pri           = unix.EPOLLPRI
	Out           = unix.EPOLLOUT
	Err           = unix.EPOLLERR
	Hup           = unix.EPOLLHUP
	RdHup         = unix.EPOLLRDHUP
	EdgeTriggered = unix.EPOLLET & 0xffffffff
)

// Event is the kernel's struct epoll_event; Fd and Pad are the eight bytes of user data.
type Event = unix.EpollEvent

// Timespec is the kernel's struct timespec.
type Timespec = unix.Timespec

// Aside is the least number of guv's own descriptors: programs count on getting the low ones in a row. Python's
// guv.hubs.descriptor has the same.
const Aside = 512

// EpollCreate makes an epoll descriptor that is closed on exec.
func EpollCreate() (int32, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return setAside(fd), err
}

// setAside moves fd to a number from Aside on; where the process may not have such numbers it stays as it is.
func setAside(fd int) int32 {
	if fd < 0 {
		return int32(fd)
	}
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, Aside)
	if err != nil {
		return int32(fd)
	}
	_ = unix.Close(fd) // the other number keeps the file open
	return int32(moved)
}

// EventFd makes a non-blocking eventfd that is closed on exec.
func EventFd() (int32, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return setAside(fd), err
}

// EpollCtl changes a registration. Never blocks.
func EpollCtl(epfd int32, op int, fd int32, ev *Event) Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return errno
}

// EpollPwait2 waits with a timeout in nanoseconds; a nil timeout is for ever. raw keeps the scheduler out of it.
func EpollPwait2(epfd int32, events []Event, timeout *Timespec, raw bool) (int, Errno) {
	if raw {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
		return int(n), errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
	return int(n), errno
}

// EpollPwait waits with a timeout in milliseconds, -1 for ever: for kernels before 5.11.
func EpollPwait(epfd int32, events []Event, milliseconds int, raw bool) (int, Errno) {
	if raw {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), uintptr(milliseconds), 0, 0)
		return int(n), errno
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(milliseconds), 0, 0)
	return int(n), errno
}

// Notify adds one to an eventfd. Never blocks: the descriptor is non-blocking.
func Notify(fd int32) Errno {
	one := [8]byte{1} // the kernel reads a native word; on a big-endian machine this is 2**56, which wakes as well
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 8)
	return errno
}

// Write writes b once to fd without retrying.
func Write(fd int32, b []byte) (int, error) { return unix.Write(int(fd), b) }

// Close closes fd.
func Close(fd int32) error { return unix.Close(int(fd)) }
