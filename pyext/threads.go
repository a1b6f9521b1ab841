package pyext

import "sync"

// threads runs jobs that block in C, a bounded number at once and the rest in the order in which they came.
type threads struct {
	mu      sync.Mutex
	limit   int      // set once
	running int      // protected by mu
	queue   []func() // protected by mu; oldest first
}

// lookupThreads serves all hubs of the process.
var lookupThreads = threads{limit: lookupsAtOnce}

// start runs job on a goroutine, now or when others have finished. job must not panic.
func (t *threads) start(job func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == t.limit {
		t.queue = append(t.queue, job)
		return
	}
	t.running++
	busyThreads.enter()
	go t.work(job)
}

func (t *threads) work(job func()) {
	for job != nil {
		job()
		job = t.next()
	}
}

// next takes the oldest job, or counts the calling goroutine out.
func (t *threads) next() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.queue = nil
		t.running--
		busyThreads.leave()
		return nil
	}
	job := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	return job
}
