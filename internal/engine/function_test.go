//go:build linux && amd64

package engine

import (
	"math/bits"
	"runtime/debug"
	"testing"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
)

// comparing has strcmp, as in musl 1.2.5, tell how two strings on the stack differ: by 3.
const comparing = `
	addi sp, sp, -16
	li t0, 'd'
	sd t0, 0(sp)
	li t0, 'a'
	sd t0, 8(sp)
	mv a0, sp
	addi a1, sp, 8
	jal ra, strcmp
	ecall
	.option rvc
strcmp:
	lbu a5, 0(a0)
	lbu a4, 0(a1)
	bne a5, a4, 1f
	addi a0, a0, 1
	addi a1, a1, 1
	bnez a5, strcmp
	li a0, 0
2:	subw a0, a0, a4
	ret
1:	sext.w a0, a5
	j 2b
`

// strcmpEnds is where the strings are equal: code of strcmp that is not reached.
const strcmpEnds = codeAddr + 9*4 + 18

// TestFunction: host code stands for a library function unless somebody counts or looks at the guest's instructions.
func TestFunction(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, c := range []struct {
		name string
		opts Options
		brk  uint64
		want uint64
	}{
		{"default", Options{}, 0, 1},
		{"off", Options{NoNativeLib: true}, 0, 0},
		{"metered", Options{Metered: true}, 0, 0},
		{"counted", Options{Count: true}, 0, 0},
		{"checked", Options{Differs: func(d *Difference) { t.Error("a difference") }}, 0, 0},
		{"profiled", Options{Profile: true}, 0, 1},
		{"a breakpoint in it", Options{}, strcmpEnds, 0},
		{"a breakpoint elsewhere", Options{}, strcmpEnds + 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Optimise, c.opts.CacheSize = Never, 1<<20
			m, cpu := machineFor(t, comparing, c.opts)
			if c.brk != 0 {
				m.as.SetBreaks([]uint64{c.brk})
			}
			run(t, cpu)
			if _, args := cpu.Syscall(); args[0] != 3 || m.stats().Functions != c.want {
				t.Errorf("result %d, %d functions, want %d", args[0], m.stats().Functions, c.want)
			}
		})
	}
}

// TestFunctionBroken: a breakpoint in a function that host code stands for is reached.
func TestFunctionBroken(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	m, cpu := machineFor(t, comparing, Options{Optimise: Never, CacheSize: 1 << 20})
	again := func() guest.Exit {
		cpu.SetPC(codeAddr)
		return cpu.Run()
	}
	run(t, cpu)
	const at = codeAddr + 9*4 + 20 // subw
	m.as.SetBreaks([]uint64{at})
	exit := again()
	for exit.Kind == guest.ExitInterrupt {
		exit = cpu.Run()
	}
	if exit.Kind != guest.ExitBreak || cpu.PC() != at {
		t.Errorf("%+v at %#x", exit, cpu.PC())
	}
	m.as.SetBreaks(nil)
	cpu.SetPC(codeAddr)
	run(t, cpu)
	if _, args := cpu.Syscall(); args[0] != 3 {
		t.Errorf("result %d", args[0])
	}
}

// TestShareFunctions: address spaces that share translations share host code for functions, too.
func TestShareFunctions(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var shared Code
	defer shared.Close()
	code := assembled(t, comparing)
	for range 2 {
		m, err := offset.New(1 << 32)
		if err != nil {
			t.Fatal(err)
		}
		s := newSharer(t, &shared, m, code)
		defer s.close()
		if got := s.sum(t); got != 3 || !s.shares() || s.machine().stats().Functions != 1 {
			t.Errorf("result %d, shared %v, %d functions", got, s.shares(), s.machine().stats().Functions)
		}
		// Breakpoints are no change of code.
		s.as.SetBreaks([]uint64{codeAddr + mem.PageSize})
	}
}

// bswapsi2 is libgcc's, as gcc 14 compiles it.
const bswapsi2 = `
	.option rvc
bswapsi2:
	lui a3, 0x10
	sllw a2, a0, 24
	srlw a5, a0, 24
	srlw a4, a0, 8
	addi a3, a3, -256
	and a4, a4, a3
	or a5, a5, a2
	lui a3, 0xff0
	sllw a0, a0, 8
	or a5, a5, a4
	and a0, a0, a3
	or a0, a0, a5
	ret
`

// swapping adds numbers from 1000 down to 1, with their bytes in reverse.
const swapping = `
	li s1, 0
	li s0, 1000
1:	mv a0, s0
	jal bswapsi2
	add s1, s1, a0
	addi s0, s0, -1
	bnez s0, 1b
	mv a0, s1
	ecall
` + bswapsi2

// swapped is what swapping leaves in a0.
func swapped() (sum uint64) {
	for n := range uint32(1000) {
		sum += uint64(int32(bits.ReverseBytes32(n + 1)))
	}
	return sum
}

// TestFunctionInRegion: a pure function is part of the region of a loop that calls it. A breakpoint in it is reached, for
// the region is dropped then.
func TestFunctionInRegion(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	opts := DefaultOptions
	opts.Threshold, opts.Optimise = 0, 20
	m, cpu := machineFor(t, swapping, opts)
	sum := func() {
		t.Helper()
		cpu.SetPC(codeAddr)
		run(t, cpu)
		if _, args := cpu.Syscall(); args[0] != swapped() {
			t.Errorf("sum %#x, want %#x", args[0], swapped())
		}
	}
	sum()
	m.await()
	sum()
	if b := m.lookup(codecache.Key{PC: codeAddr + 8}); m.stats().Functions != 1 || b == nil || !b.Region {
		t.Errorf("%d functions, the loop is %+v", m.stats().Functions, b)
	}
	const last = codeAddr + 9*4 + 34 // or a0, a0, a5
	m.as.SetBreaks([]uint64{last})
	cpu.SetPC(codeAddr)
	exit := cpu.Run()
	for exit.Kind == guest.ExitInterrupt {
		exit = cpu.Run()
	}
	if exit.Kind != guest.ExitBreak || cpu.PC() != last {
		t.Errorf("%+v at %#x, want %#x", exit, cpu.PC(), uint64(last))
	}
	m.as.SetBreaks(nil)
	sum()
}
