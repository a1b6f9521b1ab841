// Package pyext is the surface that gopy exports to Python: flat functions, ints in and ints out.
package pyext
