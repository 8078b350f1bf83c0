//go:build linux

// Package sandbox is a Linux kernel for guests that get nothing of the host's: a personality like
// package linux, but one that carries out each system call itself. No pointer, path, descriptor,
// process ID or signal of a guest reaches the host's kernel. Many kernels can be in one process.
//
//	Kernel     what its processes share: process IDs, clock, randomness, limits, files mounted
//	Process    a thread group: signal actions, children, memory
//	memory     an address space and the machine that executes in it; a vfork child borrows its parent's
//	Task       a thread: one goroutine, which is locked to a host thread while guest code runs
//
// The first process has process ID 2; process 1, which gets the orphans, is the kernel itself. When the first process
// ends all end, as in a PID namespace.
//
// # Waiting
//
// There is one way to block: Task.sleep. It returns when somebody calls Task.Wake, when a time has
// come, or when the task has something else to do: a signal, a stop, the end. Whoever waits for a
// condition makes sure to be woken when it may have changed, looks at it, sleeps, and looks again. So each
// call that waits ends at once when its kernel is told to end.
//
// With a fake clock tasks have turns, one at a time (turns.go). Who sleeps, or calls a function of the host's, has none: so
// nothing else may wait for another task.
//
// # Locks
//
// Kernel.mu guards processes, their tasks, and signals. A futex queue, a memory, a clock and what
// is in files have locks of their own. Order: files, futexes, FakeClock.turn, Kernel.mu, memory.mu, sleeper.mu, turns.mu.
// The Space of a process is not called with any of them held, other than by futexes.
package sandbox
