//go:build linux && amd64

// Package forkall makes a copy of a whole Go process, with all the threads of Go's
// runtime, so that Go goes on in the child as it does in the parent.
//
// fork(2) copies the calling thread only: the others' goroutines, locks and
// processors would be lost to the runtime in the child. [Fork] stops every other
// thread in a signal handler, which records where the thread's stack and
// thread-local storage are; copies the process; and makes in the child a new thread
// from each record. A new thread starts in the signal handler's frame on the copied
// stack, and returns from the signal: registers, signal mask and alternate stack
// come from there.
//
// While the others are stopped any of them may hold any of the runtime's locks, so
// what runs then allocates nothing, does not grow its stack and makes raw system
// calls only. Threads that wait in [Park] are neither stopped nor made anew.
//
// In the child the descriptors of the runtime's poller are replaced by new ones of
// the same numbers: the old ones are shared with the parent.
//
// What is known of the runtime's data: where g is (the word below FS), where it
// keeps its m, that an m holds its thread's ID, and where the list of all m is, which
// stands in for /proc/self/task where that is not to be had (list.go). [Init] checks it.
package forkall
