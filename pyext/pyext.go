package pyext

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/trampoline"
)

// Open makes a hub on two rings of int64 words that Python owns and never moves. It returns the hub's id, which is at
// least 1 and never used again.
func Open(subAddr, subCap, compAddr, compCap int64) (id int64) {
	defer rescue(&id)
	if subAddr == 0 || compAddr == 0 || subCap < 2 || compCap < 2 {
		return CodeArgument
	}
	takeOverCollection()
	h, err := hub.Open()
	if err != nil {
		return codeOf(err)
	}
	verify := os.Getenv("GUV_VERIFY") == "1"
	loop, err := trampoline.New(h, wordsAt(subAddr, subCap), wordsAt(compAddr, compCap), verify)
	if err != nil {
		_ = h.Close() // the first error is the one to report
		return codeOf(err)
	}
	settleSignals()
	id = handles.add(&handle{loop: loop})
	busyThreads.enter()
	return id
}

// Poll drains the first submitted words of the submission ring, waits for at most timeoutNs nanoseconds (0: not at all,
// -1: until the next deadline) and returns how many results it wrote to the completion ring, plus 1<<32 times the number
// of timers among them, which come last. Loop thread only.
func Poll(id, submitted, timeoutNs int64) (n int64) {
	defer rescue(&n)
	h := handles.get(id)
	if h == nil {
		return CodeClosed
	}
	results, err := h.loop.Poll(int(submitted), timeoutNs)
	if err != nil {
		return codeOf(err)
	}
	return int64(results) | int64(h.loop.Fired())<<32
}

// Submit drains the first submitted words of the submission ring and does nothing else. Loop thread only.
func Submit(id, submitted int64) (code int64) {
	defer rescue(&code)
	h := handles.get(id)
	if h == nil {
		return CodeClosed
	}
	return codeOf(h.loop.Submit(int(submitted)))
}

// Reopen gives the hub new descriptors after Poll returned -EBADF or -EINVAL, or when the program is known to have closed
// them; what was registered is registered again. Loop thread only.
func Reopen(id int64) (code int64) {
	defer rescue(&code)
	h := handles.get(id)
	if h == nil {
		return CodeClosed
	}
	return codeOf(h.loop.Reopen())
}

// Close closes the hub's descriptors and ends its lookups and watchdog. Closing it again does nothing. Loop thread only.
func Close(id int64) (code int64) {
	defer rescue(&code)
	h := handles.remove(id)
	if h == nil {
		return 0
	}
	busyThreads.leave()
	discard(hubGarbage)
	return codeOf(h.close())
}

// Fd returns the hub's epoll descriptor (which 0) or its eventfd (1), to which any thread may write until Close, to make the
// current or next Poll return early.
func Fd(id, which int64) (fd int64) {
	defer rescue(&fd)
	h := handles.get(id)
	switch {
	case h == nil:
		return CodeClosed
	case which == 0:
		return int64(h.loop.Hub().Fd())
	case which == 1:
		return int64(h.loop.Hub().WakeFd())
	}
	return CodeArgument
}

// Stat returns one counter, named by the Stat constants. Loop thread only.
func Stat(id, which int64) (n int64) {
	defer rescue(&n)
	h := handles.get(id)
	if h == nil {
		return CodeClosed
	}
	loop, timers := h.loop.Stats(), h.loop.Hub().Stats()
	counters := [...]int64{
		StatPolls: loop.Polls, StatWaits: h.loop.Hub().Waits(), StatControls: loop.Controls, StatEvents: loop.Events,
		StatStale: loop.Stale, StatPending: int64(h.loop.Hub().Pending()), StatFired: timers.Fired,
		StatCancelled: timers.Cancelled, StatSubmitted: loop.Submitted, StatWakes: h.loop.Hub().Wakes(),
		StatHealed: loop.Healed, StatHeldBack: loop.HeldBack,
		StatLongest: loop.Longest,
	}
	if which < 0 || which >= int64(len(counters)) {
		return CodeArgument
	}
	return counters[which]
}

// Deadline returns when the timer token is due, in nanoseconds of CLOCK_MONOTONIC, or 0 if it is not pending. Loop thread
// only.
func Deadline(id, token int64) (ns int64) {
	defer rescue(&ns)
	h := handles.get(id)
	switch {
	case h == nil:
		return CodeClosed
	case token != int64(int32(token)):
		return 0
	}
	ns, _ = h.loop.Hub().Deadline(int32(token))
	return ns
}

// codeOf translates an error into what crosses the border; nil is 0.
func codeOf(err error) int64 {
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return -int64(errno)
	case errors.Is(err, hub.ErrClosed):
		return CodeClosed
	case errors.Is(err, trampoline.ErrArgument):
		return CodeArgument
	}
	panic(err) // an error that has no code is a bug; rescue reports its text
}

// wordsAt views n words of memory that Python owns; see bytesAt.
func wordsAt(addr, n int64) []int64 {
	return unsafe.Slice(*(**int64)(unsafe.Pointer(&addr)), n)
}
