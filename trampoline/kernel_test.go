package trampoline

import (
	"maps"
	"slices"
	"syscall"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/hub/poller"
)

// kernel simulates epoll: a registration belongs to a descriptor number and a file, and lives as long as the file does.
type kernel struct {
	files    map[int32]*file // what each open descriptor refers to
	interest map[interestKey]*interest
	waits    int64
	wakes    int64
	woken    bool
	fail     error     // what the next Wait returns
	lost     bool      // our own descriptors were closed
	refuse   hub.Errno // what Add fails with
	limits   []int     // of each Wait
	timeouts []int64
	sources  map[int32][]*file // files behind the events that Wait returned, by descriptor
}

type file struct {
	ready   uint32 // In, Out, ...
	regular bool
	dup     bool // some other process keeps it open, so its registrations outlive our descriptor
}

type interestKey struct {
	fd   int32
	file *file
}

type interest struct {
	mask, seq uint32
	edge      bool // something happened that Wait has not reported
}

func newKernel() *kernel {
	return &kernel{files: map[int32]*file{}, interest: map[interestKey]*interest{}, sources: map[int32][]*file{}}
}

// always are the bits that epoll reports without being asked.
const always = poller.Err | poller.Hup

func (k *kernel) Add(fd int32, bits, seq uint32) hub.Errno {
	f := k.files[fd]
	switch {
	case k.lost:
		return syscall.EBADF
	case k.refuse != 0:
		return k.refuse
	case f == nil:
		return syscall.EBADF
	case f.regular:
		return syscall.EPERM
	case k.interest[interestKey{fd, f}] != nil:
		return syscall.EEXIST
	}
	k.interest[interestKey{fd, f}] = &interest{bits | always, seq, f.ready&(bits|always) != 0}
	return 0
}

func (k *kernel) Mod(fd int32, bits, seq uint32) hub.Errno {
	f := k.files[fd]
	switch {
	case k.lost:
		return syscall.EBADF
	case f == nil:
		return syscall.EBADF
	case f.regular:
		return syscall.EPERM
	case k.interest[interestKey{fd, f}] == nil:
		return syscall.ENOENT
	}
	*k.interest[interestKey{fd, f}] = interest{bits | always, seq, f.ready&(bits|always) != 0}
	return 0
}

func (k *kernel) Del(fd int32) hub.Errno {
	f := k.files[fd]
	switch {
	case f == nil:
		return syscall.EBADF
	case k.interest[interestKey{fd, f}] == nil:
		return syscall.ENOENT
	}
	delete(k.interest, interestKey{fd, f})
	return 0
}

func (k *kernel) Wait(timeout int64, limit int) ([]poller.Event, error) {
	k.waits++
	k.limits, k.timeouts = append(k.limits, limit), append(k.timeouts, timeout)
	if k.lost {
		return nil, syscall.EBADF
	}
	if err := k.fail; err != nil {
		k.fail = nil
		return nil, err
	}
	k.woken = false
	keys := slices.SortedFunc(maps.Keys(k.interest), func(a, b interestKey) int { return int(a.fd - b.fd) })
	var events []poller.Event
	for _, key := range keys {
		in := k.interest[key]
		if bits := key.file.ready & in.mask; in.edge && len(events) < limit {
			in.edge = false
			if bits == 0 {
				continue
			}
			events = append(events, poller.Event{Fd: key.fd, Seq: in.seq, Bits: bits})
			k.sources[key.fd] = append(k.sources[key.fd], key.file)
		}
	}
	return events, nil
}

func (k *kernel) Waits() int64  { return k.waits }
func (k *kernel) Wakes() int64  { return k.wakes }
func (k *kernel) Wake() error   { k.woken = true; k.wakes++; return nil }
func (k *kernel) Close() error  { return nil }
func (k *kernel) Intact() bool  { return !k.lost }
func (k *kernel) Fd() int32     { return 1000 }
func (k *kernel) WakeFd() int32 { return 1001 }

// Reopen makes the kernel forget all registrations, as a new epoll instance does.
func (k *kernel) Reopen() error {
	k.lost, k.interest = false, map[interestKey]*interest{}
	return nil
}

// open gives fd a new file.
func (k *kernel) open(fd int32, f *file) *file {
	k.close(fd)
	k.files[fd] = f
	return f
}

// close closes a descriptor; its registration goes too unless the file stays open elsewhere.
func (k *kernel) close(fd int32) {
	if f := k.files[fd]; f != nil && !f.dup {
		delete(k.interest, interestKey{fd, f})
	}
	delete(k.files, fd)
}

// happen sets ready bits of a file and causes an edge in all registrations that ask for one of them.
func (k *kernel) happen(f *file, bits uint32) {
	f.ready |= bits
	for key, in := range k.interest {
		if key.file == f && in.mask&bits != 0 {
			in.edge = true
		}
	}
}

// bench is a loop on a simulated kernel and clock.
type bench struct {
	*Loop
	kernel *kernel
	now    int64
	words  int
}

func newBench(t failer, submit, complete int) *bench {
	b := &bench{kernel: newKernel(), now: 1e12}
	h := hub.New(b.kernel, func() int64 { return b.now })
	loop, err := New(h, make([]int64, submit), make([]int64, complete), true)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Loop = loop
	return b
}

// write puts an operation into the submission ring, as Python does: a full ring is submitted first.
func (b *bench) write(t failer, op, id, arg int64) {
	if b.words == len(b.submit) {
		if err := b.Submit(b.words); err != nil {
			t.Fatalf("Submit: %v", err)
		}
		b.words = 0
	}
	b.submit[b.words], b.submit[b.words+1] = op|id<<idShift, arg
	b.words += 2
}

// poll returns the results of one Poll.
func (b *bench) poll(t failer, timeout int64) []int64 {
	n, err := b.Poll(b.words, timeout)
	b.words = 0
	if err != nil {
		t.Fatalf("Poll: %v", err)
	}
	return slices.Clone(b.complete[:n])
}

type failer interface {
	Fatalf(format string, args ...any)
}
