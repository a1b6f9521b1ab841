package pyext

import (
	"runtime"
	"sync"
)

// mostProcessors bounds what processors asks for: each is 23 KB, and a collection goes over all of them.
const mostProcessors = 512

// processors counts those that keep one of Go's processors while they block: a thread in Poll, and one that does a lookup.
// It lets Go have one for each and an idle one more, even where the process may use fewer.
//
// With an idle one beside it, the scheduler leaves a thread that waits in Poll its own for 10 ms; without, it takes it away
// after 20 µs and hands it back at the end of the wait, which cost two futex calls and two wake-ups of the scheduler's
// monitor for each short wait. And the monitor, which does that, may itself be 100 ms late (monitor.c): a hub that found
// all processors with others that wait would be as late with each turn, and so would a lookup that found them with other
// lookups. Twice as many at a time, as a change stops the world.
type processors struct {
	mu    sync.Mutex
	users int // protected by mu
}

// busyThreads serves all hubs of the process.
var busyThreads processors

// enter counts one more, before it needs its processor.
func (p *processors) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	if p.users < mostProcessors && runtime.GOMAXPROCS(0) <= p.users {
		runtime.GOMAXPROCS(2 * p.users)
	}
}

// leave counts one less.
func (p *processors) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
}
