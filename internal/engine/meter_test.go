//go:build linux && amd64

package engine

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
)

// metered is a program of loops, branches out of the midst of blocks, calls, a system call's worth of floating
// point, an instruction that is for the interpreter, and a stack pointer that is none for a while.
const metered = `
	mv s1, sp
	li sp, -1
	li t1, 200
5:	addi sp, sp, -1
	addi t1, t1, -1
	bnez t1, 5b
	mv sp, s1
	li a0, 0
	li s0, 40
1:	andi t0, s0, 3
	beqz t0, 2f
	addi a0, a0, 1
	jal leaf
	fcvt.d.l fa0, a0
	fadd.d fa1, fa1, fa0
	j 3f
2:	li t1, 1
	csrw frm, t1
	csrw frm, zero
	jal t3, 4f
4:	addi t2, t3, 24 # leaf
	jalr t2
3:	addi s0, s0, -1
	bnez s0, 1b
	sd a0, -8(sp)
	ecall
leaf:	add a0, a0, s0
	blt a0, zero, 1b
	ret
`

// TestLimit: whatever the limit, and whoever executes, a program stops after exactly so many instructions,
// with the same state, and can go on.
func TestLimit(t *testing.T) {
	_, whole := machineFor(t, metered, Options{Threshold: 0, CacheSize: 1 << 20, Metered: true, Optimise: -1})
	run(t, whole)
	total := whole.Retired()
	if total < 300 {
		t.Fatalf("%d instructions", total)
	}
	for _, step := range []uint64{1, 3, 7, total / 2, total} {
		_, cpu := machineFor(t, metered, Options{Threshold: 0, CacheSize: 1 << 20, Metered: true, Optimise: -1})
		ref := riscv.New(cpu.(*CPU).space.as)
		ref.SetPC(cpu.PC())
		ref.SetSP(cpu.SP())
		for n := step; n < total; n += step {
			cpu.SetLimit(n)
			ref.SetLimit(n)
			got, want := cpu.Run(), ref.Run()
			if got.Kind != guest.ExitLimit || got != want || cpu.Retired() != n || ref.Retired() != n || cpu.DumpRegs() != ref.DumpRegs() {
				t.Fatalf("limit %d: %+v after %d instructions, interpreted %+v after %d\n%s\n%s", n, got, cpu.Retired(), want, ref.Retired(), cpu.DumpRegs(), ref.DumpRegs())
			}
		}
		cpu.SetLimit(total)
		run(t, cpu)
		if cpu.Retired() != total {
			t.Errorf("in steps of %d: %d instructions, want %d", step, cpu.Retired(), total)
		}
		if exit := cpu.Run(); exit.Kind != guest.ExitLimit {
			t.Errorf("%+v behind the limit", exit)
		}
	}
}
