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

// Split moves the tail of a trace, the last code in a's buffer, to offset at of the memory that the buffer is the beginning of: to
// is that memory. What the code says of itself is adapted. Between the code of traces that are executed often there is none then
// that is not.
func (c *Code) Split(a *amd64.Assembler, to []byte, at int) {
	tail, by := c.Tail.Start, at-c.Tail.Start
	copy(to, a.Buf[tail:])
	add := func(at, n int) {
		field := a.Buf
		if at >= tail {
			at, field = at-tail, to
		}
		binary.LittleEndian.PutUint32(field[at:], binary.LittleEndian.Uint32(field[at:])+uint32(n))
	}
	for _, s := range c.Stubs {
		if s >= tail {
			add(s, -by)
		}
	}
	for _, x := range c.Cross {
		if x < tail {
			add(x, by)
		} else {
			add(x, -by)
		}
	}
	a.Buf = a.Buf[:tail]
	move := func(at *int) {
		if *at >= tail {
			*at += by
		}
	}
	for _, list := range [][]int{c.Stubs, c.Names, c.Cross} {
		for k := range list {
			move(&list[k])
		}
	}
	for n := range c.Exits {
		e := &c.Exits[n]
		move(&e.Unlinked)
		if g := e.Guess; g != nil {
			move(&g.At)
			move(&g.Miss)
			move(&g.Probe)
		}
	}
	for n := range c.Faults {
		move(&c.Faults[n].Offset)
	}
	move(&c.Tables)
	c.Tail, c.End = Span{at, at + len(to)}, tail
}
