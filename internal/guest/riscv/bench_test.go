package riscv

import (
	_ "embed"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

var (
	//go:embed testdata/integer.bin
	integerProgram []byte
	//go:embed testdata/float.bin
	floatProgram []byte
)

// What the programs return for three rounds, according to qemu-riscv64 too.
const (
	integerResult = 0x69c4b8664e510b9b
	floatResult   = 0xa1b8d0
)

// loadProgram returns a machine with a program of testdata at codeAddr.
func loadProgram(t testing.TB, mapping string, program []byte) *machine {
	m := newMachine(t, mapping)
	m.mmap(codeAddr, 16*mem.PageSize, mem.Read|mem.Write|mem.Exec)
	m.put(codeAddr, program)
	return m
}

// runRounds executes the program with the given number of rounds and returns its result.
func runRounds(m *machine, rounds uint64) uint64 {
	m.SetX(10, rounds)
	m.SetSP(dataAddr + areaSize)
	m.SetPC(codeAddr)
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		m.t.Fatalf("exit %+v at %#x", e, m.PC())
	}
	return m.X(10)
}

// TestPrograms runs the benchmarks' programs on all mappings.
func TestPrograms(t *testing.T) {
	for mapping := range mappings {
		for _, c := range []struct {
			name    string
			program []byte
			want    uint64
		}{{"integer", integerProgram, integerResult}, {"float", floatProgram, floatResult}} {
			if got := runRounds(loadProgram(t, mapping, c.program), 3); got != c.want {
				t.Errorf("%s, %s: %#x, want %#x", c.name, mapping, got, c.want)
			}
		}
	}
}

// benchmarkProgram measures guest instructions per second on compiled code.
func benchmarkProgram(b *testing.B, program []byte) {
	for _, mapping := range []string{"offset", "table"} {
		b.Run(mapping, func(b *testing.B) {
			m := loadProgram(b, mapping, program)
			runRounds(m, 1)
			start := m.Retired()
			b.ResetTimer()
			runRounds(m, uint64(b.N))
			b.ReportMetric(float64(m.Retired()-start)/b.Elapsed().Seconds()/1e6, "MIPS")
		})
	}
}

func BenchmarkInteger(b *testing.B) { benchmarkProgram(b, integerProgram) }
func BenchmarkFloat(b *testing.B)   { benchmarkProgram(b, floatProgram) }

// BenchmarkTranslate measures what it costs to reach a block for the first time.
func BenchmarkTranslate(b *testing.B) {
	m := loadProgram(b, fastMapping, integerProgram)
	var starts []uint64
	runRounds(m, 1)
	for pc := range m.cache.blocks.All() {
		starts = append(starts, pc)
	}
	insts := uint64(0)
	for n := 0; b.Loop(); n++ {
		insts += m.translate(starts[n%len(starts)]).n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(insts), "ns/inst")
}
