//go:build amd64

package jit

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Host code for library functions of the guest (ir.Function).
//
// A block for such a function does what all of the guest's code would, and returns to the
// caller. Arguments and result are in the homes of a0 to a3; no other guest register changes,
// which the calling conventions allow. Temporaries are RAX, RCX, RDX and X12 to X15.
//
// An access may fault, or lie outside of the window. Then the guest's own function is executed
// from its beginning, as if nothing had happened, and faults exactly where it does. So
// what has been stored by then must be what the function stores itself in the end, and its
// operands must still be what they were: before operands that overlap are moved, all their
// pages are touched. Scans load whole vectors, but never from a page that the function
// does not look at. Aligned doublewords are stored as a whole, as the guest's code does: other
// threads may look at them, as Go's collector looks at pointers.
//
// The interrupt word is looked at once, before anything else: see inside. What would take long (maxNative) is
// left to the guest's own code, which looks at it in its loops.

// Arguments of library functions; the first one is also the result.
const (
	arg0 = amd64.RDI
	arg1 = amd64.R8
	arg2 = amd64.R9
	arg3 = amd64.R10
)

// maxNative is how many bytes a function may go through: some 50 microseconds at least
// from memory.
const maxNative = 1 << 20

// vector is the number of bytes that are handled at once.
const vector = 16

// Native appends code for a library function that is not pure, and whose guest code is at pc. The result is
// valid until the next call.
func (c *Compiler) Native(a *amd64.Assembler, f ir.Function, pc uint64) *Code {
	c.start(a, &homes)
	c.t, c.pc = &ir.Trace{PC: pc}, pc
	c.code.Body = a.Len()
	c.code.Marks = append(c.code.Marks, Mark{c.code.Body, pc})
	n := native{c: c, a: a}
	n.function(f)
	c.emitInterps()
	c.code.End = a.Len()
	return &c.code
}

// native makes the code of a function.
type native struct {
	c     *Compiler
	a     *amd64.Assembler
	saved bool // arg0 and arg2 and RSI are in the context, see save, and may have changed
}

func (n *native) function(f ir.Function) {
	switch f {
	case ir.Memcpy:
		n.copy(false, func() {})
	case ir.Memmove:
		n.copy(true, func() {})
	case ir.Mempcpy:
		n.copy(false, func() { n.a.RR(amd64.ADD, amd64.W64, arg0, arg2) })
	case ir.Memset:
		setter{n, arg2}.set(func() { n.spread(amd64.X12, arg1) })
	case ir.Memclr:
		setter{n, arg1}.set(n.clear)
	case ir.Memcmp:
		n.compare()
	case ir.Memequal:
		n.equal()
	case ir.Cmpmem:
		n.order()
	case ir.Strcmp, ir.Strncmp:
		n.compareStrings(f == ir.Strncmp)
	case ir.Strcpy, ir.Stpcpy:
		n.copyString(f == ir.Stpcpy)
	case ir.ClockGettime, ir.ClockGetres, ir.Gettimeofday, ir.Getcpu:
		n.vdso(f, n.c.HostVDSO[f])
	default:
		n.scan(f)
	}
}

// label is a place in the code, and the jumps that lead to it.
type label struct {
	at    int
	bound bool
	jumps []int
}

func (n *native) bind(l *label) {
	l.at, l.bound = n.a.Len(), true
	for _, at := range l.jumps {
		n.a.SetRel32(at, l.at)
	}
}

func (n *native) lead(at int, l *label) {
	if l.bound {
		n.a.SetRel32(at, l.at)
		return
	}
	l.jumps = append(l.jumps, at)
}

func (n *native) jcc(cond amd64.Cond, l *label) { n.lead(n.a.Jcc(cond), l) }

func (n *native) jmp(l *label) { n.lead(n.a.Jmp(), l) }

// ret returns to the guest function's caller.
func (n *native) ret() {
	n.restore()
	n.a.RM(amd64.MOV, amd64.W64, amd64.RAX, slot(regLink))
	n.a.Ret()
}

// regLink is the guest register of return addresses.
const regLink = 1

// Where save puts registers that a function changes before it has come to its end.
const (
	savedArg0 = iota
	savedRSI
	savedArg2
	otherValue
)

// save keeps registers for the case of a fault.
func (n *native) save() {
	n.a.MR(amd64.MOV, amd64.W64, spill(savedArg0), arg0)
	n.a.MR(amd64.MOV, amd64.W64, spill(savedRSI), amd64.RSI)
	n.a.MR(amd64.MOV, amd64.W64, spill(savedArg2), arg2)
	n.saved = true
	late := &n.c.code.States.Late
	start := len(*late)
	for k, r := range [...]amd64.Reg{savedArg0: arg0, savedRSI: amd64.RSI, savedArg2: arg2} {
		*late = append(*late, ir.Recovery{Register: uint8(slices.Index(homes[:], r)), From: ir.InSpill, N: int32(k)})
	}
	n.c.late = Span{start, len(*late)}
}

// restore puts back the registers that are not the result.
func (n *native) restore() {
	if n.saved {
		n.a.RM(amd64.MOV, amd64.W64, amd64.RSI, spill(savedRSI))
		n.a.RM(amd64.MOV, amd64.W64, arg2, spill(savedArg2))
	}
}

// inside leaves the call to the guest's own code unless the address in r lies in the window,
// in which nothing is when the interrupt word is up.
// From there on accesses must not skip more than its guard.
func (n *native) inside(r amd64.Reg) {
	n.a.RM(amd64.CMP, amd64.W64, r, amd64.At(ctxReg, offLimit))
	n.c.interpretIf(amd64.AE)
}

// at is guest memory at the address in r, which lies in the window or close to what does, and an offset.
func (n *native) at(r amd64.Reg, disp int32) amd64.Mem { return n.c.place(r, disp, reads) }

// mayFault notes that the next host instruction may fault.
func (n *native) mayFault() {
	n.c.mayFault()
}

// fetchAt loads w bytes of guest memory, zero-extended; vectors into XMM registers.
func (n *native) fetchAt(w int, dst, r amd64.Reg, disp int32) {
	n.mayFault()
	m := n.at(r, disp)
	switch {
	case w == vector:
		n.a.RM(amd64.MOVUPS, amd64.W64, dst, m)
	case dst.IsX():
		n.a.RM(either(w == 4, amd64.MOVSS, amd64.MOVSD), amd64.W64, dst, m)
	case w == 1:
		n.a.RM(amd64.MOVZX8, amd64.W32, dst, m)
	case w == 2:
		n.a.RM(amd64.MOVZX16, amd64.W32, dst, m)
	default:
		n.a.RM(amd64.MOV, amd64.Width(w), dst, m)
	}
}

// storeAt stores w bytes.
func (n *native) storeAt(w int, src, r amd64.Reg, disp int32) {
	n.mayFault()
	m := n.at(r, disp)
	switch {
	case w == vector:
		n.a.MR(amd64.MOVUPS, amd64.W64, m, src)
	case src.IsX():
		n.a.MR(either(w == 4, amd64.MOVSS, amd64.MOVSD), amd64.W64, m, src)
	default:
		n.a.MR(amd64.MOV, amd64.Width(w), m, src)
	}
}

// sum makes dst x + y + disp.
func (n *native) sum(dst, x, y amd64.Reg, disp int32) {
	n.a.RM(amd64.LEA, amd64.W64, dst, amd64.AtIndex(x, y, 1, disp))
}

// mov copies a register.
func (n *native) mov(dst, src amd64.Reg) { n.a.RR(amd64.MOV, amd64.W64, dst, src) }

func (n *native) addI(r amd64.Reg, k int32) { n.a.RI(amd64.ADD, amd64.W64, r, k) }

func (n *native) cmpI(r amd64.Reg, k int32) { n.a.RI(amd64.CMP, amd64.W64, r, k) }

// clear fills RAX and X12 with zeros.
func (n *native) clear() {
	n.a.RR(amd64.XOR, amd64.W32, amd64.RAX, amd64.RAX)
	n.a.RR(amd64.PXOR, amd64.W64, amd64.X12, amd64.X12)
}

// zero is a result of 0.
func (n *native) zero() { n.a.RR(amd64.XOR, amd64.W32, arg0, arg0) }

// spread fills x and RAX with the lowest byte of r, by way of RCX.
func (n *native) spread(x, r amd64.Reg) {
	n.a.RR(amd64.MOVZX8, amd64.W32, amd64.RAX, r)
	n.a.MovImm(amd64.RCX, 0x0101010101010101)
	n.a.RR(amd64.IMUL, amd64.W64, amd64.RAX, amd64.RCX)
	n.a.RR(amd64.MOVXG, amd64.W64, x, amd64.RAX)
	n.a.RR(amd64.PUNPCKLQDQ, amd64.W64, x, x)
}
