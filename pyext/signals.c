// Signal hygiene: loading a Go runtime must not change what a program sees of its signals.
//
// A Go c-shared library installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGPIPE and SIGURG, each of which forwards what is
// not Go's own. The first three it needs (a nil dereference becomes a panic, which pyext turns into a code). The other two it
// does not: guv writes to no pipe through package os, and asynchronous preemption is switched off by the build
// (asyncpreemptoff=1 in runtime.godebugDefault; without that flag a lost SIGURG only makes Go fall back to cooperative
// preemption). But Python sets SIGPIPE to SIG_IGN, and a handler, unlike SIG_IGN, does not survive an exec; so both are
// put back, at the first Open, when the runtime is known to be up.
//
// Threads of the Go runtime start with the signal mask that the loading thread had when the runtime started. So while the
// library's constructors run, all asynchronous signals are blocked: none of Go's threads ever takes a signal, and
// Python's main thread, where handlers interrupt system calls, gets them all. Constructors with a priority run before
// those without; of two without, in the order of linking, where Go's comes first. Should a linker order them otherwise,
// the mask is given back too early and only this nicety is lost.
//
// Package syscall raises the soft limit of open descriptors to one less than the hard one when the runtime starts: for Go
// programs, which never use select(2). Python programs do, and so do the children that inherit the limit (and those that
// close all descriptors up to it); it is put back with the dispositions.
#define _GNU_SOURCE
#include "signals.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static const int restored[] = {SIGPIPE, SIGURG};
enum { RESTORED = sizeof restored / sizeof restored[0] };

static struct sigaction before_go[RESTORED];
static struct rlimit limit_before_go;
static sigset_t loader_mask;
static pthread_once_t settled = PTHREAD_ONCE_INIT;

__attribute__((constructor(101))) static void guv_before_go(void) {
	for (int i = 0; i < RESTORED; i++)
		sigaction(restored[i], NULL, &before_go[i]);
	getrlimit(RLIMIT_NOFILE, &limit_before_go);
	sigset_t quiet;
	sigfillset(&quiet);
	static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
	for (unsigned i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
		sigdelset(&quiet, synchronous[i]);
	pthread_sigmask(SIG_BLOCK, &quiet, &loader_mask);
}

__attribute__((constructor)) static void guv_after_go(void) { pthread_sigmask(SIG_SETMASK, &loader_mask, NULL); }

static void settle(void) {
	struct rlimit limit;
	// Only what Go would have made of it: a limit that the program has set since the load stays.
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max == limit_before_go.rlim_max &&
	    limit.rlim_cur == limit.rlim_max - 1 && limit_before_go.rlim_cur < limit.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &limit_before_go);
	Dl_info ours, theirs;
	if (!dladdr((void *)&settle, &ours))
		return;
	for (int i = 0; i < RESTORED; i++) {
		struct sigaction now;
		// Only a handler inside this library is Go's; one that the program has set since the load stays.
		if (sigaction(restored[i], NULL, &now) == 0 && dladdr((void *)now.sa_sigaction, &theirs) && theirs.dli_fbase == ours.dli_fbase)
			sigaction(restored[i], &before_go[i], NULL);
	}
}

void guv_settle_signals(void) { pthread_once(&settled, settle); }
