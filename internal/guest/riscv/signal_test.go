package riscv

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
)

// TestFrameLayout compares the offsets with the kernel's own headers, by having
// the compiler check them.
func TestFrameLayout(t *testing.T) {
	cc, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("riscv64-linux-gnu-gcc is not installed: no kernel headers to compare with")
	}
	want := []struct {
		field  string
		offset int
	}{
		{"info", frameInfo},
		{"uc", frameUC},
		{"uc.uc_stack", frameStack},
		{"uc.uc_sigmask", frameMask},
		{"uc.uc_mcontext.sc_regs", frameRegs},
		{"uc.uc_mcontext.sc_regs.a0", frameRegs + 8*regA0},
		{"uc.uc_mcontext.sc_fpregs.d.f", frameFRegs},
		{"uc.uc_mcontext.sc_fpregs.d.fcsr", frameFCSR},
		{"uc.uc_mcontext.sc_fpregs.q.reserved[0]", frameReserved},
		{"uc.uc_mcontext.sc_fpregs.q.reserved[1]", frameExt},
	}
	var src strings.Builder
	src.WriteString("#include <stddef.h>\n#include <asm/siginfo.h>\n#include <linux/signal.h>\n" +
		"#include <asm/ptrace.h>\n#include <asm/sigcontext.h>\n#include <asm/ucontext.h>\n" +
		"struct frame { siginfo_t info; struct ucontext uc; };\n")
	for _, w := range want {
		fmt.Fprintf(&src, "_Static_assert(offsetof(struct frame, %s) == %d, \"%s\");\n", w.field, w.offset, w.field)
	}
	fmt.Fprintf(&src, "_Static_assert(sizeof(struct frame) == %d, \"size\");\n", frameSize)
	file := filepath.Join(t.TempDir(), "frame.c")
	if err := os.WriteFile(file, []byte(src.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(cc, "-fsyntax-only", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, msg)
	}
}

// setRegs gives every register a value of its own.
func (m *machine) setRegs() {
	m.SetPC(codeAddr + 0x10)
	for i := 1; i < 32; i++ {
		m.SetX(i, uint64(i)<<32|0xabc)
	}
	for i := range 32 {
		m.SetF(i, uint64(i)<<40|0xdef)
	}
	m.SetFCSR(0x65)
	m.SetSP(dataAddr + areaSize)
}

// regs is the whole visible state.
func (m *machine) regs() (r [66]uint64) {
	for i := range 32 {
		r[i], r[32+i] = m.X(i), m.F(i)
	}
	r[64], r[65] = m.PC(), uint64(m.FCSR())
	return r
}

func testFrame() *guest.SignalFrame {
	f := &guest.SignalFrame{
		Signal:  11,
		Mask:    0x8000000000000401,
		Stack:   guest.AltStack{SP: 0x7000, Flags: 2, Size: 0x2000},
		Handler: codeAddr + 0x100,
		Return:  codeAddr + 0x200,
		SP:      dataAddr + areaSize - 24, // not a multiple of 16
	}
	for i := range f.Info {
		f.Info[i] = byte(i + 1)
	}
	return f
}

// TestSignalFrame reads a frame at the documented offsets and checks how the
// handler is entered.
func TestSignalFrame(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.setRegs()
		before := m.regs()
		f := testFrame()
		if err := m.PushSignal(f); err != nil {
			t.Fatal(err)
		}
		base := m.SP()
		if base%16 != 0 || base > f.SP-1088 || base <= f.SP-1088-16 {
			t.Errorf("frame at %#x for a stack pointer of %#x", base, f.SP)
		}
		if m.PC() != f.Handler || m.X(1) != f.Return || m.X(10) != 11 || m.X(11) != base || m.X(12) != base+128 {
			t.Errorf("handler entered with pc=%#x ra=%#x a0=%d a1=%#x a2=%#x", m.PC(), m.X(1), m.X(10), m.X(11), m.X(12))
		}
		var b [1088]byte
		if fault := m.as.CopyIn(b[:], base); fault != nil {
			t.Fatal(fault)
		}
		if diff := cmp.Diff(f.Info[:], b[:128]); diff != "" {
			t.Errorf("siginfo:\n%s", diff)
		}
		word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
		want := map[int]uint64{
			128: 0, 136: 0, // uc_flags, uc_link
			144: f.Stack.SP, 152: 2, 160: f.Stack.Size,
			168:  f.Mask,
			304:  before[64], // pc
			312:  before[1],
			320:  before[2],
			552:  before[31],
			560:  before[32],
			808:  before[63],
			816:  0x65,
			1072: 0, 1080: 0, // reserved, END record
		}
		for off, v := range want {
			if word(off) != v {
				t.Errorf("word at %d is %#x, want %#x", off, word(off), v)
			}
		}
	})
}

// TestSigreturn checks that what a frame holds comes back, also when the handler
// has changed everything.
func TestSigreturn(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.setRegs()
		before := m.regs()
		f := testFrame()
		if err := m.PushSignal(f); err != nil {
			t.Fatal(err)
		}
		sp := m.SP()
		for i := 1; i < 32; i++ {
			m.SetX(i, 1)
			m.SetF(i, 1)
		}
		m.SetFCSR(0)
		m.SetSP(sp)
		mask, stack, err := m.PopSignal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, m.regs()); diff != "" {
			t.Errorf("registers after sigreturn:\n%s", diff)
		}
		if mask != f.Mask || stack != f.Stack {
			t.Errorf("mask %#x, stack %+v", mask, stack)
		}
	})
}

// TestSigreturnEdited checks that a handler's changes to the frame take effect.
func TestSigreturnEdited(t *testing.T) {
	m := newMachine(t, "offset")
	m.setRegs()
	if err := m.PushSignal(testFrame()); err != nil {
		t.Fatal(err)
	}
	sp := m.SP()
	m.as.Store(sp+frameRegs, 8, codeAddr+0x41) // sepc has no bit 0
	m.as.Store(sp+frameRegs+8*regA0, 8, 77)
	m.as.Store(sp+frameFCSR, 4, 0xffffff21)
	m.as.Store(sp+frameMask, 8, 5)
	mask, _, err := m.PopSignal()
	if err != nil || mask != 5 || m.PC() != codeAddr+0x40 || m.X(10) != 77 || m.FCSR() != 0x21 {
		t.Errorf("mask %#x, pc %#x, a0 %d, fcsr %#x, %v", mask, m.PC(), m.X(10), m.FCSR(), err)
	}
}

// TestBadFrames checks what sigreturn refuses, and that nothing changes then.
func TestBadFrames(t *testing.T) {
	bad := map[string]func(m *machine){
		"reserved word":    func(m *machine) { m.as.Store(m.SP()+1076, 4, 1) },
		"vector record":    func(m *machine) { m.as.Store(m.SP()+1080, 4, 0x53465457) },
		"size of END":      func(m *machine) { m.as.Store(m.SP()+1084, 4, 8) },
		"unmapped":         func(m *machine) { m.SetSP(0x7000_0000) },
		"partly unmapped":  func(m *machine) { m.SetSP(dataAddr + areaSize - 1080) },
		"end of addresses": func(m *machine) { m.SetSP(^uint64(0) - 15) },
	}
	for name, spoil := range bad {
		t.Run(name, func(t *testing.T) {
			onMappings(t, func(t *testing.T, m *machine) {
				m.setRegs()
				if err := m.PushSignal(testFrame()); err != nil {
					t.Fatal(err)
				}
				spoil(m)
				before := m.regs()
				if _, _, err := m.PopSignal(); err == nil {
					t.Error("accepted")
				}
				if before != m.regs() {
					t.Error("registers changed")
				}
			})
		})
	}
}

// TestPushSignalFails checks stacks that cannot take a frame.
func TestPushSignalFails(t *testing.T) {
	for name, setup := range map[string]func(m *machine, f *guest.SignalFrame){
		"unmapped stack": func(_ *machine, f *guest.SignalFrame) { f.SP = 0x7000_0000 },
		"null stack":     func(_ *machine, f *guest.SignalFrame) { f.SP = 16 },
		"alternate stack overflow": func(m *machine, f *guest.SignalFrame) {
			f.Stack = guest.AltStack{SP: dataAddr + 0x1000, Size: 0x1000}
			m.SetSP(dataAddr + 0x1000 + 512) // on it, but without room for another frame
			f.SP = m.SP()
		},
	} {
		t.Run(name, func(t *testing.T) {
			onMappings(t, func(t *testing.T, m *machine) {
				m.setRegs()
				f := testFrame()
				setup(m, f)
				before := m.regs()
				if err := m.PushSignal(f); err == nil {
					t.Error("accepted")
				}
				if before != m.regs() {
					t.Error("registers changed")
				}
			})
		})
	}
}

// TestPushSignalAltStack checks that entering the alternate stack from another
// one, or nesting on it with room enough, is no overflow.
func TestPushSignalAltStack(t *testing.T) {
	alt := guest.AltStack{SP: dataAddr, Size: 0x2000}
	disarmed := alt
	disarmed.Flags = guest.SS_AUTODISARM
	for name, tt := range map[string]struct {
		stack  guest.AltStack
		sp, at uint64 // current SP, top of the stack to use
	}{
		"enter":      {alt, dataAddr + areaSize, dataAddr + 0x2000},
		"nest":       {alt, dataAddr + 0x1800, dataAddr + 0x1800},
		"autodisarm": {disarmed, dataAddr + 0x100, dataAddr + 0x2000},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "offset")
			m.SetSP(tt.sp)
			f := testFrame()
			f.Stack, f.SP = tt.stack, tt.at
			if err := m.PushSignal(f); err != nil {
				t.Error(err)
			}
		})
	}
}
