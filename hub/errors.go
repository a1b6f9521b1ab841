package hub

import "github.com/guv-project/guv/hub/poller"

// Errno is an error number of the kernel's.
type Errno = poller.Errno

// Error numbers that the layers above name.
const (
	EBADF  = poller.EBADF
	EINTR  = poller.EINTR
	EINVAL = poller.EINVAL
)

// ErrClosed is returned by Wait and Wake after Close.
var ErrClosed = poller.ErrClosed
