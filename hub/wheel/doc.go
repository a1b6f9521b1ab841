// Package wheel keeps deadlines in a hierarchical timer wheel.
//
// Not safe for concurrent use: the hub's loop thread owns a Wheel. No clock, no goroutine, no I/O; the caller passes now,
// in nanoseconds of a monotonic clock. A timer is named by a token, a small dense integer of the caller's choosing, so
// that a token indexes the node table and no lookup structure is needed.
//
// # Levels
//
// A deadline's tick is deadline >> tickBits. The base is a tick that no pending timer precedes (late ones are kept as if
// they were due at the base). A timer lives on the level of the highest digit in which its tick differs from the base:
//
//	level  slot width   reaches to
//	0      65.536 µs    16.78 ms
//	1      16.78 ms     4.295 s
//	2      4.295 s      18.33 min
//	3      18.33 min    78.19 h
//	4      78.19 h      834.0 d
//	5      834.0 d      all of int64
//
// All slots of a level come before those of the next, and slots of one level are in order, so the earliest timer is in the
// first occupied slot of the first occupied level; bitmaps find it in a few instructions.
//
// # Slots
//
// A slot is a pairing heap and not a list. A list makes the exact next deadline a scan of a slot, and the ordinary pattern
// of a server (thousands of equal timeouts, cancelled oldest first, the next deadline asked each turn) repeats that scan
// for each cancel. The root of a heap is the slot's earliest at any time: Next is exact and needs no cache, and timers of
// one slot come out in order without a sort. Where a node is follows from its deadline and the base, so nodes store no
// slot number: 24 bytes each.
//
// # Waiting for several
//
// Next is exact. Who sleeps until then asks Gather, which looks a little further, up to half a millisecond: where timers are
// dense, one wait then serves some of them. A single timer, or one without others close behind, is not late by that.
//
// # Costs
//
// Set of an idle token and Next are O(1). Cancel and move are O(1) for a node without children, which most are, and
// amortised O(log n) otherwise, n being the population of the one slot. A timer is carried down at most once per level.
// Nothing is allocated but the node table. It grows with the largest token; the memory of a block of 8192 tokens is given back
// when none of them is pending, but for the latest such block. So callers do well to use low tokens first.
//
// # Invariants, checked by Verify
//
//  1. A timer is due at the first PopDue(now) with now >= its deadline, never earlier.
//  2. Timers come out in order of deadline; equal deadlines in the order in which they were set.
//  3. A pending timer is in exactly one slot: the one its deadline and the base give. An idle one is in none.
//  4. A bit of a level's bitmap is set exactly if that slot has a root; a bit of occupied exactly if that level has one.
//  5. No pending timer's tick is below the base, unless its deadline had passed when it was set.
package wheel
