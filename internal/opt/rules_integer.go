package opt

import (
	"math/bits"

	"github.com/hospes-vm/hospes/internal/ir"
)

// arithmetic simplifies sums, differences and products.
func (s *simplifier) arithmetic(op ir.Op, x, y ir.Value) ir.Value {
	switch op {
	case ir.Add:
		return s.sum(x, y)
	case ir.Sub:
		return s.difference(x, y)
	case ir.Neg:
		if i, ok := s.is(x, ir.Neg); ok {
			return i.Args[0]
		}
		if i, ok := s.is(x, ir.Sub); ok && s.uses[x] <= 1 {
			return s.emit(ir.Sub, i.Args[1], i.Args[0])
		}
	case ir.Mul:
		return s.product(x, y)
	}
	return 0
}

func (s *simplifier) sum(x, y ir.Value) ir.Value {
	if k, ok := s.r.ConstOf(y); ok {
		if k == 0 {
			return x
		}
		if z, c, ok := s.withConst(x, ir.Add); ok && s.through(x, z) {
			return s.with(ir.Add, z, c+k)
		}
		if i, ok := s.is(x, ir.Sub); ok && s.uses[x] <= 1 {
			if c, ok := s.r.ConstOf(i.Args[0]); ok {
				return s.emit(ir.Sub, s.constant(c+k), i.Args[1])
			}
		}
		return 0
	}
	for range 2 {
		if i, ok := s.is(x, ir.Neg); ok {
			if s.through(x, i.Args[0]) {
				return s.emit(ir.Sub, y, i.Args[0])
			}
		}
		if i, ok := s.is(x, ir.Sub); ok && i.Args[1] == y {
			return i.Args[0]
		}
		if z, c, ok := s.withConst(x, ir.Add); ok && s.needs[x] <= 1 { // the constant last: an address has room for it
			return s.with(ir.Add, s.emit(ir.Add, z, y), c)
		}
		x, y = y, x
	}
	if v := s.rotation(x, y); v != 0 {
		return v
	}
	return s.merged(x, y)
}

func (s *simplifier) difference(x, y ir.Value) ir.Value {
	if x == y {
		return s.constant(0)
	}
	if k, ok := s.r.ConstOf(y); ok {
		return s.with(ir.Add, x, -k)
	}
	if k, ok := s.r.ConstOf(x); ok {
		if k == 0 {
			return s.emit(ir.Neg, y)
		}
		if z, c, ok := s.withConst(y, ir.Add); ok && s.through(y, z) {
			return s.emit(ir.Sub, s.constant(k-c), z)
		}
	}
	if i, ok := s.is(y, ir.Neg); ok && s.through(y, i.Args[0]) {
		return s.emit(ir.Add, x, i.Args[0])
	}
	if i, ok := s.is(x, ir.Add); ok {
		switch y {
		case i.Args[0]:
			return i.Args[1]
		case i.Args[1]:
			return i.Args[0]
		}
	}
	return 0
}

func (s *simplifier) product(x, y ir.Value) ir.Value {
	k, ok := s.r.ConstOf(y)
	switch {
	case !ok:
		return 0
	case k == 0:
		return y
	case k == 1:
		return x
	case k == ^uint64(0):
		return s.emit(ir.Neg, x)
	case bits.OnesCount64(k) == 1:
		return s.with(ir.Sll, x, uint64(bits.TrailingZeros64(k)))
	}
	return 0
}

// division simplifies quotients and remainders.
func (s *simplifier) division(op ir.Op, x, y ir.Value) ir.Value {
	a, b := s.bits[x], s.bits[y]
	k, isConst := s.r.ConstOf(y)
	power := isConst && bits.OnesCount64(k) == 1
	shift := uint64(bits.TrailingZeros64(k))
	switch {
	case op == ir.RemS && a.narrow() && b.narrow(): // what overflows has remainder 0
		return s.emit(ir.RemS32, x, y)
	case op == ir.DivS && a.narrow() && b.narrow() && (a.leading() > 0 || isConst && k != ^uint64(0)):
		return s.emit(ir.DivS32, x, y)
	case op == ir.RemU && a.leading() >= 32 && b.leading() >= 32:
		return s.emit(ir.Zext32, s.emit(ir.RemU32, x, y))
	case op == ir.DivU && a.leading() >= 32 && b.leading() >= 32 && b.ones != 0 && !power:
		return s.emit(ir.Zext32, s.emit(ir.DivU32, x, y))
	case op == ir.DivU && power:
		return s.with(ir.Srl, x, shift)
	case op == ir.RemU && power:
		return s.with(ir.And, x, k-1)
	case op == ir.DivU32 && power && shift < 32:
		return s.with(ir.Srl32, x, shift)
	case op == ir.RemU32 && power && shift < 32:
		return s.with(ir.And, x, k-1)
	}
	return 0
}

// logic simplifies bitwise operations.
func (s *simplifier) logic(op ir.Op, x, y ir.Value) ir.Value {
	if op == ir.Not {
		if i, ok := s.is(x, ir.Not); ok {
			return i.Args[0]
		}
		return 0
	}
	if k, ok := s.r.ConstOf(y); ok {
		if v := s.mask(op, x, k); v != 0 {
			return v
		}
		if z, c, ok := s.withConst(x, op); ok && s.through(x, z) {
			return s.with(op, z, ir.Compute(op, 0, c, k, 0))
		}
		return 0
	}
	switch op {
	case ir.And:
		return s.and(x, y)
	case ir.Or:
		return s.or(x, y)
	}
	return s.xor(x, y)
}

// mask simplifies an operation with a constant.
func (s *simplifier) mask(op ir.Op, x ir.Value, k uint64) ir.Value {
	f := s.bits[x]
	switch {
	case op == ir.And && ^k&^f.zeros == 0, op == ir.Or && k&^f.ones == 0, op == ir.Xor && k == 0:
		return x
	case op == ir.Xor && k == ^uint64(0):
		return s.emit(ir.Not, x)
	case op == ir.Xor && k == 1:
		if i, ok := s.is(x, ir.ZextB); ok {
			return s.emit(ir.ZextB, s.emit(ir.NotB, i.Args[0]))
		}
	case op == ir.And:
		return s.maskOf(x, k)
	}
	return 0
}

// maskOf simplifies x & k.
func (s *simplifier) maskOf(x ir.Value, k uint64) ir.Value {
	switch k {
	case 1<<8 - 1:
		return s.emit(ir.Zext8, x)
	case 1<<16 - 1:
		return s.emit(ir.Zext16, x)
	case 1<<32 - 1:
		return s.emit(ir.Zext32, x)
	}
	i := s.r.Code[x]
	if n := extendsFrom(i.Op); n > 0 && k>>n == 0 && s.through(x, i.Args[0]) {
		return s.with(ir.And, i.Args[0], k)
	}
	if z, c, ok := s.withConst(x, ir.Or); ok && c&k == 0 && s.through(x, z) {
		return s.with(ir.And, z, k)
	}
	return 0
}

func (s *simplifier) and(x, y ir.Value) ir.Value {
	if x == y {
		return x
	}
	for range 2 {
		if c := s.maskBy(x); c != 0 {
			return s.emit(ir.Choose, c, y, s.constant(0))
		}
		if z, k, ok := s.withConst(x, ir.Add); ok && k == allBits {
			if b, ok := s.is(z, ir.ZextB); ok {
				return s.emit(ir.Choose, b.Args[0], s.constant(0), y)
			}
		}
		x, y = y, x
	}
	return 0
}

// maskBy is the truth value that makes x all ones or all zeros, or 0.
func (s *simplifier) maskBy(x ir.Value) ir.Value {
	if i, ok := s.is(x, ir.Neg); ok {
		if b, ok := s.is(i.Args[0], ir.ZextB); ok {
			return b.Args[0]
		}
	}
	return 0
}

func (s *simplifier) or(x, y ir.Value) ir.Value {
	if x == y {
		return x
	}
	if v := s.rotation(x, y); v != 0 {
		return v
	}
	if v := s.rotationBy(x, y); v != 0 {
		return v
	}
	if v := s.swap(&ir.Instr{Op: ir.Or, Args: [3]ir.Value{x, y}}); v != 0 {
		return v
	}
	return s.merged(x, y)
}

// merged is x where a condition holds and y where it does not, of a sum of both with 0 elsewhere.
func (s *simplifier) merged(x, y ir.Value) ir.Value {
	i, ok := s.is(x, ir.Choose)
	j, also := s.is(y, ir.Choose)
	if !ok || !also {
		return 0
	}
	switch s.compare(i.Args[0], j.Args[0]) {
	case different:
		return 0
	case opposite:
		j.Args[1], j.Args[2] = j.Args[2], j.Args[1]
	}
	zero := s.constant(0)
	switch {
	case i.Args[2] == zero && j.Args[1] == zero:
		return s.emit(ir.Choose, i.Args[0], i.Args[1], j.Args[2])
	case i.Args[1] == zero && j.Args[2] == zero:
		return s.emit(ir.Choose, i.Args[0], j.Args[1], i.Args[2])
	}
	return 0
}

func (s *simplifier) xor(x, y ir.Value) ir.Value {
	if x == y {
		return s.constant(0)
	}
	for range 2 {
		if i, ok := s.is(x, ir.Xor); ok {
			switch y {
			case i.Args[0]:
				return i.Args[1]
			case i.Args[1]:
				return i.Args[0]
			}
		}
		if v := s.selection(x, y); v != 0 {
			return v
		}
		x, y = y, x
	}
	if v := s.rotation(x, y); v != 0 {
		return v
	}
	return s.merged(x, y)
}

// selection is (b ? a ^ y : 0) ^ y, which is b ? a : y.
func (s *simplifier) selection(x, y ir.Value) ir.Value {
	i, ok := s.is(x, ir.Choose)
	if !ok || i.Args[2] != s.constant(0) {
		return 0
	}
	j, ok := s.is(i.Args[1], ir.Xor)
	switch {
	case ok && j.Args[0] == y:
		return s.emit(ir.Choose, i.Args[0], j.Args[1], y)
	case ok && j.Args[1] == y:
		return s.emit(ir.Choose, i.Args[0], j.Args[0], y)
	}
	return 0
}
