// Package unwind finds the callers of code: call frame information of ELF files (.eh_frame
// and .debug_frame; DWARF 5, section 6.4, and the Linux Standard Base), and the tables of Go's linker for programs
// without. It knows no instruction set: a [Machine] says what is where.
package unwind

// Machine is what unwinding has to know of an instruction set. Registers have DWARF's numbers.
type Machine struct {
	Registers int // how many there are
	RA        int // return address
	SP        int // stack pointer
	FP        int // frame pointer
	// Where a function with a frame pointer has stored its caller's, and the return address: distances
	// from the frame pointer.
	SavedFP, SavedRA int64

	// SigReturn is the code that a signal handler returns to. The stack pointer is SigRegs below the
	// registers of what was interrupted then: the pc, and registers from 1 on.
	SigReturn []byte
	SigRegs   uint64

	// Scan says what a function has done to the stack by the code from its beginning on.
	Scan func(code []byte) Layout
}

// Layout is the frame of a function at some instruction.
type Layout struct {
	Base   int   // register
	Offset int64 // of the CFA from that
	Saved  []Saved
}

// Saved is a register of the caller's in memory.
type Saved struct {
	Register int
	Offset   int64 // from the CFA
}

// Memory reads a doubleword of the guest's.
type Memory func(addr uint64) (uint64, bool)

// Frame is the state of a function: the registers as they are when it goes on. A register is known
// if its bit is set.
type Frame struct {
	PC    uint64
	R     []uint64
	Known uint64
	// Exact says that PC is of an instruction that was about to be executed, not behind one that calls.
	Exact bool
}

// reg is a register, if it is known.
func (f *Frame) reg(n int) (uint64, bool) {
	if n < 0 || n >= len(f.R) || f.Known&(1<<n) == 0 {
		return 0, false
	}
	return f.R[n], true
}

// Table says how to get from a function to its caller.
type Table interface {
	// Step returns the caller of f, whose code is at addr, an address of the file's. It
	// is false if there is nothing about that address, or it has no caller.
	Step(m *Machine, f *Frame, addr uint64, read Memory) (Frame, bool)
	// Function is the function that has addr, as far as the table knows: its addresses.
	Function(addr uint64) (start, end uint64, ok bool)
}
