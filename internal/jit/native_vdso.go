//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Functions of the vdso ask the host's (Compiler.HostVDSO), which the kernel has made for these very processes: its
// clocks are those of the system calls, whatever is set, steered or in a namespace.
//
// The host's functions are C: they preserve RBX, RBP and R12 to R15, and run on a stack of their own
// (Context.SetCallStack), as there may be little room where return addresses are. The kernel is built without vector registers; what
// the guest's calling convention preserves of those is kept all the same. They wait for nobody. A signal that comes meanwhile raises the
// interrupt word, as anywhere outside of translated code.
//
// Results are written to the context, and stored to guest memory like all else from there. What they fail
// at, and what they might need the kernel for, is left to the guest's system call.

// Functions are host addresses of the host's functions that stand for those of the guest's vdso.
type Functions [ir.NumFunctions]uintptr

// callerSaved are the homes that a call may change.
var callerSaved = [...]amd64.Reg{amd64.RSI, amd64.RDI, amd64.R8, amd64.R9, amd64.R10, amd64.R11, amd64.X8, amd64.X9}

// Where vdso has what in the context's spilled values.
const (
	vdsoResult = otherValue + 1 // two words
	vdsoStack  = vdsoResult + 2
	vdsoSaved  = vdsoStack + 1 // callerSaved
)

// sharedClocks are the clocks that Linux's vdsos tell without the kernel, by bit: CLOCK_REALTIME, MONOTONIC,
// MONOTONIC_RAW, the two coarse ones, BOOTTIME and TAI.
const sharedClocks = 1<<0 | 1<<1 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<11

// vdso is a function of the vdso, for which the host's is at an address.
func (n *native) vdso(f ir.Function, host uintptr) {
	switch f {
	case ir.ClockGettime, ir.ClockGetres: // clock, struct timespec *
		n.inside(arg1)
		n.known()
		n.callHost(host, func() { n.address(amd64.RSI, vdsoResult) })
		n.storeResult(arg1)
	case ir.Gettimeofday: // struct timeval *, struct timezone *
		n.inside(arg0)
		n.a.RR(amd64.TEST, amd64.W64, arg1, arg1)
		n.c.interpretIf(amd64.NE)
		n.callHost(host, func() {
			n.address(amd64.RDI, vdsoResult)
			n.a.RR(amd64.XOR, amd64.W32, amd64.RSI, amd64.RSI)
		})
		n.storeResult(arg0)
	case ir.Getcpu: // unsigned *, unsigned *, and a third that is ignored
		n.inside(arg0)
		n.inside(arg1)
		n.callHost(host, func() {
			n.address(amd64.RDI, vdsoResult)
			n.address(amd64.RSI, vdsoResult+1)
			n.a.RR(amd64.XOR, amd64.W32, amd64.RDX, amd64.RDX)
		})
		n.storeWord(arg0, vdsoResult)
		n.storeWord(arg1, vdsoResult+1)
	}
	n.zero()
	n.ret()
}

// known leaves the call to the guest's own code unless arg0, of 32 bits, is one of sharedClocks.
func (n *native) known() {
	n.a.RI(amd64.CMP, amd64.W32, arg0, 31)
	n.c.interpretIf(amd64.A)
	n.a.RR(amd64.MOV, amd64.W32, amd64.RCX, arg0)
	n.a.MovImm(amd64.RAX, 1)
	n.a.R(amd64.SHL, amd64.W32, amd64.RAX) // by CL
	n.a.RI(amd64.TEST, amd64.W32, amd64.RAX, sharedClocks)
	n.c.interpretIf(amd64.E)
}

// address makes r the host address of a spilled value.
func (n *native) address(r amd64.Reg, value int) { n.a.RM(amd64.LEA, amd64.W64, r, spill(value)) }

// callHost calls the host's function with what args puts into RDI, RSI and RDX; arg0 is RDI already. If it fails, the
// call is left to the guest's own code.
func (n *native) callHost(host uintptr, args func()) {
	a := n.a
	for k, r := range callerSaved {
		a.MR(moveOf(r), amd64.W64, spill(vdsoSaved+k), r)
	}
	args()
	a.MR(amd64.MOV, amd64.W64, spill(vdsoStack), amd64.RSP)
	a.RM(amd64.MOV, amd64.W64, amd64.RSP, amd64.At(ctxReg, offCallSP))
	a.MovImm(amd64.RAX, uint64(host))
	a.CallR(amd64.RAX)
	a.RM(amd64.MOV, amd64.W64, amd64.RSP, spill(vdsoStack))
	for k, r := range callerSaved {
		a.RM(moveOf(r), amd64.W64, r, spill(vdsoSaved+k))
	}
	a.RR(amd64.TEST, amd64.W32, amd64.RAX, amd64.RAX)
	n.c.interpretIf(amd64.NE)
}

// moveOf is the instruction that moves a home to memory and back.
func moveOf(r amd64.Reg) amd64.Op { return either(r.IsX(), amd64.MOVSD, amd64.MOV) }

// storeResult stores two doublewords at the guest address in r.
func (n *native) storeResult(r amd64.Reg) {
	for k := range 2 {
		n.a.RM(amd64.MOV, amd64.W64, amd64.RAX, spill(vdsoResult+k))
		n.storeAt(8, amd64.RAX, r, int32(8*k))
	}
}

// storeWord stores a word at the guest address in r, unless that is 0.
func (n *native) storeWord(r amd64.Reg, value int) {
	var null label
	n.a.RR(amd64.TEST, amd64.W64, r, r)
	n.jcc(amd64.E, &null)
	n.a.RM(amd64.MOV, amd64.W32, amd64.RAX, spill(value))
	n.storeAt(4, amd64.RAX, r, 0)
	n.bind(&null)
}
