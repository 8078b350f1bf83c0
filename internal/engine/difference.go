//go:build linux && amd64

package engine

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/stats"
)

// Difference is a block whose translation does not do what the interpreter does. What it
// refers to is valid during the call of Options.Differs only.
type Difference struct {
	*Translation
	Insts int // guest instructions that the translation has executed
	Done  int // and the interpreter; fewer if it has left before
	Exit  guest.Exit

	Before, Want, Got State // at the beginning; after the interpreter, and the translation
	Memory            []MemoryDifference
}

// MemoryDifference is a word of memory as the interpreter and the translation have left it.
type MemoryDifference struct{ Want, Got Word }

// difference describes a pair that does not agree.
func (p *pair) difference() *Difference {
	m := p.c.m
	d := &Difference{
		Insts: p.insts, Done: p.done, Exit: p.exit,
		Before: p.before, Want: p.want, Got: p.got, Memory: p.memory(),
	}
	name := ""
	if m.opts.Symbol != nil {
		name = m.opts.Symbol(p.b.PC)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d.Translation = m.described(p.b, name)
	d.Made = m.check.made[p.b]
	d.Trace, _, _ = m.lifter.Lift(p.b.Code, p.b.PC, guest.Path(p.b.Path))
	spoil(d.Trace)
	return d
}

// startChecks prepares for CPUs that check.
func (m *Machine) startChecks() error {
	shared, err := newMarks(m.as, m.limit)
	if err != nil {
		return err
	}
	m.check = &checker{shared: shared, made: map[*codecache.Block]*jit.Code{}}
	m.comp.Watched, m.comp.Unbounded = true, false // there are marks for the window only
	m.comp.NearSP = true
	m.opts.Threshold, m.opts.NoNativeLib = 0, true // no interpreter executes a function as one
	return nil
}

// keep keeps how a block was made, if anything is checked.
func (k *checker) keep(b *codecache.Block, made *jit.Code) {
	if k == nil {
		return
	}
	c := *made
	c.Exits, c.Faults, c.Marks, c.Extra = slices.Clone(c.Exits), nil, slices.Clone(c.Marks), slices.Clone(c.Extra)
	k.made[b] = &c
}

// forget is to be called when the code cache has been emptied.
func (k *checker) forget() {
	if k != nil {
		clear(k.made)
	}
}

// forked begins anew in a child, where the code cache has been emptied if it is lost.
func (k *checker) forked(lost bool) {
	if k == nil {
		return
	}
	k.counts = stats.Check{}
	if lost {
		k.forget()
	}
}

// stats are the counts, if anything is checked.
func (k *checker) stats() (s stats.Check) {
	if k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		s = k.counts
	}
	return s
}
