package pyext

// Result codes below -4095; -1..-4095 are negated errno values. A test keeps them equal to those of guv's _border.py.
const (
	CodePanic    = -5001 // a panic was recovered; LastError has the text
	CodeClosed   = -5002 // the hub is closed or was never opened
	CodeArgument = -5003 // a bad argument: nil ring, capacity < 2, too many words submitted, unknown operation
)

// Indices for Stat.
const (
	StatPolls     = 0  // calls of Poll
	StatWaits     = 1  // system calls made to wait
	StatControls  = 2  // epoll_ctl calls
	StatEvents    = 3  // descriptor events delivered
	StatStale     = 4  // events dropped because their descriptor had changed hands
	StatPending   = 5  // timers set now
	StatFired     = 6  // timers fired
	StatCancelled = 7  // timers cancelled while pending
	StatSubmitted = 8  // operations drained
	StatWakes     = 9  // wakes that reached the loop
	StatHealed    = 10 // registrations that the kernel saw differently from the hub
	StatHeldBack  = 11 // Polls that left results for the next one because the ring was full
	StatLongest   = 12 // nanoseconds; the longest time between two Polls while a watchdog was set
)
