package opt

import (
	"math/bits"

	"github.com/hospes-vm/hospes/internal/ir"
)

// bitFact is what is known of an integer, or of a truth value, which is 0 or 1.
type bitFact struct {
	zeros, ones uint64 // bits that are 0, bits that are 1
	signs       int    // so many bits from the top are equal: 33 and more for what is sign-extended from 32 bits
}

var (
	unknown = bitFact{signs: 1}
	// anything holds of a value that is not known yet, for it may still turn out to be so.
	anything = bitFact{^uint64(0), ^uint64(0), 64}
)

// known is what is known of a constant.
func known(k uint64) bitFact { return bitFact{zeros: ^k, ones: k}.settle() }

// below is what is known of a value of n bits.
func below(n int) bitFact { return bitFact{zeros: ^uint64(0) << n}.settle() }

// settle has signs tell what bits do, and the reverse.
func (f bitFact) settle() bitFact {
	f.signs = max(f.signs, f.leading(), bits.LeadingZeros64(^f.ones), 1)
	top := ^lowBits(64 - f.signs)
	if f.zeros&top != 0 {
		f.zeros |= top
	}
	if f.ones&top != 0 {
		f.ones |= top
	}
	return f
}

// meet is what holds of both.
func (f bitFact) meet(g bitFact) bitFact {
	return bitFact{f.zeros & g.zeros, f.ones & g.ones, min(f.signs, g.signs)}
}

// leading is the number of bits from the top that are 0, trailing that of bits from the bottom.
func (f bitFact) leading() int  { return bits.LeadingZeros64(^f.zeros) }
func (f bitFact) trailing() int { return bits.TrailingZeros64(^f.zeros) }

// narrow reports whether a value is the sign extension of its low 32 bits.
func (f bitFact) narrow() bool { return f.signs > 32 }

// constant reports whether all bits are known.
func (f bitFact) constant() bool { return f.zeros|f.ones == ^uint64(0) && f.zeros&f.ones == 0 }

// findBits finds what is known of the bits of all values. Of phis that is what holds of their arguments, as
// far as these are known, until nothing changes any more.
func findBits(r *Region) []bitFact {
	facts := r.mem.bits.room(2 * len(r.Code))[:len(r.Code)] // room for more
	for v := range facts {
		facts[v] = anything
	}
	for round := 0; round == 0 || r.phisDiffer(facts); round++ {
		for _, b := range r.Blocks {
			for k := range b.Phis {
				p := &b.Phis[k]
				if f := r.phiBits(b, p, facts); f != facts[p.Value] {
					facts[p.Value] = f.widen(round)
				}
			}
			for _, v := range b.Code {
				facts[v] = transfer(r, &r.Code[v], facts)
			}
		}
	}
	return facts
}

// phiBits is what holds of a phi and of its arguments.
func (r *Region) phiBits(b *Block, p *Phi, facts []bitFact) bitFact {
	f := facts[p.Value]
	for k, a := range p.Args {
		g := facts[a]
		if r.looked(b, p, b.Preds[k]) {
			g.signs = max(g.signs, 33)
		}
		f = f.meet(g)
	}
	return f
}

// phisDiffer reports whether less holds of the arguments of a phi than of it.
func (r *Region) phisDiffer(facts []bitFact) bool {
	for _, b := range r.Blocks {
		for k := range b.Phis {
			if p := &b.Phis[k]; r.phiBits(b, p, facts) != facts[p.Value] {
				return true
			}
		}
	}
	return false
}

// Rounds until less is asked about phis, so that a loop that counts comes to an end.
const (
	fewRounds  = 3
	manyRounds = 16
)

// widen is what a phi of which f holds has in a round of findBits: after some only whether it has been
// extended from few bits.
func (f bitFact) widen(round int) bitFact {
	switch {
	case round < fewRounds:
		return f
	case round > manyRounds:
		return unknown
	}
	step := func(n int, steps ...int) int {
		for _, s := range steps {
			if n >= s {
				return s
			}
		}
		return 0
	}
	leading := step(f.leading(), 56, 48, 33, 32)
	return bitFact{zeros: ^lowBits(64 - leading), signs: step(f.signs, 57, 49, 33)}.settle()
}

// transfer is what is known of the value of i, with facts of its arguments.
func transfer(r *Region, i *ir.Instr, facts []bitFact) bitFact {
	a, b, c := facts[i.Args[0]], facts[i.Args[1]], facts[i.Args[2]]
	info := i.Op.Info()
	switch {
	case info.Result == ir.Bool:
		return below(1)
	case info.Result != ir.I64:
		return unknown
	case i.Op.Has(ir.Reads):
		return read(i.Op)
	case i.Op >= ir.Sll && i.Op <= ir.Ror32:
		k, isConst := r.ConstOf(i.Args[1])
		return shifted(i.Op, a, k, isConst)
	case i.Op >= ir.MulhSs && i.Op <= ir.RemU32:
		return divided(i.Op, a, b)
	}
	switch i.Op {
	case ir.Const:
		return known(i.Imm)
	case ir.Choose:
		return b.meet(c)
	case ir.Clz, ir.Ctz, ir.Cpop:
		return below(7)
	case ir.Clz32, ir.Ctz32:
		return below(6)
	case ir.GetFlags:
		return below(5)
	case ir.GetRound:
		return below(3)
	case ir.FclassS, ir.FclassD:
		return below(10)
	case ir.F32ToI32, ir.F32ToU32, ir.F64ToI32, ir.F64ToU32, ir.FcvtmodI32:
		return bitFact{signs: 33}
	}
	if i.Op >= ir.ZextB && i.Op <= ir.Zext32 {
		return extended(i.Op, a)
	}
	return combined(i.Op, a, b)
}

// read is what is known of what op reads from memory.
func read(op ir.Op) bitFact {
	info := op.Info()
	switch {
	case op == ir.Sc32 || op == ir.Sc64:
		return below(1)
	case info.Signed:
		return bitFact{signs: 65 - 8*int(info.Size)}
	}
	return below(8 * int(info.Size))
}

// extended is what is known of an extension.
func extended(op ir.Op, a bitFact) bitFact {
	switch op {
	case ir.ZextB:
		return below(1)
	case ir.Zext8:
		return a.and(known(1<<8 - 1))
	case ir.Zext16:
		return a.and(known(1<<16 - 1))
	case ir.Zext32:
		return a.and(known(1<<32 - 1))
	case ir.Sext8:
		return a.signed(8)
	case ir.Sext16:
		return a.signed(16)
	case ir.Sext32:
		return a.signed(32)
	}
	return unknown
}

// signed is what is known of the sign extension of n bits.
func (f bitFact) signed(n int) bitFact {
	if f.signs > 64-n {
		return f
	}
	up := 64 - n
	return bitFact{
		zeros: uint64(int64(f.zeros<<up) >> up),
		ones:  uint64(int64(f.ones<<up) >> up),
		signs: up + 1,
	}.settle()
}

func (f bitFact) and(g bitFact) bitFact {
	return bitFact{f.zeros | g.zeros, f.ones & g.ones, min(f.signs, g.signs)}.settle()
}

// combined is what is known of the result of logic and arithmetic.
func combined(op ir.Op, a, b bitFact) bitFact {
	switch op {
	case ir.And:
		return a.and(b)
	case ir.Or:
		return bitFact{a.zeros & b.zeros, a.ones | b.ones, min(a.signs, b.signs)}.settle()
	case ir.Xor:
		return bitFact{a.zeros&b.zeros | a.ones&b.ones, a.zeros&b.ones | a.ones&b.zeros, min(a.signs, b.signs)}.settle()
	case ir.Not:
		return bitFact{a.ones, a.zeros, a.signs}
	case ir.Add, ir.Sub:
		f := bitFact{zeros: lowBits(min(a.trailing(), b.trailing())), signs: min(a.signs, b.signs) - 1}
		if op == ir.Add {
			f.zeros |= ^lowBits(min(64, 65-min(a.leading(), b.leading())))
		}
		return f.settle()
	case ir.Neg:
		if a.leading() == 63 {
			return bitFact{signs: 64}
		}
		return bitFact{zeros: lowBits(a.trailing()), signs: a.signs - 1}.settle()
	case ir.Mul:
		f := bitFact{zeros: lowBits(min(64, a.trailing()+b.trailing())), signs: a.signs + b.signs - 65}
		f.zeros |= ^lowBits(min(64, 128-a.leading()-b.leading()))
		return f.settle()
	}
	return unknown
}

// lowBits has the low n bits set.
func lowBits(n int) uint64 { return 1<<n - 1 }

// shifted is what is known of a shift, by k if that is known.
func shifted(op ir.Op, a bitFact, k uint64, isConst bool) bitFact {
	switch op {
	case ir.Sll, ir.Srl, ir.Sra, ir.Rol, ir.Ror:
		if !isConst {
			return shiftedBy(op, a)
		}
		return shiftedWide(op, a, int(k&63))
	}
	if !isConst {
		return bitFact{signs: 33}
	}
	n := int(k & 31)
	switch op {
	case ir.Sll32:
		return shiftedWide(ir.Sll, a, n).signed(32)
	case ir.Srl32:
		return shiftedWide(ir.Srl, a.and(known(1<<32-1)), n).signed(32)
	case ir.Sra32:
		return shiftedWide(ir.Sra, a.signed(32), n)
	}
	return bitFact{signs: 33}
}

// shiftedBy is what is known of a shift by any number of bits.
func shiftedBy(op ir.Op, a bitFact) bitFact {
	switch op {
	case ir.Sll:
		return bitFact{zeros: lowBits(a.trailing())}.settle()
	case ir.Srl:
		return bitFact{zeros: ^lowBits(64 - a.leading())}.settle()
	case ir.Sra:
		return bitFact{zeros: ^lowBits(64 - a.leading()), signs: a.signs}.settle()
	}
	return unknown
}

// shiftedWide is what is known of a shift of 64 bits by n.
func shiftedWide(op ir.Op, a bitFact, n int) bitFact {
	switch op {
	case ir.Sll:
		return bitFact{a.zeros<<n | lowBits(n), a.ones << n, a.signs - n}.settle()
	case ir.Srl:
		return bitFact{zeros: a.zeros>>n | ^lowBits(64-n), ones: a.ones >> n}.settle()
	case ir.Sra:
		return bitFact{uint64(int64(a.zeros) >> n), uint64(int64(a.ones) >> n), min(64, a.signs+n)}.settle()
	case ir.Rol:
		n = -n
	}
	return bitFact{zeros: bits.RotateLeft64(a.zeros, -n), ones: bits.RotateLeft64(a.ones, -n)}.settle()
}

// divided is what is known of high products, quotients and remainders. Division by 0 gives all ones
// and the dividend.
func divided(op ir.Op, a, b bitFact) bitFact {
	switch op {
	case ir.MulhUu:
		return below(64 - min(64, a.leading()+b.leading()))
	case ir.DivU:
		if b.ones != 0 {
			return below(64 - a.leading())
		}
	case ir.RemU:
		return below(64 - a.leading())
	case ir.RemS:
		return bitFact{signs: a.signs}
	case ir.DivS:
		return bitFact{signs: max(1, a.signs-1)}
	case ir.DivS32, ir.DivU32, ir.RemS32, ir.RemU32:
		return bitFact{signs: 33}
	}
	return unknown
}
