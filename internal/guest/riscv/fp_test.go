package riscv

import (
	"math"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/guest"
)

const (
	boxed   = 0xffffffff00000000
	boxed16 = 0xffffffffffff0000
	nanD    = 0x7ff8000000000000
	snanS   = boxed | 0x7f800001
	snanD   = 0x7ff0000000000001
	infS    = boxed | 0x7f800000
	oneS    = boxed | 0x3f800000
	twoS    = boxed | 0x40000000
	negS    = boxed | 0x80000000

	nx, uf, of, dz, nv = 1, 2, 4, 8, 16
)

var oneD, twoD, threeD = math.Float64bits(1), math.Float64bits(2), math.Float64bits(3)

// TestFP has one row per point where floating-point instructions are easily got
// wrong. fa1, fa2, fa3 are the sources; the result is in fa0 or, where the
// instruction has an integer one, a0.
func TestFP(t *testing.T) {
	m := newMachine(t, fastMapping)
	const minusZeroD = 1 << 63
	for _, c := range []struct {
		name  string
		a, b  uint64
		want  uint64
		flags uint32
	}{
		// An operand that is not NaN-boxed is the canonical NaN.
		{"fadd.s", 0x3f800000, oneS, boxed | 0x7fc00000, 0},
		{"fsgnj.s", 0x3f800000, negS, boxed | 0xffc00000, 0},
		{"fsgnjn.s", 0x3f800000, negS, boxed | 0x7fc00000, 0},
		{"fsgnjx.s", oneS, negS, boxed | 0xbf800000, 0},
		{"fmin.s", 0x3f800000, oneS, oneS, 0},
		{"fclass.s", 0x3f800000, 0, 1 << 9, 0},
		{"feq.s", 0x3f800000, oneS, 0, 0},
		{"fcvt.w.s", 0x3f800000, 0, math.MaxInt32, nv},
		{"fcvt.d.s", 0x3f800000, 0, nanD, 0},
		{"fcvt.s.h", 0x3c00, 0, boxed | 0x7fc00000, 0},
		{"fcvt.s.h", boxed16 | 0x3c00, 0, oneS, 0},
		{"fcvt.d.h", boxed16 | 0x3c00, 0, oneD, 0},
		{"fcvt.h.s", oneS, 0, boxed16 | 0x3c00, 0},
		{"fcvt.h.d", oneD, 0, boxed16 | 0x3c00, 0},
		// Moves take the bits as they are.
		{"fmv.x.w", 0x1_80000000, 0, 0xffffffff80000000, 0},
		{"fmv.x.h", 0x8000, 0, 0xffffffffffff8000, 0},
		{"fmv.x.d", 5, 0, 5, 0},
		// NaN results are canonical.
		{"fadd.s", boxed | 0xffc12345, oneS, boxed | 0x7fc00000, 0},
		{"fsub.s", infS, infS, boxed | 0x7fc00000, nv},
		{"fmul.d", snanD, oneD, nanD, nv},
		{"fdiv.d", 0, 0, nanD, nv},
		{"fdiv.s", oneS, boxed, infS, dz},
		{"fsqrt.d", math.Float64bits(-1), 0, nanD, nv},
		{"fcvt.s.d", snanD, 0, boxed | 0x7fc00000, nv},
		{"fcvt.d.s", snanS, 0, nanD, nv},
		// Minimum and maximum.
		{"fmin.d", minusZeroD, 0, minusZeroD, 0},
		{"fmax.d", minusZeroD, 0, 0, 0},
		{"fmin.s", snanS, oneS, oneS, nv},
		{"fmax.s", snanS, snanS, boxed | 0x7fc00000, nv},
		{"fminm.d", nanD, oneD, nanD, 0},
		{"fmaxm.s", oneS, twoS, twoS, 0},
		// Comparisons: feq is quiet, flt and fle signal.
		{"feq.d", nanD, oneD, 0, 0},
		{"feq.d", snanD, oneD, 0, nv},
		{"flt.d", nanD, oneD, 0, nv},
		{"fle.s", boxed | 0x7fc00000, oneS, 0, nv},
		{"fltq.d", nanD, oneD, 0, 0},
		{"fleq.d", oneD, oneD, 1, 0},
		{"fle.d", minusZeroD, 0, 1, 0},
		{"flt.s", oneS, twoS, 1, 0},
		// Conversions to integer: saturation, sign extension of .wu.
		{"fcvt.wu.d", math.Float64bits(4294967295), 0, allOnes, 0},
		{"fcvt.wu.d", math.Float64bits(-1), 0, 0, nv},
		{"fcvt.wu.d", math.Float64bits(-0.25), 0, 0, nx},
		{"fcvt.w.d", math.Float64bits(3e9), 0, math.MaxInt32, nv},
		{"fcvt.w.d", math.Float64bits(-3e9), 0, 0xffffffff80000000, nv},
		{"fcvt.l.d", nanD, 0, math.MaxInt64, nv},
		{"fcvt.lu.d", nanD, 0, allOnes, nv},
		{"fcvt.lu.s", boxed | 0xff800000, 0, 0, nv},
		{"fcvt.w.d", math.Float64bits(2.5), 0, 2, nx},
		{"fcvtmod.w.d", math.Float64bits(4294967297), 0, 1, nv},
		{"fcvtmod.w.d", nanD, 0, 0, nv},
		{"fround.d", math.Float64bits(2.5), 0, twoD, 0},
		{"froundnx.d", math.Float64bits(2.5), 0, twoD, nx},
		{"fclass.d", minusZeroD, 0, 1 << 3, 0},
		{"fcvt.s.d", math.Float64bits(1e300), 0, infS, of | nx},
		{"fcvt.s.d", math.Float64bits(1e-300), 0, boxed, uf | nx},
	} {
		fields := f{}
		for _, fd := range rowsByName()[c.name].Fields {
			fields[fd.Name] = map[string]int64{"rd": 10, "fd": 10, "fs1": 11, "fs2": 12}[fd.Name]
		}
		m.SetFCSR(0)
		m.SetF(11, c.a)
		m.SetF(12, c.b)
		m.run(m.op(c.name, fields))
		got := m.F(10)
		if _, ok := fields["rd"]; ok {
			got = m.X(10)
		}
		if got != c.want || m.FCSR() != c.flags {
			t.Errorf("%s %#x, %#x = %#x flags %#x, want %#x flags %#x", c.name, c.a, c.b, got, m.FCSR(), c.want, c.flags)
		}
	}
}

func TestFMA(t *testing.T) {
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name string
		want float64
	}{
		{"fmadd.d", 2*3 + 1}, {"fmsub.d", 2*3 - 1}, {"fnmsub.d", -(2 * 3) + 1}, {"fnmadd.d", -(2 * 3) - 1},
	} {
		m.SetF(11, twoD)
		m.SetF(12, threeD)
		m.SetF(13, oneD)
		m.run(m.op(c.name, f{"fd": 10, "fs1": 11, "fs2": 12, "fs3": 13}))
		if got := math.Float64frombits(m.F(10)); got != c.want {
			t.Errorf("%s = %v, want %v", c.name, got, c.want)
		}
	}
	// inf * 0 + qNaN is invalid.
	m.SetFCSR(0)
	m.SetF(11, infS)
	m.SetF(12, boxed)
	m.SetF(13, boxed|0x7fc00000)
	m.run(m.op("fmadd.s", f{"fd": 10, "fs1": 11, "fs2": 12, "fs3": 13}))
	if m.F(10) != boxed|0x7fc00000 || m.FCSR() != nv {
		t.Errorf("%#x, flags %#x", m.F(10), m.FCSR())
	}
}

func TestIntToFP(t *testing.T) {
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name    string
		a, want uint64
	}{
		{"fcvt.d.w", 0x7_ffffffff, math.Float64bits(-1)},
		{"fcvt.d.wu", allOnes, math.Float64bits(4294967295)},
		{"fcvt.d.l", allOnes, math.Float64bits(-1)},
		{"fcvt.d.lu", 1 << 63, math.Float64bits(1 << 63)},
		{"fcvt.s.w", 1, oneS},
		{"fcvt.s.wu", 1 << 32, boxed},
		{"fcvt.s.l", allOnes, boxed | 0xbf800000},
		{"fcvt.s.lu", allOnes, boxed | 0x5f800000},
		{"fmv.w.x", 0x1234567890, boxed | 0x34567890},
		{"fmv.h.x", 0x1234567890, boxed16 | 0x7890},
		{"fmv.d.x", 7, 7},
	} {
		m.SetX(11, c.a)
		m.run(m.op(c.name, f{"fd": 10, "rs1": 11}))
		if m.F(10) != c.want {
			t.Errorf("%s %#x = %#x, want %#x", c.name, c.a, m.F(10), c.want)
		}
	}
}

func TestFPMemory(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		m.as.Store(dataAddr, 8, 0x1122334455667788)
		m.SetX(11, dataAddr)
		m.run(
			m.op("flh", f{"fd": 1, "rs1": 11}), m.op("flw", f{"fd": 2, "rs1": 11}), m.op("fld", f{"fd": 3, "rs1": 11}),
			m.op("fsh", f{"fs2": 3, "rs1": 11, "imm": 8}), m.op("fsw", f{"fs2": 3, "rs1": 11, "imm": 16}), // raw bits
			m.op("fsd", f{"fs2": 2, "rs1": 11, "imm": 24}),
		)
		if m.F(1) != boxed16|0x7788 || m.F(2) != boxed|0x55667788 || m.F(3) != 0x1122334455667788 {
			t.Errorf("%#x %#x %#x", m.F(1), m.F(2), m.F(3))
		}
		for off, want := range map[uint64]uint64{8: 0x7788, 16: 0x55667788, 24: boxed | 0x55667788} {
			if got, _ := m.as.Load(dataAddr+off, 8); got != want {
				t.Errorf("offset %d: %#x, want %#x", off, got, want)
			}
		}
	})
}

// TestRounding: each static mode, the dynamic one, and reserved dynamic modes.
func TestRounding(t *testing.T) {
	m := newMachine(t, fastMapping)
	third := math.Float64bits(2.5)
	for rm, want := range []uint64{2, 2, 2, 3, 3} {
		m.SetF(11, third)
		m.SetFCSR(0)
		m.run(m.op("fcvt.l.d", f{"rd": 10, "fs1": 11, "rm": int64(rm)}))
		if m.X(10) != want {
			t.Errorf("rm %d: %d, want %d", rm, m.X(10), want)
		}
		m.SetFCSR(uint32(rm) << 5)
		m.run(m.op("fcvt.l.d", f{"rd": 10, "fs1": 11, "rm": 7}))
		if m.X(10) != want || m.FCSR() != uint32(rm)<<5|nx {
			t.Errorf("frm %d: %d, want %d; fcsr %#x", rm, m.X(10), want, m.FCSR())
		}
	}
	for frm := uint32(5); frm < 8; frm++ {
		m.SetFCSR(frm << 5)
		for _, c := range []struct {
			name   string
			fields f
		}{
			{"fadd.s", f{"rm": 7}}, {"fcvt.d.w", f{"rm": 7}}, {"fcvt.d.s", f{"rm": 7}}, {"fmadd.d", f{"rm": 7}}, {"fsqrt.d", f{"rm": 7}},
		} {
			m.put(codeAddr, m.op(c.name, c.fields), ecall)
			m.FlushCode()
			m.SetPC(codeAddr)
			m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: codeAddr})
		}
		// These do not round: funct3 is part of the operation.
		m.run(m.op("fadd.s", f{"rm": 0}), m.op("fmin.s", nil), m.op("fsgnj.d", nil), m.op("feq.d", nil), m.op("fclass.s", nil))
	}
}

// TestFli compares some of the constants with their values.
func TestFli(t *testing.T) {
	m := newMachine(t, fastMapping)
	for i, want := range map[int64]float64{0: -1, 1: 0x1p-1022, 2: 0x1p-16, 16: 1, 22: 3, 29: 65536, 30: math.Inf(1)} {
		m.run(m.op("fli.d", f{"fd": 10, "fli": i}))
		if got := math.Float64frombits(m.F(10)); got != want {
			t.Errorf("fli.d %d = %v, want %v", i, got, want)
		}
	}
	m.run(m.op("fli.s", f{"fd": 10, "fli": 16}), m.op("fli.s", f{"fd": 11, "fli": 31}))
	if m.F(10) != oneS || m.F(11) != boxed|0x7fc00000 {
		t.Errorf("fli.s: %#x %#x", m.F(10), m.F(11))
	}
}

func TestFloatCSRs(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.SetX(11, allOnes)
	m.run(m.op("csrrw", f{"rd": 10, "csr": csrFcsr, "rs1": 11}))
	if m.FCSR() != 0xff || m.X(10) != 0 {
		t.Errorf("fcsr %#x, old %#x", m.FCSR(), m.X(10))
	}
	m.run(m.op("csrrci", f{"rd": 10, "csr": csrFflags, "zimm": 0x12}))
	if m.FCSR() != 0xed || m.X(10) != 0x1f {
		t.Errorf("fcsr %#x, old %#x", m.FCSR(), m.X(10))
	}
	m.run(m.op("csrrwi", f{"rd": 10, "csr": csrFrm, "zimm": 0x1a})) // only three bits count
	if m.FCSR() != 0x4d || m.X(10) != 7 {
		t.Errorf("fcsr %#x, old %#x", m.FCSR(), m.X(10))
	}
	m.SetX(12, 0x10)
	m.run(m.op("csrrs", f{"rd": 12, "csr": csrFflags, "rs1": 12})) // rs1 is read first
	if m.FCSR() != 0x5d || m.X(12) != 0x0d {
		t.Errorf("fcsr %#x, old %#x", m.FCSR(), m.X(12))
	}
	m.run(m.op("csrrc.x0", f{"rd": 10, "csr": csrFcsr}))
	if m.X(10) != 0x5d {
		t.Errorf("fcsr reads %#x", m.X(10))
	}
}

// TestCSRAccess: what exists, what is read-only, what is not there.
func TestCSRAccess(t *testing.T) {
	m := newMachine(t, fastMapping)
	for _, c := range []struct {
		name   string
		fields f
	}{
		{"csrrw", f{"csr": csrTime}},
		{"csrrs", f{"csr": csrTime, "rs1": 11}}, // even if a1 is 0
		{"csrrsi", f{"csr": csrTime, "zimm": 1}},
		{"csrrs.x0", f{"csr": 0xc00}}, // cycle
		{"csrrs.x0", f{"csr": 0xc02}}, // instret
		{"csrrs.x0", f{"csr": 0xc03}}, // hpmcounter3
		{"csrrs.x0", f{"csr": 0xc22}}, // vlenb
		{"csrrs.x0", f{"csr": 0x300}}, // mstatus
		{"csrrw", f{"csr": 0x000}},
	} {
		m.put(codeAddr, m.op(c.name, c.fields), ecall)
		m.FlushCode()
		m.SetPC(codeAddr)
		m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGILL, Code: guest.ILL_ILLOPC, Addr: codeAddr})
	}
}

// TestTime: the counter advances at TimebaseHz.
func TestTime(t *testing.T) {
	m := newMachine(t, fastMapping)
	read := func() uint64 {
		m.run(m.op("csrrs.x0", f{"rd": 10, "csr": csrTime}))
		return m.X(10)
	}
	start, t0 := time.Now(), read()
	time.Sleep(5 * time.Millisecond)
	t1 := read()
	most := uint64(time.Since(start)) * TimebaseHz / uint64(time.Second)
	if d := t1 - t0; d < TimebaseHz/200 || d > most+1 {
		t.Errorf("%d ticks in at least 5 ms and at most %d ticks", d, most)
	}
}
