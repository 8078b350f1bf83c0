//go:build linux && amd64

package engine

import "testing"

// wild is a program that uses sp for other numbers for a while, again and again.
const wild = `
	mv s0, sp
	li t1, 1000
	li a0, 0
1:	li sp, -1
	li a2, 50
2:	xor sp, sp, a2
	add a0, a0, a2
	addi a2, a2, -1
	bnez a2, 2b
	mv sp, s0
	li a2, 500
3:	sd a0, -8(sp)
	ld a0, -8(sp)
	addi a2, a2, -1
	bnez a2, 3b
	addi t1, t1, -1
	bnez t1, 1b
	ecall`

const wildTo = 1000 * 50 * 51 / 2 // the result of wild

// TestWildSP: a guest that has other numbers in sp is interpreted, in long runs, and translated again when sp is an address.
func TestWildSP(t *testing.T) {
	for _, opts := range []Options{{Threshold: 10}, {}, {Optimise: Never}, {Unbounded: true}} {
		opts.CacheSize, opts.Measure = 1<<20, true
		m, cpu := machineFor(t, wild, opts)
		sp := cpu.SP()
		run(t, cpu)
		if got := x(cpu, 10); got != wildTo || cpu.SP() != sp {
			t.Errorf("%+v: the sum is %d with sp %#x, want %d with %#x", opts, got, cpu.SP(), wildTo, sp)
		}
		switch s := m.stats(); {
		case opts.Unbounded:
			if s.Interpretations > 100 {
				t.Errorf("not isolated: interpreted %d times", s.Interpretations)
			}
		case s.Interpretations < 900 || s.Interpretations > 4000 || s.Entered < 900:
			t.Errorf("%+v: interpreted %d times, entered %d times", opts, s.Interpretations, s.Entered)
		}
	}
}

// TestWildChecked: where everything is executed twice, such code is interpreted once.
func TestWildChecked(t *testing.T) {
	_, cpu := machineFor(t, wild, Options{CacheSize: 1 << 20, Differs: func(d *Difference) { t.Errorf("a difference: %+v", d) }})
	run(t, cpu)
	if got := x(cpu, 10); got != wildTo {
		t.Errorf("the sum is %d, want %d", got, wildTo)
	}
}
