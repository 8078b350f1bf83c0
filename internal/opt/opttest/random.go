package opttest

import (
	"math"
	"math/rand/v2"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// Registers with a purpose in random sources.
const (
	link = 1  // return addresses
	base = 29 // and the next one: addresses, mostly of memory
	fuel = 31 // how many sources may still begin
)

// Outside is where ways go that lead out of random sources.
const Outside = 0x90000

// pcOf is where source n begins.
func pcOf(n int) uint64 { return 0x1000 * uint64(n+1) }

// Random makes sources with loops, calls and returns, of what guests do and of what they never do.
// Each begins with a look at how often one may still begin, so that they come to an end.
func Random(r *rand.Rand) []opt.Source { return Sources(r, 1+r.IntN(8)) }

// Sources makes n such sources.
func Sources(r *rand.Rand, n int) []opt.Source {
	m := maker{r: r, n: n, regs: 4 + r.IntN(12)}
	list := make([]opt.Source, n)
	for k := 0; k < n; k++ {
		list[k] = m.source(k)
		if m.forks {
			k++
			list[k] = m.arm(k)
		}
	}
	return list
}

// State is a random state to begin with, with irtest.Memory.
func State(r *rand.Rand) *irtest.State {
	s := new(irtest.State)
	for n := 1; n < 32; n++ {
		s.X[n] = value(r)
		s.F[n] = number(r)
	}
	s.F[0] = number(r)
	for n := range s.Data {
		s.Data[n] = byte(r.Uint32())
	}
	s.X[base], s.X[base+1] = uint64(r.IntN(irtest.Size-32)), 8*uint64(r.IntN(irtest.Size/8-4))
	s.X[fuel] = uint64(1 + r.IntN(40))
	s.X[link] = pcOf(r.IntN(4))
	s.Round = softfloat.Round(r.IntN(5))
	s.Flags = softfloat.Flags(r.IntN(32))
	s.Mem = &s.Data
	return s
}

var special = []uint64{
	0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
	math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 1, 0xffffffff80000000, 0xffffffff7fffffff, 0xffffffff00000000, 0xffffffffffffff80,
}

func value(r *rand.Rand) uint64 {
	if r.IntN(2) == 0 {
		return special[r.IntN(len(special))]
	}
	return uint64(r.Int64()>>r.IntN(64)) * (1 + uint64(r.IntN(2)))
}

func number(r *rand.Rand) uint64 {
	f := [...]float64{0, 1, -1, 0.5, 2.5, 1e10, -1e-300, math.Inf(1), math.NaN(), math.Pi}[r.IntN(10)]
	switch r.IntN(4) {
	case 0:
		return math.MaxUint32<<32 | uint64(math.Float32bits(float32(f)))
	case 1:
		return value(r)
	}
	return math.Float64bits(f)
}

// maker makes random sources.
type maker struct {
	b    ir.Builder
	r    *rand.Rand
	n    int // sources
	regs int // registers that are written
	pc   uint64
	ways []opt.Way

	forks bool // the source ends with a branch around the next one, or to it, and both lead behind that
}

func (m *maker) source(k int) opt.Source {
	m.start(k)
	b := &m.b
	b.SetX(fuel, b.Emit(ir.Add, 0, b.X(fuel), b.Const(^uint64(0))))
	m.inst()
	b.Emit(ir.ExitIf, Outside, b.Emit(ir.Eq, 0, b.X(fuel), b.Const(0)))
	for range m.r.IntN(12) {
		m.inst()
		m.instruction()
	}
	m.inst()
	if m.forks = k+2 < m.n && m.r.IntN(2) == 0; m.forks {
		m.lead(ir.ExitIf, k+1+m.r.IntN(2), m.condition())
		m.few()
		m.lead(ir.Goto, k+2)
	} else {
		m.end()
	}
	return m.made()
}

// arm is source k, a way of the branch before: it is short, and leads to the next one.
func (m *maker) arm(k int) opt.Source {
	m.start(k)
	m.few()
	m.lead(ir.Goto, k+1)
	return m.made()
}

// few emits a few cheap instructions.
func (m *maker) few() {
	b := &m.b
	for range m.r.IntN(3) {
		m.inst()
		switch m.r.IntN(3) {
		case 0:
			b.SetX(m.reg(), m.operand())
		case 1:
			b.SetX(m.reg(), b.Emit(ir.Add, 0, m.operand(), m.operand()))
		default:
			b.SetX(m.reg(), m.compute())
		}
	}
	m.inst()
}

// start begins source k, made ends it.
func (m *maker) start(k int) {
	m.b = ir.Builder{}
	m.b.Start(pcOf(k))
	m.pc, m.ways = pcOf(k), nil
	m.inst()
}

func (m *maker) made() opt.Source {
	t := m.b.Trace
	return opt.Source{Trace: &t, Ways: m.ways}
}

// inst begins a guest instruction.
func (m *maker) inst() {
	m.b.Inst(m.pc)
	m.pc += 4
}

// exit emits what leaves, perhaps for another source.
func (m *maker) exit(op ir.Op, args ...ir.Value) {
	to := m.r.IntN(m.n + m.n/2 + 1)
	at := m.b.Emit(op, pcOf(to), args...)
	if to >= m.n {
		m.b.Code[at].Imm = Outside + m.pc
		return
	}
	m.ways = append(m.ways, opt.Way{From: at, To: to, Count: uint64(m.r.IntN(1000))})
}

// lead emits what leads to a source.
func (m *maker) lead(op ir.Op, to int, args ...ir.Value) {
	m.ways = append(m.ways, opt.Way{From: m.b.Emit(op, pcOf(to), args...), To: to})
}

// end ends a source.
func (m *maker) end() {
	b, r := &m.b, m.r
	to := r.IntN(m.n)
	switch r.IntN(12) {
	case 0:
		next := b.Const(pcOf(to))
		b.SetX(link, next)
		if r.IntN(2) == 0 {
			m.exit(ir.CallTo, next)
			return
		}
		m.returns(b.Emit(ir.CallTo, Outside+m.pc, next), to)
	case 1, 2:
		v := b.Emit(ir.And, 0, b.X(link), b.Const(^uint64(1)))
		op := [...]ir.Op{ir.Ret, ir.Jump, ir.JumpSame}[r.IntN(3)]
		at := b.Emit(op, 0, v)
		m.ways = append(m.ways, opt.Way{From: at, To: to})
		for op == ir.Jump && r.IntN(3) > 0 {
			m.ways = append(m.ways, opt.Way{From: at, To: r.IntN(m.n)})
		}
	case 3:
		v := b.Emit(ir.And, 0, b.X(link), b.Const(^uint64(1)))
		next := r.IntN(m.n)
		b.SetX(link, b.Const(pcOf(next)))
		at := b.Emit(ir.Call, pcOf(next), v)
		switch r.IntN(3) {
		case 0:
			m.ways = append(m.ways, opt.Way{From: at, To: to})
		case 1:
			m.returns(at, next)
		}
	case 4:
		b.Emit([...]ir.Op{ir.Ecall, ir.Interp}[r.IntN(2)], m.pc)
	default:
		m.exit(ir.Goto)
	}
}

// returns notes where the function that is called by at returns to.
func (m *maker) returns(at ir.Value, to int) {
	m.ways = append(m.ways, opt.Way{From: at, To: to, Return: true})
}

// reg is a register to write, operand what instructions compute with.
func (m *maker) reg() uint8 { return uint8(2 + m.r.IntN(m.regs)) }

func (m *maker) operand() ir.Value {
	switch m.r.IntN(8) {
	case 0:
		return m.b.Const(value(m.r))
	case 1:
		return m.b.Const(special[m.r.IntN(10)])
	case 2:
		return m.b.X(uint8(m.r.IntN(32)))
	}
	return m.b.X(m.reg())
}

func (m *maker) address() ir.Value {
	r, b := m.r, &m.b
	switch r.IntN(8) {
	case 0: // which may be anywhere
		return b.X(m.reg())
	case 1:
		return b.Emit(ir.And, 0, b.X(m.reg()), b.Const(irtest.Size/2-1))
	case 2:
		index := b.Emit(ir.Sll, 0, b.Emit(ir.And, 0, b.X(m.reg()), b.Const(7)), b.Const(uint64(r.IntN(4))))
		return b.Emit(ir.Add, 0, index, b.X(base))
	}
	return b.Emit(ir.Add, 0, b.X(base+uint8(r.IntN(2))), b.Const(uint64(r.IntN(24))))
}

func (m *maker) condition() ir.Value {
	b := &m.b
	var v ir.Value
	switch m.r.IntN(6) {
	case 0:
		v = b.Emit(ir.Ne, 0, m.operand(), b.Const(0))
	case 1:
		v = b.Emit(ir.Eq, 0, m.operand(), b.Const(0))
	default:
		v = b.Emit(ir.Eq+ir.Op(m.r.IntN(4)), 0, m.operand(), m.operand())
	}
	if m.r.IntN(4) == 0 {
		v = b.Emit(ir.NotB, 0, v)
	}
	return v
}

// computing are the pure operations on integers.
var computing = func() (list []ir.Op) {
	for op := ir.Add; op < ir.LoadS8; op++ {
		if info := op.Info(); op.Has(ir.Pure) && info.Result == ir.I64 && info.Args[0] == ir.I64 {
			list = append(list, op)
		}
	}
	return list
}()

// compute emits one of these, or one that programs are full of.
func (m *maker) compute() ir.Value {
	op := computing[m.r.IntN(len(computing))]
	if m.r.IntN(2) == 0 {
		op = [...]ir.Op{ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor, ir.Sll, ir.Srl, ir.Sra}[m.r.IntN(8)]
	}
	args := []ir.Value{m.operand()}
	if len(op.Info().Args) == 2 {
		args = append(args, m.operand())
	}
	return m.b.Emit(op, 0, args...)
}

// instruction emits a random instruction.
func (m *maker) instruction() {
	b, r := &m.b, m.r
	switch r.IntN(24) {
	case 0, 1, 2:
		m.exit(ir.ExitIf, m.condition())
	case 3, 4:
		b.SetX(m.reg(), b.Emit(ir.LoadS8+ir.Op(r.IntN(7)), 0, m.address()))
	case 5, 6:
		b.Emit(ir.Store8+ir.Op(r.IntN(4)), 0, m.address(), m.operand())
	case 7:
		b.SetX(m.reg(), m.condition())
	case 8:
		b.SetX(m.reg(), b.Emit(ir.Choose, 0, m.condition(), m.operand(), m.operand()))
	case 9:
		b.SetX(m.reg(), b.X(m.reg()))
	case 10, 11, 12:
		m.float()
	case 13:
		b.SetX(base+uint8(r.IntN(2)), b.Emit(ir.And, 0, m.operand(), b.Const(irtest.Size/2-1)))
	case 14:
		b.SetX(base, b.Emit(ir.Add, 0, b.X(base), b.Const(uint64(int64(r.IntN(17)-8)))))
	case 15:
		m.rare()
	case 16, 17, 18:
		m.idiom()
	default:
		v := m.compute()
		if r.IntN(2) == 0 {
			v = b.Emit(ir.Sext8+ir.Op(r.IntN(6)), 0, v)
		}
		b.SetX(m.reg(), v)
	}
}

// idiom emits what compilers make several instructions of.
func (m *maker) idiom() {
	b, r := &m.b, m.r
	x, y, z := m.operand(), m.reg(), m.reg()
	k := uint64(r.IntN(64))
	set := m.set
	switch r.IntN(13) {
	case 8:
		m.bytes(x, y, z)
	case 12:
		if r.IntN(2) == 0 {
			m.loaded(y, z)
		} else {
			m.pair(y, z, m.reg())
		}
	case 9, 10:
		m.selection(z)
	case 0: // an extension, or part of a value
		set(y, ir.Sll, x, b.Const([...]uint64{32, 48, 56, k}[r.IntN(4)]))
		set(z, ir.Srl+ir.Op(r.IntN(2)), b.X(y), b.Const([...]uint64{32, 31, 30, 48, 56, k, uint64(r.IntN(64))}[r.IntN(7)]))
	case 1: // rotation
		n := uint64(r.IntN(2))
		set(y, ir.Srl, x, b.Const(k))
		set(z, ir.Sll, x, b.Const(64-k-n))
		set(z, [...]ir.Op{ir.Or, ir.Add, ir.Xor}[r.IntN(3)], b.X(z), b.X(y))
	case 2:
		set(y, ir.Srl32, x, b.Const(k&31))
		set(z, ir.Sll32, x, b.Const(32-k&31))
		set(z, [...]ir.Op{ir.Or, ir.Add, ir.Xor}[r.IntN(3)], b.X(z), b.X(y))
	case 3: // a loop's counter, as a word
		set(y, ir.Sext32, b.Emit(ir.Add, 0, b.X(y), b.Const(uint64(int64(r.IntN(5)-2)))))
	case 4: // a condition, and a branch or a selection by it
		b.SetX(y, b.Emit(ir.Lts+ir.Op(r.IntN(2)), 0, x, m.operand()))
		m.inst()
		if r.IntN(2) == 0 {
			set(y, ir.Xor, b.X(y), b.Const(1))
		}
		if r.IntN(2) == 0 {
			m.exit(ir.ExitIf, b.Emit(ir.Eq+ir.Op(r.IntN(2)), 0, b.X(y), b.Const(0)))
			return
		}
		set(z, ir.Sub, b.Const(0), b.X(y))
		set(z, ir.And, b.X(z), m.operand())
	case 5: // a field
		set(y, ir.Srl, x, b.Const(k))
		set(z, ir.And, b.X(y), b.Const(1<<r.IntN(40)-1))
	case 6: // sums of constants
		set(y, ir.Add, x, b.Const(k))
		set(z, [...]ir.Op{ir.Add, ir.Sub}[r.IntN(2)], b.X(y), b.Const(value(r)))
	case 11: // an extension of a byte, say, as a word
		k &= 31
		set(z, ir.Sll32, x, b.Const(k))
		set(z, [...]ir.Op{ir.Sra32, ir.Srl32, ir.Sra}[r.IntN(3)], b.X(z), b.Const([...]uint64{k, 24, uint64(r.IntN(32))}[r.IntN(3)]))
	case 7: // of an index
		v := b.Emit(ir.Sll, 0, b.Emit(ir.Zext32, 0, x), b.Const(k&3))
		set(y, ir.Add, v, m.operand())
	}
}

// set emits an instruction that writes register n.
func (m *maker) set(n uint8, op ir.Op, args ...ir.Value) {
	m.b.SetX(n, m.b.Emit(op, 0, args...))
	m.inst()
}

// bytes emits what puts bytes of x in another order, by registers y and z.
func (m *maker) bytes(x ir.Value, y, z uint8) {
	b, r := &m.b, m.r
	sll, srl, width := ir.Sll, ir.Srl, 8
	if r.IntN(2) == 0 {
		sll, srl, width = ir.Sll32, ir.Srl32, 4
	}
	masks := [...]uint64{0x00ff00ff00ff00ff, 0xff00ff00ff00ff00, 0xff00, 0xff0000, 0xffffffffff00ff00}
	n := 8 * uint64(1+r.IntN(width-1))
	m.set(y, sll, x, b.Const(n))
	m.set(z, srl, x, b.Const([...]uint64{n, 8*uint64(width) - n, 8}[r.IntN(3)]))
	m.set(y, ir.And, b.X(y), b.Const(masks[r.IntN(5)]))
	m.set(z, ir.And, b.X(z), b.Const(masks[r.IntN(5)]))
	m.set(z, ir.Or, b.X(y), b.X(z))
	m.set(y, [...]ir.Op{ir.Sext32, ir.Zext32, ir.Zext16}[r.IntN(3)], b.X(z))
}

// loaded emits the loads of the bytes of a number, or of nearly one, in any order, and what unites them, in register y, by register z.
func (m *maker) loaded(y, z uint8) {
	b, r := &m.b, m.r
	size := 1 << (1 + r.IntN(3))
	sll := ir.Sll
	if size == 4 && r.IntN(2) == 0 {
		sll = ir.Sll32
	}
	base, reverse := m.address(), r.IntN(2) == 0
	m.inst()
	for k, n := range r.Perm(size) {
		if r.IntN(40) == 0 {
			b.Emit(ir.Store8, 0, m.address(), b.X(y))
			m.inst()
		}
		to := n
		if reverse {
			to = size - 1 - n
		}
		if r.IntN(40) == 0 {
			to ^= 1
		}
		m.set(z, ir.LoadU8, b.Emit(ir.Add, 0, base, b.Const(uint64(n))))
		m.set(z, sll, b.X(z), b.Const(uint64(8*to)))
		if k == 0 {
			b.SetX(y, b.X(z))
		} else {
			b.SetX(y, b.Emit(ir.Or, 0, b.X(y), b.X(z)))
		}
		m.inst()
	}
}

// pair emits the loads of the bytes of two numbers by turns, and what unites them, in registers y and z if these differ, by
// register t.
func (m *maker) pair(y, z, t uint8) {
	b, r := &m.b, m.r
	size := 1 << (1 + r.IntN(3))
	bases, into := [2]ir.Value{m.address(), m.address()}, [2]uint8{y, z}
	m.inst()
	begun := [2]bool{}
	for _, n := range r.Perm(2 * size) {
		which, n := n%2, uint64(n/2)
		m.set(t, ir.LoadU8, b.Emit(ir.Add, 0, bases[which], b.Const(n)))
		m.set(t, ir.Sll, b.X(t), b.Const(8*n))
		to := into[which]
		if begun[which] {
			b.SetX(to, b.Emit(ir.Or, 0, b.X(to), b.X(t)))
		} else {
			b.SetX(to, b.X(t))
		}
		begun[which] = true
		m.inst()
	}
}

// selection emits the choice of one of two values without a branch, for register z.
func (m *maker) selection(z uint8) {
	b, r := &m.b, m.r
	v, w := m.operand(), m.operand()
	union := [...]ir.Op{ir.Or, ir.Add, ir.Xor}[r.IntN(3)]
	zero := b.Const(0)
	c := b.Emit(ir.ZextB, 0, m.condition())
	mask := b.Emit(ir.Sub, 0, zero, c)
	switch r.IntN(3) {
	case 0:
		m.set(z, ir.Xor, b.Emit(ir.And, 0, b.Emit(ir.Xor, 0, v, w), mask), [...]ir.Value{v, w}[r.IntN(2)])
	case 1:
		other := b.Emit(ir.Add, 0, c, b.Const(^uint64(0)))
		m.set(z, union, b.Emit(ir.And, 0, v, mask), b.Emit(ir.And, 0, w, other))
	case 2:
		one := b.Emit(ir.Choose, 0, b.Emit(ir.Eq, 0, v, zero), zero, w)
		other := b.Emit(ir.Choose, 0, b.Emit(ir.Eq+ir.Op(r.IntN(2)), 0, v, zero), zero, m.operand())
		m.set(z, union, one, other)
	}
}

// float emits an operation on floating-point numbers.
func (m *maker) float() {
	b, r := &m.b, m.r
	op := ir.Bits + ir.Op(r.IntN(int(ir.FcvtmodI32-ir.Bits)+1))
	var imm uint64
	if op.Has(ir.Rounds) {
		imm = [...]uint64{ir.Dynamic, uint64(r.IntN(5))}[r.IntN(2)]
	} else if op.Has(ir.HasImm) {
		imm = uint64(r.IntN(32))
	}
	var args []ir.Value
	f := func() uint8 { return uint8(r.IntN(m.regs)) }
	for _, t := range op.Info().Args {
		switch t {
		case ir.I64:
			args = append(args, m.operand())
		case ir.F64:
			args = append(args, b.F(f()))
		case ir.F32:
			args = append(args, b.Emit(ir.S, 0, b.F(f())))
		case ir.F16:
			args = append(args, b.Emit(ir.H, 0, b.F(f())))
		}
	}
	v := b.Emit(op, imm, args...)
	switch op.Info().Result {
	case ir.F64:
		b.SetF(f(), v)
	case ir.F32:
		b.SetF(f(), b.Emit(ir.BoxS, 0, v))
	case ir.F16:
		b.SetF(f(), b.Emit(ir.BoxH, 0, v))
	default:
		b.SetX(m.reg(), v)
	}
}

// rare emits an instruction that programs have few of.
func (m *maker) rare() {
	b, r := &m.b, m.r
	switch r.IntN(8) {
	case 0:
		b.Emit(ir.InterpIf, m.pc-4, b.Emit(ir.Eq, 0, m.operand(), m.operand()))
	case 1:
		b.SetX(m.reg(), b.Emit(ir.GetFlags, 0))
	case 2:
		b.Emit(ir.SetFlags, 0, m.operand())
	case 3:
		b.SetX(m.reg(), b.Emit(ir.GetRound, 0))
	case 4:
		b.Emit(ir.Fence, uint64(r.IntN(256)))
	default:
		op := ir.Lr32 + ir.Op(r.IntN(int(ir.AmoCas64-ir.Lr32)+1))
		args := []ir.Value{b.Emit(ir.And, 0, m.operand(), b.Const(irtest.Size-8))}
		for range len(op.Info().Args) - 1 {
			args = append(args, m.operand())
		}
		b.SetX(m.reg(), b.Emit(op, 0, args...))
	}
}
