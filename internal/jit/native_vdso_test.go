//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// hostVDSO makes functions that stand for the host's, and a stack for them. They use it, change what C functions may
// change, and fail unless the stack is aligned, and for CLOCK_TAI. The results are their first argument, or the
// third where there are pointers only, and a constant.
func (m *nativeTest) hostVDSO() (at Functions) {
	code := mapped(m.t, -1, testPage, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	stack := mapped(m.t, -1, testPage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	m.ctx.SetCallStack(uintptr(unsafe.Pointer(&stack[0])) + testPage)
	a := amd64.Assembler{Buf: code[:0]}
	for f := range at {
		if !ir.Function(f).OfVDSO() {
			continue
		}
		at[f] = uintptr(unsafe.Pointer(&code[a.Len()]))
		a.RM(amd64.LEA, amd64.W64, amd64.RAX, amd64.At(amd64.RSP, -8))
		a.RI(amd64.AND, amd64.W32, amd64.RAX, 15)
		a.Push(amd64.RBX)
		a.MovImm(amd64.RBX, hostValue)
		switch ir.Function(f) {
		case ir.ClockGettime, ir.ClockGetres:
			a.MR(amd64.MOV, amd64.W64, amd64.At(amd64.RSI, 0), amd64.RDI)
			a.MR(amd64.MOV, amd64.W64, amd64.At(amd64.RSI, 8), amd64.RBX)
			a.RI(amd64.CMP, amd64.W32, amd64.RDI, 11)
			a.CMov(amd64.E, amd64.W32, amd64.RAX, amd64.RBX)
		case ir.Gettimeofday:
			a.MR(amd64.MOV, amd64.W64, amd64.At(amd64.RDI, 0), amd64.RSI)
			a.MR(amd64.MOV, amd64.W64, amd64.At(amd64.RDI, 8), amd64.RBX)
		case ir.Getcpu:
			a.MR(amd64.MOV, amd64.W32, amd64.At(amd64.RDI, 0), amd64.RDX)
			a.MR(amd64.MOV, amd64.W32, amd64.At(amd64.RSI, 0), amd64.RBX)
		}
		for _, r := range [...]amd64.Reg{amd64.RCX, amd64.RDX, amd64.RSI, amd64.RDI, amd64.R8, amd64.R9, amd64.R10, amd64.R11} {
			a.RR(amd64.MOV, amd64.W64, r, amd64.RBX)
		}
		a.RR(amd64.PXOR, amd64.W64, amd64.X8, amd64.X8)
		a.RR(amd64.PXOR, amd64.W64, amd64.X9, amd64.X9)
		a.Pop(amd64.RBX)
		a.Ret()
	}
	return at
}

const hostValue = 0x1234567

// TestNativeVDSO: results come from the host's function, and are stored wherever the guest may store; all else is left to the
// guest's own code. No register changes.
func TestNativeVDSO(t *testing.T) {
	const clean = 0x5a
	withNative(t, func(m *nativeTest) {
		vdso := func(f ir.Function, args ...uint64) (result []byte, returned bool) {
			for i := range m.all[middle:middleEnd] {
				m.all[middle+i] = clean
			}
			r, ok := m.call(f, [4]uint64(append(args, 0, 0, 0, 0)[:4]))
			if ok && r != 0 {
				t.Errorf("%s%#x returns %d", f, args, r)
			}
			return m.all[middle:middleEnd], ok
		}
		want := func(values ...uint64) (b []byte) {
			for _, v := range values {
				b = binary.LittleEndian.AppendUint64(b, v)
			}
			return b
		}
		const at = middle + testPage - 8 // in two pages
		for clock := range uint64(40) {
			known := sharedClocks>>clock&1 != 0 && clock != 11
			for _, f := range []ir.Function{ir.ClockGettime, ir.ClockGetres} {
				got, ok := vdso(f, clock, at)
				if ok != known || ok && string(got[at-middle:][:16]) != string(want(clock, hostValue)) {
					t.Errorf("%s of %d: %v, % x", f, clock, ok, got[at-middle:][:16])
				}
			}
		}
		if _, ok := vdso(ir.ClockGettime, ^uint64(0), at); ok {
			t.Error("clock -1 is one")
		}
		if got, ok := vdso(ir.Gettimeofday, at, 0); !ok || string(got[at-middle:][:16]) != string(want(0, hostValue)) {
			t.Errorf("gettimeofday: %v, % x", ok, got[at-middle:][:16])
		}
		if _, ok := vdso(ir.Gettimeofday, at, at); ok {
			t.Error("there is a time zone")
		}
		for _, p := range [][2]uint64{{at, at + 4}, {at + 4, 0}, {0, at}, {0, 0}} {
			got, ok := vdso(ir.Getcpu, p[0], p[1], 77)
			for k, want := range [...]uint32{0, hostValue} {
				if p[k] != 0 && binary.LittleEndian.Uint32(got[p[k]-middle:]) != want || !ok {
					t.Errorf("getcpu%#x: %v, % x", p, ok, got[at-middle:][:8])
				}
			}
		}
		for _, bad := range []uint64{8, middleEnd - 8, middle - 16, uint64(len(m.all)), 1 << 63} {
			_, ok1 := vdso(ir.ClockGettime, 1, bad)
			_, ok2 := vdso(ir.Gettimeofday, bad, 0)
			_, ok3 := vdso(ir.Getcpu, at, bad&^7+8)
			if ok1 || ok2 || ok3 {
				t.Errorf("%#x can be written to: %v %v %v", bad, ok1, ok2, ok3)
			}
		}
		m.ctx.IRQ.Raise(1)
		if _, ok := vdso(ir.ClockGettime, 1, at); ok {
			t.Error("the interrupt word is not looked at")
		}
		m.ctx.IRQ.Replace(1, 0)
	})
}
