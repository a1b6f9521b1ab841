// Package trampoline moves plain numbers between two rings and a hub: who waits for what, and what became of it.
//
// pyext calls it from the loop thread; Post and Wake are for any thread. The rings are memory that Python owns and that
// never moves. No lock, no goroutine, no allocation once the tables have grown; no clock either, but that a watched loop
// reads the hub's to know its longest turn.
//
// # Words
//
// A submission is two words, op | id<<8 and an argument; a completion is one, kind | errno<<8 | id<<16. See words.go.
//
// # One registration
//
//	state       event                      next        what the kernel is told
//	absent      WATCH                      watched     ADD; EEXIST: MOD
//	absent      ARM                        armed       ADD; EEXIST: MOD
//	watched     WATCH                      watched     ADD; EEXIST: MOD (closed behind our back: a new seq)
//	watched     ARM                        watched     MOD with the union of the masks; ENOENT: ADD with what is wanted
//	armed       WATCH                      watched     ADD; EEXIST: MOD with the union of the masks, a new seq
//	armed       ARM                        armed       MOD with the union of the masks; ENOENT: ADD with what is wanted
//	any         FORGET, closed             absent      nothing; seq is bumped
//	any         FORGET, stays open         absent      DEL; seq is bumped
//	any         any other error            absent      nothing; EPERM is an event, the rest a completion of kind 64
//
// A program that closes all descriptors closes the hub's own too. Then every call fails, Poll says so, and Reopen registers
// anew what this table says.
//
// MOD examines readiness again, so an edge-triggered registration that is armed anew behaves level-triggered, and a
// number that was closed and reused without a word to us heals itself.
//
// # Invariants, checked after each turn if GUV_VERIFY=1
//
//  1. An event is delivered only if its sequence number is the registration's present one; others are counted.
//  2. mask is 0 exactly if the registration is believed absent.
//  3. A Poll writes at most as many words as the completion ring holds. What is left stays: descriptor events in the
//     kernel, timers in the wheel, errors in held, posts in their queue; the next Poll then does not wait.
//  4. Unless held results or posts fill the ring, a timer and a descriptor event each get a place in every Poll, so
//     neither starves the other.
//  5. At most one Wait per Poll.
package trampoline
