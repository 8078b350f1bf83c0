//go:build linux && amd64

package jit

import (
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/hostmem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/softfloat"
	"github.com/hospes-vm/hospes/internal/trap"
)

// machine runs compiled traces.
type machine struct {
	t     testing.TB
	code  []byte
	ctx   *Context
	data  *[4096]byte // guest memory from address 0; behind it is an inaccessible page
	limit uint64      // of the window
	pages [4]uint64   // the page table: nothing, data, nothing
	marks [4]byte     // for watched code: data's is the second

	stack [64]uintptr // of return addresses

	interpreted int // traces left for the interpreter
	faults      int // traces left by a fault, or as if by one
	refused     int // graphs that cannot be compiled
	noLookups   bool
	executed    map[ir.Op]int
}

// window is the size of what addresses may point into.
const window = 2 * 4096

func newMachine(t testing.TB) *machine {
	code, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	data, err := unix.Mmap(-1, 0, window, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mprotect(data[4096:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	trap.Init()
	start := uintptr(unsafe.Pointer(&code[0]))
	if err := trap.AddCode(start, start+uintptr(len(code)), start+uintptr(EmitStubs(new(amd64.Assembler)).Fault), OffFaultAt, OffExceptions); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		trap.RemoveCode(start)
		trap.Release()
		_, _ = unix.Munmap(code), unix.Munmap(data)
	})
	m := &machine{t: t, code: code, ctx: new(Context), data: (*[4096]byte)(data), limit: window, executed: map[ir.Op]int{}}
	m.pages[1] = uint64(uintptr(unsafe.Pointer(m.data))) | uint64(reads|writes|looks)
	return m
}

// newMachineFor is newMachine with the window that a compiler wants: where AtLimit is set, most of it cannot
// be accessed.
func newMachineFor(t testing.TB, c *Compiler) *machine {
	if !c.AtLimit {
		return newMachine(t)
	}
	space, err := offset.New(1 << 38)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	base, limit := space.Window()
	if uint64(base) != limit {
		t.Skipf("the host puts the window at %#x", base)
	}
	if err := space.Map(0, 4096, mem.Read|mem.Write, mem.Source{FD: -1}); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.data, m.limit = (*[4096]byte)(hostmem.Pointer(base)), limit
	return m
}

// run executes a trace from a state, which becomes that at the exit.
func (m *machine) run(c *Compiler, t *ir.Trace, s *ir.State) ir.Outcome {
	a := amd64.Assembler{}
	m.ctx.Watch(uintptr(unsafe.Pointer(&m.marks[1])))
	m.ctx.ForgetStores()
	c.Stubs, c.FirstExit, c.Limit = EmitStubs(&a), FirstExit, m.limit
	code, ok := c.Compile(&a, t, nil)
	if !ok {
		return ir.Outcome{Op: ir.Interp, PC: t.PC}
	}
	out := m.enter(c, a.Buf, code, s)
	if m.ctx.Exit == ExitIndirect {
		out.Op = t.Code[len(t.Code)-1].Op
	}
	return out
}

// enter executes compiled code from a state, which becomes that at the exit.
func (m *machine) enter(c *Compiler, buf []byte, code *Code, s *ir.State) ir.Outcome {
	copy(m.code, buf)
	copy(m.ctx.R[:], s.X[:])
	copy(m.ctx.R[ir.FirstF:], s.F[:])
	m.ctx.ResAddr, m.ctx.ResValue, m.ctx.Reserved = s.ResAddr, s.ResValue, uint64(s.Reserved)
	m.ctx.Base, m.ctx.Detours = uintptr(unsafe.Pointer(m.data)), uintptr(unsafe.Pointer(&m.pages[1]))
	if c.Table {
		m.ctx.Base = uintptr(unsafe.Pointer(&m.pages[1]))
	}
	m.ctx.IRQ.Arm(m.limit, JumpMask)
	m.ctx.entry = uintptr(unsafe.Pointer(&m.code[code.Start]))
	m.ctx.Init()
	if m.noLookups {
		m.ctx.lookups = 0
	}
	bottom := &m.stack[len(m.stack)-1]
	*bottom = uintptr(unsafe.Pointer(&m.code[c.Stubs.Return]))
	m.ctx.SetStack(uintptr(unsafe.Pointer(bottom)))
	m.ctx.MXCSR = 0x1f80 | uint32(hostModes[c.hostMode()])<<13 | HostFlags(s.Flags)
	enter(m.ctx)
	var pc uint64
	if m.ctx.Exit == ExitFault {
		pc = m.ctx.restore(m.t, m.code, code)
	}
	copy(s.X[:], m.ctx.R[:])
	copy(s.F[:], m.ctx.R[ir.FirstF:])
	s.X[0] = 0
	s.ResAddr, s.ResValue, s.Reserved = m.ctx.ResAddr, m.ctx.ResValue, int(m.ctx.Reserved)
	s.Flags = GuestFlags(m.ctx.MXCSR)
	switch m.ctx.Exit {
	case ExitFault:
		m.faults++
		return ir.Outcome{Op: ir.Interp, PC: pc}
	case ExitIndirect:
		return ir.Outcome{Op: ir.Jump, PC: m.ctx.PC}
	case ExitInterp:
		return ir.Outcome{Op: ir.Interp, PC: m.ctx.PC}
	}
	if int(m.ctx.Exit-FirstExit) >= len(code.Exits) { // by Context.Jumps, to Stubs.Leave
		return ir.Outcome{Op: ir.Goto, PC: uint64(m.ctx.Exit)}
	}
	e := code.Exits[m.ctx.Exit-FirstExit]
	if e.Guess != nil || e.Op == ir.Jump {
		e.PC = m.ctx.PC
	}
	return ir.Outcome{Op: e.Op, PC: e.PC}
}

// restore makes the guest's registers exact after a fault, and returns the address of the guest
// instruction.
func (ctx *Context) restore(t testing.TB, host []byte, code *Code) (pc uint64) {
	at := int(ctx.FaultAt - uintptr(unsafe.Pointer(&host[0])))
	i := slices.IndexFunc(code.Faults, func(f Fault) bool { return f.Offset == at })
	if i < 0 {
		t.Fatalf("a fault at offset %d, where none can be", at-code.Start)
	}
	f := code.Faults[i]
	ctx.Restore(&code.States, code.States.Late[f.Late.Start:f.Late.End])
	return f.PC
}

// Load and Store are guest memory for the evaluation.
func (m *machine) Load(addr uint64, size int) (v uint64, ok bool) {
	if addr > uint64(len(m.data)-size) {
		return 0, false
	}
	for n := range size {
		v |= uint64(m.data[addr+uint64(n)]) << (8 * n)
	}
	return v, true
}

func (m *machine) Store(addr uint64, size int, v uint64) bool {
	if addr > uint64(len(m.data)-size) {
		return false
	}
	for n := range size {
		m.data[addr+uint64(n)] = byte(v >> (8 * n))
	}
	return true
}

var special = []uint64{
	0, 1, 2, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
	math.MaxInt64, 1 << 63, math.MaxUint64, 0xffffffff80000000, 0xffffffff7fffffff,
}

func value(r *rand.Rand) uint64 {
	if r.IntN(2) == 0 {
		return special[r.IntN(len(special))]
	}
	return r.Uint64() >> r.IntN(64)
}

var numbers = []float64{
	0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 100, 1e10, -1e10, 1 << 22, 1<<23 - 1, 1 << 24, 1 << 31, 1<<31 - 1, 1 << 32, 1<<32 - 1,
	1 << 52, 1 << 53, 1 << 63, 1<<63 + 1<<40, 1<<64 - 1<<40, 1 << 64, 1e300, 1e-300, 1e-40, 1e-7, 3e-5, 1e-6 / 3, 65504, 65519.9, math.Inf(1), math.NaN(), math.Pi,
}

// number is what a floating-point register may hold, often something special: mostly
// boxed binary32 in registers whose number is a multiple of 4, boxed binary16 in other even
// ones, binary64 in odd ones.
func number(r *rand.Rand, n int) uint64 {
	const ones32 = math.MaxUint32 << 32
	f := numbers[r.IntN(len(numbers))]
	if r.IntN(4) == 0 {
		f += [...]float64{0.25, 0.5, 0.75}[r.IntN(3)]
	}
	if r.IntN(4) == 0 {
		f = -f
	}
	switch r.IntN(40) {
	case 0:
		return r.Uint64()
	case 1:
		return ones32 | uint64(r.Uint32())
	case 2:
		return [...]uint64{0x7ff0000000000001, 0xfff8000000000001, 1, 0x000fffffffffffff, 0x7fefffffffffffff, 0xffffffff7f800001, 0xffffffffffc00001, 0xffffffff00000001, 0xffffffff7f7fffff, 1 << 63}[r.IntN(10)]
	}
	switch n % 4 {
	case 2:
		const ones48 = ones32 | 0xffff<<16
		return ones48 | uint64([...]uint16{0, 1, 0x3ff, 0x400, 0x3c00, 0x3555, 0x7bff, 0x7c00, 0x7c01, 0x7e01, uint16(r.Uint32())}[r.IntN(11)]) ^ uint64(r.IntN(2))<<15
	case 0:
		return ones32 | uint64(math.Float32bits(float32(f)))
	}
	return math.Float64bits(f)
}

// floating are the operations on floating-point numbers that are compiled.
var floating = func() (list []ir.Op) {
	for op := ir.FnegS; op <= ir.FcvtmodI32; op++ {
		list = append(list, op)
	}
	return list
}()

// randomFloat appends an instruction on floating-point registers.
func randomFloat(b *ir.Builder, r *rand.Rand, round uint8) {
	x := func() uint8 { return uint8(r.IntN(32)) }
	single := func() uint8 { return uint8(4 * r.IntN(8)) }
	half := func() uint8 { return uint8(4*r.IntN(8) + 2) }
	double := func() uint8 { return uint8(2*r.IntN(16) + 1) }
	switch r.IntN(19) {
	case 18:
		b.SetF(half(), b.Emit(ir.BoxH, 0, b.Emit(ir.Lo16, 0, b.X(x()))))
		return
	case 16:
		b.SetX(x(), b.Emit(ir.GetFlags, 0))
		return
	case 17:
		randomStatus(b, r, x, round)
		return
	case 0:
		b.SetF(double(), b.X(x()))
		return
	case 1:
		b.SetX(x(), b.F(double()))
		return
	case 2:
		b.SetF(single(), b.Emit(ir.BoxS, 0, b.Emit(ir.Lo32, 0, b.X(x()))))
		return
	}
	op := floating[r.IntN(len(floating))]
	info := op.Info()
	var imm uint64
	if op.Has(ir.Rounds) {
		imm = [...]uint64{ir.Dynamic, ir.Dynamic, uint64(round), uint64(r.IntN(5))}[r.IntN(4)]
	} else if op.Has(ir.HasImm) {
		imm = uint64(x())
	}
	var args []ir.Value
	for _, t := range info.Args {
		switch t {
		case ir.I64:
			args = append(args, b.X(x()))
		case ir.F64:
			args = append(args, negated(b, r, op, ir.FnegD, b.F(double())))
		case ir.F16:
			args = append(args, b.Emit(ir.H, 0, b.F(half())))
		default:
			args = append(args, negated(b, r, op, ir.FnegS, b.Emit(ir.S, 0, b.F(single()))))
		}
	}
	if len(args) > 1 && r.IntN(6) == 0 && info.Args[0] == info.Args[1] {
		args[1] = args[0]
	}
	v := b.Emit(op, imm, args...)
	switch info.Result {
	case ir.F32:
		b.SetF(single(), b.Emit(ir.BoxS, 0, v))
	case ir.F16:
		b.SetF(half(), b.Emit(ir.BoxH, 0, v))
	case ir.F64:
		b.SetF(double(), v)
	default:
		b.SetX(x(), v)
	}
}

// negated is an operand of op, or for fused operations the negative of one now and then.
func negated(b *ir.Builder, r *rand.Rand, op, neg ir.Op, v ir.Value) ir.Value {
	if op != ir.FmaS && op != ir.FmaD || r.IntN(2) == 0 {
		return v
	}
	return b.Emit(neg, 0, v)
}

// randomStatus appends an instruction on flags and rounding mode.
func randomStatus(b *ir.Builder, r *rand.Rand, x func() uint8, round uint8) {
	switch r.IntN(8) {
	case 6, 7: // saved around comparisons
		pc, old, by := b.Code[len(b.Code)-1].Imm, x(), x()
		v := b.Emit(ir.GetFlags, 0)
		b.SetX(old, v)
		for range 1 + r.IntN(2) {
			pc++
			b.Inst(pc)
			if r.IntN(2) == 0 {
				s := b.Emit(ir.S, 0, b.F(4*uint8(r.IntN(8))))
				b.SetX(by, b.Emit(ir.FeqS+ir.Op(r.IntN(5)), 0, s, b.Emit(ir.S, 0, b.F(4*uint8(r.IntN(8))))))
			} else {
				b.SetX(by, b.Emit(ir.FeqD+ir.Op(r.IntN(5)), 0, b.F(uint8(r.IntN(32))), b.F(uint8(r.IntN(32)))))
			}
		}
		b.Inst(pc + 1)
		b.Emit(ir.SetFlags, 0, [...]ir.Value{v, b.X(old)}[r.IntN(2)])
	case 0:
		pc := b.Code[len(b.Code)-1].Imm
		b.Emit(ir.InterpIf, pc, b.Emit(ir.Ne, 0, b.Emit(ir.And, 0, b.X(x()), b.Const(7)), b.Emit(ir.GetRound, 0)))
	case 1:
		b.SetX(x(), b.Emit(ir.GetRound, 0))
	case 2:
		b.Emit(ir.SetFlags, 0, b.Const(uint64(r.IntN(32))))
	default:
		old := b.Emit(ir.GetFlags, 0)
		b.Emit(ir.SetFlags, 0, b.X(x()))
		b.SetX(x(), old)
	}
}

// randomAtomic appends an atomic operation, mostly at an aligned address of a few. LR and
// SC come in pairs that may fail.
func randomAtomic(b *ir.Builder, r *rand.Rand, reg func() uint8, pc uint64) {
	op := ir.Lr32 + ir.Op(r.IntN(int(ir.AmoCas64-ir.Lr32)+1))
	info := op.Info()
	addr := b.Emit(ir.And, 0, b.X(reg()), b.Const(0x78))
	if r.IntN(8) == 0 {
		addr = b.Emit(ir.And, 0, b.X(reg()), b.Const(0x7f))
	}
	if op == ir.Sc32 || op == ir.Sc64 {
		if r.IntN(4) > 0 {
			b.SetX(reg(), b.Emit(op-2, 0, addr))
			b.Inst(pc + 1)
		}
		if r.IntN(4) == 0 {
			b.Emit(ir.Store8, 0, addr, b.X(reg()))
			b.Inst(pc + 2)
		}
	}
	args := []ir.Value{addr}
	for range len(info.Args) - 1 {
		args = append(args, b.X(reg()))
	}
	if op >= ir.AmoCas8 && op <= ir.AmoCas64 && r.IntN(2) == 0 {
		args[1] = b.Emit(ir.LoadS8+ir.Op(2*(op-ir.AmoCas8)), 0, addr) // what is there
	}
	b.SetX(reg(), b.Emit(op, 0, args...))
}

// computing are the operations on integers.
var computing = func() (list []ir.Op) {
	for op := ir.Add; op < ir.Load64; op++ {
		if info := op.Info(); op.Has(ir.Pure) && info.Result == ir.I64 && info.Args[0] == ir.I64 {
			list = append(list, op)
		}
	}
	return list
}()

// compute appends one of these.
func compute(b *ir.Builder, r *rand.Rand, operand func() ir.Value) ir.Value {
	op := computing[r.IntN(len(computing))]
	args := []ir.Value{operand()}
	if len(op.Info().Args) == 2 {
		args = append(args, operand())
	}
	return b.Emit(op, 0, args...)
}

// randomTrace is what the lifter could make: instructions of an expression each.
func randomTrace(b *ir.Builder, r *rand.Rand, n int, round uint8) {
	b.Start(0x1000)
	reg := func() uint8 { return uint8(r.IntN(32)) }
	operand := func() ir.Value {
		if r.IntN(3) == 0 {
			return b.Const(value(r))
		}
		return b.X(reg())
	}
	address := func() ir.Value {
		if r.IntN(50) == 0 {
			return b.Emit(ir.Add, 0, b.Emit(ir.And, 0, operand(), b.Const(0xff8)), b.Const(uint64(r.IntN(4096)))) // which may fault
		}
		return b.Emit(ir.Add, 0, b.Emit(ir.And, 0, operand(), b.Const(0x7f8)), b.Const(uint64(r.IntN(1024))))
	}
	condition := func() ir.Value {
		op := [...]ir.Op{ir.Eq, ir.Ne, ir.Lts, ir.Ltu}[r.IntN(4)]
		v := b.Emit(op, 0, operand(), operand())
		if r.IntN(4) == 0 {
			v = b.Emit(ir.NotB, 0, v)
		}
		return v
	}
	for k := range n {
		b.Inst(0x1000 + 4*uint64(k))
		switch r.IntN(25) {
		case 24: // what may be extended already
			v := b.Emit(ir.LoadS8+ir.Op(r.IntN(7)), 0, address())
			if r.IntN(2) == 0 {
				v = compute(b, r, operand)
			}
			x := b.Emit(ir.Sext32, 0, operand())
			op := [...]ir.Op{ir.Srl, ir.Sra, ir.Sll, ir.And, ir.Or, ir.Xor, ir.Add}[r.IntN(7)]
			v = b.Emit(op, 0, x, [...]ir.Value{v, x, b.Const(uint64(r.IntN(64)))}[r.IntN(3)])
			b.SetX(reg(), b.Emit(ir.Sext32, 0, v))
		case 22: // with what may be scaled or extended
			v := b.Emit(ir.Sll, 0, operand(), b.Const(uint64(r.IntN(5))))
			v = b.Emit(ir.Add, 0, [...]ir.Value{v, operand()}[r.IntN(2)], [...]ir.Value{v, operand()}[r.IntN(2)])
			b.SetX(reg(), b.Emit(ir.Sext32+ir.Op(3*r.IntN(2)), 0, v))
		case 23: // a result that a branch looks at
			v := condition()
			if r.IntN(2) == 0 {
				v = b.Emit([...]ir.Op{ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor, ir.Mul}[r.IntN(6)], 0, operand(), operand())
			}
			if r.IntN(2) == 0 {
				v = b.Emit(ir.Sext32, 0, v)
			}
			x := reg()
			b.SetX(x, v)
			if r.IntN(3) == 0 {
				b.SetX(reg(), b.Emit(ir.And, 0, operand(), operand()))
			}
			b.Inst(0x1002 + 4*uint64(k)) // branches are instructions of their own
			b.Emit(ir.ExitIf, 0x5000+uint64(k)*4, b.Emit([...]ir.Op{ir.Eq, ir.Ne}[r.IntN(2)], 0, b.X(x), b.Const(0)))
		case 21:
			switch r.IntN(6) {
			case 0:
				b.Emit(ir.Pause, 0)
			case 1:
				b.Emit(ir.WantWindow, 0, address())
			case 2:
				b.Emit(ir.WantBoxed, 0, b.F(reg()))
			case 3:
				b.Emit(ir.WantNarrow, 0, b.X(reg()))
			default:
				b.Emit(ir.Fence, uint64(r.IntN(256)))
			}
		case 20, 12, 13, 14, 15, 16, 17, 18, 19:
			randomFloat(b, r, round)
		case 0:
			b.Emit(ir.ExitIf, 0x5000+uint64(k)*4, condition())
		case 1, 2:
			load := ir.LoadS8 + ir.Op(r.IntN(7))
			b.SetX(reg(), b.Emit(load, 0, address()))
		case 3, 4:
			b.Emit(ir.Store8+ir.Op(r.IntN(4)), 0, address(), operand())
		case 5:
			randomAtomic(b, r, reg, 0x1000+4*uint64(k))
		case 8:
			b.SetX(reg(), condition())
		case 6:
			b.SetX(reg(), b.Emit(ir.Choose, 0, condition(), operand(), operand()))
		case 7:
			b.SetX(reg(), b.X(reg()))
		case 10: // a word that is extended without its sign, and shifted
			x, op := reg(), ir.Srl
			if r.IntN(4) == 0 {
				op = ir.Sra
			}
			b.SetX(x, b.Emit(ir.Sll, 0, b.X(reg()), b.Const(32)))
			b.Inst(0x1002 + 4*uint64(k))
			b.SetX(x, b.Emit(op, 0, b.X(x), b.Const([...]uint64{32, uint64(r.IntN(64))}[r.IntN(2)])))
		case 9: // a constant, or address, that is made in the register which it is for
			x, k := reg(), 0x1000+4*uint64(k)
			b.SetX(x, b.Const(value(r)))
			b.Inst(k + 1)
			b.SetX(x, b.Emit([...]ir.Op{ir.Add, ir.Xor}[r.IntN(2)], 0, b.X(x), b.Const(uint64(r.IntN(4096)))))
			b.Inst(k + 2)
			b.SetX(x, b.Const(uint64(r.IntN(4200))))
			b.Inst(k + 3)
			b.SetX([...]uint8{x, x, x, reg()}[r.IntN(4)], b.Emit(ir.LoadS8+ir.Op(r.IntN(7)), 0, b.Emit(ir.Add, 0, b.X(x), b.Const(uint64(r.IntN(16))))))
		default:
			v := compute(b, r, operand)
			if r.IntN(3) == 0 {
				v = b.Emit(ir.Sext32+ir.Op(3*r.IntN(2)), 0, v)
			}
			b.SetX(reg(), v)
		}
	}
	if r.IntN(3) == 0 {
		b.Inst(0x1000 + 4*uint64(n))
		b.Emit(ir.Jump+ir.Op(r.IntN(2)), 0, b.X(reg())) // or JumpSame
		return
	}
	b.Emit(ir.Goto, 0x9000)
}

// compilers are what to test: with the instruction set of the machine, with none, and with the
// former without one of its parts; with a page table in the place of a window, and beside it; with
// accesses to memory watched.
func compilers() map[string]Compiler {
	host := HostFeatures()
	sets := map[string]Compiler{"host": {Features: host}, "none": {}, "table": {Features: host, Table: true}, "table, none": {Table: true}}
	sets["watched"], sets["table, watched"] = Compiler{Features: host, Watched: true}, Compiler{Features: host, Table: true, Watched: true}
	sets["detours"], sets["detours, watched"] = Compiler{Features: host, Detours: true}, Compiler{Detours: true, Watched: true}
	for n := range reflect.TypeFor[Features]().NumField() {
		less := host
		reflect.ValueOf(&less).Elem().Field(n).SetBool(false)
		sets["no "+reflect.TypeFor[Features]().Field(n).Name] = Compiler{Features: less}
	}
	return sets
}

// TestCrossing: a detour leads to one page, so an access that reaches into a second one is
// left to the interpreter, with nothing done.
func TestCrossing(t *testing.T) {
	m := newMachine(t)
	m.pages[2] = m.pages[1] // which would be wrong
	for _, op := range []ir.Op{ir.LoadU8, ir.LoadU16, ir.LoadU32, ir.Load64, ir.Store16, ir.Store64} {
		size := int(op.Info().Size)
		for at := 4096 - 8; at < 4096; at++ {
			var b ir.Builder
			b.Start(0x8000)
			b.Inst(0x8000)
			addr := b.Emit(ir.Add, 0, b.X(12), b.Const(uint64(at)-64))
			args := []ir.Value{addr, b.X(11)}[:len(op.Info().Args)]
			b.Emit(op, 0, args...)
			b.Emit(ir.Goto, 0x9000)
			s := ir.State{}
			s.X[11], s.X[12] = 0x123456789abcdef, 64
			data := *m.data
			want := ir.Outcome{Op: ir.Goto, PC: 0x9000}
			if at+size > 4096 {
				want = ir.Outcome{Op: ir.Interp, PC: 0x8000}
			}
			if out := m.run(&Compiler{Detours: true}, &b.Trace, &s); out != want {
				t.Errorf("%s at %d: left by %+v, want %+v", op, at, out, want)
			}
			if at+size > 4096 && *m.data != data {
				t.Errorf("%s at %d has written", op, at)
			}
		}
	}
}

func TestRandomTraces(t *testing.T) {
	sets := compilers()
	sets["unbounded"] = Compiler{Features: HostFeatures(), Unbounded: true} // all addresses are in the window
	sets["at limit"] = Compiler{Features: HostFeatures(), AtLimit: true}
	sets["near sp"] = Compiler{Features: HostFeatures(), AtLimit: true, NearSP: true}
	for name, c := range sets {
		t.Run(name, func(t *testing.T) {
			m := newMachineFor(t, &c)
			for seed := range uint64(5000) {
				m.compare(&c, seed)
				if t.Failed() {
					return
				}
			}
			t.Logf("%d traces left for the interpreter, %d by faults", m.interpreted, m.faults)
			m.wantExecuted(&c)
		})
	}
}

// wantExecuted looks whether each operation of traces has been executed often, and not left to
// the interpreter.
func (m *machine) wantExecuted(c *Compiler) {
	for op := ir.Const; op < ir.ExitIf; op++ {
		if needs(op, c.Features) {
			continue
		}
		if n := m.executed[op]; n < 10 {
			m.t.Errorf("%s has been executed %d times", op, n)
		}
	}
}

// needs reports whether op is only translated for hosts with more than f.
func needs(op ir.Op, f Features) bool {
	switch op {
	case ir.FmaS, ir.FmaD:
		return !f.FMA
	case ir.FroundS, ir.FroundD, ir.FroundnxS, ir.FroundnxD:
		return !f.SSE41
	case ir.H, ir.F16ToF32, ir.F16ToF64, ir.F32ToF16:
		return !f.F16C
	case ir.F64ToF16:
		return true
	}
	return false
}

// left counts the operations of a trace that was left by out.
func (m *machine) left(t *ir.Trace, out ir.Outcome) {
	for _, i := range t.Code {
		if i.Op == ir.Inst && i.Imm == out.PC && out.Op == ir.Interp || i.Op == ir.ExitIf && i.Imm == out.PC {
			return
		}
		m.executed[i.Op]++
	}
}

// compare holds the execution of a random trace against its evaluation.
func (m *machine) compare(c *Compiler, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	var b ir.Builder
	s := ir.State{Round: softfloat.Round([...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4}[r.IntN(11)]), Flags: softfloat.Flags(r.IntN(32))}
	c.Round = uint8(s.Round)
	randomTrace(&b, r, 1+r.IntN(40), c.Round)
	for n := range 32 {
		s.F[n] = number(r, n)
		if n > 0 {
			s.X[n] = value(r)
		}
	}
	for n := range m.data {
		m.data[n] = byte(r.Uint32())
	}
	if c.NearSP {
		s.X[spReg] = stackAddress(r, m.limit)
	}
	m.compareTrace(c, seed, &b.Trace, s)
}

// compareTrace holds the execution of a trace from a state against its evaluation.
func (m *machine) compareTrace(c *Compiler, seed uint64, whole *ir.Trace, s ir.State) {
	data := *m.data
	begin := s
	out := m.run(c, whole, &s)
	gotData := *m.data
	if c.Watched && !m.takenBack(&data) {
		m.t.Errorf("seed %d: stores cannot be taken back", seed)
	}
	m.left(whole, out)
	m.wantNearSP(c, out, &s)

	trace := whole
	if out.Op == ir.Interp {
		trace = until(trace, out.PC)
		m.interpreted++
	}
	*m.data = data
	want := begin
	want.Mem = m
	wantOut := ir.Eval(trace, &want)
	if out != wantOut {
		m.t.Errorf("seed %d: left by %+v, want %+v", seed, out, wantOut)
	}
	for n := range 32 {
		if s.X[n] != want.X[n] {
			m.t.Errorf("seed %d: x%d is %#x, want %#x", seed, n, s.X[n], want.X[n])
		}
		if s.F[n] != want.F[n] {
			m.t.Errorf("seed %d: f%d is %#x, want %#x", seed, n, s.F[n], want.F[n])
		}
	}
	if s.Reserved != want.Reserved || s.Reserved != 0 && (s.ResAddr != want.ResAddr || s.ResValue != want.ResValue) {
		m.t.Errorf("seed %d: reservation of %d bytes, want %d", seed, s.Reserved, want.Reserved)
	}
	if gotData != *m.data {
		m.t.Errorf("seed %d: memory differs", seed)
	}
	*m.data = data
	m.compareFlags(seed, out, whole, begin, s.Flags, want.Flags)
	if m.t.Failed() {
		m.t.Logf("\n%s", whole)
	}
}

// compareFlags: what the interpreter is to execute may have raised some of its flags.
func (m *machine) compareFlags(seed uint64, out ir.Outcome, t *ir.Trace, begin ir.State, got, want softfloat.Flags) {
	most := want
	if out.Op == ir.Interp {
		begin.Mem = m
		ir.Eval(until(t, out.PC+4), &begin)
		most |= begin.Flags
	}
	if got&^most != 0 || want&^got != 0 {
		m.t.Errorf("seed %d: flags %#x, want %#x to %#x", seed, got, want, most)
	}
}

// until is the part of t before the instruction at pc.
func until(t *ir.Trace, pc uint64) *ir.Trace {
	for k, i := range t.Code {
		if (i.Op == ir.Inst || i.Op == ir.Goto) && i.Imm == pc {
			code := append(slices.Clone(t.Code[:k]), ir.Instr{Op: ir.Interp, Imm: pc})
			return &ir.Trace{PC: t.PC, Code: code}
		}
	}
	return t
}
