package opt

import "github.com/hospes-vm/hospes/internal/ir"

// comparison simplifies comparisons.
func (s *simplifier) comparison(op ir.Op, x, y ir.Value) ir.Value {
	if op == ir.Lts || op == ir.Ltu {
		return s.order(op, x, y)
	}
	if x == y {
		if x == s.constant(0) {
			return 0 // a constant
		}
		return s.boolean(op == ir.Eq)
	}
	f, g := s.bits[x], s.bits[y]
	if f.zeros&g.ones|f.ones&g.zeros != 0 {
		return s.boolean(op == ir.Ne)
	}
	k, ok := s.r.ConstOf(y)
	if !ok {
		return 0
	}
	if k <= 1 {
		if b, ok := s.is(x, ir.ZextB); ok {
			if k == 1 == (op == ir.Eq) {
				return b.Args[0]
			}
			return s.emit(ir.NotB, b.Args[0])
		}
	}
	if k == 0 {
		return s.zero(op, x)
	}
	if z, c, ok := s.withConst(x, ir.Add); ok && s.through(x, z) {
		return s.with(op, z, k-c)
	}
	if z, c, ok := s.withConst(x, ir.Xor); ok && s.through(x, z) {
		return s.with(op, z, k^c)
	}
	return 0
}

// zero simplifies comparisons with 0 for equality.
func (s *simplifier) zero(op ir.Op, x ir.Value) ir.Value {
	i := s.r.Code[x]
	switch i.Op {
	case ir.Sub, ir.Xor:
		if s.uses[x] <= 1 {
			return s.emit(op, i.Args[0], i.Args[1])
		}
	case ir.Add:
		if c, ok := s.r.ConstOf(i.Args[1]); ok && s.uses[x] <= 1 {
			return s.with(op, i.Args[0], -c)
		}
	case ir.Neg:
		if s.through(x, i.Args[0]) {
			return s.with(op, i.Args[0], 0)
		}
	case ir.And: // a bit, or some: they need not be moved
		y, c, ok := s.withConst(i.Args[0], ir.Srl)
		m, also := s.r.ConstOf(i.Args[1])
		if ok && also && c < 31 && m < 1<<(31-c) && s.uses[x] <= 1 && s.through(i.Args[0], y) {
			return s.with(op, s.with(ir.And, y, m<<c), 0)
		}
	}
	return 0
}

// order simplifies comparisons for order.
func (s *simplifier) order(op ir.Op, x, y ir.Value) ir.Value {
	if x == y {
		return s.boolean(false)
	}
	k, right := s.r.ConstOf(y)
	c, left := s.r.ConstOf(x)
	f, g := s.bits[x], s.bits[y]
	if op == ir.Lts {
		switch {
		case f.leading() > 0 && g.leading() > 0:
			return s.emit(ir.Ltu, x, y)
		case right && k == 0 && f.leading() > 0:
			return s.boolean(false)
		case right && k == 0:
			return s.signBit(x)
		}
		return 0
	}
	switch {
	case right && k == 0, left && c == ^uint64(0):
		return s.boolean(false)
	case right && k == 1:
		return s.emit(ir.Eq, x, s.constant(0))
	case left && c == 0:
		return s.emit(ir.Ne, y, x)
	case right && ^f.zeros < k: // the greatest that it can be
		return s.boolean(true)
	case left && ^g.zeros <= c:
		return s.boolean(false)
	}
	return 0
}

// signBit simplifies x < 0, where x has been shifted for one of its bits to be looked at.
func (s *simplifier) signBit(x ir.Value) ir.Value {
	y, c, ok := s.withConst(x, ir.Sll)
	if !ok || c <= 32 || c > 63 || !s.through(x, y) {
		return 0
	}
	return s.with(ir.Ne, s.with(ir.And, y, 1<<(63-c)), 0)
}

// choice simplifies what is made of truth values.
func (s *simplifier) choice(i *ir.Instr) ir.Value {
	c, x, y := i.Args[0], i.Args[1], i.Args[2]
	holds, known := s.r.truth(c)
	not, negated := s.is(c, ir.NotB)
	switch i.Op {
	case ir.ZextB:
		return 0 // constants are folded
	case ir.NotB:
		switch j := s.r.Code[c]; j.Op {
		case ir.NotB:
			return j.Args[0]
		case ir.Eq:
			return s.emit(ir.Ne, j.Args[0], j.Args[1])
		case ir.Ne:
			return s.emit(ir.Eq, j.Args[0], j.Args[1])
		}
		return 0
	}
	switch {
	case known && holds, x == y:
		return x
	case known:
		return y
	case negated:
		return s.emit(ir.Choose, not.Args[0], y, x)
	}
	one, zero := s.constant(1), s.constant(0)
	switch {
	case x == one && y == zero:
		return s.emit(ir.ZextB, c)
	case x == zero && y == one:
		return s.emit(ir.ZextB, s.emit(ir.NotB, c))
	case x == s.constant(^uint64(0)) && y == zero:
		return s.emit(ir.Neg, s.emit(ir.ZextB, c))
	}
	return s.chosen(c, x, y)
}

// chosen simplifies the choice between what a comparison has found to be equal.
func (s *simplifier) chosen(c, x, y ir.Value) ir.Value {
	i := s.r.Code[c]
	if i.Args[0] != x || i.Args[1] != y {
		i.Args[0], i.Args[1] = i.Args[1], i.Args[0]
	}
	switch {
	case i.Args[0] != x || i.Args[1] != y:
	case i.Op == ir.Eq:
		return y
	case i.Op == ir.Ne:
		return x
	}
	return 0
}

// likeness is what two truth values have in common.
type likeness int

const (
	different likeness = iota // nothing is known
	same
	opposite
)

// compare compares truth values.
func (s *simplifier) compare(x, y ir.Value) likeness {
	i, j := s.r.Code[x], s.r.Code[y]
	switch {
	case x == y || i == j:
		return same
	case i.Op == ir.NotB && s.r.Code[i.Args[0]] == j, j.Op == ir.NotB && s.r.Code[j.Args[0]] == i:
		return opposite
	case i.Args == j.Args && (i.Op == ir.Eq && j.Op == ir.Ne || i.Op == ir.Ne && j.Op == ir.Eq):
		return opposite
	}
	return different
}
