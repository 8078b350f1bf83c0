package riscv

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/vdso"
)

// Where the tests' arguments lie.
const (
	pairsAddr = dataAddr
	setAddr   = dataAddr + 0x1000
)

type pair struct{ key, value int64 }

// hwprobe writes the pairs, makes the call, and reads them back.
func (m *machine) hwprobe(pairs []pair, size, cpus, flags uint64) ([]pair, int64) {
	m.t.Helper()
	for i, p := range pairs {
		if !writePair(m.as, pairsAddr+16*uint64(i), uint64(p.key), uint64(p.value)) {
			m.t.Fatal("cannot write a pair")
		}
	}
	r := sysHWProbe(m.CPU, m.as, [6]uint64{pairsAddr, uint64(len(pairs)), size, cpus, flags})
	return m.pairs(len(pairs)), r
}

func (m *machine) pairs(n int) []pair {
	out := make([]pair, n)
	for i := range out {
		k, _ := m.as.Load(pairsAddr+16*uint64(i), 8)
		v, _ := m.as.Load(pairsAddr+16*uint64(i)+8, 8)
		out[i] = pair{int64(k), int64(v)}
	}
	return out
}

func (m *machine) setCPUs(v uint64) { m.as.Store(setAddr, 8, v) }

// pretend makes the machine have CPUs 0, 1 and 3 for a test.
func pretend(t *testing.T) {
	old := onlineCPUs
	onlineCPUs = func() cpuSet { return parseCPUList("0-1,3\n") }
	t.Cleanup(func() { onlineCPUs = old })
}

// ima is the value of key IMA_EXT_0, from the bit numbers of hwprobe.rst.
func ima() (v int64) {
	for _, bit := range []int{0, 1, 3, 4, 5, 6, 28, 29, 32, 34, 35, 36, 42, 43, 44, 45, 47, 48, 55, 56, 57, 58} {
		v |= 1 << bit
	}
	return v
}

func TestHWProbeValues(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		pretend(t)
		want := []pair{
			{0, 0}, {1, 0}, {2, 0}, // vendor, architecture, implementation
			{3, 1},     // IMA
			{4, ima()}, // extensions
			{5, 3},     // misaligned accesses are fast
			{6, 64},    // Zicboz block
			{7, 1 << 38},
			{8, 10_000_000},
			{9, 3}, {10, 4}, // scalar fast, vector unsupported
			{11, 0},
			{12, 64}, // Zicbom block
			{13, 0},
			{-1, 0}, {-1, 0}, {-1, 0}, // keys that Linux 6.16 does not know
			{3, 1}, // goes on behind them
		}
		ask := make([]pair, len(want))
		for i := range ask {
			ask[i] = pair{int64(i), 0x5555}
		}
		ask[14].key, ask[15].key, ask[16].key, ask[17].key = 14, -1, 1<<40, 3
		for name, args := range map[string][2]uint64{"all CPUs": {0, 0}, "CPU 3": {8, setAddr}, "long set": {1 << 11, setAddr}} {
			m.setCPUs(1 << 3)
			got, r := m.hwprobe(ask, args[0], args[1], 0)
			if r != 0 {
				t.Fatalf("%s: result %d", name, r)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{})); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	})
}

// vdsoHWProbe calls the vdso's function; called reports whether that made the system call.
func (m *machine) vdsoHWProbe(pairs, n, size, cpus, flags uint64) (r int64, called bool) {
	m.t.Helper()
	image := Arch.VDSO(m.as)
	end := m.put(codeAddr, image, ecall) - 4
	m.FlushCode()
	m.SetPC(codeAddr + symbol(m.t, image, "__vdso_riscv_hwprobe"))
	for i, v := range []uint64{pairs, n, size, cpus, flags} {
		m.r[10+i] = v
	}
	m.r[1] = end
	e := m.Run()
	if called = e.Kind == guest.ExitSyscall && m.r[17] == 258; called {
		_, args := m.Syscall()
		m.SetResult(sysHWProbe(m.CPU, m.as, args))
		e = m.Run()
	}
	if e.Kind != guest.ExitSyscall || m.PC() != end+4 && m.PC() != end {
		m.t.Fatalf("exit %+v at %#x, want to return to %#x", e, m.PC(), end)
	}
	return int64(m.r[10]), called
}

func symbol(t testing.TB, image []byte, name string) uint64 {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	list, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestHWProbeVDSO holds the vdso's answers against the system call's.
func TestHWProbeVDSO(t *testing.T) {
	onMappings(t, func(t *testing.T, m *machine) {
		pretend(t)
		m.setCPUs(0b1001)
		var ask []pair
		for key := range int64(vdso.HWProbeKeys + 3) {
			ask = append(ask, pair{key, 0x5555})
		}
		if _, known := hwprobeValue(m.as, vdso.HWProbeKeys-1); !known {
			t.Error("the vdso has more keys than there are")
		}
		ask = append(ask, pair{-1, 7}, pair{1 << 40, 7}, pair{3, 7})
		for _, a := range []struct {
			n                 int
			size, cpus, flags uint64
			call              bool
		}{
			{n: len(ask)}, {n: 1}, {n: 0},
			{n: len(ask), size: 8, cpus: setAddr, call: true},
			{n: 1, size: 8, cpus: setAddr, flags: whichCPUs, call: true},
			{n: 1, flags: 2, call: true},
			{n: 1, size: 8, call: true},
		} {
			want, result := m.hwprobe(ask[:a.n], a.size, a.cpus, a.flags)
			m.hwprobe(ask, 0, 0, 2) // writes the question, gets no answer
			r, called := m.vdsoHWProbe(pairsAddr, uint64(a.n), a.size, a.cpus, a.flags)
			got := m.pairs(a.n)
			if r != result || called != a.call {
				t.Errorf("%+v: result %d, want %d; called: %v", a, r, result, called)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{})); diff != "" {
				t.Errorf("%+v:\n%s", a, diff)
			}
		}
	})
}

func TestHWProbeErrors(t *testing.T) {
	pretend(t)
	const unmapped = 0x7000_0000
	for name, tt := range map[string]struct {
		args [6]uint64
		cpus uint64
		want int64
	}{
		"unknown flag":             {[6]uint64{pairsAddr, 1, 0, 0, 2}, 1, -22},
		"unknown flag beside":      {[6]uint64{pairsAddr, 1, 8, setAddr, 3}, 1, -22},
		"upper half of flags":      {[6]uint64{pairsAddr, 1, 0, 0, 1 << 32}, 1, 0}, // an unsigned int
		"no online CPU":            {[6]uint64{pairsAddr, 1, 8, setAddr, 0}, 1 << 2, -22},
		"size without a set":       {[6]uint64{pairsAddr, 1, 8, 0, 0}, 1, -14},
		"set without a size":       {[6]uint64{pairsAddr, 1, 0, setAddr, 0}, 1, -22},
		"bad set":                  {[6]uint64{pairsAddr, 1, 8, unmapped, 0}, 1, -14},
		"bad pairs":                {[6]uint64{unmapped, 1, 0, 0, 0}, 1, -14},
		"read-only pairs":          {[6]uint64{roAddr, 1, 0, 0, 0}, 1, -14},
		"endless pairs":            {[6]uint64{pairsAddr, 1 << 60, 0, 0, 0}, 1, -14},
		"no pairs":                 {[6]uint64{unmapped, 0, 0, 0, 0}, 1, 0},
		"which: no set":            {[6]uint64{pairsAddr, 1, 8, 0, 1}, 1, -22},
		"which: no size":           {[6]uint64{pairsAddr, 1, 0, setAddr, 1}, 1, -22},
		"which: bad set":           {[6]uint64{pairsAddr, 1, 8, unmapped, 1}, 1, -14},
		"which: bad pairs":         {[6]uint64{unmapped, 1, 8, setAddr, 1}, 1, -14},
		"which: read-only set":     {[6]uint64{pairsAddr, 1, 8, roAddr, 1}, 1, -14},
		"which: no pairs":          {[6]uint64{unmapped, 0, 8, setAddr, 1}, 1, 0},
		"which: read-only unknown": {[6]uint64{roAddr, 1, 8, setAddr, 1}, 1, -14},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "offset")
			m.mmap(roAddr, 4096, 3)
			m.as.Store(roAddr, 8, 99)
			if err := m.as.Mprotect(roAddr, 4096, 1); err != nil {
				t.Fatal(err)
			}
			m.setCPUs(tt.cpus)
			if r := sysHWProbe(m.CPU, m.as, tt.args); r != tt.want {
				t.Errorf("result %d, want %d", r, tt.want)
			}
		})
	}
}

const roAddr = 0x400000

func TestHWProbeWhichCPUs(t *testing.T) {
	pretend(t)
	for name, tt := range map[string]struct {
		pairs    []pair
		in, want uint64
		key0     int64 // what the first key is afterwards
	}{
		"all online":          {[]pair{{3, 1}}, 0, 0b1011, 3},
		"offline drop out":    {[]pair{{3, 1}}, 0b1110, 0b1010, 3},
		"subset of a bitmask": {[]pair{{4, 1 << 3}}, 0b1, 0b1, 4},
		"more than there is":  {[]pair{{4, 1<<3 | 1<<2}}, 0b1, 0, 4},
		"equal value":         {[]pair{{6, 64}, {3, 0}}, 0b11, 0b11, 6},
		"other value":         {[]pair{{6, 32}}, 0b11, 0, 6},
		"unknown key":         {[]pair{{99, 0}, {3, 1}}, 0b11, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "offset")
			m.setCPUs(tt.in)
			got, r := m.hwprobe(tt.pairs, 8, setAddr, 1)
			set, _ := m.as.Load(setAddr, 8)
			if r != 0 || set != tt.want || got[0].key != tt.key0 {
				t.Errorf("result %d, set %#b, pairs %v; want set %#b", r, set, got, tt.want)
			}
		})
	}
}

func TestParseCPUList(t *testing.T) {
	for list, want := range map[string][]int{
		"0":          {0},
		"0-3,8\n":    {0, 1, 2, 3, 8},
		"1023-1030":  {1023},
		"":           nil,
		"x,2-,-4,5-": nil,
		"3-1":        nil,
	} {
		var set cpuSet
		for _, c := range want {
			set.add(c, c)
		}
		if got := parseCPUList(list); got != set {
			t.Errorf("%q: %v", list, got)
		}
	}
	if onlineCPUs().empty() {
		t.Error("no CPU is online")
	}
}

// TestFlushICache changes code under the CPU: only the call makes it see that.
func TestFlushICache(t *testing.T) {
	for name, flags := range map[string]uint64{"all threads": 0, "this thread": 1} {
		t.Run(name, func(t *testing.T) {
			onMappings(t, func(t *testing.T, m *machine) {
				m.as.Watch(func(_, _ uint64) { m.FlushCode() })
				for want := range uint64(3) {
					m.put(codeAddr, asm(t, "addi", f{"rd": 5, "rs1": 0, "imm": int64(want)}), asm(t, "ecall", nil))
					if r := sysFlushICache(m.CPU, m.as, [6]uint64{codeAddr, codeAddr + 8, flags}); r != 0 {
						t.Fatalf("result %d", r)
					}
					m.SetPC(codeAddr)
					m.Run()
					if m.X(5) != want {
						t.Errorf("x5 is %d, want %d", m.X(5), want)
					}
				}
			})
		})
	}
	m := newMachine(t, "offset")
	if r := sysFlushICache(m.CPU, m.as, [6]uint64{0, 0, 2}); r != -22 {
		t.Errorf("reserved flag: %d", r)
	}
}
