//go:build amd64

package jit

import "github.com/hospes-vm/hospes/internal/host/amd64"

// The sizes from which on the host's own string operations are used, if it has fast ones.
const (
	repCopy = 2 << 10
	repSet  = 2 << 10
)

// block is how many bytes a loop handles at a time.
const block = 4 * vector

var vectors = [...]amd64.Reg{amd64.X12, amd64.X13, amd64.X14, amd64.X15}

// copy moves arg2 bytes from arg1 to arg0; result makes arg0 the result. Unless operands may overlap, the
// guest's own code moves those that do.
func (n *native) copy(overlap bool, result func()) {
	var big, done, odd, even label
	n.inside(arg0)
	n.inside(arg1)
	if !overlap {
		n.a.RM(amd64.LEA, amd64.W64, amd64.RDX, amd64.AtIndex(arg2, arg2, 1, -1))
		n.sum(amd64.RCX, arg0, arg2, -1)
		n.a.RR(amd64.SUB, amd64.W64, amd64.RCX, arg1)
		n.a.RR(amd64.CMP, amd64.W64, amd64.RCX, amd64.RDX) // from 0 to 2 * arg2 - 2 if they do
		n.jcc(amd64.B, &odd)
		n.bind(&even)
	}
	n.cmpI(arg2, block)
	n.jcc(amd64.A, &big)
	if overlap {
		n.probeCrossing()
	}
	n.copySmall(&done)
	n.bind(&done)
	result()
	n.ret()
	n.bind(&big)
	n.copyBig(overlap, result)
	if !overlap {
		n.bind(&odd)
		n.a.RR(amd64.TEST, amd64.W64, arg2, arg2)
		n.jcc(amd64.E, &even)
		n.a.RR(amd64.CMP, amd64.W64, arg0, arg1) // what is copied to itself stays what it is
		n.c.interpretIf(amd64.NE)
		n.jmp(&even)
	}
}

// copySmall is copy for up to a block: everything is loaded before anything is stored.
func (n *native) copySmall(done *label) {
	for _, w := range [...]int{vector, 8, 4, 2} {
		var smaller label
		n.cmpI(arg2, int32(w))
		n.jcc(amd64.B, &smaller)
		if w == vector {
			n.copyVectors(done)
		} else {
			n.copyEnds(w, amd64.RAX, amd64.RCX)
			n.jmp(done)
		}
		n.bind(&smaller)
	}
	n.a.RR(amd64.TEST, amd64.W32, arg2, arg2)
	n.jcc(amd64.E, done)
	n.fetchAt(1, amd64.RAX, arg1, 0)
	n.storeAt(1, amd64.RAX, arg0, 0)
}

// copyVectors is copy for one vector up to a block.
func (n *native) copyVectors(done *label) {
	var two label
	n.cmpI(arg2, 2*vector)
	n.jcc(amd64.BE, &two)
	n.fetchAt(vector, amd64.X14, arg1, vector)
	n.sum(amd64.RDX, arg1, arg2, 0)
	n.fetchAt(vector, amd64.X15, amd64.RDX, -2*vector)
	n.fetchAt(vector, amd64.X12, arg1, 0)
	n.fetchAt(vector, amd64.X13, amd64.RDX, -vector)
	n.sum(amd64.RDX, arg0, arg2, 0)
	n.storeAt(vector, amd64.X13, amd64.RDX, -vector)
	n.storeAt(vector, amd64.X12, arg0, 0)
	n.storeAt(vector, amd64.X15, amd64.RDX, -2*vector)
	n.storeAt(vector, amd64.X14, arg0, vector)
	n.jmp(done)
	n.bind(&two)
	n.copyEnds(vector, amd64.X12, amd64.X13)
	n.jmp(done)
}

// copyEnds copies the first and the last w bytes.
func (n *native) copyEnds(w int, x, y amd64.Reg) {
	n.sum(amd64.RDX, arg1, arg2, 0)
	n.fetchAt(w, x, arg1, 0)
	n.fetchAt(w, y, amd64.RDX, int32(-w))
	n.sum(amd64.RDX, arg0, arg2, 0)
	n.storeAt(w, y, amd64.RDX, int32(-w))
	n.storeAt(w, x, arg0, 0)
}

// pageMask has the bits of an offset in a page, of whatever size host and guest have.
const pageMask = 4096 - 1

// probeCrossing sees to it that either all bytes of a small destination can be stored or
// none: one that lies in two pages is touched before.
func (n *native) probeCrossing() {
	n.a.RR(amd64.MOV, amd64.W32, amd64.RAX, arg0)
	n.a.RI(amd64.AND, amd64.W32, amd64.RAX, pageMask)
	n.a.RR(amd64.ADD, amd64.W32, amd64.RAX, arg2)
	n.a.RI(amd64.CMP, amd64.W32, amd64.RAX, pageMask+1)
	within := n.a.Jcc(amd64.BE)
	n.touch(arg0, 0)
	n.sum(amd64.RDX, arg0, arg2, 0)
	n.touch(amd64.RDX, -1)
	n.a.SetRel32(within, n.a.Len())
}

// touch faults if a byte cannot be written to. It changes nothing, whoever else writes there.
func (n *native) touch(r amd64.Reg, disp int32) {
	n.mayFault()
	n.a.Lock()
	n.a.MI(amd64.OR, amd64.W8, n.at(r, disp), 0)
}

// copyBig is copy for more than a block. Whether operands overlap, the distance between them tells.
func (n *native) copyBig(overlap bool, result func()) {
	var backward, forward, rep label
	n.cmpI(arg2, maxNative)
	n.c.interpretIf(amd64.A)
	if overlap {
		n.mov(amd64.RCX, arg0)
		n.a.RR(amd64.SUB, amd64.W64, amd64.RCX, arg1)
		n.a.RR(amd64.CMP, amd64.W64, amd64.RCX, arg2)
		n.jcc(amd64.B, &backward)
		n.a.R(amd64.NEG, amd64.W64, amd64.RCX)
		n.a.RR(amd64.CMP, amd64.W64, amd64.RCX, arg2)
		n.jcc(amd64.B, &forward)
	}
	if n.c.Features.ERMS {
		n.cmpI(arg2, repCopy)
		n.jcc(amd64.AE, &rep)
	}
	n.copyApart()
	result()
	n.ret()
	if overlap {
		n.bind(&forward)
		n.copyOverlapping(1, result)
		n.bind(&backward)
		n.copyOverlapping(-1, result)
	}
	if n.c.Features.ERMS {
		n.bind(&rep)
		n.copyRep(result)
	}
}

// copyApart copies operands that do not overlap.
func (n *native) copyApart() {
	var loop label
	n.mov(amd64.RAX, arg0)
	n.mov(amd64.RDX, arg1)
	n.sum(amd64.RCX, arg0, arg2, -block) // where the last block goes
	n.bind(&loop)
	n.copyBlock(amd64.RAX, amd64.RDX, 0)
	n.addI(amd64.RDX, block)
	n.addI(amd64.RAX, block)
	n.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
	n.jcc(amd64.B, &loop)
	n.sum(amd64.RDX, arg1, arg2, -block)
	n.copyBlock(amd64.RCX, amd64.RDX, 0)
}

// copyBlock copies a block from an offset of src to the same offset of dst.
func (n *native) copyBlock(dst, src amd64.Reg, disp int32) {
	for k, x := range vectors {
		n.fetchAt(vector, x, src, disp+int32(k*vector))
	}
	for k, x := range vectors {
		n.storeAt(vector, x, dst, disp+int32(k*vector))
	}
}

// touchAll touches all pages of operands that overlap.
func (n *native) touchAll() {
	var loop label
	n.mov(amd64.RAX, arg0)
	n.mov(amd64.RDX, arg1)
	n.sum(amd64.RCX, arg0, arg2, 0)
	n.bind(&loop)
	n.touch(amd64.RAX, 0)
	n.mayFault()
	n.a.MI(amd64.CMP, amd64.W8, n.at(amd64.RDX, 0), 0)
	n.addI(amd64.RAX, pageMask+1)
	n.addI(amd64.RDX, pageMask+1)
	n.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
	n.jcc(amd64.B, &loop)
	n.touch(amd64.RCX, -1)
	n.sum(amd64.RDX, arg1, arg2, 0)
	n.mayFault()
	n.a.MI(amd64.CMP, amd64.W8, n.at(amd64.RDX, -1), 0)
}

// copyOverlapping copies upwards (dir 1) or downwards (-1): by blocks, then by ever smaller powers of
// two, so that nothing is loaded that has been stored.
func (n *native) copyOverlapping(dir int32, result func()) {
	n.touchAll()
	dst, src, left := amd64.RAX, amd64.RDX, amd64.RCX
	if dir > 0 {
		n.mov(dst, arg0)
		n.mov(src, arg1)
	} else {
		n.sum(dst, arg0, arg2, 0)
		n.sum(src, arg1, arg2, 0)
	}
	n.mov(left, arg2)
	step := func(size int32, copy func(disp int32)) {
		copy(min(0, dir*size))
		n.addI(dst, dir*size)
		n.addI(src, dir*size)
	}
	var loop, tail label
	n.bind(&loop)
	n.cmpI(left, block)
	n.jcc(amd64.B, &tail)
	step(block, func(disp int32) { n.copyBlock(dst, src, disp) })
	n.addI(left, -block)
	n.jmp(&loop)
	n.bind(&tail)
	for size := int32(block / 2); size > 0; size /= 2 {
		var next label
		n.a.RI(amd64.TEST, amd64.W32, left, size)
		n.jcc(amd64.E, &next)
		step(size, func(disp int32) { n.copyPiece(size, dst, src, left, disp) })
		n.bind(&next)
	}
	result()
	n.ret()
}

// copyPiece copies a piece whose size is a power of two less than a block; left is kept.
func (n *native) copyPiece(size int32, dst, src, left amd64.Reg, disp int32) {
	switch size {
	case 2 * vector:
		n.fetchAt(vector, amd64.X12, src, disp)
		n.fetchAt(vector, amd64.X13, src, disp+vector)
		n.storeAt(vector, amd64.X12, dst, disp)
		n.storeAt(vector, amd64.X13, dst, disp+vector)
	case 1, 2:
		n.a.MR(amd64.MOV, amd64.W64, spill(otherValue), left)
		n.fetchAt(int(size), left, src, disp)
		n.storeAt(int(size), left, dst, disp)
		n.a.RM(amd64.MOV, amd64.W64, left, spill(otherValue))
	default:
		n.fetchAt(int(size), amd64.X12, src, disp)
		n.storeAt(int(size), amd64.X12, dst, disp)
	}
}

// quad is the unit of the host's string operations. Those of bytes may store in smaller units than the guest's function.
const quad = 8

// copyRep copies operands that do not overlap by the host's string operation; the last bytes apart.
func (n *native) copyRep(result func()) {
	was, late := n.saved, n.c.late
	if !was {
		n.save()
	}
	n.sum(amd64.RDX, arg1, arg2, 0)
	n.fetchAt(quad, amd64.RAX, amd64.RDX, -quad)
	n.sum(amd64.RDX, arg0, arg2, 0)
	n.sum(amd64.RSI, baseReg, arg1, 0)
	n.a.RR(amd64.ADD, amd64.W64, arg0, baseReg)
	n.quads(arg2)
	n.mayFault()
	n.a.RepMovsq()
	n.storeAt(quad, amd64.RAX, amd64.RDX, -quad)
	n.a.RM(amd64.MOV, amd64.W64, arg0, spill(savedArg0))
	result()
	n.ret()
	n.saved, n.c.late = was, late
}

// quads makes RCX the number of quads in size bytes.
func (n *native) quads(size amd64.Reg) {
	n.mov(amd64.RCX, size)
	n.a.RI(amd64.SHR, amd64.W64, amd64.RCX, 3)
}

// setter stores size times the same byte from arg0 on.
type setter struct {
	*native
	size amd64.Reg
}

// set sets all; fill fills RAX and X12 with the byte.
func (n setter) set(fill func()) {
	var done, big label
	n.inside(arg0)
	fill()
	n.cmpI(n.size, block)
	n.jcc(amd64.A, &big)
	for _, w := range [...]int{2 * vector, vector, 8, 4, 2} {
		var smaller label
		n.cmpI(n.size, int32(w))
		n.jcc(amd64.B, &smaller)
		n.ends(w)
		n.jmp(&done)
		n.bind(&smaller)
	}
	n.a.RR(amd64.TEST, amd64.W32, n.size, n.size)
	n.jcc(amd64.E, &done)
	n.storeAt(1, amd64.RAX, arg0, 0)
	n.bind(&done)
	n.ret()
	n.bind(&big)
	n.setBig()
}

// ends sets the first and the last w bytes.
func (n setter) ends(w int) {
	n.sum(amd64.RDX, arg0, n.size, 0)
	x, piece := amd64.X12, min(w, vector)
	if w < vector {
		x = amd64.RAX
	}
	for at := 0; at < w; at += piece {
		n.storeAt(piece, x, arg0, int32(at))
		n.storeAt(piece, x, amd64.RDX, int32(at-w))
	}
}

// setBig is set for more than a block.
func (n setter) setBig() {
	var loop, rep label
	n.cmpI(n.size, maxNative)
	n.c.interpretIf(amd64.A)
	if n.c.Features.ERMS {
		n.cmpI(n.size, repSet)
		n.jcc(amd64.AE, &rep)
	}
	n.mov(amd64.RDX, arg0)
	n.sum(amd64.RCX, arg0, n.size, -block)
	n.bind(&loop)
	n.block(amd64.RDX)
	n.addI(amd64.RDX, block)
	n.a.RR(amd64.CMP, amd64.W64, amd64.RDX, amd64.RCX)
	n.jcc(amd64.B, &loop)
	n.block(amd64.RCX)
	n.ret()
	if n.c.Features.ERMS {
		n.bind(&rep)
		n.rep()
	}
}

// rep is set by the host's string operation.
func (n setter) rep() {
	n.save()
	n.sum(amd64.RDX, arg0, n.size, 0)
	n.a.RR(amd64.ADD, amd64.W64, arg0, baseReg)
	n.quads(n.size)
	n.mayFault()
	n.a.RepStosq()
	n.storeAt(quad, amd64.RAX, amd64.RDX, -quad)
	n.a.RM(amd64.MOV, amd64.W64, arg0, spill(savedArg0))
	n.ret()
}

// block sets a block at r.
func (n setter) block(r amd64.Reg) {
	for at := int32(0); at < block; at += vector {
		n.storeAt(vector, amd64.X12, r, at)
	}
}
