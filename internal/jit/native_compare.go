//go:build amd64

package jit

import "github.com/hospes-vm/hospes/internal/host/amd64"

// comparer compares size bytes at x and y.
type comparer struct {
	*native
	x, y, size amd64.Reg
	same       func() // returns if all are equal
	differ     func() // returns if not; the first bytes that differ are in EAX and ECX
	any        bool   // differ does not look at these
}

// compare is memcmp.
func (n *native) compare() {
	n.inside(arg0)
	n.inside(arg1)
	comparer{
		native: n, x: arg0, y: arg1, size: arg2,
		same: func() {
			n.zero()
			n.ret()
		},
		differ: n.difference,
	}.compare()
}

// equal is memequal.
func (n *native) equal() {
	n.inside(arg0)
	n.inside(arg1)
	comparer{
		native: n, x: arg0, y: arg1, size: arg2, any: true,
		same: func() {
			n.a.MovImm(arg0, 1)
			n.ret()
		},
		differ: func() {
			n.zero()
			n.ret()
		},
	}.compare()
}

// order is cmpbody: if all that both have is equal, the sizes decide.
func (n *native) order() {
	n.inside(arg0)
	n.inside(arg2)
	n.save()
	size := amd64.RSI
	n.mov(size, arg1)
	n.a.RR(amd64.CMP, amd64.W64, arg1, arg3)
	n.a.CMov(amd64.A, amd64.W64, size, arg3)
	comparer{
		native: n, x: arg0, y: arg2, size: size,
		same: func() {
			n.a.RR(amd64.CMP, amd64.W64, arg1, arg3)
			n.a.Set(amd64.A, amd64.RAX)
			n.a.Set(amd64.B, amd64.RCX)
			n.a.RR(amd64.MOVZX8, amd64.W32, amd64.RAX, amd64.RAX)
			n.a.RR(amd64.MOVZX8, amd64.W32, amd64.RCX, amd64.RCX)
			n.difference()
		},
		differ: func() {
			n.a.RR(amd64.SUB, amd64.W32, amd64.RAX, amd64.RCX)
			n.a.RI(amd64.SAR, amd64.W32, amd64.RAX, 31)
			n.a.RI(amd64.OR, amd64.W32, amd64.RAX, 1)
			n.result()
		},
	}.compare()
}

func (c comparer) compare() {
	var big, differ, same label
	c.cmpI(c.size, vector)
	c.jcc(amd64.AE, &big)
	for _, w := range [...]int{8, 4, 2} {
		var smaller label
		c.cmpI(c.size, int32(w))
		c.jcc(amd64.B, &smaller)
		c.fetchAt(w, amd64.RAX, c.x, 0)
		c.fetchAt(w, amd64.RCX, c.y, 0)
		c.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
		c.jcc(amd64.NE, &differ)
		c.ends(w)
		c.jcc(amd64.NE, &differ)
		c.same()
		c.bind(&smaller)
	}
	c.a.RR(amd64.TEST, amd64.W32, c.size, c.size)
	c.jcc(amd64.E, &same)
	c.fetchAt(1, amd64.RAX, c.x, 0)
	c.fetchAt(1, amd64.RCX, c.y, 0)
	c.a.RR(amd64.CMP, amd64.W32, amd64.RAX, amd64.RCX)
	c.jcc(amd64.NE, &differ)
	c.bind(&same)
	c.same()
	c.bind(&differ)
	c.firstDifference()
	c.bind(&big)
	c.vectors()
}

// ends compares the last w bytes.
func (c comparer) ends(w int) {
	c.sum(amd64.RDX, c.x, c.size, 0)
	c.fetchAt(w, amd64.RAX, amd64.RDX, int32(-w))
	c.sum(amd64.RDX, c.y, c.size, 0)
	c.fetchAt(w, amd64.RCX, amd64.RDX, int32(-w))
	c.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
}

// firstDifference returns for RAX and RCX, of which it finds the first bytes, from the lowest on, that differ.
func (c comparer) firstDifference() {
	a := c.a
	if !c.any {
		c.mov(amd64.RDX, amd64.RAX)
		a.RR(amd64.XOR, amd64.W64, amd64.RDX, amd64.RCX)
		a.RR(amd64.BSF, amd64.W64, amd64.RDX, amd64.RDX)
		a.RI(amd64.AND, amd64.W32, amd64.RDX, 63&^7)
		a.RR(amd64.XCHG, amd64.W64, amd64.RCX, amd64.RDX)
		a.R(amd64.SHR, amd64.W64, amd64.RAX)
		a.R(amd64.SHR, amd64.W64, amd64.RDX)
		a.RR(amd64.MOVZX8, amd64.W32, amd64.RAX, amd64.RAX)
		a.RR(amd64.MOVZX8, amd64.W32, amd64.RCX, amd64.RDX)
	}
	c.differ()
}

// vectors is compare for a vector or more.
func (c comparer) vectors() {
	var loop, tail, differ label
	c.cmpI(c.size, maxNative)
	c.c.interpretIf(amd64.A)
	c.sum(amd64.RDX, c.x, c.size, -vector)
	c.a.MR(amd64.MOV, amd64.W64, spill(otherValue), amd64.RDX)
	c.mov(amd64.RAX, c.x)
	c.mov(amd64.RCX, c.y)
	c.bind(&loop)
	c.a.RM(amd64.CMP, amd64.W64, amd64.RAX, spill(otherValue))
	c.jcc(amd64.AE, &tail)
	c.differing()
	c.jcc(amd64.NE, &differ)
	c.addI(amd64.RAX, vector)
	c.addI(amd64.RCX, vector)
	c.jmp(&loop)
	c.bind(&tail)
	c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, spill(otherValue))
	c.sum(amd64.RCX, c.y, c.size, -vector)
	c.differing()
	c.jcc(amd64.NE, &differ)
	c.same()
	c.bind(&differ)
	if !c.any {
		c.skip()
		c.bytes()
	}
	c.differ()
}

// differing compares vectors at RAX and RCX. If they differ, as the flags tell, EDX has the
// bits of the bytes that do.
func (n *native) differing() {
	n.fetchAt(vector, amd64.X12, amd64.RAX, 0)
	n.fetchAt(vector, amd64.X13, amd64.RCX, 0)
	n.a.RR(amd64.PCMPEQB, amd64.W64, amd64.X12, amd64.X13)
	n.a.RR(amd64.PMOVMSKB, amd64.W32, amd64.RDX, amd64.X12)
	n.a.RI(amd64.XOR, amd64.W32, amd64.RDX, 1<<vector-1)
}

// skip adds the position of the lowest bit of EDX to RAX and RCX.
func (n *native) skip() {
	n.a.RR(amd64.BSF, amd64.W32, amd64.RDX, amd64.RDX)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RAX, amd64.RDX)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RCX, amd64.RDX)
}

// bytes loads the bytes at RAX and RCX.
func (n *native) bytes() {
	n.fetchAt(1, amd64.RAX, amd64.RAX, 0)
	n.fetchAt(1, amd64.RCX, amd64.RCX, 0)
}

// difference returns the difference of EAX and ECX.
func (n *native) difference() {
	n.a.RR(amd64.SUB, amd64.W32, amd64.RAX, amd64.RCX)
	n.result()
}

// result returns the number in EAX.
func (n *native) result() {
	n.a.RR(amd64.MOVSXD, amd64.W64, arg0, amd64.RAX)
	n.ret()
}

// compareStrings is strcmp, and strncmp, which is bounded by arg2.
func (n *native) compareStrings(bounded bool) {
	var loop, slow, same, differ, stop label
	n.inside(arg0)
	n.inside(arg1)
	n.mov(amd64.RAX, arg0)
	n.mov(amd64.RCX, arg1)
	n.a.RR(amd64.PXOR, amd64.W64, amd64.X14, amd64.X14)
	if bounded {
		n.a.RR(amd64.TEST, amd64.W64, arg2, arg2)
		n.jcc(amd64.E, &same)
	}
	n.bind(&loop)
	for _, r := range [...]amd64.Reg{amd64.RAX, amd64.RCX} { // a vector in one page
		n.a.RR(amd64.MOV, amd64.W32, amd64.RDX, r)
		n.a.RI(amd64.AND, amd64.W32, amd64.RDX, pageMask)
		n.a.RI(amd64.CMP, amd64.W32, amd64.RDX, pageMask+1-vector)
		n.jcc(amd64.A, &slow)
	}
	n.stops()
	n.jcc(amd64.NE, &stop)
	n.advance(vector, bounded, &same)
	n.jmp(&loop)

	n.bind(&slow) // a byte at a time up to the end of the page
	n.fetchAt(1, amd64.RDX, amd64.RAX, 0)
	n.mayFault()
	n.a.RM(amd64.CMP, amd64.W8, amd64.RDX, n.at(amd64.RCX, 0))
	n.jcc(amd64.NE, &differ)
	n.a.RR(amd64.TEST, amd64.W32, amd64.RDX, amd64.RDX)
	n.jcc(amd64.E, &same)
	n.advance(1, bounded, &same)
	n.jmp(&loop)

	n.bind(&stop)
	n.skip()
	if bounded {
		n.beyond(&same)
	}
	n.bind(&differ)
	n.bytes()
	n.difference()
	n.bind(&same)
	n.zero()
	n.ret()
}

// stops compares vectors at RAX and RCX. EDX has the bits of bytes that differ or are 0; the
// flags tell whether there are any. X14 is 0.
func (n *native) stops() {
	n.fetchAt(vector, amd64.X12, amd64.RAX, 0)
	n.fetchAt(vector, amd64.X13, amd64.RCX, 0)
	n.a.RR(amd64.PCMPEQB, amd64.W64, amd64.X13, amd64.X12)
	n.a.RR(amd64.PMINUB, amd64.W64, amd64.X13, amd64.X12)
	n.a.RR(amd64.PCMPEQB, amd64.W64, amd64.X13, amd64.X14)
	n.a.RR(amd64.PMOVMSKB, amd64.W32, amd64.RDX, amd64.X13)
	n.a.RR(amd64.TEST, amd64.W32, amd64.RDX, amd64.RDX)
}

// advance goes on by size bytes.
func (n *native) advance(size int32, bounded bool, end *label) {
	n.addI(amd64.RAX, size)
	n.addI(amd64.RCX, size)
	n.mov(amd64.RDX, amd64.RAX)
	n.a.RR(amd64.SUB, amd64.W64, amd64.RDX, arg0)
	if bounded {
		n.a.RR(amd64.CMP, amd64.W64, amd64.RDX, arg2)
		n.jcc(amd64.AE, end)
	}
	n.cmpI(amd64.RDX, maxNative)
	n.c.interpretIf(amd64.AE)
}

// beyond goes to end if RAX is arg2 bytes behind arg0, or more.
func (n *native) beyond(end *label) {
	n.mov(amd64.RDX, amd64.RAX)
	n.a.RR(amd64.SUB, amd64.W64, amd64.RDX, arg0)
	n.a.RR(amd64.CMP, amd64.W64, amd64.RDX, arg2)
	n.jcc(amd64.AE, end)
}
