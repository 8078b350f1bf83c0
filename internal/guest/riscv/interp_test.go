package riscv

import (
	"context"
	"math"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/mem"
)

const allOnes = math.MaxUint64

// TestArithmetic has one row per point where integer instructions are easily
// got wrong: a1 and a2 are the sources.
func TestArithmetic(t *testing.T) {
	const minInt64, minInt32 = 1 << 63, 0xffffffff80000000
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name       string
		a, b, want uint64
	}{
		{"div", 7, 0, allOnes},
		{"div", minInt64, allOnes, minInt64},
		{"div", 7, allOnes - 1, allOnes - 2}, // 7 / -2
		{"divu", 7, 0, allOnes},
		{"rem", 7, 0, 7},
		{"rem", minInt64, allOnes, 0},
		{"rem", allOnes - 6, 2, allOnes}, // -7 % 2
		{"remu", 7, 0, 7},
		{"divw", 7, 1 << 32, allOnes},
		{"divw", 1 << 31, 0xffffffff, minInt32},
		{"divuw", 0xffffffff, 1, allOnes},
		{"divuw", 5, 0, allOnes},
		{"remw", 0xfffffffff, 1 << 32, allOnes},
		{"remw", 1 << 31, 0xffffffff, 0},
		{"remuw", 0x80000000, 0, minInt32},
		{"remuw", 0xffffffff, 0xf0000000, 0x0fffffff},
		{"mulh", allOnes, allOnes, 0},
		{"mulh", minInt64, minInt64, 1 << 62},
		{"mulhu", allOnes, allOnes, allOnes - 1},
		{"mulhsu", allOnes, allOnes, allOnes},
		{"mulhsu", 2, minInt64, 1},
		{"mulw", 0x10000, 0x8000, minInt32},
		{"addw", 0x7fffffff, 1, minInt32},
		{"subw", 1 << 63, 1, allOnes},
		{"sll", 1, 64 + 3, 8},
		{"srl", minInt64, 127, 1},
		{"sra", minInt64, 63, allOnes},
		{"sllw", 1, 31, minInt32},
		{"sllw", 1, 32, 1},
		{"srlw", 0xffffffff80000000, 0, minInt32},
		{"srlw", 0x1_80000000, 31, 1},
		{"sraw", 0x80000000, 4, 0xfffffffff8000000},
		{"slt", allOnes, 0, 1},
		{"sltu", allOnes, 0, 0},
		{"add.uw", allOnes, 1, 1 << 32},
		{"sh3add.uw", 1<<32 | 2, 1, 17},
		{"sh1add", 3, 1, 7},
		{"andn", 15, 5, 10},
		{"orn", 0, 5, ^uint64(5)},
		{"xnor", 15, 5, ^uint64(10)},
		{"max", allOnes, 1, 1},
		{"maxu", allOnes, 1, allOnes},
		{"min", allOnes, 1, allOnes},
		{"minu", allOnes, 1, 1},
		{"rol", 1 << 63, 65, 1},
		{"ror", 1, 65, 1 << 63},
		{"rolw", 0x80000001, 1, 3},
		{"rorw", 1, 33, minInt32},
		{"bclr", allOnes, 127, allOnes >> 1},
		{"bext", 1 << 5, 64 + 5, 1},
		{"binv", 1, 64, 0},
		{"bset", 0, 63, 1 << 63},
		{"czero.eqz", 5, 0, 0},
		{"czero.eqz", 5, 9, 5},
		{"czero.nez", 5, 0, 5},
		{"czero.nez", 5, 9, 0},
	} {
		m.SetX(11, c.a)
		m.SetX(12, c.b)
		m.run(m.op(c.name, f{"rd": 10, "rs1": 11, "rs2": 12}))
		if got := m.X(10); got != c.want {
			t.Errorf("%s %#x, %#x = %#x, want %#x", c.name, c.a, c.b, got, c.want)
		}
	}
}

func TestUnary(t *testing.T) {
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name    string
		a, want uint64
	}{
		{"clz", 0, 64},
		{"clzw", 1 << 32, 32},
		{"clzw", 0xffffffff80000000, 0},
		{"ctz", 0, 64},
		{"ctzw", 1 << 32, 32},
		{"cpop", allOnes, 64},
		{"cpopw", 0xffffffff80000000, 1},
		{"sext.b", 0x80, 0xffffffffffffff80},
		{"sext.h", 0x18000, 0xffffffffffff8000},
		{"zext.h", allOnes, 0xffff},
		{"orc.b", 0x0100_8000_7f00_0001, 0xff00_ff00_ff00_00ff},
		{"rev8", 0x0102030405060708, 0x0807060504030201},
	} {
		m.SetX(11, c.a)
		m.run(m.op(c.name, f{"rd": 10, "rs1": 11}))
		if got := m.X(10); got != c.want {
			t.Errorf("%s %#x = %#x, want %#x", c.name, c.a, got, c.want)
		}
	}
}

func TestImmediates(t *testing.T) {
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name   string
		fields f
		want   uint64
	}{
		{"lui", f{"imm": -0x80000000}, 0xffffffff80000000},
		{"auipc", f{"off": -0x1000}, codeAddr - 0x1000},
		{"auipc", f{"off": 0x7ffff000}, codeAddr + 0x7ffff000},
		{"addi", f{"rs1": 11, "imm": -2048}, allOnes - 2042},
		{"addiw", f{"rs1": 12, "imm": 0}, 0xffffffff80000000},
		{"sltiu", f{"rs1": 11, "imm": -1}, 1},
		{"slti", f{"rs1": 11, "imm": -1}, 0},
		{"xori", f{"rs1": 11, "imm": -1}, ^uint64(5)},
		{"slli.uw", f{"rs1": 12, "uimm": 63}, 0},
		{"slli.uw", f{"rs1": 12, "uimm": 4}, 0x800000000},
		{"roriw", f{"rs1": 11, "uimm": 1}, 0xffffffff80000002},
		{"rori", f{"rs1": 11, "uimm": 63}, 10},
		{"bexti", f{"rs1": 12, "uimm": 31}, 1},
		{"mop.r.n", f{"rs1": 11, "uimm": 17}, 0},
		{"mop.rr.n", f{"rs1": 11, "rs2": 11, "uimm": 3}, 0},
		{"c.li", f{"imm": -32}, allOnes - 31},
		{"c.lui", f{"imm": -0x20000}, allOnes - 0x1ffff},
	} {
		m.SetX(10, 0xdead)
		m.SetX(11, 5)
		m.SetX(12, 0x80000000)
		c.fields["rd"] = 10
		m.run(m.op(c.name, c.fields))
		if got := m.X(10); got != c.want {
			t.Errorf("%s %v = %#x, want %#x", c.name, c.fields, got, c.want)
		}
	}
}

func TestX0(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.SetX(11, 7)
	m.run(
		m.op("addi", f{"rd": 0, "rs1": 11, "imm": 1}),
		m.op("add", f{"rd": 10, "rs1": 0, "rs2": 0}),
		m.op("jal", f{"rd": 0, "off": 4}),
		m.op("add", f{"rd": 12, "rs1": 0, "rs2": 11}),
	)
	if m.X(0) != 0 || m.X(10) != 0 || m.X(12) != 7 {
		t.Errorf("x0 = %#x, a0 = %#x, a2 = %#x", m.X(0), m.X(10), m.X(12))
	}
	m.SetX(0, 5)
	if m.X(0) != 0 {
		t.Error("SetX wrote x0")
	}
}

// TestJalr: rs1 is read before rd is written, and bit 0 of the target is cleared.
func TestJalr(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.SetX(10, codeAddr+12)
	m.run(
		m.op("jalr", f{"rd": 10, "rs1": 10, "imm": 1}),
		words(0, 0),
	)
	if m.X(10) != codeAddr+4 {
		t.Errorf("link %#x", m.X(10))
	}
	m.SetX(11, codeAddr+4)
	m.run(m.op("c.jalr", f{"rs1": 11}), words(0)[:2])
	if m.X(1) != codeAddr+2 {
		t.Errorf("link %#x", m.X(1))
	}
}

func TestMemory(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.put(dataAddr, []byte{0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x01})
		for _, c := range []struct {
			name string
			off  int64
			want uint64
		}{
			{"lb", 0, 0xffffffffffffff80}, {"lbu", 0, 0x80},
			{"lh", 1, 0xffffffffffff8281}, {"lhu", 1, 0x8281},
			{"lw", 3, 0xffffffff86858483}, {"lwu", 3, 0x86858483},
			{"ld", 1, 0x0187868584838281},
		} {
			m.SetX(11, dataAddr)
			m.run(m.op(c.name, f{"rd": 10, "rs1": 11, "imm": c.off}))
			if m.X(10) != c.want {
				t.Errorf("%s = %#x, want %#x", c.name, m.X(10), c.want)
			}
		}
		// Stores, misaligned and across a page.
		const at = dataAddr + mem.PageSize - 3
		for _, c := range []struct {
			name string
			want uint64
		}{
			{"sb", 0xffffffffffffff88}, {"sh", 0xffffffffffff7788},
			{"sw", 0xffffffff55667788}, {"sd", 0x1122334455667788},
		} {
			m.as.Store(at, 8, allOnes)
			m.SetX(10, 0x1122334455667788)
			m.SetX(11, at+4)
			m.run(m.op(c.name, f{"rs2": 10, "rs1": 11, "imm": -4}))
			if got, _ := m.as.Load(at, 8); got != c.want {
				t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
			}
		}
	})
}

// TestPreciseFault: what precedes the faulting instruction has happened, the
// rest has not, for all kinds of access.
func TestPreciseFault(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const none, readOnly = 0x400000, 0x500000
		m.mmap(readOnly, mem.PageSize, mem.Read)
		mapErr := guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_MAPERR}
		accErr := guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR}
		for _, c := range []struct {
			name   string
			fields f
			addr   uint64
			want   guest.Trap
		}{
			{"ld", f{"rd": 10, "rs1": 11}, none, mapErr},
			{"lb", f{"rd": 0, "rs1": 11}, none, mapErr}, // a load to x0 faults as well
			{"lw", f{"rd": 11, "rs1": 11}, 1 << 40, mapErr},
			{"lw", f{"rd": 11, "rs1": 11}, 1<<63 | 4, mapErr},
			{"sd", f{"rs2": 10, "rs1": 11}, none, mapErr},
			{"sd", f{"rs2": 10, "rs1": 11}, readOnly, accErr},
			{"sb", f{"rs2": 10, "rs1": 11}, readOnly + 5, accErr},
			{"flw", f{"fd": 10, "rs1": 11}, none, mapErr},
			{"fsd", f{"fs2": 10, "rs1": 11}, readOnly, accErr},
			{"amoadd.w", f{"rd": 10, "rs2": 10, "rs1": 11}, readOnly, accErr},
			{"amoxor.d", f{"rd": 10, "rs2": 10, "rs1": 11}, readOnly, accErr},
			{"amoswap.b", f{"rd": 10, "rs2": 10, "rs1": 11}, readOnly + 3, accErr},
			{"amocas.w", f{"rd": 10, "rs2": 10, "rs1": 11}, readOnly, accErr},
			{"amocas.q", f{"rd": 10, "rs2": 10, "rs1": 11}, none, mapErr},
			{"lr.d", f{"rd": 10, "rs1": 11}, none, mapErr},
			{"cbo.zero", f{"rs1": 11}, readOnly, accErr},
			{"cbo.clean", f{"rs1": 11}, none, mapErr},
		} {
			m.SetX(10, 77)
			m.SetF(10, 88)
			m.SetX(11, c.addr)
			m.SetX(12, 0)
			m.put(codeAddr,
				m.op("c.addi", f{"rd": 12, "imm": 1}),
				m.op(c.name, c.fields),
				m.op("c.addi", f{"rd": 12, "imm": 1}), ecall)
			m.FlushCode()
			m.SetPC(codeAddr)
			before := m.Retired()
			want := c.want
			want.Addr = c.addr
			m.wantTrap(codeAddr+2, want)
			if m.X(10) != 77 || m.F(10) != 88 || m.X(11) != c.addr || m.X(12) != 1 || m.Retired() != before+1 {
				t.Errorf("%s: a0 %d, fa0 %d, a1 %#x, a2 %d, retired %d", c.name, m.X(10), m.F(10), m.X(11), m.X(12), m.Retired()-before)
			}
		}
	})
}

// TestFaultAcrossPages: si_addr is the part that is missing, and a store that
// faults has written nothing (table mapping) or at most the part before the page.
func TestFaultAcrossPages(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const end = dataAddr + areaSize
		m.SetX(11, end-4)
		m.put(codeAddr, m.op("ld", f{"rd": 10, "rs1": 11}), ecall)
		m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_MAPERR, Addr: end})
	})
}

func TestTraps(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		nop := m.op("c.addi", f{})
		for _, c := range []struct {
			code []byte
			want guest.Trap
		}{
			{words(0), guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: codeAddr + 2}},
			{words(0xffffffff), guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: codeAddr + 2}},
			{m.op("ebreak", nil), guest.Trap{Signal: guest.SIGTRAP, Code: guest.TRAP_BRKPT, Addr: codeAddr + 2}},
			{m.op("c.ebreak", nil), guest.Trap{Signal: guest.SIGTRAP, Code: guest.TRAP_BRKPT, Addr: codeAddr + 2}},
			{m.op("csrrs.x0", f{"rd": 10, "csr": 0xc00}), guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: codeAddr + 2}},
		} {
			m.put(codeAddr, nop, c.code)
			m.FlushCode()
			m.SetPC(codeAddr)
			before := m.Retired()
			m.wantTrap(codeAddr+2, c.want)
			if got := m.Retired() - before; got != 1 {
				t.Errorf("% x: retired %d", c.code, got)
			}
		}
	})
}

func TestFetchFaults(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const end = codeAddr + areaSize
		accErr := guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_ACCERR, Addr: dataAddr}
		mapErr := guest.Trap{Signal: guest.SIGSEGV, Code: guest.SEGV_MAPERR, Addr: end}

		m.SetPC(dataAddr) // not executable
		m.wantTrap(dataAddr, accErr)

		m.SetX(10, dataAddr) // jump there
		m.put(codeAddr, m.op("c.jr", f{"rs1": 10}))
		m.SetPC(codeAddr)
		m.wantTrap(dataAddr, accErr)
		m.wantTrap(dataAddr, accErr) // and again

		// Running off the end executes what is there first.
		m.put(end-4, m.op("c.li", f{"rd": 10, "imm": 1}), m.op("c.li", f{"rd": 11, "imm": 2}))
		m.SetPC(end - 4)
		m.wantTrap(end, mapErr)
		if m.X(10) != 1 || m.X(11) != 2 {
			t.Errorf("a0 = %d, a1 = %d", m.X(10), m.X(11))
		}

		// Half an instruction: the pc is its start, the address the missing half.
		m.put(end-2, m.op("addi", f{"rd": 10, "rs1": 10, "imm": 9})[:2])
		m.FlushCode()
		m.SetPC(end - 4)
		m.wantTrap(end-2, mapErr)
		if m.X(10) != 1 {
			t.Errorf("a0 = %d", m.X(10))
		}

		// With the next page there, it executes.
		m.mmap(end, mem.PageSize, mem.Read|mem.Write|mem.Exec)
		m.put(end-2, m.op("addi", f{"rd": 10, "rs1": 10, "imm": 9}), ecall)
		m.FlushCode()
		m.SetPC(end - 2)
		if e := m.Run(); e.Kind != guest.ExitSyscall || m.X(10) != 10 {
			t.Errorf("%+v, a0 = %d", e, m.X(10))
		}
	})
}

func TestSyscall(t *testing.T) {
	m := newMachine(t, fastMapping)
	for i := range 6 {
		m.SetX(10+i, uint64(100+i))
	}
	m.SetX(17, 64)
	m.run()
	nr, args := m.Syscall()
	if want := [6]uint64{100, 101, 102, 103, 104, 105}; nr != 64 || args != want {
		t.Errorf("%d %v", nr, args)
	}
	m.SetResult(-4)
	if m.X(10) != allOnes-3 {
		t.Errorf("a0 = %#x", m.X(10))
	}
	m.RestartSyscall(args[0])
	m.SetSyscallNr(128)
	if m.PC() != codeAddr || m.X(10) != 100 || m.X(17) != 128 {
		t.Errorf("pc %#x, a0 %d, a7 %d", m.PC(), m.X(10), m.X(17))
	}
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		t.Errorf("%+v", e)
	}
}

// TestSafepoints runs TestInterrupt without asynchronous preemption, as the
// engine does.
func TestSafepoints(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	// A hang stops the child's own timeout as well.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run=^TestInterrupt$")
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestInterrupt stops a loop of one instruction that never ends by itself, while
// the garbage collector needs the thread as well.
func TestInterrupt(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.put(codeAddr, m.op("c.j", f{"off": 0}))
	word := m.IRQ()
	go func() {
		time.Sleep(time.Millisecond)
		runtime.GC() // hangs if the loop has no safepoint
		word.Raise(irq.Signal)
	}()
	if e := m.Run(); e.Kind != guest.ExitInterrupt || m.PC() != codeAddr {
		t.Errorf("%+v at %#x", e, m.PC())
	}
	// It stays set until it is cleared, and nothing executes meanwhile.
	before := m.Retired()
	if e := m.Run(); e.Kind != guest.ExitInterrupt || m.Retired() != before {
		t.Errorf("%+v, retired %d", e, m.Retired()-before)
	}
	word.Lower(irq.All)
	m.put(codeAddr, ecall)
	m.FlushCode()
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		t.Errorf("%+v", e)
	}
}

// TestLongBlock: more instructions than a block holds, without a jump.
func TestLongBlock(t *testing.T) {
	m := newMachine(t, fastMapping)
	var code [][]byte
	for range 3*maxBlock + 5 {
		code = append(code, m.op("c.addi", f{"rd": 10, "imm": 1}))
	}
	m.run(code...)
	if want := uint64(len(code)); m.X(10) != want || m.Retired() != want+1 {
		t.Errorf("a0 = %d, retired %d, want %d", m.X(10), m.Retired(), want)
	}
}

func TestClone(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.SetX(10, 1)
	m.SetF(10, 2)
	m.SetFCSR(0x61)
	n := m.Clone().(*CPU)
	m.SetX(10, 3)
	if n.X(10) != 1 || n.F(10) != 2 || n.FCSR() != 0x61 || n.PC() != m.PC() {
		t.Errorf("a0 %d, fa0 %d, fcsr %#x, pc %#x", n.X(10), n.F(10), n.FCSR(), n.PC())
	}
	n.SetTLS(9)
	if n.X(4) != 9 || m.X(4) == 9 {
		t.Error("the clone shares registers")
	}
	m.put(codeAddr, ecall)
	if e := n.Run(); e.Kind != guest.ExitSyscall || m.PC() != codeAddr {
		t.Errorf("%+v, the original's pc is %#x", e, m.PC())
	}
}
