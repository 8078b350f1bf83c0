//go:build linux && amd64

package engine

import "math/rand/v2"

// With Options.Chance regions are left in many places where nothing makes it necessary: before accesses to
// memory, before branches out of them, where loops go back. The guest goes on in the interpreter, or in
// translations of single blocks, with what registers hold there. So programs that check themselves
// find state that is not exact where it could be observed.

// newChance is the source of random numbers of the n-th CPU, or nil without Options.Chance.
func (o *Options) newChance(n uint64) *rand.Rand {
	if o.Chance == 0 {
		return nil
	}
	return rand.New(rand.NewPCG(o.Chance, n))
}

// takeChance chooses how many places are passed before a region is left: mostly few, so
// that each kind of place is the one sooner or later, and sometimes so many that loops get going.
func (c *CPU) takeChance() {
	if c.chance != nil {
		most := [...]uint32{2, 8, 50, 400}[c.chance.IntN(4)]
		c.ctx.Chance = 1 + c.chance.Uint32N(most)
	}
}
