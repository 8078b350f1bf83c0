package unwind

import "encoding/binary"

// DW_OP (DWARF 5, section 7.7.1), as far as call frame information uses them.
const (
	opAddr       = 0x03
	opDeref      = 0x06
	opConst1u    = 0x08
	opConst1s    = 0x09
	opConst2u    = 0x0a
	opConst2s    = 0x0b
	opConst4u    = 0x0c
	opConst4s    = 0x0d
	opConst8u    = 0x0e
	opConst8s    = 0x0f
	opConstu     = 0x10
	opConsts     = 0x11
	opDup        = 0x12
	opDrop       = 0x13
	opOver       = 0x14
	opPick       = 0x15
	opSwap       = 0x16
	opAnd        = 0x1a
	opMinus      = 0x1c
	opMul        = 0x1e
	opNeg        = 0x1f
	opNot        = 0x20
	opOr         = 0x21
	opPlus       = 0x22
	opPlusUconst = 0x23
	opShl        = 0x24
	opShr        = 0x25
	opXor        = 0x27
	opLit0       = 0x30
	opReg0       = 0x50
	opBreg0      = 0x70
	opBregx      = 0x92
	opNop        = 0x96
)

const maxStack = 64 // of an expression

// evaluate computes an expression, which begins with the CFA on its stack.
func (f *Frame) evaluate(expr []byte, cfa uint64, read Memory) (uint64, bool) {
	r := &reader{b: expr, order: binary.LittleEndian}
	stack := []uint64{cfa}
	for r.off < len(expr) {
		op := r.u8()
		ok := true
		switch {
		case op >= opLit0 && op < opReg0:
			stack = append(stack, uint64(op-opLit0))
		case op >= opBreg0 && op < opBreg0+32:
			stack, ok = f.push(stack, int(op-opBreg0), r.sleb())
		case op == opBregx:
			reg := int(r.uleb())
			stack, ok = f.push(stack, reg, r.sleb())
		default:
			if v, isConst := constant(op, r); isConst {
				stack = append(stack, v)
			} else {
				stack, ok = operate(op, r, stack, read)
			}
		}
		if !ok || r.bad || len(stack) == 0 || len(stack) > maxStack {
			return 0, false
		}
	}
	return stack[len(stack)-1], true
}

func (f *Frame) push(stack []uint64, reg int, off int64) ([]uint64, bool) {
	v, ok := f.reg(reg)
	return append(stack, v+uint64(off)), ok
}

// constant reads the operand of an operation that is one.
func constant(op uint8, r *reader) (uint64, bool) {
	switch op {
	case opAddr, opConst8u, opConst8s:
		return r.u64(), true
	case opConst1u:
		return uint64(r.u8()), true
	case opConst1s:
		return uint64(int8(r.u8())), true
	case opConst2u:
		return uint64(r.u16()), true
	case opConst2s:
		return uint64(int16(r.u16())), true
	case opConst4u:
		return uint64(r.u32()), true
	case opConst4s:
		return uint64(int32(r.u32())), true
	case opConstu:
		return r.uleb(), true
	case opConsts:
		return uint64(r.sleb()), true
	}
	return 0, false
}

// operate executes an operation on the stack.
func operate(op uint8, r *reader, s []uint64, read Memory) ([]uint64, bool) {
	n := len(s) - 1
	if n < 0 {
		return s, false
	}
	switch op {
	case opNop:
		return s, true
	case opDeref:
		v, ok := read(s[n])
		s[n] = v
		return s, ok
	case opDup:
		return append(s, s[n]), true
	case opDrop:
		return s[:n], true
	case opNeg:
		s[n] = -s[n]
		return s, true
	case opNot:
		s[n] = ^s[n]
		return s, true
	case opPlusUconst:
		s[n] += r.uleb()
		return s, true
	case opPick:
		k := int(r.u8())
		if k > n {
			return s, false
		}
		return append(s, s[n-k]), true
	}
	if n < 1 {
		return s, false
	}
	a, b := s[n-1], s[n]
	switch op {
	case opOver:
		return append(s, a), true
	case opSwap:
		s[n-1], s[n] = b, a
		return s, true
	case opAnd:
		a &= b
	case opMinus:
		a -= b
	case opMul:
		a *= b
	case opOr:
		a |= b
	case opPlus:
		a += b
	case opShl:
		a <<= b
	case opShr:
		a >>= b
	case opXor:
		a ^= b
	default:
		return s, false
	}
	s[n-1] = a
	return s[:n], true
}
