//go:build amd64

package jit

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/host/amd64"
)

// LineSize is how long the pieces are that hosts read and write memory in.
const LineSize = 64

// Move appends code to a that has been compiled elsewhere: to from, which began at a multiple of LineSize
// as far as offsets go, with exits numbered from the same first number on. The stubs are those of a's
// buffer. What the code says of itself is adapted.
func (c *Code) Move(a *amd64.Assembler, from []byte, first, firstHere uint32) {
	a.Align(LineSize, 0)
	by := a.Len() - c.Start
	a.Buf = append(a.Buf, from[c.Start:c.End]...)
	add := func(list []int, n uint32) {
		for k := range list {
			list[k] += by
			field := a.Buf[list[k]:]
			binary.LittleEndian.PutUint32(field, binary.LittleEndian.Uint32(field)+n)
		}
	}
	add(c.Stubs, -uint32(by))
	add(c.Names, firstHere-first)
	c.Start, c.Body, c.End = c.Start+by, c.Body+by, c.End+by
	if c.Tables > 0 {
		c.Tables += by
	}
	for n := range c.Exits {
		e := &c.Exits[n]
		e.Jump, e.Unlinked = e.Jump+by, e.Unlinked+by
		if g := e.Guess; g != nil {
			g.At, g.Miss, g.Probe = g.At+by, g.Miss+by, g.Probe+by
		}
	}
	for n := range c.Faults {
		c.Faults[n].Offset += by
	}
	for n := range c.Marks {
		c.Marks[n].Offset += by
	}
	for n := range c.Ops {
		c.Ops[n].Offset += by
	}
}
