package trampoline

// Watch says whether somebody is going to read Phase; an unwatched loop does not keep it. A Poll under way is woken, for
// it may have begun unwatched. Any thread.
func (l *Loop) Watch(on bool) {
	l.watched.Store(on)
	if on {
		_ = l.Wake() // the only error is that the loop is closed
	}
}

// Phase is odd while the loop thread is inside Poll and grows by one at each entry and exit. Any thread.
func (l *Loop) Phase() uint64 { return l.phase.Load() }
