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
// # Waiting in two steps
//
// A wait that the Go scheduler knows of costs a hand-off of the processor and, when sysmon notices, futex and nanosleep
// calls: 0.55 and 0.41 of them for each request of a lone connection in lock-step (and two of each where Go has a single
// processor, which is why pyext sees to two). So Wait first waits raw, which looks to
// the scheduler like a busy loop, for at most 200 µs (rawSpan); only if nothing came it waits again in a call that the
// scheduler knows of. Longer raw waits would hold up Go's garbage collector. A timeout of 0 is always raw: it cannot block.
//
// # Invariants
//
//  1. At most one notification is in flight: Wake writes to the eventfd only when it turns woken from false to true,
//     and Wait turns it back before it returns. The eventfd is registered edge-triggered, so it is never read.
//  2. After Close no system call is made on either descriptor; their numbers may have been reused.
//  3. Nothing is allocated after New.
package poller
