//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// findNarrow finds the values that are the sign extension of their low 32 bits: these need
// not be extended again.
func (c *Compiler) findNarrow() {
	c.narrow = zeroed(c.narrow, len(c.t.Code))
	for k := range c.t.Code {
		c.narrow[k] = c.isNarrow(&c.t.Code[k]) && (c.facts == nil || !c.isLoose(ir.Value(k)))
	}
}

// isLoose reports whether v is not extended although it has an operation that would do so.
func (c *Compiler) isLoose(v ir.Value) bool {
	if c.known(v)&ir.Low == 0 {
		return false
	}
	i := &c.t.Code[v]
	switch i.Op {
	case ir.Srl32:
		k, ok := c.t.ConstOf(i.Args[1])
		return !ok || k&31 == 0
	case ir.Sext32, ir.Sll32, ir.Sra32, ir.Rol32, ir.Ror32, ir.DivS32, ir.DivU32, ir.RemS32, ir.RemU32:
		return true
	}
	return false
}

// wantNarrow leaves the instruction to the interpreter unless v is the sign extension of its low 32 bits.
func (c *Compiler) wantNarrow(v ir.Value) {
	if c.narrow[v] {
		return
	}
	r, t := c.reg(v), c.temp()
	c.a.RR(amd64.MOVSXD, amd64.W64, t, r)
	c.a.RR(amd64.CMP, amd64.W64, t, r)
	c.free(t)
	c.interpretIf(amd64.NE)
}

func (c *Compiler) isNarrow(i *ir.Instr) bool {
	x, y := i.Args[0], i.Args[1]
	switch op := i.Op; op {
	case ir.Const:
		return uint64(int64(int32(i.Imm))) == i.Imm
	case ir.Sext8, ir.Sext16, ir.Sext32, ir.Zext8, ir.Zext16, ir.ZextB, ir.GetFlags, ir.GetRound:
		return true
	case ir.Clz, ir.Ctz, ir.Cpop, ir.Clz32, ir.Ctz32, ir.FclassS, ir.FclassD:
		return true
	case ir.Sll32, ir.Srl32, ir.Sra32, ir.Rol32, ir.Ror32, ir.DivS32, ir.DivU32, ir.RemS32, ir.RemU32:
		return true
	case ir.F32ToI32, ir.F32ToU32, ir.F64ToI32, ir.F64ToU32, ir.FcvtmodI32:
		return true
	case ir.And:
		return c.narrow[x] && c.narrow[y] || c.isMask31(x) || c.isMask31(y)
	case ir.Or, ir.Xor:
		return c.narrow[x] && c.narrow[y]
	case ir.Choose:
		return c.narrow[y] && c.narrow[i.Args[2]]
	case ir.Not, ir.Sra:
		return c.narrow[x]
	case ir.Sc32, ir.Sc64:
		return true
	default:
		info := op.Info()
		return op.Has(ir.Reads) && (info.Size < 4 || info.Size == 4 && info.Signed)
	}
}

// isMask31 reports whether v is a constant of at most 31 bits.
func (c *Compiler) isMask31(v ir.Value) bool {
	k, ok := c.t.ConstOf(v)
	return ok && k < 1<<31
}
