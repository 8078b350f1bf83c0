package ir

// Builder makes a trace. It forwards what a register was last read or written as to
// later reads, computes what is constant, and moves values between register files
// where an operation wants the other one.
type Builder struct {
	Trace
	x, f [32]Value // what the registers hold, as far as it is known
}

// Start begins a trace at a guest address. The memory of the last one is used again.
func (b *Builder) Start(pc uint64) {
	b.PC = pc
	b.Code = append(b.Code[:0], Instr{})
	clear(b.x[:])
	clear(b.f[:])
}

// Inst begins the guest instruction at pc.
func (b *Builder) Inst(pc uint64) { b.add(Instr{Op: Inst, Imm: pc}) }

// X is the value of integer register n; register 0 is constant.
func (b *Builder) X(n uint8) Value {
	if n == 0 {
		return b.Const(0)
	}
	if b.x[n] == 0 {
		b.x[n] = b.add(Instr{Op: GetX, Imm: uint64(n)})
	}
	return b.x[n]
}

// F is the value of floating-point register n, all 64 bits.
func (b *Builder) F(n uint8) Value {
	if b.f[n] == 0 {
		b.f[n] = b.add(Instr{Op: GetF, Imm: uint64(n)})
	}
	return b.f[n]
}

// SetX writes integer register n; writes of register 0 are lost.
func (b *Builder) SetX(n uint8, v Value) {
	if n == 0 {
		return
	}
	v = b.as(v, I64)
	b.x[n] = v
	b.add(Instr{Op: SetX, Imm: uint64(n), Args: [3]Value{v}})
}

// SetF writes floating-point register n.
func (b *Builder) SetF(n uint8, v Value) {
	v = b.as(v, F64)
	b.f[n] = v
	b.add(Instr{Op: SetF, Imm: uint64(n), Args: [3]Value{v}})
}

// Const is a constant.
func (b *Builder) Const(v uint64) Value { return b.add(Instr{Op: Const, Imm: v}) }

// Emit appends an operation and returns its value. imm is 0 for operations that have
// no immediate.
func (b *Builder) Emit(op Op, imm uint64, args ...Value) Value {
	info := op.Info()
	i := Instr{Op: op, Imm: imm}
	constant := op.Has(Pure)
	for k, a := range args {
		a = b.as(a, info.Args[k])
		i.Args[k] = a
		constant = constant && b.Code[a].Op == Const
	}
	if constant && info.Result == I64 && len(args) > 0 {
		return b.Const(b.fold(&i))
	}
	if v := b.identity(&i); v != 0 {
		return v
	}
	return b.add(i)
}

// fold computes an operation of constants.
func (b *Builder) fold(i *Instr) uint64 {
	var v [3]uint64
	for k, a := range i.Args {
		v[k] = b.Code[a].Imm
	}
	return Compute(i.Op, i.Imm, v[0], v[1], v[2])
}

// identity returns the value that i is without any computing, or 0.
func (b *Builder) identity(i *Instr) Value {
	x, y := i.Args[0], i.Args[1]
	switch i.Op {
	case Add, Or, Xor:
		if b.isZero(x) {
			return y
		}
		if b.isZero(y) {
			return x
		}
	case Sub, Sll, Srl, Sra:
		if b.isZero(y) {
			return x
		}
	}
	return 0
}

func (b *Builder) isZero(v Value) bool {
	c, ok := b.ConstOf(v)
	return ok && c == 0
}

// as is v as a value of type t.
func (b *Builder) as(v Value, t Type) Value {
	i := &b.Code[v]
	switch from := i.Op.Info().Result; {
	case from == t:
		return v
	case from == F64 && t == I64:
		if i.Op == Float {
			return i.Args[0]
		}
		return b.add(Instr{Op: Bits, Args: [3]Value{v}})
	case from == I64 && t == F64:
		if i.Op == Bits {
			return i.Args[0]
		}
		return b.add(Instr{Op: Float, Args: [3]Value{v}})
	case from == Bool && t == I64:
		return b.add(Instr{Op: ZextB, Args: [3]Value{v}})
	}
	return v // Verify tells
}

func (b *Builder) add(i Instr) Value {
	b.Code = append(b.Code, i)
	return Value(len(b.Code) - 1)
}
