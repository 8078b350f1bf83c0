//go:build linux && amd64

package engine

import "testing"

// stored is sums with the sums in memory.
const stored = `
	li t1, 200
	li a1, 0
	sd zero, -8(sp)
1:	li a2, 100
2:	addi a1, a1, 1
	ld a0, -8(sp)
	add a0, a0, a1
	sd a0, -8(sp)
	addi a2, a2, -1
	bnez a2, 2b
	addi t1, t1, -1
	bnez t1, 1b
	ecall`

// TestChance: regions are left where nothing makes it necessary, and the state is exact there.
func TestChance(t *testing.T) {
	for _, source := range []string{sums, stored} {
		for seed := range uint64(5) {
			m, cpu := machineFor(t, source, Options{CacheSize: 1 << 20, Chance: seed, Measure: true})
			run(t, cpu)
			if got := x(cpu, 10); got != sumsTo {
				t.Errorf("the sum is %d, want %d", got, sumsTo)
			}
			s := m.stats()
			if left := s.Left.Interrupts + s.Left.Interprets; left < 100 && seed != 0 || left != 0 && seed == 0 {
				t.Errorf("seed %d: left %d times", seed, left)
			}
			if s.Optimiser.Regions == 0 {
				t.Error("no regions")
			}
		}
	}
}
