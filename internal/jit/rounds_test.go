//go:build linux && amd64

package jit

import (
	"fmt"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// TestRounds: a loop that computes numbers looks at none of them for a NaN, nor boxes any, while it goes round, whatever it is entered
// with; and where it is left, by a fault in whichever round, they are what the guest would have.
func TestRounds(t *testing.T) {
	const text = `
trace 0x1000
inst 0x1000
p = getx 10
%[1]s
inst 0x1004
%[2]s
inst 0x1008
%[3]s
inst 0x100c
k = const 8
q = add p, k
setx q, 10
inst 0x1010
end = getx 11
more = ne q, end
exitif more, 0x1000
inst 0x1014
goto 0x2000`
	for _, test := range []struct {
		load, product, sum string
		any, canonical     uint64 // NaNs
	}{{
		"d = load_64 p\nx = float d\nsetf x, 4",
		"y = getf 3\nz = fmul_d x, y, 7\nsetf z, 4",
		"s = getf 5\nu = fadd_d s, z, 7\nsetf u, 5",
		0xfff8000000000123, constants[constNaND],
	}, {
		"d = load_u32 p\nx = lo32 d\nxb = box_s x\nsetf xb, 4",
		"y = getf 3\nys = s y\nz = fmul_s x, ys, 7\nzb = box_s z\nsetf zb, 4",
		"s = getf 5\nss = s s\nu = fadd_s ss, z, 7\nub = box_s u\nsetf ub, 5",
		box32 | 0xffc00123, constants[constNaNS],
	}} {
		_, g := regionOf(t, fmt.Sprintf(text, test.load, test.product, test.sum))
		c := &Compiler{Features: HostFeatures()}
		var a amd64.Assembler
		if _, err := c.CompileGraph(&a, g); err != nil {
			t.Fatal(err)
		}
		c.wantNoLooks(t, a.Buf)
		m := newMachine(t)
		for rounds := range uint64(4) {
			for _, faults := range []bool{false, true} {
				s := ir.State{}
				s.F[3], s.F[4], s.F[5] = test.any, test.any, test.any
				s.X[10], s.X[11] = 4096-8*rounds, 4096
				pc, want := uint64(0x2000), test.canonical
				if faults || rounds == 0 { // the page ends there
					s.X[11], pc = 8192, 0x1000
				}
				if rounds == 0 {
					want = test.any
				}
				if out, err := m.runGraph(c, g, &s); err != nil || out.PC != pc || s.F[4] != want || s.F[5] != want {
					t.Errorf("%d rounds: left to %#x with %#x and %#x, want %#x and %#x: %v", rounds, out.PC, s.F[4], s.F[5], pc, want, err)
				}
			}
		}
	}
}

// wantNoLooks wants the loop of a graph to be code without comparisons of numbers, and without boxing.
func (c *Compiler) wantNoLooks(t *testing.T, code []byte) {
	t.Helper()
	const loop = 1
	s := &c.graphs
	for _, j := range s.jumps {
		start := s.starts[versions*loop]
		if j.to != versions*loop || j.at < start {
			continue
		}
		for k, b := range code[start:j.at] {
			switch next := code[start+k+1]; {
			case b == 0x0f && next == 0x2e: // ucomiss and ucomisd
				t.Errorf("a comparison in the loop: %x", code[start:j.at])
			case b == 0x56 && next&0xc7 == 0x85: // orps with what is in the context
				t.Errorf("a number is boxed in the loop: %x", code[start:j.at])
			}
		}
		return
	}
	t.Error("a loop that does not go round")
}

// TestRoundsKinds: that a binary32 is no NaN but the canonical one says nothing about what its register holds as a binary64: boxed, it is a
// NaN, and no canonical one.
func TestRoundsKinds(t *testing.T) {
	const text = `
trace 0x1000
inst 0x1000
y = getf 3
ys = s y
m = fmin_s ys, ys
mb = box_s m
setf mb, 4
inst 0x1004
goto 0x2000
trace 0x2000
inst 0x2000
p = getx 10
d = load_64 p
inst 0x2004
x = float d
z = fmul_d x, x, 7
setf z, 4
inst 0x2008
k = const 8
q = add p, k
setx q, 10
inst 0x200c
end = getx 11
more = ne q, end
exitif more, 0x2000
inst 0x2010
goto 0x3000`
	_, g := regionOf(t, text)
	c := &Compiler{Features: HostFeatures()}
	m := newMachine(t)
	one := uint64(box32 | 0x3f800000)
	s := ir.State{}
	s.F[3] = one
	s.X[10], s.X[11] = 4096, 8192 // the page ends there
	if out, err := m.runGraph(c, g, &s); err != nil || out.PC != 0x2000 || s.F[4] != one {
		t.Errorf("left to %#x with %#x, want %#x: %v", out.PC, s.F[4], one, err)
	}
}
