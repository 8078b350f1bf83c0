package opt

import (
	"math/bits"

	"github.com/hospes-vm/hospes/internal/ir"
)

const allBits = ^uint64(0)

// dropExtensions removes extensions and masks if nobody looks at the bits that they change: often only
// the low half of a value counts. Writes of registers look at all bits.
func dropExtensions(r *Region) {
	d := demand{r: r, want: r.mem.words.take(len(r.Code))}
	for round, changed := 0, true; changed; round++ {
		changed = false
		d.coarse = round > fewRounds
		for n := len(r.Blocks) - 1; n >= 0; n-- {
			changed = d.block(r.Blocks[n]) || changed
		}
	}
	by := r.mem.values.take(len(r.Code))
	for _, b := range r.Blocks {
		kept := b.Code[:0]
		for _, v := range b.Code {
			i := &r.Code[v]
			if d.superfluous(v) {
				by[v] = i.Args[0]
				continue
			}
			d.widen(i, d.want[v])
			kept = append(kept, v)
		}
		b.Code = kept
	}
	r.Replace(by)
}

// demand is the state of dropExtensions.
type demand struct {
	r      *Region
	want   []uint64 // by value: the bits that somebody looks at
	coarse bool     // who looks at more than before looks at all
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
	case op >= ir.Sll && op <= ir.Ror32:
		return shiftWant(op, n, want, k, isConst)
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

// widen makes a shift of a word one of 64 bits, if nobody looks at the bits that differ: it need not be
// extended then.
func (d *demand) widen(i *ir.Instr, want uint64) {
	k, ok := d.r.ConstOf(i.Args[1])
	switch {
	case !ok || k >= 32:
	case i.Op == ir.Sll32 && want>>32 == 0:
		i.Op = ir.Sll
	case (i.Op == ir.Srl32 || i.Op == ir.Sra32) && want>>(32-k) == 0:
		i.Op = ir.Srl
	}
}
