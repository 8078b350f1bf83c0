package riscv

import (
	_ "embed"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// integerResult is what the program returns for three rounds.
const integerResult = 0x69c4b8664e510b9b

//go:embed testdata/integer.bin
var integerProgram []byte

// runInteger executes the program with the given number of rounds and returns its result.
func runInteger(m *machine, rounds uint64) uint64 {
	m.SetX(10, rounds)
	m.SetSP(dataAddr + areaSize)
	m.SetPC(codeAddr)
	if e := m.Run(); e.Kind != guest.ExitSyscall {
		m.t.Fatalf("exit %+v at %#x", e, m.PC())
	}
	return m.X(10)
}

func newInteger(t testing.TB, mapping string) *machine {
	m := newMachine(t, mapping)
	m.mmap(codeAddr, 16*mem.PageSize, mem.Read|mem.Write|mem.Exec)
	m.put(codeAddr, integerProgram)
	return m
}

// BenchmarkInteger measures guest instructions per second on compiled code.
func BenchmarkInteger(b *testing.B) {
	for _, mapping := range []string{"offset", "table"} {
		b.Run(mapping, func(b *testing.B) {
			m := newInteger(b, mapping)
			runInteger(m, 1)
			start := m.Retired()
			b.ResetTimer()
			runInteger(m, uint64(b.N))
			b.ReportMetric(float64(m.Retired()-start)/b.Elapsed().Seconds()/1e6, "MIPS")
		})
	}
}
