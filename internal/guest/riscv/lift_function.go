package riscv

import "github.com/hospes-vm/hospes/internal/ir"

// Function makes a trace of a pure library function whose code is at pc: of one instruction, which
// computes the result and returns. Other registers that the function's code uses stay as they were: callers expect
// nothing of what is in them after a call.
func (l *lifter) Function(f ir.Function, pc uint64) *ir.Trace {
	b := &l.b
	b.Start(pc)
	b.Inst(pc)
	b.SetX(regA0, l.result(f, b.X(regA0)))
	b.Emit(ir.Ret, 0, b.X(regRA))
	return &b.Trace
}

// result is what a pure function makes of its argument.
func (l *lifter) result(f ir.Function, x ir.Value) ir.Value {
	b := &l.b
	unless0 := func(v ir.Value, k uint64) ir.Value {
		return b.Emit(ir.Choose, 0, b.Emit(ir.Eq, 0, x, b.Const(0)), b.Const(k), v)
	}
	ones := func() ir.Value { return b.Emit(ir.Cpop, 0, x) }
	switch f {
	case ir.Clzdi2:
		return b.Emit(ir.Clz, 0, x)
	case ir.Ctzdi2:
		return unless0(b.Emit(ir.Ctz, 0, x), ^uint64(0))
	case ir.Ffsdi2:
		return unless0(b.Emit(ir.Add, 0, b.Emit(ir.Ctz, 0, x), b.Const(1)), 0)
	case ir.Clrsbdi2:
		other := b.Emit(ir.Xor, 0, x, b.Emit(ir.Sra, 0, x, b.Const(63)))
		return b.Emit(ir.Add, 0, b.Emit(ir.Clz, 0, other), b.Const(^uint64(0)))
	case ir.Paritydi2:
		return b.Emit(ir.And, 0, ones(), b.Const(1))
	case ir.Bswapsi2:
		return b.Emit(ir.Sra, 0, b.Emit(ir.Rev8, 0, x), b.Const(32))
	case ir.Bswapdi2:
		return b.Emit(ir.Rev8, 0, x)
	}
	return ones()
}
