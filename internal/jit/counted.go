//go:build amd64

package jit

import "github.com/hospes-vm/hospes/internal/host/amd64"

// With Compiler.Counter the executions of guest instructions are counted: those of a segment, which is left at its
// end only, by one counter. Where an instruction faults, or is left to the interpreter, Fault.Done
// says which instructions have been counted and not been executed.

// Segment is instructions of a trace that are executed one after the other.
type Segment struct {
	Counter uintptr // host address of a doubleword
	First   int     // index of the first instruction in Code.Marks; the next segment begins at its end
}

// countSegment begins a segment with the present instruction.
func (c *Compiler) countSegment() {
	if c.Counter == nil || !c.branched {
		return
	}
	c.branched = false
	counter, saved := c.Counter(), amd64.At(ctxReg, offSaved)
	c.code.Segments = append(c.code.Segments, Segment{Counter: counter, First: len(c.code.Marks) - 1})
	c.a.MR(amd64.MOV, amd64.W64, saved, amd64.RAX)
	c.a.MovImm(amd64.RAX, uint64(counter))
	c.a.Lock() // other threads count, too
	c.a.MI(amd64.ADD, amd64.W64, amd64.At(amd64.RAX, 0), 1)
	c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, saved)
}
