// The monitor of the Go runtime may be woken late, its other threads not.
//
// The monitor (sysmon) sleeps 20 us at a time for milliseconds after each wait that the scheduler knows of, and the next
// wait wakes it again. Punctual, it woke 12,000 times a second beside a half idle server and took 5 to 9 % of the processor
// time; late by up to LATE, 20 times. Nothing of ours needs it in time, see processors.go, and Go has no switch for it.
// All other threads look for work with short sleeps of their own: with that slack the first lookup of a program took as
// much longer. A thread may set only its own slack, and none of our code runs on the monitor.
//
// So this function stands before the C library's for the runtime, which starts its threads by it, and for nobody else: it is hidden.
// The first thread is that on which the runtime starts, the second the monitor. A fresh copy in a forked child counts anew.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { MONITOR = 2, LATE = 100000000 }; // nanoseconds

typedef int creator(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

typedef struct {
	void *(*run)(void *);
	void *argument;
	unsigned long slack;
} start;

static creator *create;      // set by the first call, before there is a second thread
static unsigned long usual;  // the same: the slack of the thread that loads the library
static atomic_int threads;

static void *begin(void *memory) {
	start s = *(start *)memory;
	free(memory);
	prctl(PR_SET_TIMERSLACK, s.slack, 0, 0, 0);
	return s.run(s.argument);
}

__attribute__((visibility("hidden"))) int pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
	int number = atomic_fetch_add(&threads, 1) + 1;
	if (create == NULL) {
		usual = (unsigned long)prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		create = (creator *)dlsym(RTLD_DEFAULT, "pthread_create");
		if (create == NULL)
			return ENOSYS;
	}
	start *s = malloc(sizeof *s);
	if (s == NULL)
		return EAGAIN;
	*s = (start){run, argument, number == MONITOR ? LATE : usual};
	int error = create(thread, attributes, begin, s);
	if (error != 0)
		free(s);
	return error;
}
