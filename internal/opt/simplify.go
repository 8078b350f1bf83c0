package opt

import "github.com/hospes-vm/hospes/internal/ir"

// simplify computes what is constant, and has operations that take less, in the sense of the code
// generator, in the place of others: rules for each operation, with what is known of
// their arguments' bits.
//
// A rule that looks through an argument, to what that is made of, has to mind that a register
// may hold the argument anyway, but not that: see through.
func simplify(r *Region) {
	s := simplifier{
		r: r, pool: newPool(r), by: r.mem.values.room(2 * len(r.Code))[:len(r.Code)], uses: r.countUses(r.mem.numbers.room(2 * len(r.Code))[:len(r.Code)]),
		needs: r.countNeeds(r.mem.numbers.room(2 * len(r.Code))[:len(r.Code)], true), bits: findBits(r),
	}
	clear(s.by)
	for _, b := range r.Blocks {
		if !b.Reads {
			s.block(b)
		}
	}
	r.Replace(s.by)
}

// simplifier is the state of simplify.
type simplifier struct {
	r     *Region
	pool  *pool
	by    []ir.Value // by value: what is in its place, or 0
	uses  []int32    // by value
	needs []int32    // likewise, by what computes
	bits  []bitFact  // by value
	code  []ir.Value // of the block, as far as it has been simplified
	regs  [NumRegs]ir.Value
}

func (s *simplifier) block(b *Block) {
	s.code = s.r.mem.lasts.room(len(b.Code) + 8)
	for n, v := range b.In {
		s.regs[n] = s.find(v)
	}
	for _, v := range b.Code {
		i := s.r.Code[v]
		for n, a := range i.Args {
			i.Args[n] = s.find(a)
		}
		if s.instr(v, &i) {
			s.r.Code[v] = i
			s.bits[v] = transfer(s.r, &i, s.bits)
			s.code = append(s.code, v)
		}
	}
	b.Code = s.code
}

// find is the value in the place of v.
func (s *simplifier) find(v ir.Value) ir.Value {
	for s.by[v] != 0 {
		v = s.by[v]
	}
	return v
}

// instr simplifies an instruction. It reports whether it stays.
func (s *simplifier) instr(v ir.Value, i *ir.Instr) bool {
	switch {
	case i.Op == ir.Const:
		s.by[v] = s.pool.get(i.Imm)
	case i.Op.Has(ir.Pure):
		s.by[v] = s.rule(i)
	case i.Op == ir.InterpIf:
		holds, known := s.r.truth(i.Args[0])
		return holds || !known
	case i.Op == ir.SetX || i.Op == ir.SetF:
		if n := Variable(i); n < NumRegs {
			s.regs[n] = i.Args[0]
		}
	}
	s.grow()
	return s.by[v] == 0
}

// grow makes room for new values.
func (s *simplifier) grow() {
	for v := len(s.by); v < len(s.r.Code); v++ {
		s.by = append(s.by, 0)
		s.uses = append(s.uses, 1)
		s.needs = append(s.needs, 1)
		s.bits = append(s.bits, transfer(s.r, &s.r.Code[v], s.bits))
	}
}

// constant is a value that is k, boolean one that is a truth value.
func (s *simplifier) constant(k uint64) ir.Value {
	v := s.pool.get(k)
	s.grow()
	return v
}

func (s *simplifier) boolean(holds bool) ir.Value {
	zero := s.constant(0)
	if holds {
		return s.emit(ir.Eq, zero, zero)
	}
	return s.emit(ir.Ne, zero, zero)
}

// emit returns the value of a pure operation, simplified.
func (s *simplifier) emit(op ir.Op, args ...ir.Value) ir.Value {
	i := ir.Instr{Op: op}
	copy(i.Args[:], args)
	if v := s.rule(&i); v != 0 {
		return v
	}
	v := s.r.New(i)
	s.grow()
	s.code = append(s.code, v)
	return v
}

// with is an operation whose second argument is a constant.
func (s *simplifier) with(op ir.Op, x ir.Value, k uint64) ir.Value {
	return s.emit(op, x, s.constant(k))
}

// is returns the instruction that makes v, if it is an op.
func (s *simplifier) is(v ir.Value, op ir.Op) (i ir.Instr, ok bool) {
	i = s.r.Code[v]
	return i, i.Op == op
}

// withConst is x op k that makes v.
func (s *simplifier) withConst(v ir.Value, op ir.Op) (x ir.Value, k uint64, ok bool) {
	i := s.r.Code[v]
	if i.Op != op {
		return 0, 0, false
	}
	k, ok = s.r.ConstOf(i.Args[1])
	return i.Args[0], k, ok
}

// through reports whether a rule may look through v to x, which it is made of: v is used nowhere else, so that
// it is not needed then, or a register holds x now.
func (s *simplifier) through(v, x ir.Value) bool {
	if s.uses[v] <= 1 {
		return true
	}
	for _, held := range s.regs {
		if held == x {
			return true
		}
	}
	return false
}

// rule returns the value of an instruction if it is that of another one, or 0. The arguments may change
// places.
func (s *simplifier) rule(i *ir.Instr) ir.Value {
	if v := s.fold(i); v != 0 {
		return v
	}
	if i.Op.Has(ir.Commutes) {
		if _, isConst := s.r.ConstOf(i.Args[0]); isConst {
			i.Args[0], i.Args[1] = i.Args[1], i.Args[0]
		}
	}
	x, y := i.Args[0], i.Args[1]
	switch i.Op {
	case ir.Add, ir.Sub, ir.Neg, ir.Mul:
		return s.arithmetic(i.Op, x, y)
	case ir.And, ir.Or, ir.Xor, ir.Not:
		return s.logic(i.Op, x, y)
	case ir.Sll, ir.Srl, ir.Sra, ir.Rol, ir.Ror, ir.Sll32, ir.Srl32, ir.Sra32, ir.Rol32, ir.Ror32:
		return s.shift(i)
	case ir.Sext8, ir.Sext16, ir.Sext32, ir.Zext8, ir.Zext16, ir.Zext32:
		return s.extension(i.Op, x)
	case ir.Eq, ir.Ne, ir.Lts, ir.Ltu:
		return s.comparison(i.Op, x, y)
	case ir.NotB, ir.ZextB, ir.Choose:
		return s.choice(i)
	case ir.DivS, ir.DivU, ir.RemS, ir.RemU, ir.DivS32, ir.DivU32, ir.RemS32, ir.RemU32:
		return s.division(i.Op, x, y)
	case ir.Bits:
		if f, ok := s.is(x, ir.Float); ok {
			return f.Args[0]
		}
	case ir.Float:
		if f, ok := s.is(x, ir.Bits); ok {
			return f.Args[0]
		}
	}
	return 0
}

// fold computes an integer of constants, or one of which all bits are known.
func (s *simplifier) fold(i *ir.Instr) ir.Value {
	info := i.Op.Info()
	var k [3]uint64
	all := len(info.Args) > 0
	for n := range info.Args {
		c, ok := s.r.ConstOf(i.Args[n])
		if holds, known := s.r.truth(i.Args[n]); known {
			c, ok = truthBit(holds), true
		}
		k[n], all = c, all && ok
	}
	switch {
	case all && info.Result == ir.I64:
		return s.constant(ir.Compute(i.Op, i.Imm, k[0], k[1], k[2]))
	case all && info.Result == ir.Bool:
		if _, done := truthOf(i); !done {
			return s.boolean(ir.Compute(i.Op, i.Imm, k[0], k[1], k[2]) != 0)
		}
		return 0
	case info.Result == ir.I64:
		if f := transfer(s.r, i, s.bits); f.constant() {
			return s.constant(f.ones)
		}
	}
	return 0
}
