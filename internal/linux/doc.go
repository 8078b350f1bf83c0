//go:build linux && amd64

// Package linux is the personality: it makes the host look like the Linux machine
// that the guest program was built for. System calls are rows of one table
// (table.go); a file per area holds their handlers. Everything here is common to
// guest instruction sets with the generic 64-bit system call table; what differs
// comes through guest.Arch.
//
// # Principles
//
// The host kernel does the real work wherever it can: guest descriptors are host
// descriptors, guest threads host threads, guest signals host signals with real
// masks and dispositions. A handler translates numbers, flags and layouts, never
// re-implements what the kernel offers.
//
// # Memory
//
// Guest memory is reached through Task.Mem only. A pointer that the kernel would
// refuse gives EFAULT.
//
// # Locks
//
// Process.mu guards the task list and the fields that say so; it is never held
// while guest memory is touched or a blocking call is made. mem.Space has its
// own lock, taken last.
package linux
