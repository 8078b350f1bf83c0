//go:build linux && amd64

package jit

import (
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
)

// TestFiles executes the traces of the intermediate representation's test files.
func TestFiles(t *testing.T) {
	cases, err := irtest.Files("../ir/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, with := range compilers() {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for _, c := range cases {
				for _, r := range c.Runs {
					with.Round = uint8(r.In.Round)
					m.runFile(&with, &c, &r)
				}
			}
		})
	}
}

// runFile executes one execution of a case.
func (m *machine) runFile(c *Compiler, k *irtest.Case, r *irtest.Run) {
	s := r.In
	clear(m.data[:])
	copy(m.data[:], s.Data[:])
	out := m.run(c, k.Trace, &s.State)
	copy(s.Data[:], m.data[:])
	if out.Op == ir.Interp && r.Exit.Op != ir.Interp {
		if !r.Exit.Fault {
			if !r.MayLeave {
				m.t.Errorf("%s: %s is left to the interpreter", r.Pos, k.Name)
			}
			m.wantUnchanged(k, r, &s, out.PC)
			return
		}
		out.Fault = true // the interpreter makes a trap of it
	}
	if d := r.Diff(&s, out); d != "" {
		m.t.Errorf("%s: %s\n%s", r.Pos, k.Name, d)
	}
}

// wantUnchanged: what is left to the interpreter has done nothing but raise some of the
// flags that the instruction raises.
func (m *machine) wantUnchanged(k *irtest.Case, r *irtest.Run, s *irtest.State, pc uint64) {
	before := *r
	before.Want = before.In
	before.Want.Mem = &before.Want.Data
	before.Exit = ir.Eval(until(k.Trace, pc), &before.Want.State)
	if s.Flags&^r.Want.Flags == 0 && before.Want.Flags&^s.Flags == 0 {
		before.Want.Flags = s.Flags
	}
	if d := before.Diff(s, before.Exit); d != "" {
		m.t.Errorf("%s: %s, left to the interpreter\n%s", r.Pos, k.Name, d)
	}
}
