package watchdog

import (
	"sync"
	"time"
)

// Watchdog is one goroutine that watches one loop until Stop.
type Watchdog struct {
	mu      sync.Mutex // held while report runs, so that nothing is reported once Stop has returned
	stopped bool       // protected by mu
	done    chan struct{}
}

// Start watches the loop whose phase is given and calls report, on a goroutine of its own, with how long the loop has been
// blocked so far. report must not block. The threshold is taken to be at least a millisecond.
func Start(threshold time.Duration, phase func() uint64, report func(blocked time.Duration)) *Watchdog {
	threshold = max(threshold, time.Millisecond)
	w := &Watchdog{done: make(chan struct{})}
	go w.run(threshold, phase, report)
	return w
}

func (w *Watchdog) run(threshold time.Duration, phase func() uint64, report func(time.Duration)) {
	ticker := time.NewTicker(threshold / 4)
	defer ticker.Stop()
	seen, since, reported := phase(), time.Now(), false
	for {
		select {
		case <-w.done:
			return
		case <-ticker.C:
		}
		if now := phase(); now != seen {
			seen, since, reported = now, time.Now(), false
			continue
		}
		blocked := time.Since(since)
		if seen%2 == 1 || reported || blocked < threshold {
			continue
		}
		reported = true
		w.mu.Lock()
		if !w.stopped {
			report(blocked)
		}
		w.mu.Unlock()
	}
}

// Stop ends the watch. Nothing is reported after it has returned. It may be called more than once.
func (w *Watchdog) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		close(w.done)
	}
}
