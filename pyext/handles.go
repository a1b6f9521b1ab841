package pyext

import (
	"sync"
	"sync/atomic"

	"github.com/guv-project/guv/trampoline"
	"github.com/guv-project/guv/trampoline/watchdog"
)

// handle is what an id stands for.
type handle struct {
	id      int64            // set once, by add
	loop    *trampoline.Loop // set once
	lookups lookups          // loop thread only
	dogMu   sync.Mutex
	dog     *watchdog.Watchdog // protected by dogMu; nil if nobody watches
}

func (h *handle) close() error {
	h.lookups.cancelAll()
	h.dogMu.Lock()
	defer h.dogMu.Unlock()
	h.stopWatchdog()
	return h.loop.Close()
}

// registry finds handles by id without a lock, for Poll does so each turn. An id is a place in the slice and, above
// placeBits, how many ids that place has had before, so that a stale id finds nothing.
type registry struct {
	places atomic.Pointer[[]*handle] // copied on write, under mu
	mu     sync.Mutex                // writers only
	used   []int64                   // protected by mu; ids given out per place
}

const placeBits = 20

var handles registry

func (r *registry) get(id int64) *handle {
	places := r.places.Load()
	if places == nil {
		return nil
	}
	place := id & (1<<placeBits - 1)
	if place >= int64(len(*places)) {
		return nil
	}
	if h := (*places)[place]; h != nil && h.id == id {
		return h
	}
	return nil
}

// add gives h an id, of at least 1.
func (r *registry) add(h *handle) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	places := r.copy(1)
	place := 1 // place 0 stays empty, so no id is 0
	for place < len(places) && places[place] != nil {
		place++
	}
	if place >= 1<<placeBits {
		panic("too many hubs")
	}
	for len(places) <= place {
		places = append(places, nil)
	}
	for len(r.used) < len(places) {
		r.used = append(r.used, 0)
	}
	h.id = r.used[place]<<placeBits | int64(place)
	r.used[place]++
	places[place] = h
	r.places.Store(&places)
	return h.id
}

// remove takes h's id away and returns h, or nil if the id is not in use.
func (r *registry) remove(id int64) *handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.get(id)
	if h == nil {
		return nil
	}
	places := r.copy(0)
	places[id&(1<<placeBits-1)] = nil
	r.places.Store(&places)
	return h
}

// copy returns the places in a slice of their own, with room for more.
func (r *registry) copy(more int) []*handle {
	var old []*handle
	if p := r.places.Load(); p != nil {
		old = *p
	}
	return append(make([]*handle, 0, len(old)+more), old...)
}
