//go:build linux && amd64

package jit

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/host/amd64"
)

// BenchmarkAddressing compares what a guest address can be added to: nothing (direct), a
// register, or the base of the segment GS (which Go does not use). The loops have eight
// loads, independent or each the address of the next, or eight stores. The time is of one
// access.
func BenchmarkAddressing(b *testing.B) {
	const accesses, rounds = 8, 1000
	for _, form := range []string{"direct", "register", "segment"} {
		for _, kind := range []string{"loads", "chain", "stores"} {
			b.Run(form+"/"+kind, func(b *testing.B) {
				m := newMachine(b)
				base := uint64(uintptr(unsafe.Pointer(m.data)))
				at, start := amd64.At(amd64.RSI, 0), uint64(0)
				switch form {
				case "direct":
					start = base
					*(*uint64)(unsafe.Pointer(m.data)) = base // where the chain goes on
				case "register":
					at = amd64.AtIndex(baseReg, amd64.RSI, 1, 0)
				default:
					setGS(b, uintptr(base))
				}
				a := amd64.Assembler{}
				a.MovImm(amd64.RSI, start)
				a.MovImm(amd64.RDX, rounds)
				loop := a.Len()
				for range accesses {
					if form == "segment" {
						a.Buf = append(a.Buf, 0x65) // the prefix
					}
					switch kind {
					case "loads":
						a.RM(amd64.MOV, amd64.W64, amd64.RAX, at)
					case "chain":
						a.RM(amd64.MOV, amd64.W64, amd64.RSI, at)
					default:
						a.MR(amd64.MOV, amd64.W64, at, amd64.RSI)
					}
				}
				a.RI(amd64.SUB, amd64.W32, amd64.RDX, 1)
				a.SetRel32(a.Jcc(amd64.NE), loop)
				a.JmpM(amd64.At(ctxReg, offLeave))
				copy(m.code, a.Buf)
				m.ctx.Init()
				m.ctx.Base, m.ctx.entry = uintptr(base), uintptr(unsafe.Pointer(&m.code[0]))
				m.ctx.MXCSR = 0x1f80
				m.ctx.SetStack(uintptr(unsafe.Pointer(&m.stack[len(m.stack)-1])))
				for b.Loop() {
					enter(m.ctx)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(accesses*rounds), "ns/access")
			})
		}
	}
}

// setGS sets the base of the segment GS for the rest of a benchmark.
func setGS(b *testing.B, base uintptr) {
	const archSetGS = 0x1001
	runtime.LockOSThread()
	set := func(base uintptr) {
		if _, _, e := unix.RawSyscall(unix.SYS_ARCH_PRCTL, archSetGS, base, 0); e != 0 {
			b.Fatal(e)
		}
	}
	set(base)
	b.Cleanup(func() {
		set(0)
		runtime.UnlockOSThread()
	})
}
