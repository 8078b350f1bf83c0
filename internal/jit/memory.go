//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// address is guest memory at v.
func (c *Compiler) address(v ir.Value) amd64.Mem {
	var disp int32
	at := v
	if c.deferred[v] {
		i := &c.t.Code[v]
		at = i.Args[0]
		disp, _ = c.imm32(i.Args[1])
		c.used(i.Args[1])
	}
	r := c.reg(at)
	c.used(at)
	return amd64.AtIndex(baseReg, r, 1, disp)
}

// mayFault notes that the next host instruction may fault.
func (c *Compiler) mayFault() {
	c.code.Faults = append(c.code.Faults, Fault{Offset: c.a.Len(), PC: c.pc})
}

func (c *Compiler) loadFrom(v ir.Value, i *ir.Instr) {
	m := c.address(i.Args[0])
	dst := c.dest(v, 0)
	switch i.Op {
	case ir.LoadU8:
		c.mayFault()
		c.a.RM(amd64.MOVZX8, amd64.W32, dst, m)
	case ir.LoadU16:
		c.mayFault()
		c.a.RM(amd64.MOVZX16, amd64.W32, dst, m)
	case ir.LoadU32:
		c.mayFault()
		c.a.RM(amd64.MOV, amd64.W32, dst, m)
	default:
		c.loadExtended(dst, width(i.Op), m)
	}
	c.put(v, dst)
}

func (c *Compiler) store(i *ir.Instr) {
	m := c.address(i.Args[0])
	w := amd64.Width(i.Op.Info().Size)
	v := i.Args[1]
	if k, ok := c.imm32(v); ok {
		c.mayFault()
		c.a.MI(amd64.MOV, w, m, truncated(k, w))
	} else {
		r := c.reg(v)
		c.mayFault()
		c.a.MR(amd64.MOV, w, m, r)
	}
	c.used(v)
}

// truncated is an immediate of a width.
func truncated(k int32, w amd64.Width) int32 {
	switch w {
	case amd64.W8:
		return int32(int8(k))
	case amd64.W16:
		return int32(int16(k))
	}
	return k
}
