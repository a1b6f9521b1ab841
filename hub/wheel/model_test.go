package wheel

import (
	"testing"

	"pgregory.net/rapid"
)

// model is the specification: a plain slice, searched from end to end.
type model struct {
	timers []modelTimer // in the order in which they were set
}

type modelTimer struct {
	token    int32
	deadline int64
}

func (m *model) cancel(token int32) bool {
	for i, timer := range m.timers {
		if timer.token == token {
			m.timers = append(m.timers[:i:i], m.timers[i+1:]...)
			return true
		}
	}
	return false
}

func (m *model) set(token int32, deadline int64) {
	m.cancel(token)
	m.timers = append(m.timers, modelTimer{token, deadline})
}

func (m *model) earliest() (found modelTimer, ok bool) {
	for _, timer := range m.timers {
		if !ok || timer.deadline < found.deadline {
			found, ok = timer, true
		}
	}
	return found, ok
}

// compare asks both for their next deadline.
func compare(t rapid.TB, w *Wheel, m *model) {
	want, wantOK := m.earliest()
	got, ok := w.Next()
	if ok != wantOK || got != want.deadline {
		t.Fatalf("Next() = %d, %v; the model says %d, %v", got, ok, want.deadline, wantOK)
	}
	if w.Pending() != len(m.timers) {
		t.Fatalf("Pending() = %d; the model says %d", w.Pending(), len(m.timers))
	}
	if err := w.Verify(); err != nil {
		t.Fatal(err)
	}
}

// popDue takes up to limit due timers from both.
func popDue(t rapid.TB, w *Wheel, m *model, now int64, limit int) {
	for range limit {
		want, due := m.earliest()
		due = due && want.deadline <= now
		got, ok := w.PopDue(now)
		if ok != due || ok && got != want.token {
			t.Fatalf("PopDue(%d) = %d, %v; the model says %d, %v", now, got, ok, want.token, due)
		}
		if !ok {
			return
		}
		m.cancel(got)
	}
}

// Ensure that any sequence of operations gives what a list searched from end to end gives.
func TestWheel_AnyOperations_MatchTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Wheel
		var m model
		now := rapid.Int64Range(0, 1<<50).Draw(t, "start")
		token := rapid.Int32Range(0, 40)
		// Distances of every magnitude, so that all levels take part, and a few in the past.
		distance := rapid.Custom(func(t *rapid.T) int64 {
			return rapid.Int64Range(-100, 1<<rapid.IntRange(1, 58).Draw(t, "magnitude")).Draw(t, "distance")
		})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				tok, deadline := token.Draw(t, "token"), now+distance.Draw(t, "d")
				w.Set(tok, deadline)
				m.set(tok, deadline)
			},
			"cancel": func(t *rapid.T) {
				tok := token.Draw(t, "token")
				if got, want := w.Cancel(tok), m.cancel(tok); got != want {
					t.Fatalf("Cancel(%d) = %v; the model says %v", tok, got, want)
				}
			},
			"advance": func(t *rapid.T) {
				now += max(0, distance.Draw(t, "d"))
				popDue(t, &w, &m, now, rapid.IntRange(1, 60).Draw(t, "limit"))
			},
			"advance to the next deadline": func(t *rapid.T) {
				if next, ok := w.Next(); ok {
					now = max(now, next)
					popDue(t, &w, &m, now, 1)
				}
			},
			"": func(t *rapid.T) { compare(t, &w, &m) },
		})
	})
}
