package pyext

// Result codes below -4095; -1..-4095 are negated errno values. A test keeps them equal to those of guv's _border.py.
const (
	CodePanic    = -5001 // a panic was recovered; LastError has the text
	CodeClosed   = -5002 // the hub is closed or was never opened
	CodeArgument = -5003 // a bad argument: nil ring, capacity <= 0, too many words submitted, unknown operation
)
