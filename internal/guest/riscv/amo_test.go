package riscv

import (
	"fmt"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
)

// amoWidths are the suffixes of atomics and their sizes in bytes.
var amoWidths = []struct {
	suffix string
	size   int
}{{"b", 1}, {"h", 2}, {"w", 4}, {"d", 8}}

// lowBytes is a mask of n bytes.
func lowBytes(n int) uint64 { return allOnes >> (64 - 8*n) }

// amoModel is what each operation stores, written per width: values are
// truncated, signed tells how to compare them.
func amoModel(op string, old, v uint64, size int) uint64 {
	so, sv := int64(signExtend(old, size)), int64(signExtend(v, size))
	old, v = old&lowBytes(size), v&lowBytes(size)
	pick := func(first bool) uint64 {
		if first {
			return old
		}
		return v
	}
	switch op {
	case "amoswap":
		return v
	case "amoadd":
		return old + v
	case "amoxor":
		return old ^ v
	case "amoand":
		return old & v
	case "amoor":
		return old | v
	case "amomin":
		return pick(so < sv)
	case "amomax":
		return pick(so > sv)
	case "amominu":
		return pick(old < v)
	}
	return pick(old > v) // amomaxu
}

func TestAMO(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		values := []uint64{0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0x123456789abcdef0, 1 << 63, allOnes}
		for _, w := range amoWidths {
			for _, op := range []string{"amoswap", "amoadd", "amoxor", "amoand", "amoor", "amomin", "amomax", "amominu", "amomaxu"} {
				name := op + "." + w.suffix
				m.put(codeAddr, m.op(name, f{"rd": 10, "rs1": 11, "rs2": 12, "aq": 1}), ecall)
				m.FlushCode()
				for _, old := range values {
					for _, v := range values {
						checkAMO(t, m, name, amoModel(op, old, v, w.size), old, v, w.size)
					}
				}
			}
		}
	})
}

// checkAMO runs the instruction at codeAddr on memory that holds old.
func checkAMO(t *testing.T, m *machine, name string, want, old, v uint64, size int) {
	t.Helper()
	const around = 0xa5a5a5a5a5a5a5a5
	at := uint64(dataAddr + 16 + size) // not the start of the word around it
	m.as.Store(dataAddr+16, 8, around)
	m.as.Store(dataAddr+24, 8, around)
	m.as.Store(dataAddr+32, 8, around)
	m.as.Store(at, size, old)
	m.SetX(11, at)
	m.SetX(12, v)
	m.SetPC(codeAddr)
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		t.Fatalf("%s: %+v", name, e)
	}
	got, _ := m.as.Load(at, size)
	if got != want&lowBytes(size) || m.X(10) != signExtend(old, size) {
		t.Errorf("%s %#x, %#x: stored %#x, want %#x; rd = %#x", name, old, v, got, want&lowBytes(size), m.X(10))
	}
	before, _ := m.as.Load(at-1, 1)
	after, _ := m.as.Load(at+uint64(size), 1)
	if before != 0xa5 || after != 0xa5 {
		t.Errorf("%s: neighbours %#x, %#x", name, before, after)
	}
}

// TestAMOx0: an AMO without a result still writes.
func TestAMOx0(t *testing.T) {
	m := newMachine(t, fastMapping)
	m.SetX(11, dataAddr)
	m.SetX(12, 5)
	m.run(m.op("amoadd.w", f{"rd": 0, "rs1": 11, "rs2": 12}), m.op("amoswap.b", f{"rd": 0, "rs1": 11, "rs2": 12}))
	if got, _ := m.as.Load(dataAddr, 8); got != 5 || m.X(0) != 0 {
		t.Errorf("%#x", got)
	}
}

func TestAMOCas(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		for _, w := range amoWidths {
			name := "amocas." + w.suffix
			code := m.op(name, f{"rd": 10, "rs1": 11, "rs2": 12})
			old := uint64(0x8182838485868788)
			m.put(codeAddr, code, ecall)
			m.FlushCode()
			// Only the low bytes of rd are compared.
			m.SetX(10, old&lowBytes(w.size))
			checkAMO(t, m, name, 0x1122334455667788, old, 0x1122334455667788, w.size)
			m.SetX(10, old+1)
			checkAMO(t, m, name, old, old, 0x1122334455667788, w.size)
			// rd = x0: 0 is expected, and the result dropped.
			m.as.Store(dataAddr, 8, 0)
			m.SetX(11, dataAddr)
			m.SetX(12, 3)
			m.run(m.op(name, f{"rd": 0, "rs1": 11, "rs2": 12}))
			if got, _ := m.as.Load(dataAddr, 8); got != 3 {
				t.Errorf("%s with rd = x0: %#x", name, got)
			}
			m.run(m.op(name, f{"rd": 0, "rs1": 11, "rs2": 11}))
			if got, _ := m.as.Load(dataAddr, 8); got != 3 {
				t.Errorf("%s with rd = x0, no match: %#x", name, got)
			}
		}
	})
}

func TestAMOCasQ(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		set := func(lo, hi uint64) { m.as.Store(dataAddr, 8, lo); m.as.Store(dataAddr+8, 8, hi) }
		want := func(what string, lo, hi uint64) {
			t.Helper()
			a, _ := m.as.Load(dataAddr, 8)
			b, _ := m.as.Load(dataAddr+8, 8)
			if a != lo || b != hi {
				t.Errorf("%s: %#x %#x, want %#x %#x", what, a, b, lo, hi)
			}
		}
		m.SetX(14, dataAddr)
		cas := m.op("amocas.q", f{"rd": 10, "rs1": 14, "rs2": 12})
		set(1, 2)
		m.SetX(10, 1)
		m.SetX(11, 2)
		m.SetX(12, 3)
		m.SetX(13, 4)
		m.run(cas)
		want("match", 3, 4)
		m.run(cas)
		want("no match", 3, 4)
		if m.X(10) != 3 || m.X(11) != 4 {
			t.Errorf("rd pair %d %d", m.X(10), m.X(11))
		}
		// The pair at x0 is zero, all of it.
		m.SetX(1, 99)
		set(0, 0)
		m.run(m.op("amocas.q", f{"rd": 0, "rs1": 14, "rs2": 12}))
		want("rd = x0", 3, 4)
		m.run(m.op("amocas.q", f{"rd": 10, "rs1": 14, "rs2": 0}))
		want("rs2 = x0", 0, 0)
		if m.X(0) != 0 || m.X(1) != 99 {
			t.Errorf("x0 %d, x1 %d", m.X(0), m.X(1))
		}
	})
}

func TestMisalignedAtomics(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		for _, c := range []struct {
			name   string
			fields f
			off    uint64
		}{
			{"lr.w", f{"rd": 10, "rs1": 11}, 2},
			{"lr.d", f{"rd": 10, "rs1": 11}, 4},
			{"sc.w", f{"rd": 10, "rs1": 11}, 1},
			{"sc.d", f{"rd": 10, "rs1": 11}, 4},
			{"amoadd.h", f{"rd": 10, "rs1": 11}, 1},
			{"amoadd.w", f{"rd": 10, "rs1": 11}, 2},
			{"amomax.d", f{"rd": 10, "rs1": 11}, 4},
			{"amocas.w", f{"rd": 10, "rs1": 11}, 2},
			{"amocas.q", f{"rd": 10, "rs1": 11}, 8},
		} {
			m.put(codeAddr, m.op(c.name, c.fields))
			m.FlushCode()
			m.SetX(11, dataAddr+c.off)
			m.SetPC(codeAddr)
			m.wantTrap(codeAddr, guest.Trap{Signal: guest.SIGBUS, Code: guest.BUS_ADRALN, Addr: dataAddr + c.off})
		}
	})
}

func TestReservation(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		lr := func(s string, rs1 int64) []byte { return m.op("lr."+s, f{"rd": 10, "rs1": rs1}) }
		sc := func(s string, rs1, rd int64) []byte { return m.op("sc."+s, f{"rd": rd, "rs1": rs1, "rs2": 12}) }
		store := m.op("sd", f{"rs1": 11, "rs2": 13})
		for _, c := range []struct {
			what string
			code [][]byte
			want uint64 // the last sc's result, in a4
		}{
			{"plain w", [][]byte{lr("w", 11), sc("w", 11, 14)}, 0},
			{"plain d", [][]byte{lr("d", 11), sc("d", 11, 14)}, 0},
			{"no lr", [][]byte{sc("d", 11, 14)}, 1},
			{"twice", [][]byte{lr("d", 11), sc("d", 11, 15), sc("d", 11, 14)}, 1},
			{"other address", [][]byte{lr("d", 11), sc("d", 16, 14)}, 1},
			{"other address ends it", [][]byte{lr("d", 11), sc("d", 16, 15), sc("d", 11, 14)}, 1},
			{"other size", [][]byte{lr("d", 11), sc("w", 11, 14)}, 1},
			{"changed", [][]byte{lr("d", 11), store, sc("d", 11, 14)}, 1},
		} {
			m.as.Store(dataAddr, 8, 0xffffffff80000000)
			m.SetX(11, dataAddr)
			m.SetX(16, dataAddr+8)
			m.SetX(12, 42)
			m.SetX(13, 43)
			m.SetX(14, 7)
			m.run(c.code...)
			if m.X(14) != c.want {
				t.Errorf("%s: sc gives %d, want %d", c.what, m.X(14), c.want)
			}
			if len(c.code) > 1 && m.X(10) != 0xffffffff80000000 {
				t.Errorf("%s: lr gives %#x", c.what, m.X(10))
			}
		}
		// Address 0 without lr: fails, and is not accessed.
		m.SetX(11, 0)
		m.run(sc("w", 11, 14))
		if m.X(14) != 1 {
			t.Error("sc at 0 without lr succeeds")
		}
		// A system call and a trap end the reservation.
		for _, stop := range [][]byte{ecall, m.op("ebreak", nil)} {
			m.SetX(11, dataAddr)
			m.put(codeAddr, lr("d", 11), stop, sc("d", 11, 14), ecall)
			m.FlushCode()
			m.SetPC(codeAddr)
			m.Run()
			m.SetPC(codeAddr + 8)
			m.Run()
			if m.X(14) != 1 {
				t.Errorf("% x does not end the reservation", stop)
			}
		}
	})
}

// TestConcurrentAtomics counts on four CPUs at once in several ways.
func TestConcurrentAtomics(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		const rounds, cpus = 2000, 4
		lrsc := [][]byte{
			m.op("lr.w", f{"rd": 10, "rs1": 11}),
			m.op("addi", f{"rd": 10, "rs1": 10, "imm": 1}),
			m.op("sc.w", f{"rd": 10, "rs1": 11, "rs2": 10}),
			m.op("bne", f{"rs1": 10, "rs2": 0, "off": -12}),
		}
		for name, body := range map[string][][]byte{
			"amoadd.d": {m.op("amoadd.d", f{"rd": 0, "rs1": 11, "rs2": 12})},
			"amoadd.h": {m.op("amoadd.h", f{"rd": 0, "rs1": 11, "rs2": 12})},
			"lr/sc":    lrsc,
		} {
			size := 0
			for _, b := range body {
				size += len(b)
			}
			code := append(body,
				m.op("addi", f{"rd": 13, "rs1": 13, "imm": -1}),
				m.op("bne", f{"rs1": 13, "rs2": 0, "off": int64(-4 - size)}), ecall)
			m.as.Store(dataAddr, 8, 0)
			m.put(codeAddr, code...)
			m.SetX(11, dataAddr)
			m.SetX(12, 1)
			m.SetX(13, rounds)
			m.SetPC(codeAddr)
			var wg sync.WaitGroup
			errs := make(chan error, cpus)
			for range cpus {
				c := m.Clone()
				wg.Go(func() {
					debug.SetPanicOnFault(true)
					if e := c.Run(); e.Kind != guest.ExitSyscall {
						errs <- fmt.Errorf("%+v at %#x", e, c.PC())
					}
				})
			}
			wg.Wait()
			close(errs)
			for err := range errs {
				t.Error(err)
			}
			if got, _ := m.as.Load(dataAddr, 8); got != rounds*cpus {
				t.Errorf("%s: %d, want %d", name, got, rounds*cpus)
			}
		}
	})
}

func TestCacheBlocks(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		for off := uint64(0); off < 192; off += 8 {
			m.as.Store(dataAddr+off, 8, allOnes)
		}
		m.SetX(11, dataAddr+64+13)
		m.run(m.op("cbo.zero", f{"rs1": 11}), m.op("cbo.clean", f{"rs1": 11}), m.op("cbo.flush", f{"rs1": 11}))
		for off := uint64(0); off < 192; off += 8 {
			want := uint64(allOnes)
			if off >= 64 && off < 128 {
				want = 0
			}
			if got, _ := m.as.Load(dataAddr+off, 8); got != want {
				t.Errorf("offset %d: %#x", off, got)
			}
		}
		// Hints do nothing, wherever they point.
		m.SetX(11, 8)
		m.run(
			m.op("prefetch.i", f{"rs1": 11}), m.op("prefetch.r", f{"rs1": 11, "imm": 32}), m.op("prefetch.w", f{"rs1": 11}),
			m.op("pause", nil), m.op("ntl.all", nil), m.op("wrs.nto", nil), m.op("wrs.sto", nil),
			m.op("fence", f{"uimm": 0xff}), m.op("fence.tso", nil), m.op("fence", f{"uimm": 0x12}), m.op("c.mop.n", f{"uimm": 2}),
			words(0x0330000f|5<<7|6<<15), // fence rw,rw with reserved rd and rs1
		)
	})
}
