package opt

import (
	"math/bits"

	"github.com/hospes-vm/hospes/internal/ir"
)

const allBits = ^uint64(0)

// dropExtensions removes extensions and masks if nobody looks at the bits that they change: often only
// the low half of a value counts. Writes of registers look at all bits, unless what is written is
// the sign extension of its low half: whoever looks at the register can extend that.
func dropExtensions(r *Region) {
	d := newDemand(r)
	by := r.mem.values.take(len(r.Code))
	d.shiftLow()
	for _, b := range r.Blocks {
		kept := b.Code[:0]
		for _, v := range b.Code {
			i := &r.Code[v]
			if d.superfluous(v) {
				by[v] = i.Args[0]
				continue
			}
			d.change(i, d.want[v])
			kept = append(kept, v)
		}
		b.Code = kept
		d.know(b)
	}
	r.Replace(by)
}

// newDemand finds out which bits of values are looked at.
func newDemand(r *Region) *demand {
	d := &demand{r: r, bits: findBits(r), want: r.mem.words.take(len(r.Code)), held: r.mem.flags.take(len(r.Code))}
	for _, b := range r.Blocks {
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.SetX {
				d.held[i.Args[0]] = true
			}
		}
	}
	for round, changed := 0, true; changed; round++ {
		changed = false
		d.coarse = round > fewRounds
		for n := len(r.Blocks) - 1; n >= 0; n-- {
			changed = d.block(r.Blocks[n]) || changed
		}
	}
	return d
}

// demand is what is looked at.
type demand struct {
	r      *Region
	bits   []bitFact // by value
	want   []uint64  // by value: the bits that somebody looks at
	held   []bool    // by value: a register is set to it
	coarse bool      // who looks at more than before looks at all
}

// block finds out what instructions of b look at, and reports whether that is more than before.
func (d *demand) block(b *Block) (changed bool) {
	for k := len(b.Code) - 1; k >= 0; k-- {
		v := b.Code[k]
		i := &d.r.Code[v]
		if i.Op.Has(ir.Pure) && d.want[v] == 0 {
			continue
		}
		for n := range i.Op.Info().Args {
			changed = d.add(i.Args[n], d.of(i, n, d.want[v])) || changed
		}
	}
	for _, p := range b.Phis {
		for _, a := range p.Args {
			changed = d.add(a, d.want[p.Value]) || changed
		}
	}
	return changed
}

func (d *demand) add(v ir.Value, want uint64) (changed bool) {
	old := d.want[v]
	if want&^old == 0 {
		return false
	}
	d.want[v] = old | want
	if d.coarse {
		d.want[v] = allBits
	}
	return true
}

// of is what i looks at of argument n if so many bits of its value are wanted.
func (d *demand) of(i *ir.Instr, n int, want uint64) uint64 {
	k, isConst := d.r.ConstOf(i.Args[1])
	switch op := i.Op; {
	case op.Has(ir.Writes):
		if n > 0 {
			return lowBits(8 * int(op.Info().Size))
		}
	case n == 0 && d.shiftsLow(i):
		return lowBits(32)
	case op >= ir.Sll && op <= ir.Ror32:
		return shiftWant(op, n, want, k, isConst)
	case op == ir.SetX && i.Imm < NumRegs && d.narrow(i.Args[0]), d.comparesLow(i):
		return lowBits(32)
	case extendsFrom(op) > 0:
		m := int(extendsFrom(op))
		if op <= ir.Sext32 && want>>m != 0 {
			want |= 1 << (m - 1)
		}
		return want & lowBits(m)
	case op >= ir.DivS32 && op <= ir.RemU32:
		return lowBits(32)
	}
	switch i.Op {
	case ir.Add, ir.Sub, ir.Mul, ir.Neg:
		return lowBits(bits.Len64(want))
	case ir.And:
		if isConst && n == 0 {
			return want & k
		}
		return want
	case ir.Or:
		if isConst && n == 0 {
			return want &^ k
		}
		return want
	case ir.Xor, ir.Not:
		return want
	case ir.Choose:
		if n > 0 {
			return want
		}
	case ir.Rev8:
		return bits.ReverseBytes64(want)
	case ir.Lo32, ir.Clz32, ir.Ctz32, ir.I32ToF32, ir.I32ToF64, ir.U32ToF32, ir.U32ToF64:
		return lowBits(32)
	case ir.Lo16:
		return lowBits(16)
	}
	return allBits
}

// shiftWant is what a shift looks at of argument n.
func shiftWant(op ir.Op, n int, want, k uint64, isConst bool) uint64 {
	w := widthOf(op)
	switch {
	case n == 1:
		return w - 1
	case w == 32:
		return lowBits(32)
	}
	k &= 63
	if !isConst {
		k = 0
	}
	switch op {
	case ir.Sll:
		if isConst {
			return want >> k
		}
		return lowBits(bits.Len64(want))
	case ir.Srl, ir.Sra:
		if !isConst {
			return ^lowBits(bits.TrailingZeros64(want))
		}
		if op == ir.Sra && want>>(63-k) != 0 {
			return want<<k | 1<<63
		}
		return want << k
	}
	return allBits
}

// superfluous reports whether the value is as good as the first argument.
func (d *demand) superfluous(v ir.Value) bool {
	i, want := &d.r.Code[v], d.want[v]
	if d.held[v] {
		return false
	}
	if n := extendsFrom(i.Op); n > 0 {
		return want>>n == 0
	}
	k, ok := d.r.ConstOf(i.Args[1])
	switch i.Op {
	case ir.And:
		return ok && want&^k == 0
	case ir.Or, ir.Xor:
		return ok && want&k == 0
	case ir.Add:
		return ok && k&lowBits(bits.Len64(want)) == 0
	}
	return false
}

// narrow reports whether v is the sign extension of its low half.
func (d *demand) narrow(v ir.Value) bool { return d.bits[v].narrow() }

// comparesLow reports whether i compares values whose low halves tell.
func (d *demand) comparesLow(i *ir.Instr) bool {
	switch i.Op {
	case ir.Eq, ir.Ne, ir.Lts, ir.Ltu:
		return d.narrow(i.Args[0]) && d.narrow(i.Args[1])
	}
	return false
}

// shiftsLow reports whether i could shift the low half of its argument as well, and had better: there
// may be an extension less.
func (d *demand) shiftsLow(i *ir.Instr) bool {
	k, ok := d.r.ConstOf(i.Args[1])
	if i.Op != ir.Sra || !ok || k >= 32 || !d.narrow(i.Args[0]) {
		return false
	}
	op := d.r.Code[i.Args[0]].Op
	return op == ir.GetX || extends(op)
}

// extends reports whether an operation may take an extension that is not needed if only the low half of its value is.
func extends(op ir.Op) bool {
	switch op {
	case ir.And, ir.Or, ir.Xor, ir.Not, ir.Choose, ir.Sext32:
		return true
	}
	return op >= ir.Sll32 && op <= ir.Ror32
}

// know notes what the code generator needs to know of the values of b.
func (d *demand) know(b *Block) {
	for _, p := range b.Phis {
		d.knowValue(p.Value)
	}
	for _, v := range b.Code {
		if i := &d.r.Code[v]; d.comparesLow(i) {
			*d.r.fact(v) |= ir.Low
		} else if i.Op.Info().Result == ir.I64 {
			d.knowValue(v)
		}
	}
}

func (d *demand) knowValue(v ir.Value) {
	if d.narrow(v) {
		*d.r.fact(v) |= ir.Narrow
		if d.want[v]>>32 == 0 && mayBeLoose(d.r.Code[v].Op) {
			*d.r.fact(v) |= ir.Low
		}
	}
}

// mayBeLoose reports whether an operation takes less for a low half than for all. Others extend what they make anyway.
func mayBeLoose(op ir.Op) bool {
	switch op {
	case ir.GetX, ir.Add, ir.Sub, ir.Mul, ir.Neg, ir.Sll, ir.Sra:
		return true
	}
	return extends(op) || op >= ir.DivS32 && op <= ir.RemU32
}

// shiftLow makes shifts of 64 bits ones of a word, if only that is there. It comes before all changes of what they
// shift.
func (d *demand) shiftLow() {
	for _, b := range d.r.Blocks {
		for _, v := range b.Code {
			if i := &d.r.Code[v]; d.shiftsLow(i) && d.want[i.Args[0]]>>32 == 0 {
				i.Op = ir.Sra32
			}
		}
	}
}

// change makes a shift of a word one of 64 bits, if nobody looks at the bits that differ: it need not be
// extended then.
func (d *demand) change(i *ir.Instr, want uint64) {
	k, ok := d.r.ConstOf(i.Args[1])
	switch {
	case !ok || k >= 32:
	case i.Op == ir.Sll32 && want>>32 == 0:
		i.Op = ir.Sll
	case (i.Op == ir.Srl32 || i.Op == ir.Sra32) && want>>(32-k) == 0:
		i.Op = ir.Srl
	}
}
