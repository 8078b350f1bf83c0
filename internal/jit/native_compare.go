//go:build amd64

package jit

import "github.com/hospes-vm/hospes/internal/host/amd64"

// compare is memcmp.
func (n *native) compare() {
	var big, differ label
	n.inside(arg0)
	n.inside(arg1)
	n.cmpI(arg2, vector)
	n.jcc(amd64.AE, &big)
	for _, w := range [...]int{8, 4, 2} {
		var smaller label
		n.cmpI(arg2, int32(w))
		n.jcc(amd64.B, &smaller)
		n.fetchAt(w, amd64.RAX, arg0, 0)
		n.fetchAt(w, amd64.RCX, arg1, 0)
		n.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
		n.jcc(amd64.NE, &differ)
		n.compareEnds(w)
		n.jcc(amd64.NE, &differ)
		n.zero()
		n.ret()
		n.bind(&smaller)
	}
	n.a.RR(amd64.XOR, amd64.W32, amd64.RAX, amd64.RAX)
	n.a.RR(amd64.TEST, amd64.W32, arg2, arg2)
	none := n.a.Jcc(amd64.E)
	n.fetchAt(1, amd64.RAX, arg0, 0)
	n.fetchAt(1, amd64.RCX, arg1, 0)
	n.a.RR(amd64.SUB, amd64.W32, amd64.RAX, amd64.RCX)
	n.a.SetRel32(none, n.a.Len())
	n.result()
	n.bind(&differ)
	n.firstDifference()
	n.bind(&big)
	n.compareVectors()
}

// compareEnds compares the last w bytes.
func (n *native) compareEnds(w int) {
	n.sum(amd64.RDX, arg0, arg2, 0)
	n.fetchAt(w, amd64.RAX, amd64.RDX, int32(-w))
	n.sum(amd64.RDX, arg1, arg2, 0)
	n.fetchAt(w, amd64.RCX, amd64.RDX, int32(-w))
	n.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
}

// result returns the number in EAX.
func (n *native) result() {
	n.a.RR(amd64.MOVSXD, amd64.W64, arg0, amd64.RAX)
	n.ret()
}

// firstDifference returns the difference of the first bytes, from the lowest on, in which RAX and
// RCX differ.
func (n *native) firstDifference() {
	a := n.a
	n.mov(amd64.RDX, amd64.RAX)
	a.RR(amd64.XOR, amd64.W64, amd64.RDX, amd64.RCX)
	a.RR(amd64.BSF, amd64.W64, amd64.RDX, amd64.RDX)
	a.RI(amd64.AND, amd64.W32, amd64.RDX, 63&^7)
	a.RR(amd64.XCHG, amd64.W64, amd64.RCX, amd64.RDX)
	a.R(amd64.SHR, amd64.W64, amd64.RAX)
	a.R(amd64.SHR, amd64.W64, amd64.RDX)
	a.RR(amd64.MOVZX8, amd64.W32, amd64.RAX, amd64.RAX)
	a.RR(amd64.MOVZX8, amd64.W32, amd64.RDX, amd64.RDX)
	a.RR(amd64.SUB, amd64.W32, amd64.RAX, amd64.RDX)
	n.result()
}

// compareVectors is compare for a vector or more.
func (n *native) compareVectors() {
	var loop, tail, differ label
	n.cmpI(arg2, maxNative)
	n.c.interpretIf(amd64.A)
	n.sum(amd64.RDX, arg0, arg2, -vector)
	n.a.MR(amd64.MOV, amd64.W64, spill(otherValue), amd64.RDX)
	n.mov(amd64.RAX, arg0)
	n.mov(amd64.RCX, arg1)
	n.bind(&loop)
	n.a.RM(amd64.CMP, amd64.W64, amd64.RAX, spill(otherValue))
	n.jcc(amd64.AE, &tail)
	n.differing()
	n.jcc(amd64.NE, &differ)
	n.addI(amd64.RAX, vector)
	n.addI(amd64.RCX, vector)
	n.jmp(&loop)
	n.bind(&tail)
	n.a.RM(amd64.MOV, amd64.W64, amd64.RAX, spill(otherValue))
	n.sum(amd64.RCX, arg1, arg2, -vector)
	n.differing()
	n.jcc(amd64.NE, &differ)
	n.zero()
	n.ret()
	n.bind(&differ)
	n.differenceAt()
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

// differenceAt returns the difference of the bytes at RAX and RCX, the lowest bit of EDX further on.
func (n *native) differenceAt() {
	n.skip()
	n.difference()
}

// skip adds the position of the lowest bit of EDX to RAX and RCX.
func (n *native) skip() {
	n.a.RR(amd64.BSF, amd64.W32, amd64.RDX, amd64.RDX)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RAX, amd64.RDX)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RCX, amd64.RDX)
}

// difference returns the difference of the bytes at RAX and RCX.
func (n *native) difference() {
	n.fetchAt(1, amd64.RAX, amd64.RAX, 0)
	n.fetchAt(1, amd64.RCX, amd64.RCX, 0)
	n.a.RR(amd64.SUB, amd64.W32, amd64.RAX, amd64.RCX)
	n.result()
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
