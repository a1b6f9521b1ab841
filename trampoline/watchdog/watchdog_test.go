package watchdog_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guv-project/guv/trampoline/watchdog"
)

// The clock of these tests is synctest's: it jumps to the next timer when all goroutines are blocked.

const threshold = 100 * time.Millisecond

// watch runs test with a watchdog on phase and a counter of its reports.
func watch(t *testing.T, test func(phase *atomic.Uint64, reports *atomic.Int64, w *watchdog.Watchdog)) {
	synctest.Test(t, func(t *testing.T) {
		var phase atomic.Uint64
		var reports atomic.Int64
		w := watchdog.Start(threshold, phase.Load, func(blocked time.Duration) {
			if blocked < threshold {
				t.Errorf("reported after %v", blocked)
			}
			reports.Add(1)
		})
		test(&phase, &reports, w)
		w.Stop()
		w.Stop()
		synctest.Wait()
	})
}

func TestWatchdog_LoopStandsStill_ReportsEachBlockOnce(t *testing.T) {
	watch(t, func(phase *atomic.Uint64, reports *atomic.Int64, _ *watchdog.Watchdog) {
		time.Sleep(10 * threshold)
		if n := reports.Load(); n != 1 {
			t.Fatalf("%d reports of the first block", n)
		}
		phase.Add(2)
		time.Sleep(10 * threshold)
		if n := reports.Load(); n != 2 {
			t.Fatalf("%d reports after the second block", n)
		}
	})
}

func TestWatchdog_LoopTurnsOrWaitsInPoll_ReportsNothing(t *testing.T) {
	watch(t, func(phase *atomic.Uint64, reports *atomic.Int64, _ *watchdog.Watchdog) {
		for range 50 {
			phase.Add(2)
			time.Sleep(threshold / 2)
		}
		phase.Add(1)
		time.Sleep(100 * threshold)
		if n := reports.Load(); n != 0 {
			t.Fatalf("%d reports", n)
		}
	})
}

func TestWatchdog_Stopped_ReportsNothing(t *testing.T) {
	watch(t, func(_ *atomic.Uint64, reports *atomic.Int64, w *watchdog.Watchdog) {
		w.Stop()
		time.Sleep(10 * threshold)
		if n := reports.Load(); n != 0 {
			t.Fatalf("%d reports", n)
		}
	})
}
