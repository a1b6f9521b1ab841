// Package sys makes the system calls of the poller: epoll and eventfd, each as one function that returns an Errno.
//
// It is the only package of guv's that imports golang.org/x/sys/unix. No state, any thread. Nothing here retries: EINTR
// is the caller's to judge, because Python has to run its signal handlers. Raw calls do not tell the Go scheduler that
// the thread may block; only calls that cannot block are made so.
package sys
