package ir

import (
	"cmp"
	"slices"
)

// Graph is optimised guest code of many blocks, ready for a code generator: chains of straight
// code that lead to each other. What one leaves for another is in variables.
type Graph struct {
	PC     uint64   // guest address at which it is entered
	Chains []*Chain // the first is entered; the order is that of the code
	Vars   []Var
}

// Chain is straight code with one entry and many exits. Getx and setx with immediate n read and
// write variable n, getf and setf variable [FirstVarF]+n. Guest registers are the variables
// below [GuestVars], and hold what guest registers hold wherever the state is looked at.
type Chain struct {
	Trace
	Facts   []Fact  // by value
	Ways    []Way   // in the order of From
	Weight  uint64  // how often it is executed, about
	Origins []Value // by value: what it was in the region that the graph was made of; for people
	Entered bool    // it is entered from code outside of the graph, or behind a call that has left it
	Loose   uint32  // guest registers, by bit, of which only the lower half is there when it begins: see Low
}

// Way is an exit of a chain that leads to another one of its graph.
type Way struct {
	From Value // the instruction
	To   int   // index of the chain
	Back bool  // it may close a loop: each loop has such a way
}

// Var is a variable.
type Var struct {
	Type   Type   // I64 or F64
	Weight uint64 // how often it is read and written, about
	Set    bool   // it is written
}

const (
	FirstVarF = 32 // variable of floating-point register 0
	GuestVars = 64 // variables that are guest registers
)

// Way returns the way that an instruction takes, or nil if it leaves the graph.
func (c *Chain) Way(from Value) *Way {
	k, ok := slices.BinarySearchFunc(c.Ways, from, func(w Way, v Value) int { return cmp.Compare(w.From, v) })
	if !ok {
		return nil
	}
	return &c.Ways[k]
}

// Fact is what is known of a value or an instruction, in bits.
type Fact uint8

const (
	// Near: an access to memory is in the guest's window, or up to MaxNear bytes outside.
	Near Fact = 1 << iota
	// Boxed: the upper half of a floating-point register is all ones.
	Boxed
	// Narrow: the value is the sign extension of its lower half.
	Narrow
	// Low: it is Narrow, but only the lower half need be so. Where a guest register holds it,
	// that is sign-extended by who looks at it. Of a comparison: only the lower halves are compared.
	Low
)

// MaxNear is how far outside of the window accesses may be that are Near.
const MaxNear = 1 << 14
