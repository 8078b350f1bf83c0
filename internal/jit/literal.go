//go:build amd64

package jit

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/host/amd64"
)

// Constants of 64 bits that code compares with, and guesses, which change, lie behind it: a comparison with memory is one instruction, and no
// register is needed.

// literal is such a constant.
type literal struct {
	value uint64
	at    int    // the displacement that leads to it
	guess *Guess // that it belongs to, or nil
}

// Instructions are those pieces of the code that are instructions: one, or two if it has been split.
func (c *Code) Instructions() []Span {
	pieces := []Span{{c.Start, c.End}}
	if c.Tail.Start > c.End {
		pieces = append(pieces, c.Tail)
	}
	if c.Tables > 0 {
		pieces[len(pieces)-1].End = c.Tables
	}
	return pieces
}

// compareWith compares a register with a constant.
func (c *Compiler) compareWith(r amd64.Reg, k uint64) {
	if imm := int64(k); imm == int64(int32(imm)) {
		c.a.RI(amd64.CMP, amd64.W64, r, int32(imm))
	} else {
		c.literals = append(c.literals, literal{k, c.a.CmpRel(r), nil})
	}
}

// emitLiterals appends them, and what else is no instruction.
func (c *Compiler) emitLiterals() {
	if len(c.literals) == 0 {
		return
	}
	if c.code.Tables == 0 {
		c.code.Tables = c.a.Len()
	}
	c.a.Align(8, 0)
	for _, l := range c.literals {
		c.link(l.at, c.a.Len())
		if l.guess != nil {
			l.guess.At = c.a.Len()
		}
		c.a.Buf = binary.LittleEndian.AppendUint64(c.a.Buf, l.value)
	}
}
