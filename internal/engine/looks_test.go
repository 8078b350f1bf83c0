//go:build linux && amd64

package engine

import "testing"

// TestLooksThatFail: what a loop relies on is looked at ahead of it. Where that fails again and again,
// here because the loop then goes round not once, regions do without.
func TestLooksThatFail(t *testing.T) {
	const mostly = 20000
	for name, source := range map[string]string{
		"address": `
		1:	sgtz a4, t2
			addi a4, a4, -1
			addi t2, t2, -1
			addi a0, sp, -64
			or a0, a0, a4 # -1 when t2 is no more than 0
			or a2, sp, a4
		2:	beq a0, a2, 3f
			ld a1, (a0)
			addi a3, a3, 1
			addi a0, a0, 8
			j 2b
		3:	addi t1, t1, -1
			bnez t1, 1b
			ecall`,
		"box": `
		1:	sgtz a4, t2
			addi t2, t2, -1
			slli a4, a4, 3
			addi a0, zero, 0
			addi a1, a4, -1 # 7 or -1
			srai a1, a1, 32
			not a1, a1
			fmv.d.x fa0, a1 # a number or 0, which is not boxed
		2:	beq a0, a4, 3f
			fadd.s fa0, fa0, fa1
			addi a3, a3, 1
			addi a0, a0, 1
			j 2b
		3:	addi t1, t1, -1
			bnez t1, 1b
			ecall`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, threshold := range []int{0, 30} {
				m, cpu := machineFor(t, "li t1, 20000\nli t2, 100\nfmv.w.x fa1, zero\n"+source, Options{Optimise: threshold, CacheSize: 1 << 20, Measure: true})
				const runs = 4
				for range runs {
					cpu.SetPC(codeAddr)
					run(t, cpu)
					m.await()
				}
				if got := x(cpu, 13); got != runs*800 {
					t.Errorf("%d times round, want %d", got, runs*800)
				}
				s := m.stats()
				if s.Optimiser.Blind == 0 || s.Optimiser.Blind > 10 {
					t.Errorf("threshold %d: %d regions are asked for anew", threshold, s.Optimiser.Blind)
				}
				if n := s.Left.Interprets; n < maxMissed || n > mostly {
					t.Errorf("threshold %d: left %d times for the interpreter", threshold, n)
				}
			}
		})
	}
}
