//go:build linux && amd64

package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/opt"
)

// switched is a loop with a switch statement of seven cases and a default, one of which closes the loop itself. What a
// case does to a0 depends on what was there. Each takes 32 bytes.
const switched = `
	li a0, 1
	li t1, 30000
	li a3, 0x10080
	li a2, 6
1:	andi a1, t1, 7
	bltu a2, a1, 9f
	slli a1, a1, 5
	add a1, a1, a3
	jr a1
	.org 0x80
	addi a0, a0, 5
	j 9f
	.balign 32
	slli a4, a0, 1
	add a0, a0, a4
	j 9f
	.balign 32
	xori a0, a0, 0x55
	j 9f
	.balign 32
	srli a4, a0, 3
	sub a0, a0, a4
	j 9f
	.balign 32
	not a0, a0
	addi t1, t1, -1
	bnez t1, 1b
	ecall
	.balign 32
	addi a0, a0, 5
	j 9f
	.balign 32
	addi a0, a0, 99
9:	addi t1, t1, -1
	bnez t1, 1b
	ecall`

// switchedTo is what switched has in a0 in the end.
func switchedTo() (a uint64) {
	a = 1
	for n := uint64(30000); n > 0; n-- {
		switch n % 8 {
		case 0, 5:
			a += 5
		case 1:
			a *= 3
		case 2:
			a ^= 0x55
		case 3:
			a -= a >> 3
		case 4:
			a = ^a
		case 6:
			a += 99
		}
	}
	return a
}

// TestSwitch: a computed jump with several targets is part of a region, which goes to each of them.
func TestSwitch(t *testing.T) {
	var regions []*region
	old := generate
	generate = func(m *Machine, r *region, code *opt.Region, lap func(string)) {
		regions = append(regions, r)
		old(m, r, code, lap)
	}
	t.Cleanup(func() { generate = old })
	for _, opts := range []Options{{}, {Optimise: 1}, {Optimise: 300}, {Optimise: 300, Chance: 5}, {Optimise: Sampled}} {
		opts.CacheSize = 1 << 20
		regions = nil
		m, cpu := machineFor(t, switched, opts)
		all := func() bool {
			m.await()
			return slices.ContainsFunc(regions, func(r *region) bool { return strings.Count(r.text(), ", jump ") == 7 })
		}
		// A profile sees the cases if the guest executes them meanwhile.
		end := time.Now().Add(time.Minute)
		for n := 0; n < 20 || opts.Optimise == 300 && !all(); n++ {
			cpu.SetPC(codeAddr)
			if run(t, cpu); x(cpu, 10) != switchedTo() {
				t.Errorf("%+v: the result is %#x, want %#x", opts, x(cpu, 10), switchedTo())
			}
			if time.Now().After(end) {
				t.Fatalf("%+v: no region with seven targets of the computed jump", opts)
			}
		}
		m.await()
	}
}
