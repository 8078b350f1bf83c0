//go:build linux && amd64

// Package engine runs guest code: what is cold by the interpreter, what is hot by
// translations.
//
// A [Machine] translates for all CPUs of one address space; a [CPU] runs one thread. It is a
// guest.CPU, so nothing above knows how code is executed. [Arch] makes such CPUs.
//
// # Stages
//
// The interpreter counts how often each block begins. When one has been executed as often
// as the threshold says, Run gets guest.ExitHot and has it translated: lifted
// (guest.Lifter), compiled (package jit), entered in the code cache (package codecache).
// From then on its translation is entered, and the exits of others are linked to it. A
// translation comes back to the interpreter for code without a translation, and for
// single instructions that have none.
//
// Samples tell in which translations much time is spent (sample.go), counting how often code goes back to a block
// tells which loops these are in. What is hot then is made a region of, on a goroutine of its own (worker.go): the code around the block is surveyed (survey.go), what
// belongs together found (region.go), optimised (package opt), compiled, and put in the
// block's place. Where a region is often left in the midst, the block comes back until
// another one is made (hot.go).
//
// # Interrupts
//
// Whoever wants a CPU's attention sets its interrupt word. Interpreter and translations
// look at it at block boundaries, so that the guest's state is exact.
//
// # Changing code
//
// Pages that the guest may write to, or that others may, can change at any time: blocks
// there compare memory with what they were made from whenever they are entered. All others
// change by system calls only, of which the address space tells: blocks there are dropped
// then.
//
// # Checks
//
// With Options.Differs each translation is held against the interpreter when it is
// executed: see check.go.
//
// # Locks
//
// The lock of checks comes before all others. Machine.mu is taken with the address space locked (by its watchers), so nothing that
// holds it may call the address space. The lock of the optimiser comes before it.
package engine
