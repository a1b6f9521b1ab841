package trampoline

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/guv-project/guv/hub/poller"
)

// specimen is the specification of the whole loop, in terms of maps: who waits for what, and what must come of it.
type specimen struct {
	waits  map[int64]*wait  // by descriptor: what Python last asked for and has not forgotten
	timers map[int64]int64  // by token: deadline
	must   map[int64]uint32 // by descriptor: flags of an event that has to come
}

type wait struct {
	file *file
	mask uint32 // epoll bits, as asked for
}

// asked records a WATCH or ARM of an open descriptor.
func (s *specimen) asked(fd int64, f *file, mask uint32) {
	if w := s.waits[fd]; w != nil && w.file == f {
		mask |= w.mask
	}
	s.waits[fd] = &wait{f, mask}
	s.expect(fd)
}

// expect notes that the descriptor's waiter has to hear of what its file is ready for.
func (s *specimen) expect(fd int64) {
	if w := s.waits[fd]; w != nil {
		if bits := w.file.ready & (w.mask | always); bits != 0 && !w.file.regular {
			s.must[fd] |= flagsOf(bits)
		}
	}
}

func (s *specimen) forgotten(fd int64) {
	delete(s.waits, fd)
	delete(s.must, fd)
}

// check compares all results of a turn, which may have taken several Polls, with what had to come and what could.
func (s *specimen) check(t *rapid.T, b *bench, results []int64) {
	last := int64(-1 << 62)
	for _, word := range results {
		id := word >> outShift
		switch {
		case word&KindTimer != 0:
			deadline, ok := s.timers[id]
			if !ok || deadline > b.now || deadline < last {
				t.Fatalf("timer %d fired at %d after one of %d; its deadline is %d (set: %v)", id, b.now, last, deadline, ok)
			}
			last = deadline
			delete(s.timers, id)
		case word&KindError != 0:
			t.Fatalf("error %#x of a descriptor that is open", word)
		default:
			w := s.waits[id]
			if w == nil {
				t.Fatalf("event %#x of descriptor %d, which nobody waits on", word&0xff, id)
			}
			known := w.file.regular
			for _, source := range b.kernel.sources[int32(id)] {
				known = known || source == w.file
			}
			if !known {
				t.Fatalf("event %#x of descriptor %d comes from a file that had the number before", word&0xff, id)
			}
			s.must[id] &^= uint32(word & 0xff)
			if s.must[id] == 0 {
				delete(s.must, id)
			}
		}
	}
	for token, deadline := range s.timers {
		if deadline <= b.now {
			t.Fatalf("timer %d of %d did not fire at %d", token, deadline, b.now)
		}
	}
	if len(s.must) > 0 {
		t.Fatalf("events that did not come: %v", s.must)
	}
	clear(b.kernel.sources)
}

// Ensure that, for any program that opens, closes, reuses, watches and forgets descriptors and sets timers, with rings of
// any size, each waiter hears of everything that concerns it, of nothing else, and no timer is early, late or out of order.
func TestLoop_AnyOperations_MatchTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t, 2*rapid.IntRange(1, 8).Draw(t, "submissions"), rapid.IntRange(2, 9).Draw(t, "completions"))
		s := &specimen{waits: map[int64]*wait{}, timers: map[int64]int64{}, must: map[int64]uint32{}}
		fd := rapid.Int64Range(0, 6)
		token := rapid.Int64Range(0, 9)
		// What happens to a descriptor is only compared when no submission of it is still in the ring: turn first.
		turn := func(t *rapid.T) {
			var all []int64
			for {
				results := b.poll(t, 0)
				all = append(all, results...)
				if len(results) > len(b.complete) {
					t.Fatalf("%d results in a ring of %d", len(results), len(b.complete))
				}
				if len(results) == 0 {
					break
				}
			}
			s.check(t, b, all)
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				turn(t)
				n := fd.Draw(t, "fd")
				told := rapid.Bool().Draw(t, "told")
				if told {
					b.write(t, OpForget, n, 0)
				}
				s.forgotten(n)
				b.kernel.open(int32(n), &file{
					ready: rapid.SampledFrom([]uint32{0, poller.In, poller.Out, poller.Hup}).Draw(t, "ready"),
					dup:   told && rapid.Bool().Draw(t, "dup"), regular: rapid.IntRange(0, 5).Draw(t, "regular") == 0,
				})
			},
			"watch": func(t *rapid.T) {
				n, bits := fd.Draw(t, "fd"), rapid.Uint32Range(1, wantable).Draw(t, "bits")
				if f := b.kernel.files[int32(n)]; f != nil {
					b.write(t, OpWatch, n, int64(bits))
					s.asked(n, f, maskFor(bits))
				}
			},
			"arm": func(t *rapid.T) {
				n, bits := fd.Draw(t, "fd"), rapid.Uint32Range(1, wantable).Draw(t, "bits")
				if f := b.kernel.files[int32(n)]; f != nil {
					b.write(t, OpArm, n, int64(bits))
					s.asked(n, f, maskFor(bits))
				}
			},
			"forget": func(t *rapid.T) {
				n := fd.Draw(t, "fd")
				b.write(t, OpForget, n, 1)
				s.forgotten(n)
			},
			"happen": func(t *rapid.T) {
				turn(t)
				n := fd.Draw(t, "fd")
				if f := b.kernel.files[int32(n)]; f != nil {
					bits := rapid.SampledFrom([]uint32{poller.In, poller.Out, poller.Pri, poller.In | poller.RdHup, poller.Err}).Draw(t, "bits")
					b.kernel.happen(f, bits)
					if w := s.waits[n]; w != nil && w.file == f && (w.mask|always)&bits != 0 {
						s.expect(n)
					}
				}
			},
			"timer": func(t *rapid.T) {
				n, deadline := token.Draw(t, "token"), b.now+rapid.Int64Range(-10, 1e9).Draw(t, "in")
				b.write(t, OpTimer, n, deadline)
				s.timers[n] = deadline
			},
			"cancel": func(t *rapid.T) {
				n := token.Draw(t, "token")
				b.write(t, OpCancel, n, 0)
				delete(s.timers, n)
			},
			"turn": func(t *rapid.T) {
				b.now += rapid.Int64Range(0, 5e8).Draw(t, "later")
				turn(t)
			},
		})
	})
}
