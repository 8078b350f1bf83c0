//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// Compilers store words to the stack that they load as doublewords, and use half of. To the
// host, whose store buffer holds half of what is loaded then, that is a stall of a dozen
// cycles: such a load is made of two. On the stack nobody else writes meanwhile, so none can
// tell that it is not atomic.

// stackReg is the guest's stack pointer.
const stackReg = 2

// stackPlace is where v points into the stack: how far from the stack pointer at the
// beginning of the trace.
func (c *Compiler) stackPlace(v ir.Value) (disp int64, ok bool) {
	for {
		if x := c.alias[v]; x != 0 {
			v = x
		}
		i := &c.t.Code[v]
		if i.Op != ir.Add {
			return disp, i.Op == ir.GetX && i.Imm == stackReg
		}
		k, isConst := c.t.ConstOf(i.Args[1])
		if !isConst {
			return 0, false
		}
		disp += int64(k)
		v = i.Args[0]
	}
}

// stored notes a store of n bytes.
func (c *Compiler) stored(addr ir.Value, n int64) {
	at, ok := c.stackPlace(addr)
	if !ok {
		return
	}
	keep := c.words[:0]
	for _, w := range c.words {
		if w < at || w >= at+n {
			keep = append(keep, w)
		}
	}
	c.words = keep
	if n == 4 {
		c.words = append(c.words, at)
	}
}

// loadsHalves reports whether a half of the doubleword at addr has been stored before, as
// the last thing there.
func (c *Compiler) loadsHalves(addr ir.Value) bool {
	if len(c.words) == 0 {
		return false
	}
	at, ok := c.stackPlace(addr)
	for _, w := range c.words {
		if ok && (w == at || w == at+4) {
			return true
		}
	}
	return false
}

// loadHalves loads a doubleword as two words. The register that the address needs may be dst.
func (c *Compiler) loadHalves(dst amd64.Reg, m amd64.Mem) {
	high := m
	high.Disp += 4
	t := c.temp()
	c.mayFault()
	c.a.RM(amd64.MOV, amd64.W32, t, high)
	c.a.RI(amd64.SHL, amd64.W64, t, 32)
	c.mayFault()
	c.a.RM(amd64.MOV, amd64.W32, dst, m)
	c.a.RR(amd64.OR, amd64.W64, dst, t)
	c.free(t)
}
