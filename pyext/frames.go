package pyext

/*
#cgo LDFLAGS: -ldl
#include "frames.h"
*/
import "C"

// FrameCache keeps up to limit (at most 4,096) of the 16 KiB chunks in which CPython 3.11 and later stack the frames of a
// greenlet, so that starting one costs no mmap. The first call installs it in front of the arena allocator; 0 gives back
// what is kept, a negative limit changes nothing. Returns how many chunks are kept now, -1 if it is not installed or the
// interpreter has no such allocator, -2 if another copy of this library did it already. The GIL is taken.
func FrameCache(limit int64) (kept int64) {
	defer rescue(&kept)
	return int64(C.guv_frame_cache(C.int64_t(limit)))
}
