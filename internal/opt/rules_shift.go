package opt

import "github.com/hospes-vm/hospes/internal/ir"

// widthOf is that of a shift.
func widthOf(op ir.Op) uint64 {
	if op >= ir.Sll32 {
		return 32
	}
	return 64
}

// shift simplifies shifts and rotations.
func (s *simplifier) shift(i *ir.Instr) ir.Value {
	x, w := i.Args[0], widthOf(i.Op)
	k, ok := s.r.ConstOf(i.Args[1])
	if !ok {
		if n := s.amount(i.Args[1], w); n != i.Args[1] {
			return s.emit(i.Op, x, n)
		}
		return 0
	}
	if k >= w {
		return s.with(i.Op, x, k%w)
	}
	if k == 0 {
		if w == 32 {
			return s.emit(ir.Sext32, x)
		}
		return x
	}
	switch i.Op {
	case ir.Rol:
		return s.with(ir.Ror, x, 64-k)
	case ir.Rol32:
		return s.with(ir.Ror32, x, 32-k)
	case ir.Ror, ir.Ror32:
		if v := s.swap(i); v != 0 {
			return v
		}
	case ir.Sra:
		if s.bits[x].leading() > 0 {
			return s.with(ir.Srl, x, k)
		}
	}
	if v := s.again(i.Op, x, k); v != 0 {
		return v
	}
	switch i.Op {
	case ir.Sll:
		return s.left(x, k)
	case ir.Srl, ir.Sra:
		if y, c, ok := s.withConst(x, ir.Sll); ok && s.through(x, y) {
			return s.field(i.Op, y, c, k)
		}
		if y, ok := s.is(x, ir.Zext32); ok && i.Op == ir.Srl && k < 32 && s.through(x, y.Args[0]) {
			return s.with(ir.Srl32, y.Args[0], k)
		}
	case ir.Sll32, ir.Srl32, ir.Sra32, ir.Ror32: // nothing but the low half counts
		if v := s.shiftWord(i.Op, x, k); v != 0 {
			return v
		}
		if y := s.r.Code[x]; (y.Op == ir.Sext32 || y.Op == ir.Zext32) && s.through(x, y.Args[0]) {
			return s.with(i.Op, y.Args[0], k)
		}
	}
	return 0
}

// shiftWord has shifts of words to the right be part of a value, extended, or shifts of 64 bits.
func (s *simplifier) shiftWord(op ir.Op, x ir.Value, k uint64) ir.Value {
	wide := ir.Sra
	switch op {
	case ir.Sra32:
	case ir.Srl32:
		wide = ir.Srl
	default:
		return 0
	}
	y, c, ok := s.withConst(x, ir.Sll32)
	if !ok {
		y, c, ok = s.withConst(x, ir.Sll)
	}
	if ok && c < 32 && s.through(x, y) {
		if v := s.field(wide, y, c+32, k+32); v != 0 {
			return v
		}
	}
	if op == ir.Sra32 && s.bits[x].narrow() {
		return s.with(ir.Sra, x, k)
	}
	return 0
}

// amount is a value whose low bits are those of n, by which something of w bits is to be shifted.
func (s *simplifier) amount(n ir.Value, w uint64) ir.Value {
	i := s.r.Code[n]
	x := i.Args[0]
	k, isConst := s.r.ConstOf(i.Args[1])
	switch {
	case i.Op == ir.And && isConst && k&(w-1) == w-1, i.Op == ir.Add && isConst && k%w == 0, extendsFrom(i.Op) > 0:
		if s.through(n, x) {
			return s.amount(x, w)
		}
	case i.Op == ir.Sub:
		if k, ok := s.r.ConstOf(x); ok && k%w == 0 && s.through(n, i.Args[1]) {
			return s.amount(s.emit(ir.Neg, i.Args[1]), w)
		}
	case i.Op == ir.Neg:
		if y := s.amount(x, w); y != x && s.through(n, y) {
			return s.emit(ir.Neg, y)
		}
	}
	return n
}

// again is a shift of what has been shifted in the same way.
func (s *simplifier) again(op ir.Op, x ir.Value, k uint64) ir.Value {
	y, c, ok := s.withConst(x, op)
	w := widthOf(op)
	if !ok || c >= w || !s.through(x, y) {
		return 0
	}
	switch {
	case op == ir.Ror || op == ir.Ror32:
		return s.with(op, y, (c+k)%w)
	case op == ir.Sra || op == ir.Sra32:
		return s.with(op, y, min(c+k, w-1))
	case c+k >= w:
		return s.constant(0)
	case op == ir.Srl32 && c == 0:
		return 0
	}
	return s.with(op, y, c+k)
}

// left simplifies x << k.
func (s *simplifier) left(x ir.Value, k uint64) ir.Value {
	i := s.r.Code[x]
	if n := extendsFrom(i.Op); n > 0 && k >= 64-n && s.through(x, i.Args[0]) {
		return s.with(ir.Sll, i.Args[0], k)
	}
	if y, c, ok := s.withConst(x, ir.Srl); ok && c == k && s.through(x, y) && k < 31 {
		return s.with(ir.And, y, ^uint64(0)<<k)
	}
	// A constant is added last, so that it can be part of an address.
	if y, c, ok := s.withConst(x, ir.Add); ok && s.needs[x] <= 1 && short(c<<k) {
		return s.with(ir.Add, s.with(ir.Sll, y, k), c<<k)
	}
	return 0
}

// field simplifies x << left >> k, which is part of x, extended.
func (s *simplifier) field(op ir.Op, x ir.Value, left, k uint64) ir.Value {
	var extend ir.Op
	switch left {
	case 32:
		extend = ir.Zext32
	case 48:
		extend = ir.Zext16
	case 56:
		extend = ir.Zext8
	}
	signed := op == ir.Sra
	if signed {
		extend -= ir.Zext8 - ir.Sext8
	}
	switch {
	case left == 32 && k > 32 && signed:
		return s.with(ir.Sra32, x, k-32)
	case left == 32 && k > 32:
		return s.with(ir.Srl32, x, k-32)
	case left != 32 && left != 48 && left != 56:
		if !signed && left == k && k > 32 {
			return s.with(ir.And, x, ^uint64(0)>>k)
		}
		return 0
	case left >= k:
		return s.with(ir.Sll, s.emit(extend, x), left-k)
	}
	return s.with(op, s.emit(extend, x), k-left)
}

// rotation is the sum of both parts of a value: as they have no bits in common, sum, union and difference
// are the same.
func (s *simplifier) rotation(x, y ir.Value) ir.Value {
	if s.r.Code[y].Op == ir.Sll || s.r.Code[y].Op == ir.Sll32 {
		x, y = y, x
	}
	i, j := s.r.Code[x], s.r.Code[y]
	w, right := uint64(64), ir.Ror
	switch {
	case i.Args[0] != j.Args[0]:
		return 0
	case i.Op == ir.Sll && j.Op == ir.Srl:
	case i.Op == ir.Sll32 && j.Op == ir.Srl32:
		w, right = 32, ir.Ror32
	default:
		return 0
	}
	k, ok := s.r.ConstOf(i.Args[1])
	c, also := s.r.ConstOf(j.Args[1])
	if !ok || !also || k >= w || c >= w || k+c != w {
		return 0
	}
	return s.with(right, i.Args[0], c)
}

// rotationBy is that of a value shifted by n and by -n. Where that is 0, each part is all of the value,
// and only their union is that, too.
func (s *simplifier) rotationBy(x, y ir.Value) ir.Value {
	for range 2 {
		i, j := s.r.Code[x], s.r.Code[y]
		n := s.r.Code[j.Args[1]]
		if i.Args[0] == j.Args[0] && n.Op == ir.Neg && n.Args[0] == i.Args[1] {
			for _, r := range rotations {
				if i.Op == r.one && j.Op == r.other {
					return s.emit(r.op, i.Args[0], i.Args[1])
				}
			}
		}
		x, y = y, x
	}
	return 0
}

// rotations are made of two shifts, of which the other is by the negative number.
var rotations = []struct{ one, other, op ir.Op }{
	{ir.Sll, ir.Srl, ir.Rol}, {ir.Srl, ir.Sll, ir.Ror}, {ir.Sll32, ir.Srl32, ir.Rol32}, {ir.Srl32, ir.Sll32, ir.Ror32},
}

// extendsFrom is the number of low bits that op extends, or 0.
func extendsFrom(op ir.Op) uint64 {
	switch op {
	case ir.Sext8, ir.Zext8:
		return 8
	case ir.Sext16, ir.Zext16:
		return 16
	case ir.Sext32, ir.Zext32:
		return 32
	}
	return 0
}

// extension simplifies sign and zero extensions.
func (s *simplifier) extension(op ir.Op, x ir.Value) ir.Value {
	n := extendsFrom(op)
	signed := op <= ir.Sext32
	f := s.bits[x]
	switch {
	case signed && f.signs > 64-int(n), !signed && f.leading() >= 64-int(n):
		return x
	case signed && f.zeros>>(n-1)&1 == 1:
		return s.emit(op+ir.Zext8-ir.Sext8, x)
	}
	if n > 8 {
		if v := s.swap(&ir.Instr{Op: op, Args: [3]ir.Value{x}}); v != 0 {
			return v
		}
	}
	i := s.r.Code[x]
	if m := extendsFrom(i.Op); m >= n && s.through(x, i.Args[0]) {
		return s.emit(op, i.Args[0])
	}
	if y, k, ok := s.withConst(x, ir.And); ok && ^k<<(64-n) == 0 && s.through(x, y) {
		return s.emit(op, y)
	}
	if y, k, ok := s.withConst(x, ir.Sll32); ok && n == 32 && !signed && s.through(x, y) {
		return s.emit(op, s.with(ir.Sll, y, k))
	}
	return 0
}
