//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// A computed jump that mostly goes to one place has an inline cache: a comparison with a
// guess, and a direct jump for where it is right. Elsewhere, Context.Jumps is looked into.
//
//	cmp  rax, [guess]    an odd number at first
//	jne  probe           to where the guess is made at first
//	call target          there, too, until the exit is linked
//
// A jump goes the other way round: je target; jmp probe. The first target becomes the guess, for good: threads may be anywhere in
// this code while it is patched (codecache.Cache.Link). Each patched part lies within one cache line.

// Guess is what of an inline cache is patched: offsets in the assembler's buffer.
type Guess struct {
	At    int // the guess: 8 bytes, aligned, behind the code
	Miss  int // the displacement of the jump for wrong guesses
	Probe int // what it is to lead to once there is a guess
}

// noGuess is odd: no target is, but for those whose bit 0 the guest has set.
const noGuess = 1<<63 | 1

// noGuessTarget is where guests get to that jump there.
//
//lint:ignore U1000 in the assembly
const noGuessTarget = noGuess &^ 1

// guess ends the trace with a jump or call to the target in RAX.
func (c *Compiler) guess(op ir.Op) {
	g := new(Guess)
	c.literals = append(c.literals, literal{noGuess, c.a.CmpRel(amd64.RAX), g})
	if op == ir.Call {
		c.alignJump(2)
		g.Miss = c.a.Jcc(amd64.NE)
		c.alignJump(1)
		c.mayOverflow(0, true)
		c.addExit(op, 0, c.a.Call())
	} else {
		c.exitOn(amd64.E, op, 0)
		c.alignJump(1)
		g.Miss = c.a.Jmp()
	}
	c.code.Exits[len(c.code.Exits)-1].Guess = g
}

// emitGuess appends what makes the guess of an exit, and where wrong guesses lead to.
func (c *Compiler) emitGuess(e *Exit, number uint64) {
	c.link(e.Guess.Miss, c.a.Len())
	c.a.MovImm(amd64.RCX, number)
	c.code.Names = append(c.code.Names, c.a.Len()-4)
	c.toStub(c.a.Jmp(), c.Stubs.Computed)
	e.Guess.Probe = c.a.Len()
	entry, missing := probe(c.a, c.Features.BMI1, amd64.RAX)
	if e.Op != ir.Call {
		c.toStub(missing, c.Stubs.Missed)
		c.a.JmpM(entry)
		return
	}
	c.mayOverflow(0, true)
	c.a.CallM(entry)
	c.link(c.a.Jmp(), e.Jump+4)
	c.a.SetRel32(missing, c.a.Len())
	c.mayOverflow(0, true)
	c.toStub(c.a.Call(), c.Stubs.Missed)
	c.link(c.a.Jmp(), e.Jump+4)
}
