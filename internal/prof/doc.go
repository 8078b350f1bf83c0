//go:build linux && amd64

// Package prof makes profiles of guests: of where their CPU time goes, with call stacks, in the format of
// github.com/google/pprof.
//
// A sample is the guest's state at a moment when that is exact, a few instructions behind the one that the
// thread's timer has found (package trap, engine/sample.go). Callers are found by the call frame
// information of the guest's own files, or Go's tables (package unwind); where a file has
// none, by what functions do when they begin, and at last by guesses. What was found is kept as
// addresses in files; names and lines are looked up when the profile is written.
package prof
