//go:build linux && amd64

package jit

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/softfloat"
)

// program is guest code of several traces that lead to each other.
type program []*ir.Trace

// counter is the register that counts down, for programs to end.
const counter = 31

// randomProgram makes n traces, each by fill. Each begins with counting down, and leaves if the count is 0.
func randomProgram(r *rand.Rand, n int, fill func(*ir.Builder)) (p program, sources []opt.Source) {
	at := func(k int) uint64 { return 0x10000 + uint64(k)<<12 }
	for k := range n {
		var b ir.Builder
		fill(&b)
		t := &ir.Trace{PC: at(k), Code: make([]ir.Instr, 1)}
		put := func(i ir.Instr) ir.Value {
			t.Code = append(t.Code, i)
			return ir.Value(len(t.Code) - 1)
		}
		put(ir.Instr{Op: ir.Inst, Imm: at(k)})
		left := put(ir.Instr{Op: ir.Add, Args: [3]ir.Value{put(ir.Instr{Op: ir.GetX, Imm: counter}), put(ir.Instr{Op: ir.Const, Imm: ^uint64(0)})}})
		put(ir.Instr{Op: ir.SetX, Imm: counter, Args: [3]ir.Value{left}})
		put(ir.Instr{Op: ir.Inst, Imm: at(k) + 4})
		put(ir.Instr{Op: ir.ExitIf, Imm: 0x7000, Args: [3]ir.Value{put(ir.Instr{Op: ir.Eq, Args: [3]ir.Value{left, put(ir.Instr{Op: ir.Const})}})}})
		for range r.IntN(6) - 2 { // several registers with one value
			put(ir.Instr{Op: ir.Inst, Imm: at(k) + 4})
			x := put(ir.Instr{Op: ir.GetX, Imm: uint64(1 + r.IntN(counter-1))})
			put(ir.Instr{Op: ir.SetX, Imm: uint64(1 + r.IntN(counter-1)), Args: [3]ir.Value{x}})
		}
		s := opt.Source{Trace: t}
		base := ir.Value(len(t.Code) - 1)
		for v := 1; v < len(b.Code); v++ {
			i := b.Code[v]
			for n, a := range i.Args {
				if a != 0 {
					i.Args[n] = a + base
				}
			}
			switch {
			case i.Op == ir.Inst, i.Op == ir.InterpIf:
				i.Imm += at(k) - 0x1000 + 8
			case (i.Op == ir.GetX || i.Op == ir.SetX) && i.Imm == counter:
				i.Imm--
			case i.Op == ir.ExitIf || i.Op == ir.Goto:
				if to := r.IntN(n + 1); to < n {
					i.Imm = at(to)
					s.Ways = append(s.Ways, opt.Way{From: ir.Value(v) + base, To: to})
				}
			case (i.Op == ir.Jump || i.Op == ir.JumpSame) && r.IntN(2) == 0:
				for more := true; more; more = i.Op == ir.Jump && r.IntN(2) == 0 {
					s.Ways = append(s.Ways, opt.Way{From: ir.Value(v) + base, To: r.IntN(n)})
				}
			}
			put(i)
		}
		p = append(p, t)
		sources = append(sources, s)
	}
	return p, sources
}

// eval executes a program trace by trace. If it has been left for the interpreter in another
// execution, it is executed up to there.
func (p program) eval(s *ir.State, left ir.Outcome, steps uint64) ir.Outcome {
	for pc := p[0].PC; ; {
		var t *ir.Trace
		for _, u := range p {
			if u.PC == pc {
				t = u
			}
		}
		if t == nil || left.Op != ir.Interp && left.PC == pc && s.X[counter] == steps {
			return ir.Outcome{Op: ir.Goto, PC: pc}
		}
		if left.Op == ir.Interp && left.PC&^0xfff == pc && s.X[counter] == steps+min(1, left.PC-pc) {
			return ir.Eval(until(t, left.PC), s)
		}
		out := ir.Eval(t, s)
		if out.Op != ir.ExitIf && out.Op != ir.Goto && out.Op != ir.Jump && out.Op != ir.JumpSame {
			return out
		}
		pc = out.PC
	}
}

// runGraph executes a region from a state, which becomes that at the exit.
func (m *machine) runGraph(c *Compiler, g *ir.Graph, s *ir.State) (out ir.Outcome, err error) {
	a := amd64.Assembler{}
	c.Stubs, c.FirstExit, c.Limit = EmitStubs(&a), FirstExit, window
	var b amd64.Assembler
	code, err := c.CompileGraph(&b, g)
	if err != nil {
		return out, err
	}
	a.Nop(int(m.ctx.Chance)) // anywhere
	code.Move(&a, b.Buf, FirstExit, FirstExit)
	return m.enter(c, a.Buf, code, s), nil
}

// longTrace makes a trace of integer operations whose results are often used much later, in more registers than hosts have, and
// accesses in between, some of which fault.
func longTrace(b *ir.Builder, r *rand.Rand) {
	b.Start(0x1000)
	reg := func() uint8 { return uint8(r.IntN(counter)) }
	operand := func() ir.Value { return b.X(reg()) }
	address := func() ir.Value {
		mask := [...]uint64{0x7f8, 0x7f8, 0x7f8, 0xff8}[r.IntN(4)]
		v := b.Emit(ir.Add, 0, b.Emit(ir.And, 0, operand(), b.Const(mask)), b.Const(uint64(r.IntN(1024))))
		if r.IntN(2) == 0 {
			b.SetX(reg(), v)
		}
		return v
	}
	pc := uint64(0x1000)
	next := func() {
		b.Inst(pc)
		pc += 4
	}
	access := func(addr ir.Value) {
		if r.IntN(4) == 0 {
			b.Emit(ir.Store8+ir.Op(r.IntN(4)), 0, addr, operand())
		} else {
			b.SetX(reg(), b.Emit(ir.LoadS8+ir.Op(r.IntN(7)), 0, addr))
		}
	}
	for range 10 + r.IntN(80) {
		next()
		switch r.IntN(24) {
		case 23: // a sum of two words
			x, to := operand(), reg()
			sum := b.Emit(ir.Add, 0, x, operand())
			b.SetX(reg(), sum)
			next()
			b.SetX(to, b.Emit(ir.ZextB, 0, b.Emit(ir.Ltu, 0, sum, x)))
			next()
			if r.IntN(2) == 0 {
				addr := address()
				next()
				access(addr)
				next()
			}
			b.SetX(to, b.Emit([...]ir.Op{ir.Add, ir.Sub}[r.IntN(2)], 0, operand(), b.X(to)))
		case 22: // both halves of a product
			x, y := operand(), operand()
			halves := [2]ir.Op{ir.Mul, ir.MulhUu}
			first := r.IntN(2)
			b.SetX(reg(), b.Emit(halves[first], 0, x, y))
			next()
			for range r.IntN(3) {
				b.SetX(reg(), compute(b, r, operand))
				next()
			}
			if r.IntN(2) == 0 {
				x, y = y, x
			}
			b.SetX(reg(), b.Emit(halves[1-first], 0, x, y))
		case 21: // with a complement
			x := reg()
			b.SetX(x, b.Emit(ir.Not, 0, operand()))
			next()
			b.SetX(x, b.Emit(ir.And, 0, b.X(x), operand()))
		case 20: // the bytes of a number
			base, size, x, y := address(), 1<<(1+r.IntN(3)), reg(), reg()
			b.SetX(y, b.Const(0))
			reverse := r.IntN(2) * (size - 1)
			for n := range size {
				next()
				b.SetX(x, b.Emit(ir.LoadU8, 0, b.Emit(ir.Add, 0, base, b.Const(uint64(n)))))
				next()
				b.SetX(x, b.Emit(ir.Sll, 0, b.X(x), b.Const(uint64(8*(n^reverse)))))
				next()
				b.SetX(y, b.Emit(ir.Or, 0, b.X(y), b.X(x)))
			}
		case 0:
			if r.IntN(3) == 0 {
				b.Emit(ir.ExitIf, 0x5000+pc, b.Emit([...]ir.Op{ir.Eq, ir.Ne, ir.Lts, ir.Ltu}[r.IntN(4)], 0, operand(), operand()))
			}
		case 1, 2, 3:
			addr := address()
			next()
			for range 1 + r.IntN(2) {
				access(addr)
				next()
			}
		case 4, 5, 6, 7, 8:
			b.SetX(reg(), compute(b, r, operand))
		case 9, 10, 11:
			op := [...]ir.Op{ir.Sll, ir.Srl, ir.Sra, ir.Rol, ir.Ror, ir.Sll32, ir.Srl32, ir.Sra32, ir.Rol32, ir.Ror32}[r.IntN(10)]
			b.SetX(reg(), b.Emit(op, 0, operand(), b.Const(uint64(r.IntN(64)))))
		case 12, 13, 14:
			op := [...]ir.Op{ir.Sext8, ir.Sext16, ir.Sext32, ir.Zext8, ir.Zext16, ir.Zext32}[r.IntN(6)]
			b.SetX(reg(), b.Emit(op, 0, operand()))
		case 15, 16:
			op := [...]ir.Op{ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor}[r.IntN(5)]
			b.SetX(reg(), b.Emit(ir.Sext32, 0, b.Emit(op, 0, operand(), operand())))
		default:
			op := [...]ir.Op{ir.Add, ir.Sub, ir.And, ir.Or, ir.Xor}[r.IntN(5)]
			b.SetX(reg(), b.Emit(op, 0, operand(), operand()))
		}
	}
	b.Emit(ir.Goto, 0x9000)
}

// floatTrace makes a trace of floating-point operations, mostly on few registers, of which some are for binary32, with numbers from
// memory that may be any NaN.
func floatTrace(b *ir.Builder, r *rand.Rand) {
	const kinds = 4 // registers for each precision
	b.Start(0x1000)
	pc := uint64(0x1000)
	for range 1 + r.IntN(16) {
		b.Inst(pc)
		pc += 4
		single := r.IntN(2) == 0
		reg := func() uint8 { return uint8(r.IntN(kinds) + kinds*(r.IntN(40)/39)) } // seldom the wrong one
		if !single {
			reg = func() uint8 { return uint8(kinds + r.IntN(kinds)) }
		}
		read := func() ir.Value {
			v := b.F(reg())
			if single {
				v = b.Emit(ir.S, 0, v)
			}
			return v
		}
		write := func(v ir.Value) {
			if single {
				v = b.Emit(ir.BoxS, 0, v)
			}
			b.SetF(reg(), v)
		}
		op := func(s, d ir.Op) ir.Op {
			if single {
				return s
			}
			return d
		}
		address := b.Emit(ir.Add, 0, b.Emit(ir.And, 0, b.X(uint8(20+r.IntN(4))), b.Const(0x7f8)), b.Const(uint64(8*r.IntN(100))))
		switch r.IntN(12) {
		case 0:
			write(b.Emit(op(ir.Lo32, ir.Float), 0, b.Emit(op(ir.LoadU32, ir.Load64), 0, address)))
		case 1:
			b.Emit(op(ir.Store32, ir.Store64), 0, address, b.Emit(ir.Bits, 0, b.F(reg())))
		case 2:
			x := read()
			write(b.Emit(op(ir.FsgnjS, ir.FsgnjD), 0, x, x))
		case 3:
			write(b.Emit(op(ir.FnegS, ir.FnegD), 0, read()))
		case 4:
			write(b.Emit(op(ir.FmaS, ir.FmaD), ir.Dynamic, read(), read(), read()))
		case 5:
			b.Emit(ir.ExitIf, 0x5000+pc, b.Emit(op(ir.FltS, ir.FltD), 0, read(), read()))
		case 6:
			write(b.Emit(op(ir.FminS, ir.FmaxD), 0, read(), read()))
		case 7:
			write(b.Emit(op(ir.I64ToF32, ir.I64ToF64), ir.Dynamic, b.X(uint8(20+r.IntN(4)))))
		case 8:
			v := read()
			single = !single
			if single {
				b.SetF(uint8(r.IntN(kinds)), b.Emit(ir.BoxS, 0, b.Emit(ir.F64ToF32, ir.Dynamic, v)))
			} else {
				b.SetF(uint8(kinds+r.IntN(kinds)), b.Emit(ir.F32ToF64, ir.Dynamic, v))
			}
		default:
			ops := [...]ir.Op{ir.FaddS, ir.FsubS, ir.FmulS, ir.FdivS}
			if !single {
				ops = [...]ir.Op{ir.FaddD, ir.FsubD, ir.FmulD, ir.FdivD}
			}
			write(b.Emit(ops[r.IntN(4)], ir.Dynamic, read(), read()))
		}
	}
	b.Inst(pc)
	b.Emit(ir.Goto, 0x9000)
}

func TestGraphs(t *testing.T) {
	sets := compilers()
	sets["at limit"] = Compiler{Features: HostFeatures(), AtLimit: true}
	sets["near sp"] = Compiler{Features: HostFeatures(), AtLimit: true, NearSP: true}
	for name, c := range sets {
		if c.Watched {
			continue
		}
		for _, c.Chance = range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chance %t", name, c.Chance), func(t *testing.T) {
				m := newMachineFor(t, &c)
				for seed := range uint64(1000) {
					m.compareGraph(&c, seed)
					if t.Failed() {
						return
					}
				}
				t.Logf("%d left to the interpreter, %d refused", m.interpreted, m.refused)
			})
		}
	}
}

// compareGraph holds the execution of a random region, which may be of long traces or of such of floating-point operations, against
// its evaluation.
func (m *machine) compareGraph(c *Compiler, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := ir.State{Round: softfloat.Round([...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3}[r.IntN(10)])}
	c.Round = uint8(s.Round)
	p, sources := randomProgram(r, 1+r.IntN(6), func(b *ir.Builder) {
		switch seed % 5 {
		case 0:
			longTrace(b, r)
		case 1:
			floatTrace(b, r)
		default:
			randomTrace(b, r, 1+r.IntN(12), c.Round)
		}
	})
	for n := range 32 {
		s.F[n] = number(r, n)
		if n > 0 {
			s.X[n] = value(r)
		}
	}
	if seed%5 == 1 {
		for n := range 4 { // what floatTrace reads as binary32
			s.F[n] |= box32
		}
	}
	s.X[counter] = 1 + r.Uint64N(30)
	if c.NearSP {
		s.X[spReg] = stackAddress(r, m.limit)
	}
	for n := range m.data {
		m.data[n] = byte(r.Uint32())
	}
	region, err := opt.Form(sources)
	if err != nil {
		m.t.Fatal(err)
	}
	opt.Optimise(region, nil)
	g, err := opt.Lower(region)
	if err != nil {
		m.refused++
		return
	}
	data := *m.data
	begin := s
	m.ctx.Chance = 1 + r.Uint32N(40)
	out, err := m.runGraph(c, g, &s)
	if err != nil {
		m.refused++
		return
	}
	gotData := *m.data
	*m.data = data
	want := begin
	want.Mem = m
	wantOut := p.eval(&want, out, s.X[counter])
	if out.Op == ir.Interp {
		m.interpreted++
	}
	m.wantNearSP(c, out, &s)
	if out.PC != wantOut.PC {
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
	if gotData != *m.data {
		m.t.Errorf("seed %d: memory differs", seed)
	}
	if s.Flags != want.Flags && out.Op != ir.Interp {
		m.t.Errorf("seed %d: flags %#x, want %#x", seed, s.Flags, want.Flags)
	}
	*m.data = data
	if m.t.Failed() {
		for _, t := range p {
			m.t.Logf("\n%s", t)
		}
		for n, ch := range g.Chains {
			m.t.Logf("chain %d, ways %v\n%s", n, ch.Ways, &ch.Trace)
		}
	}
}
