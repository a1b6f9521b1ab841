// Package poller waits for descriptors: one epoll instance and one eventfd to interrupt it.
//
// The functions, where they may be called and what they return:
//
//	New        any thread    opens both descriptors, close-on-exec; an error names the call that failed
//	Add, Mod, Del            loop thread   one epoll_ctl each, never blocks; the kernel's error number, nothing retried
//	Wait       loop thread   blocks up to the timeout; an error number, EINTR included, is handed up at once
//	Wake       any thread    makes the current or next Wait return early; coalesces; never blocks
//	Close      loop thread   idempotent; a Wake in flight keeps the eventfd open until it is done
//
// # Waiting
//
// A wait is one system call that the Go scheduler knows of: it neither holds up Go's garbage collector nor other goroutines.
// Such a wait is cheap only while another of Go's processors is idle, for then the scheduler leaves the thread its own for
// some milliseconds; pyext sees to that. A timeout of 0 is raw, unknown to the scheduler: it cannot block.
//
// Before there was an idle processor, futex and nanosleep calls followed each wait, and it paid to wait raw for 200 µs first.
// By now that costs more than it saves: a server with a message every millisecond woke twice for each, by the end of those
// 200 µs and by the message, and that timer also woke the scheduler's monitor. One wait took 7 to 15 % off its CPU time, and
// 17 % off a lone connection in lock-step.
//
// # Invariants
//
//  1. At most one notification is in flight: Wake writes to the eventfd only when it turns woken from false to true,
//     and Wait turns it back before it returns. The eventfd is registered edge-triggered, so it is never read.
//  2. After Close no system call is made on either descriptor; their numbers may have been reused.
//  3. Nothing is allocated after New.
package poller
