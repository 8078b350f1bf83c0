//go:build amd64

package jit

import "github.com/hospes-vm/hospes/internal/ir"

// Compilers make addresses and other constants in two instructions by way of the register that they are for, as lui and
// addi, and auipc and a load do. In traces, registers are where all code has them at each instruction that may be left. What
// overwrites a register before the next such instruction makes the write before superfluous: nobody can see it. What only such writes
// need is not computed.
//
// So does a load that overwrites the register which its address, a constant, was made in just before: if it cannot be
// carried out, the trace is left for the instruction that makes the address, whose only effect has been left out.

// plain are the operations that traces are never left at.
var plain = [256]bool{
	ir.Const: true, ir.Inst: true, ir.GetX: true, ir.SetX: true,
	ir.Add: true, ir.Sub: true, ir.And: true, ir.Or: true, ir.Xor: true, ir.Not: true, ir.Neg: true, ir.Mul: true,
	ir.Eq: true, ir.Ne: true, ir.Lts: true, ir.Ltu: true, ir.ZextB: true, ir.NotB: true, ir.Choose: true,
	ir.Sext8: true, ir.Sext16: true, ir.Sext32: true, ir.Zext8: true, ir.Zext16: true, ir.Zext32: true,
	ir.Sll: true, ir.Srl: true, ir.Sra: true, ir.Sll32: true, ir.Srl32: true, ir.Sra32: true,
}

// deadWrites is what findDead finds.
type deadWrites struct {
	is   []bool     // by value: a write that is left out, or what only such ones need
	back []ir.Value // loads that leave the trace for the instruction before theirs, the last one first
}

// findDead finds the writes of guest registers that nobody sees. They are no uses of what they write.
func (c *Compiler) findDead() {
	d := &c.dead
	d.is, d.back = zeroed(d.is, len(c.t.Code)), d.back[:0]
	var over, overLoaded uint64 // registers that are overwritten, and those that are behind load, by bit
	var load ir.Value           // of a constant address, by this instruction or the next
	begun := false              // the instruction of load
	for v := ir.Value(len(c.t.Code) - 1); v > 0; v-- {
		switch i := &c.t.Code[v]; {
		case i.Op == ir.SetX:
			bit := uint64(1) << i.Imm
			_, isConst := c.t.ConstOf(i.Args[0])
			switch {
			case over&bit != 0:
				d.is[v] = true
			case begun && isConst && overLoaded&bit != 0:
				d.is[v] = true
				d.back = append(d.back, load)
				overLoaded &^= bit // an instruction that is executed again may read what it writes
			default:
				over |= bit
			}
			if d.is[v] {
				c.at[i.Args[0]].left--
			}
		case i.Op.Has(ir.Pure) && plain[i.Op] && i.Op != ir.Const && c.at[v].left == 0: // what only such a write needed
			d.is[v] = true
			for _, a := range i.Args {
				c.at[a].left--
			}
			c.at[0].left = 0
		case i.Op == ir.GetX:
			over &^= 1 << i.Imm
			overLoaded &^= 1 << i.Imm
		case i.Op == ir.Inst && c.present[ir.S]: // where a register may be looked at: see findBoxed
			load, overLoaded, over, begun = 0, 0, 0, false
		case i.Op == ir.Inst:
			if begun = load != 0 && !begun; !begun {
				load, overLoaded = 0, 0
			}
		case plain[i.Op]:
		default:
			load, overLoaded, begun = 0, 0, false
			if _, isConst := c.t.ConstOf(i.Args[0]); isConst && i.Op.Has(ir.Reads) && !i.Op.Has(ir.Atomic) {
				load, overLoaded = v, over
			}
			over = 0
		}
	}
}

// goBack has load v leave the trace for the instruction before, if that has been left out.
func (c *Compiler) goBack(v ir.Value) {
	if n := len(c.dead.back); n > 0 && c.dead.back[n-1] == v {
		c.dead.back = c.dead.back[:n-1]
		c.pc = c.code.Marks[len(c.code.Marks)-2].PC
		c.redo = 1
	}
}
