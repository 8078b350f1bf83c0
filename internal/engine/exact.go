//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/trap"
)

// exact are the places in the code cache at which the guest's state is exact: a bit for each byte, nil
// without a profile. The signal handler reads it (trap.SetExact). Machine.mu guards changes.
type exact []uint64

func newExact(c *codecache.Cache) exact {
	e := make(exact, (c.Size()+63)/64)
	start, _ := c.Range()
	trap.SetExact(start, e)
	return e
}

// add enters the places of a block, and its marks: where it begins, and the instructions that may
// fault. Host code for a function that is left in its midst would begin anew.
func (e exact) add(b *codecache.Block, made *jit.Code) {
	if e == nil {
		return
	}
	e.set(b.Body)
	b.Marks = make([]codecache.Mark, len(made.Marks))
	for i, m := range made.Marks {
		b.Marks[i] = codecache.Mark{Offset: uint32(m.Offset), PC: m.PC}
	}
	if b.Function != 0 {
		return
	}
	for _, f := range made.Faults {
		if !f.Overflow {
			e.set(uint32(f.Offset))
		}
	}
}

func (e exact) set(offset uint32) { e[offset/64] |= 1 << (offset % 64) }

// forget is for when all blocks are forgotten.
func (e exact) forget() { clear(e) }

// sampling is what a CPU knows of samples.
type sampling struct {
	ask func() uintptr // see guest.Profiled; nil without a profile
	at  uint64         // guest instruction
	by  guest.Tier
	ok  bool // at and by are of a sample that has not been taken

	taken bool // a sample has been taken since translated code was last entered
}

// Profile has the CPU note where samples have found it.
func (c *CPU) Profile(sampled func() uintptr) {
	if c.space.opts.Profile {
		c.sampling.ask = sampled
	}
}

// Sampled is where the last sample was.
func (c *CPU) Sampled() (pc uint64, by guest.Tier, ok bool) {
	s := &c.sampling
	ok, s.ok = s.ok, false
	s.taken = true
	return s.at, s.by, ok
}

// pending reports whether the CPU has been taken out of translated code for a sample.
func (s *sampling) pending() bool { return s.ask != nil && s.ask() != 0 }

// noteSample is called when translated code has been left.
func (c *CPU) noteSample() {
	s := &c.sampling
	if s.ask == nil {
		return
	}
	host := s.ask()
	if host == 0 {
		return
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	b := c.m.cache.Find(host)
	if b == nil {
		return // between blocks: the engine's own code
	}
	s.at, s.by, s.ok = b.Inst(c.m.cache.Offset(host)), guest.Translated, true
	switch {
	case b.Region:
		s.by = guest.Optimised
	case b.Function != 0:
		s.by = guest.Native
	}
}

// sampledAtBody is leave for a thread that has been taken out where a block begins, with m.mu held.
func (c *CPU) sampledAtBody() left {
	b := c.m.cache.Find(c.ctx.FaultAt)
	c.ctx.Restore(nil, nil)
	return left{Kind: codecache.ToInterrupt, PC: b.PC}
}
