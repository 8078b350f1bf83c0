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
		for _, at := range list {
			addTo(a.Buf[at+by:], n)
		}
	}
	add(c.Stubs, -uint32(by))
	add(c.Names, firstHere-first)
	c.shift(c.Start, by)
	c.Start, c.Body, c.End = c.Start+by, c.Body+by, c.End+by
}

// Split moves the tail of a trace, the last code in a's buffer, to offset at of the memory that the buffer is the beginning of: to
// is that memory. What the code says of itself is adapted. Between the code of traces that are executed often there is none then
// that is not.
func (c *Code) Split(a *amd64.Assembler, to []byte, at int) {
	tail, by := c.Tail.Start, at-c.Tail.Start
	copy(to, a.Buf[tail:])
	for _, s := range c.Stubs {
		if s >= tail {
			addTo(to[s-tail:], -uint32(by))
		}
	}
	for _, x := range c.Cross {
		if x < tail {
			addTo(a.Buf[x:], uint32(by))
		} else {
			addTo(to[x-tail:], -uint32(by))
		}
	}
	a.Buf = a.Buf[:tail]
	c.shift(tail, by)
	c.Tail, c.End = Span{at, at + len(to)}, tail
}

// addTo adds n to the 4 bytes that code begins with.
func addTo(code []byte, n uint32) {
	binary.LittleEndian.PutUint32(code, binary.LittleEndian.Uint32(code)+n)
}

// shift adds by to the offsets, from one on, of all that is in the code.
func (c *Code) shift(from, by int) {
	move := func(at *int) {
		if *at >= from {
			*at += by
		}
	}
	moveAny := func(at *int) { // 0 is none
		if *at > 0 {
			move(at)
		}
	}
	for _, list := range [][]int{c.Stubs, c.Names, c.Cross} {
		for k := range list {
			move(&list[k])
		}
	}
	for n := range c.Exits {
		e := &c.Exits[n]
		move(&e.Jump)
		move(&e.Unlinked)
		if g := e.Guess; g != nil {
			moveAny(&g.At)
			moveAny(&g.Miss)
			moveAny(&g.Probe)
		}
	}
	for n := range c.Faults {
		move(&c.Faults[n].Offset)
	}
	for n := range c.Marks {
		move(&c.Marks[n].Offset)
	}
	for n := range c.Ops {
		move(&c.Ops[n].Offset)
	}
	moveAny(&c.Tables)
}
