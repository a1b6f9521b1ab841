package pyext

/*
#include "signals.h"
*/
import "C"

// settleSignals undoes what the Go runtime did to dispositions that are the program's; see signals.c.
func settleSignals() { C.guv_settle_signals() }
