package wheel

import (
	"math/rand/v2"
	"testing"
)

const million = 1_000_000

// BenchmarkSetAndFire sets a million timers and takes them all out; the figure is for one timer.
func BenchmarkSetAndFire(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name     string
		deadline func(i int) int64
	}{
		{"rising", func(i int) int64 { return int64(i) * 10_000 }},
		{"random", func(int) int64 { return random.Int64N(10e9) }},
		{"equal", func(int) int64 { return 5e9 }},
		{"falling", func(i int) int64 { return 10e9 - int64(i)*10_000 }},
	} {
		deadlines := make([]int64, million)
		for i := range deadlines {
			deadlines[i] = c.deadline(i)
		}
		for _, step := range []struct {
			name string
			ns   int64
		}{{"steps of 1ms", 1e6}, {"at once", 10e9}} {
			b.Run(c.name+"/"+step.name, func(b *testing.B) {
				var w Wheel
				w.Set(million-1, 0)
				w.PopDue(0)
				now := int64(0)
				b.ReportAllocs()
				for n := 0; n < b.N; {
					for i, deadline := range deadlines {
						w.Set(int32(i), now+deadline)
					}
					n += million
					for w.Pending() > 0 {
						now += step.ns
						for {
							if _, ok := w.PopDue(now); !ok {
								break
							}
						}
					}
				}
			})
		}
	}
}

// BenchmarkRenew moves the oldest of many equal timeouts to the end and asks for the next deadline, as a busy server does.
func BenchmarkRenew(b *testing.B) {
	for _, population := range []int32{1, 1000, 100_000} {
		b.Run("", func(b *testing.B) {
			var w Wheel
			now := int64(0)
			for i := range population {
				w.Set(i, 30e9)
			}
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				now += 20_000
				w.Set(int32(i)%population, now+30e9)
				w.Next()
				w.PopDue(now)
			}
		})
	}
}

// BenchmarkSetAndCancel is a timeout around a block that ends at once.
func BenchmarkSetAndCancel(b *testing.B) {
	var w Wheel
	b.ReportAllocs()
	for b.Loop() {
		w.Set(0, 10e9)
		w.Cancel(0)
	}
}
