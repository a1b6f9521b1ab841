package hub

import _ "unsafe" // for go:linkname

// Clock tells the time on CLOCK_MONOTONIC, in nanoseconds.
type Clock func() int64

// Monotonic reads CLOCK_MONOTONIC in nanoseconds, the clock of Python's time.monotonic_ns. The runtime's reader goes
// through the vDSO (25 ns); golang.org/x/sys makes a system call of it, and package time hides the absolute value.
// The runtime promises this name to linkname users.
//
//go:linkname Monotonic runtime.nanotime
func Monotonic() int64
