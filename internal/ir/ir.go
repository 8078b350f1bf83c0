// Package ir is the translator's intermediate representation: what a piece of guest
// code does, in operations that name neither the guest's nor the host's instructions.
//
// A [Trace] is straight code with one entry and many exits, in static single
// assignment form: each instruction makes at most one [Value], and instructions stand
// in the order in which their effects happen. Guest registers are read and written by
// operations of their own; everything between them is values.
//
// The operations are those in which the meanings of guest instructions are written
// (package isa), with types: what lives in floating-point registers has one of its
// own. [Eval] is their definition by execution, [Parse] reads the text form that
// [Trace.String] writes, [Trace.Verify] finds what no consumer may be given.
package ir

// Value names the result of an instruction: its index in Trace.Code. Zero is none.
type Value int32

// Instr is an instruction.
type Instr struct {
	Op   Op
	Args [3]Value
	Imm  uint64
}

// Trace is a piece of guest code.
type Trace struct {
	PC   uint64  // guest address of its start
	Code []Instr // the first one is a place holder, so that no Value is 0
}

// Type is that of a value.
func (t *Trace) Type(v Value) Type { return t.Code[v].Op.Info().Result }

// ConstOf returns the constant that v is.
func (t *Trace) ConstOf(v Value) (uint64, bool) {
	i := &t.Code[v]
	return i.Imm, i.Op == Const
}

// Uses counts how often each value is an argument.
func (t *Trace) Uses() []uint16 {
	n := make([]uint16, len(t.Code))
	for k := range t.Code {
		for _, a := range t.Code[k].Args {
			if a != 0 {
				n[a]++
			}
		}
	}
	return n
}
