//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// compute compiles an operation that only makes a value. It reports false if the
// operation is not supported.
func (c *Compiler) compute(v ir.Value, i *ir.Instr) bool {
	if !c.computeInt(v, i) {
		return false
	}
	if c.low(v) && c.alias[v] == 0 {
		c.state.loose[v] = ir.FixSign
	}
	return true
}

// low reports whether of v only the lower half has to be right: see ir.Low.
func (c *Compiler) low(v ir.Value) bool { return c.known(v)&ir.Low != 0 && !c.narrow[v] }

func (c *Compiler) computeInt(v ir.Value, i *ir.Instr) bool {
	x := i.Args[0]
	switch i.Op {
	case ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor, ir.Mul, ir.Neg:
		if i.Op == ir.Mul && c.product(v, i) {
			break
		}
		w := amd64.W64
		if c.low(v) {
			w = amd64.W32
		}
		c.arith(v, i, w)
	case ir.Not:
		c.unary(amd64.NOT, amd64.W64, v, x)
	case ir.Eq, ir.Ne, ir.Lts, ir.Ltu:
		c.deferred[v] = true // now
		c.truth(v, c.condition(v))
		c.deferred[v] = false
	case ir.ZextB, ir.NotB:
		if i.Op == ir.ZextB && !c.deferred[x] {
			c.same(v, x)
			break
		}
		cond := c.condition(x)
		if i.Op == ir.NotB {
			cond = cond.Not()
		}
		c.truth(v, cond)
	case ir.Choose:
		c.choose(v, i)
	case ir.Sext32, ir.Zext32:
		c.extend32(v, i)
	case ir.Sext8:
		c.extend(amd64.MOVSX8, amd64.W64, v, x)
	case ir.Sext16:
		c.extend(amd64.MOVSX16, amd64.W64, v, x)
	case ir.Zext8:
		c.extend(amd64.MOVZX8, amd64.W32, v, x)
	case ir.Zext16:
		c.extend(amd64.MOVZX16, amd64.W32, v, x)
	case ir.Sll, ir.Srl, ir.Sra, ir.Rol, ir.Ror, ir.Sll32, ir.Srl32, ir.Sra32, ir.Rol32, ir.Ror32:
		c.shift(v, i)
	case ir.MulhSs, ir.MulhUu, ir.MulhSu:
		if i.Op != ir.MulhUu || !c.product(v, i) {
			c.high(v, i)
		}
	case ir.DivS, ir.DivU, ir.RemS, ir.RemU, ir.DivS32, ir.DivU32, ir.RemS32, ir.RemU32:
		c.divide(v, i)
	case ir.Rev8:
		dst := c.copyOf(v, x)
		c.a.BSwap(amd64.W64, dst)
		c.put(v, dst)
	case ir.OrcB:
		c.orBytes(v, x)
	case ir.Clz, ir.Ctz, ir.Cpop, ir.Clz32, ir.Ctz32:
		c.count(v, i)
	default:
		return false
	}
	return true
}

// twoOperand are the host's operations on two operands.
var twoOperand = [256]amd64.Op{
	ir.Add: amd64.ADD, ir.Sub: amd64.SUB, ir.And: amd64.AND, ir.Or: amd64.OR, ir.Xor: amd64.XOR, ir.Mul: amd64.IMUL,
}

// arith compiles v = x op y with a width.
func (c *Compiler) arith(v ir.Value, i *ir.Instr, w amd64.Width) {
	x, y := i.Args[0], i.Args[1]
	if i.Op == ir.Neg {
		c.unary(amd64.NEG, w, v, x)
		return
	}
	if _, isConst := c.t.ConstOf(x); isConst && i.Op.Has(ir.Commutes) {
		x, y = y, x
	}
	switch {
	case c.deferred[y] && c.t.Code[y].Op == ir.ZextB, c.deferred[x] && c.t.Code[x].Op == ir.ZextB:
		c.addCarry(v, i.Op, x, y, w)
		return
	case i.Op == ir.Add && (c.deferred[x] || c.deferred[y]):
		c.addScaled(v, x, y, w)
		return
	case i.Op == ir.And && (c.deferred[x] || c.deferred[y]):
		c.andNot(v, x, y, w)
		return
	}
	op := twoOperand[i.Op]
	rx := c.reg(x)
	k, isImm := c.imm32(y)
	m, isMem := c.memory(y)
	ry := amd64.NoReg
	if !isImm && (!isMem || x == y) {
		ry = c.reg(y)
	}
	c.used(x)
	c.used(y)
	dst := c.dest(v, x)
	flags := op != amd64.IMUL
	switch {
	case isImm:
		flags = c.arithImm(op, w, dst, rx, k)
	case ry == amd64.NoReg:
		c.move(dst, rx)
		c.a.RM(op, w, dst, m)
	case dst == ry && dst != rx:
		if i.Op.Has(ir.Commutes) {
			c.a.RR(op, w, dst, rx)
			break
		}
		// x - y where y is: -(y - x)
		c.a.RR(op, w, dst, rx)
		c.a.R(amd64.NEG, w, dst)
	case op == amd64.ADD && dst != rx:
		c.a.RM(amd64.LEA, w, dst, amd64.AtIndex(rx, ry, 1, 0))
		flags = false
	default:
		c.move(dst, rx)
		c.a.RR(op, w, dst, ry)
	}
	c.put(v, dst)
	if flags {
		c.haveFlags(v, amd64.NE)
	}
}

// addScaled compiles v = x + y, one of which is a deferred shift.
func (c *Compiler) addScaled(v, x, y ir.Value, w amd64.Width) {
	if c.deferred[y] {
		x, y = y, x
	}
	shift := c.resolved(x)
	k, _ := c.t.ConstOf(shift.Args[1])
	index, base := c.reg(shift.Args[0]), c.reg(y)
	c.used(shift.Args[0])
	c.used(shift.Args[1])
	c.used(y)
	dst := c.dest(v, y)
	c.a.RM(amd64.LEA, w, dst, amd64.AtIndex(base, index, 1<<k, 0))
	c.put(v, dst)
}

// negates reports whether argument n of i, a conjunction, is the complement of a value, which it can make itself.
func (c *Compiler) negates(i *ir.Instr, n int) bool {
	if i.Op != ir.And || n > 1 || !c.Features.BMI1 || c.t.Code[i.Args[n]].Op != ir.Not {
		return false
	}
	other := i.Args[1-n]
	_, isConst := c.t.ConstOf(other)
	return !isConst && !c.deferred[other]
}

// andNot compiles v = x & y, one of which is a deferred complement.
func (c *Compiler) andNot(v, x, y ir.Value, w amd64.Width) {
	if c.deferred[y] {
		x, y = y, x
	}
	x = c.original(c.t.Code[x].Args[0])
	rx := c.reg(x)
	m, isMem := c.memory(y)
	ry := c.regUnless(isMem, y)
	c.used(x)
	c.used(y)
	dst := c.dest(v, x)
	if isMem {
		c.a.VRRM(amd64.ANDN, w, dst, rx, m)
	} else {
		c.a.VRRR(amd64.ANDN, w, dst, rx, ry)
	}
	c.put(v, dst)
	c.haveFlags(v, amd64.NE)
}

// arithImm reports whether the flags tell of the result.
func (c *Compiler) arithImm(op amd64.Op, w amd64.Width, dst, src amd64.Reg, k int32) bool {
	switch {
	case op == amd64.IMUL:
		c.a.IMulI(w, dst, src, k)
	case op == amd64.ADD && dst != src:
		c.a.RM(amd64.LEA, w, dst, amd64.At(src, k))
	case op == amd64.SUB && dst != src && k != -1<<31:
		c.a.RM(amd64.LEA, w, dst, amd64.At(src, -k))
	case op == amd64.AND && dst != src && k == 0xff:
		c.a.RR(amd64.MOVZX8, amd64.W32, dst, src)
	case op == amd64.AND && dst != src && k == 0xffff:
		c.a.RR(amd64.MOVZX16, amd64.W32, dst, src)
	default:
		c.move(dst, src)
		c.a.RI(op, w, dst, k)
		return true
	}
	return false
}

// copyOf brings x into the register that v is to be computed in.
func (c *Compiler) copyOf(v, x ir.Value) amd64.Reg {
	if _, isMem := c.memory(x); isMem {
		dst := c.dest(v, 0)
		c.load(dst, x)
		c.used(x)
		return dst
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	c.move(dst, rx)
	return dst
}

func (c *Compiler) unary(op amd64.Op, w amd64.Width, v, x ir.Value) {
	dst := c.copyOf(v, x)
	c.a.R(op, w, dst)
	c.put(v, dst)
}

// extend compiles an extension of x's low bits.
func (c *Compiler) extend(op amd64.Op, w amd64.Width, v, x ir.Value) {
	if m, ok := c.memory(x); ok {
		c.used(x)
		dst := c.dest(v, 0)
		c.a.RM(op, w, dst, m)
		c.put(v, dst)
		return
	}
	rx := c.reg(x)
	c.used(x)
	dst := c.dest(v, x)
	c.a.RR(op, w, dst, rx)
	c.put(v, dst)
}

// extend32 is the sum (and the like) of low halves, extended, or the extension alone.
func (c *Compiler) extend32(v ir.Value, i *ir.Instr) {
	op, w := amd64.MOV, amd64.W32
	if i.Op == ir.Sext32 {
		op, w = amd64.MOVSXD, amd64.W64
	}
	x := i.Args[0]
	late := c.belated(v)
	if i.Op == ir.Sext32 && c.narrow[x] && !late {
		c.same(v, x)
		return
	}
	if !c.deferred[x] {
		if late || !c.low(v) || !c.leaveLoose(v, x) {
			c.extend(op, w, v, x)
			c.narrow[v] = c.narrow[v] || i.Op == ir.Sext32
		}
		return
	}
	var inner ir.Instr
	c.resolve(&inner, x)
	c.arith(v, &inner, amd64.W32)
	if i.Op == ir.Sext32 && !c.low(v) {
		held := c.flags.at == c.a.Len()
		r := c.at[v].reg
		c.a.RR(amd64.MOVSXD, amd64.W64, r, r)
		if held {
			c.flags.at = c.a.Len()
		}
	}
}

// truth makes v 0 or 1.
func (c *Compiler) truth(v ir.Value, cond amd64.Cond) {
	dst := c.dest(v, 0)
	c.a.Set(cond, dst)
	c.a.RR(amd64.MOVZX8, amd64.W32, dst, dst)
	c.put(v, dst)
	c.haveFlags(v, cond)
}

// choose compiles v = cond ? x : y. Nothing after the comparison changes the flags.
func (c *Compiler) choose(v ir.Value, i *ir.Instr) {
	cond := c.condition(i.Args[0])
	x, y := i.Args[1], i.Args[2]
	rx, ry := c.reg(x), c.reg(y)
	c.used(x)
	c.used(y)
	dst := c.dest(v, y)
	if dst == rx && dst != ry {
		c.a.CMov(cond.Not(), amd64.W64, dst, ry)
	} else {
		c.move(dst, ry)
		c.a.CMov(cond, amd64.W64, dst, rx)
	}
	c.put(v, dst)
}

// shifts are the host's shifts, and the BMI2 ones.
var shifts = [256]struct {
	op, bmi amd64.Op
	w       amd64.Width
}{
	ir.Sll: {amd64.SHL, amd64.SHLX, amd64.W64}, ir.Sll32: {amd64.SHL, amd64.SHLX, amd64.W32},
	ir.Srl: {amd64.SHR, amd64.SHRX, amd64.W64}, ir.Srl32: {amd64.SHR, amd64.SHRX, amd64.W32},
	ir.Sra: {amd64.SAR, amd64.SARX, amd64.W64}, ir.Sra32: {amd64.SAR, amd64.SARX, amd64.W32},
	ir.Rol: {amd64.ROL, 0, amd64.W64}, ir.Rol32: {amd64.ROL, 0, amd64.W32},
	ir.Ror: {amd64.ROR, 0, amd64.W64}, ir.Ror32: {amd64.ROR, 0, amd64.W32},
}

func (c *Compiler) shift(v ir.Value, i *ir.Instr) {
	s := shifts[i.Op]
	x, y := i.Args[0], i.Args[1]
	var dst amd64.Reg
	if k, isConst := c.t.ConstOf(y); isConst {
		c.shiftImm(v, i, k&(uint64(s.w)*8-1))
		return
	} else if s.bmi != 0 && c.Features.BMI2 {
		rx, ry := c.reg(x), c.reg(y)
		c.used(x)
		c.used(y)
		dst = c.dest(v, x)
		c.a.VRRR(s.bmi, s.w, dst, ry, rx)
	} else {
		dst = c.shiftByCL(v, i)
	}
	if s.w == amd64.W32 && !c.low(v) {
		c.a.RR(amd64.MOVSXD, amd64.W64, dst, dst)
	}
	c.put(v, dst)
}

// shiftImm shifts by a constant less than the width.
func (c *Compiler) shiftImm(v ir.Value, i *ir.Instr, k uint64) {
	s, x := shifts[i.Op], i.Args[0]
	if c.deferred[x] {
		c.extractWord(v, i, k)
		return
	}
	if i.Op == ir.Sra32 && c.narrow[x] {
		s.w = amd64.W64
	}
	c.used(i.Args[1])
	if s.op == amd64.ROL { // there is only one of them that has three operands
		s.op, k = amd64.ROR, -k&(uint64(s.w)*8-1)
	}
	m, isMem := c.memory(x)
	var dst amd64.Reg
	switch {
	case s.op == amd64.ROR && c.Features.BMI2 && isMem:
		c.used(x)
		dst = c.dest(v, 0)
		c.a.VRMI(amd64.RORX, s.w, dst, m, uint8(k))
	case s.op == amd64.ROR && c.Features.BMI2:
		rx := c.reg(x)
		c.used(x)
		dst = c.dest(v, x)
		c.a.VRRI(amd64.RORX, s.w, dst, rx, uint8(k))
	default:
		dst = c.copyOf(v, x)
		c.a.RI(s.op, s.w, dst, int32(k))
	}
	if s.w == amd64.W32 && (i.Op != ir.Srl32 || k == 0) && !c.low(v) {
		c.a.RR(amd64.MOVSXD, amd64.W64, dst, dst)
	}
	c.put(v, dst)
}

// extracts reports whether argument n of i, in a trace, is a word that is shifted to the upper half and i shifts to the right
// by a constant: so guests extend it without its sign, and scale it.
func (c *Compiler) extracts(i *ir.Instr, n int) bool {
	if i.Op != ir.Srl || n != 0 || c.graph != nil {
		return false
	}
	_, isConst := c.t.ConstOf(i.Args[1])
	word := &c.t.Code[i.Args[0]]
	k, ok := c.t.ConstOf(word.Args[1])
	return isConst && word.Op == ir.Sll && ok && k == 32
}

// extractWord is shiftImm for a word in the upper half that is shifted to the right by k.
func (c *Compiler) extractWord(v ir.Value, i *ir.Instr, k uint64) {
	word := c.resolved(i.Args[0])
	c.used(word.Args[1])
	c.used(i.Args[1])
	c.extend(amd64.MOV, amd64.W32, v, word.Args[0])
	switch r := c.at[v].reg; {
	case k < 32:
		c.a.RI(amd64.SHL, amd64.W64, r, int32(32-k))
	case k > 32:
		c.a.RI(amd64.SHR, amd64.W64, r, int32(k-32))
	}
}

// shiftByCL shifts by a count in CL.
func (c *Compiler) shiftByCL(v ir.Value, i *ir.Instr) amd64.Reg {
	s := shifts[i.Op]
	x, y := i.Args[0], i.Args[1]
	if c.at[y].reg != amd64.RCX {
		c.claim(amd64.RCX)
		c.load(amd64.RCX, y)
	}
	c.pinned[amd64.RCX] = true
	t := c.temp() // not the destination, which the count may be in
	c.load(t, x)
	c.a.R(s.op, s.w, t)
	c.used(x)
	c.used(y)
	return t
}

// high compiles the high half of a product.
func (c *Compiler) high(v ir.Value, i *ir.Instr) {
	x, y := i.Args[0], i.Args[1]
	c.operandsIn(amd64.RAX, x, amd64.RCX, y)
	c.claim(amd64.RDX)
	switch i.Op {
	case ir.MulhSs:
		c.a.R(amd64.IMUL1, amd64.W64, amd64.RCX)
	case ir.MulhUu:
		c.a.R(amd64.MUL1, amd64.W64, amd64.RCX)
	default: // a negative x counts 2^64 too much
		c.a.MR(amd64.MOV, amd64.W64, spill(numSpills), amd64.RAX)
		c.a.R(amd64.MUL1, amd64.W64, amd64.RCX)
		c.a.RM(amd64.MOV, amd64.W64, amd64.RAX, spill(numSpills))
		c.a.RI(amd64.SAR, amd64.W64, amd64.RAX, 63)
		c.a.RR(amd64.AND, amd64.W64, amd64.RAX, amd64.RCX)
		c.a.RR(amd64.SUB, amd64.W64, amd64.RDX, amd64.RAX)
	}
	c.put(v, amd64.RDX)
}

// operandsIn brings x and y into two registers of temps, which hold no value then.
func (c *Compiler) operandsIn(rx amd64.Reg, x ir.Value, ry amd64.Reg, y ir.Value) {
	for _, r := range temps {
		c.pinned[r] = true
	}
	for _, r := range temps {
		c.vacate(r)
	}
	for _, r := range temps {
		c.pinned[r] = false
	}
	c.load(rx, x)
	c.load(ry, y)
	c.used(x)
	c.used(y)
	c.pinned[rx], c.pinned[ry] = true, true
}
