// Package memory makes memory outside of Go's heap, for tables that grow large and shall be given back: Go's collector, which
// seldom runs here, has nothing to do with it.
//
// Any thread may call it; what it made has one owner. Nothing blocks.
package memory
