//go:build linux && amd64

// Package strace prints what a guest asks of the personality, in the format of
// strace(1): one line for each system call and signal.
//
// How a call's arguments are printed follows from the specification in the system
// call table (package abi): a function for each kind of argument (args.go) and for
// each type of structure (structs.go and others), and tables of names for sets of
// flags (sets.go). What needs more, such as arguments whose meaning depends on
// another, is an entry in special.go.
//
// A call's line is begun when the call is entered, so that one sees on what a
// program waits; arguments that the call fills in are printed when it is left.
package strace
