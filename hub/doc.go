// Package hub joins readiness and time: a poller and a timer wheel under one clock.
//
// Called by trampoline, from the loop thread only, except Wake. It knows neither rings nor Python. One turn is a Wait,
// which fills a batch of events that the next Wait reuses, then PopDue until nothing is due.
//
// Invariants:
//  1. Wait sleeps no longer than its timeout, and never past the earliest deadline.
//  2. The clock is read only if a timer is pending.
//  3. Wake is the only method that any thread may call, at any time, also during or after Close.
package hub
