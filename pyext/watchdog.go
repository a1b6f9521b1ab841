package pyext

import (
	"encoding/binary"
	"syscall"
	"time"

	"github.com/guv-project/guv/hub"
	"github.com/guv-project/guv/trampoline/watchdog"
)

// Watchdog reports a loop that has not come back to Poll for thresholdNs nanoseconds, each block once and while it lasts,
// by one write of 16 bytes to fd: the hub's id and the time on CLOCK_MONOTONIC, in nanoseconds, at which the block was first
// seen, which is at most a quarter of the threshold after it began; both int64 in native order.
// fd must be non-blocking; what does not fit is dropped. A new threshold replaces the old one; 0 ends the watch, and when
// that has returned fd is not used any more. Any thread.
func Watchdog(id, thresholdNs, fd int64) (code int64) {
	defer rescue(&code)
	h := handles.get(id)
	switch {
	case h == nil:
		return CodeClosed
	case thresholdNs < 0 || thresholdNs > 0 && fd < 0:
		return CodeArgument
	}
	h.dogMu.Lock()
	defer h.dogMu.Unlock()
	h.stopWatchdog()
	if thresholdNs > 0 {
		h.loop.Watch(true)
		h.dog = watchdog.Start(time.Duration(thresholdNs), h.loop.Phase, func(blocked time.Duration) {
			report := make([]byte, 0, 16)
			report = binary.NativeEndian.AppendUint64(report, uint64(id))
			report = binary.NativeEndian.AppendUint64(report, uint64(hub.Monotonic()-int64(blocked)))
			_, _ = syscall.Write(int(fd), report) // a full or closed pipe: nobody is reading reports
		})
	}
	return 0
}

// stopWatchdog ends the watch, if there is one. dogMu must be held.
func (h *handle) stopWatchdog() {
	if h.dog != nil {
		h.dog.Stop()
		h.dog = nil
		h.loop.Watch(false)
	}
}
