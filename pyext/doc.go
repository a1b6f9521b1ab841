// Package pyext is the surface that gopy exports to Python: flat functions, ints in and ints out, no logic.
//
// A hub is an int, given by Open. Python owns two buffers of int64 per hub, which never move: the submission ring, filled
// by Python between calls, and the completion ring, filled by Poll. trampoline/words.go says what a word means. Lookup and
// Watchdog describe their buffers themselves.
//
// # Results
//
// A negative result is an error: -1 to -4095 is a negated errno (-4: a signal interrupted the wait; run Python's handlers
// and Poll again), the rest are the Code constants. A panic never leaves a function: it becomes CodePanic and LastError
// tells its text and stack.
//
// # Threads
//
// gopy drops the GIL around every call. Watchdog and LastError are for any thread; everything else is for the thread
// that owns the hub. Other threads wake it by its eventfd (Fd).
//
// # What loading this library does to the process
//
// It starts the Go runtime: a few threads, all asynchronous signals blocked, and handlers for SIGSEGV, SIGBUS and SIGFPE
// that pass on what is not Go's; signals.c has the rest. It must be linked with
// -X runtime.godebugDefault=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0, so that Go does not interrupt Python's
// threads with SIGURG, keeps no files of the cgroup open and does not look at them each second. A forked child
// must not call into an inherited copy but load a fresh one; frames.c, which is pure C, survives a fork.
//
// # C
//
// This is the only package with C code: signals.c (dispositions), frames.c (free list of frame-stack chunks), lookup.c
// (getaddrinfo), monitor.c (how late the runtime's monitor may be). Each is about one subject, and none of it calls Python but through functions resolved at run time.
package pyext
