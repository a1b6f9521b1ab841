// Package watchdog notices that a loop has not come back to Poll for too long, without help of the loop's thread.
//
// The loop publishes a phase: even while its thread runs the program, odd while it is inside Poll, growing by each entry
// and exit. One goroutine per watched loop compares the phase at a quarter of the threshold; time inside Poll does not
// count. Each block is reported once, no earlier than the threshold and, if the machine is not overloaded, before
// five quarters of it. It reports while the block lasts and needs no GIL, so that its reader can look at the stack in the act.
package watchdog
