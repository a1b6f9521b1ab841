package trampoline

// Operations: the low byte of a submission's first word; the id is above it, the argument is the second word.
const (
	OpWatch  = 1 // id fd, argument wanted bits: edge-triggered, once
	OpArm    = 2 // id fd, argument wanted bits: one wait on a foreign descriptor
	OpForget = 3 // id fd, argument 1 if the descriptor stays open
	OpTimer  = 4 // id token, argument deadline in nanoseconds of CLOCK_MONOTONIC
	OpCancel = 5 // id token
)

// Bits of a descriptor event, in the low byte of a completion. The first three are also what OpArm wants.
const (
	Readable = 1
	Writable = 2
	Priority = 4
	HangUp   = 8
	Failed   = 16
	wantable = Readable | Writable | Priority
)

// Kinds of the other completions.
const (
	KindPosted = 32  // id token of a finished lookup
	KindError  = 64  // id fd, bits 8..15 errno
	KindTimer  = 128 // id token
)

const (
	idShift    = 8  // of a submission
	errnoShift = 8  // of a completion
	outShift   = 16 // of a completion's id
)

func eventWord(flags uint32, fd int32) int64 { return int64(flags) | int64(fd)<<outShift }
