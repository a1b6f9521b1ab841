package pyext

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Go's collector runs here when this file says so, and not by itself. After a collection of its own the runtime hands memory
// back to the system little by little, on a timer; its first timer makes it open an epoll instance and an eventfd, for good.
// A Python program that closes all descriptors (a daemon does) would close those too, and the runtime ends the process when
// it finds them gone, or takes another epoll instance of that number for its own.
//
// So that happens only after a collection of ours, which a program with few lookups and threads never sees.
//
// The loop allocates nothing in steady state, so garbage comes from hubs that are opened and lookups that are made. The
// limit is for what nobody thought of.
const (
	memoryLimit    = 256 << 20
	hubGarbage     = 128 << 10 // bytes that a hub leaves behind, roughly
	lookupGarbage  = 2 << 10   // bytes that a lookup does
	collectGarbage = 8 << 20
)

var (
	ownCollector sync.Once
	garbage      atomic.Int64 // bytes since the last collection, as estimated
)

// takeOverCollection is called before the first hub is made.
func takeOverCollection() {
	ownCollector.Do(func() {
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(memoryLimit)
	})
}

// discard counts garbage, and has it collected on another thread when there is enough.
func discard(bytes int64) {
	if garbage.Add(bytes) >= collectGarbage {
		garbage.Store(0)
		go runtime.GC()
	}
}
