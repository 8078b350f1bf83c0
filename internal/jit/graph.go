//go:build amd64

package jit

import (
	"errors"
	"fmt"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// The code of a graph has homes of its own: the variables that it uses most, inner loops first.
// A guest register that has one in the graph and outside has the same. So two things are
// done where a graph is entered, each without an intermediate place: registers whose homes others
// take go to the context, and those that have a home only here come from there. Where it is
// left, each is moved from where it is: see state.

// graphState is the state of compiling a graph.
type graphState struct {
	g        *ir.Graph
	homes    homeTable
	n        int         // the chain that is compiled
	version  int         // of it: see rounds.go
	entries  []entry     // what chains begin with, by chain and version
	asked    []bool      // likewise: something leads there
	starts   []int       // likewise: offsets
	jumps    []chainJump // between chains
	tables   []caseTable
	outs     []graphExit // ways out that conditional jumps take
	entering []homeMove  // what is to be moved where the graph is entered: first what goes to the context
	reads    []ir.Instr  // of all variables with homes
	code     []ir.Instr  // of the chain, with these behind it
	moves    []move      // all that have been asked for
	left     []move      // of those that are emitted
	state    state
	virtuals virtuals

	dispatched ir.Value // branches of the chain before this are done with tables, or have none
}

// chainJump is a jump to the code of a chain, as starts are numbered.
type chainJump struct{ at, to int }

// graphExit is a way out.
type graphExit struct {
	jump   int // leads there
	op     ir.Op
	pc     uint64
	polled bool
	to     int // the code of a chain that it leads to, or outside
	moves  []move
}

const outside = -1

// homeMove is a variable that is moved between its home and the context.
type homeMove struct {
	variable uint64
	home     amd64.Reg
	fetch    bool // from the context to the home, or the reverse
}

// errTooLarge is for a graph for which the places for intermediate values do not suffice.
var errTooLarge = errors.New("jit: too many values at a time")

// CompileGraph appends code for g to a. Where it refers to stubs, in places that Code.Stubs lists,
// it is as if it stayed where it is. The result is valid until the next call.
func (c *Compiler) CompileGraph(a *amd64.Assembler, g *ir.Graph) (code *Code, err error) {
	s := &c.graphs
	*s = graphState{
		g: g, homes: chooseHomes(g), starts: zeroed(s.starts, versions*len(g.Chains)), entries: s.entries, asked: s.asked, jumps: s.jumps[:0], outs: s.outs[:0],
		tables: s.tables[:0], code: s.code[:0], moves: s.moves[:0], left: s.left, state: s.state, virtuals: s.virtuals,
	}
	defer func() {
		if r := recover(); r == errTooLarge {
			code, err = nil, errTooLarge
		} else if r != nil {
			panic(r)
		}
	}()
	s.entering = entering(g, &s.homes)
	c.start(a, &s.homes)
	s.reads = c.homeReads()
	c.poll(g.PC)
	c.graph = s
	c.code.States.Homes = s.homes.recoveries()
	c.code.Body = a.Len()
	if err := c.compileChains(); err != nil {
		return nil, err
	}
	c.markOp(0)
	c.emitCold()
	c.emitOuts()
	c.emitCold() // of these
	c.emitInterps()
	c.emitExits()
	for _, j := range s.jumps {
		a.SetRel32(j.at, s.starts[j.to])
	}
	if len(s.tables) > 0 {
		c.code.Tables = a.Len()
		c.emitTables()
	}
	c.emitLiterals()
	c.code.End = a.Len()
	return &c.code, nil
}

// compileChains compiles all chains, and then the other versions that something leads to.
func (c *Compiler) compileChains() error {
	s := c.graph
	c.findEntries()
	for n := range s.g.Chains {
		if err := c.chain(n, 0); err != nil {
			return err
		}
	}
	for k := 0; k < len(s.asked); k++ {
		if !s.asked[k] || s.starts[k] != 0 {
			continue
		}
		if err := c.chain(k/versions, k%versions); err != nil {
			return err
		}
		k = -1 // it may lead to others
	}
	return nil
}

// chain compiles a chain.
func (c *Compiler) chain(n, version int) error {
	s := c.graph
	ch, at := s.g.Chains[n], versions*n+version
	s.n, s.version = n, version
	s.starts[at] = c.a.Len()
	if ch.Entered {
		c.enterGraph()
	}
	s.code = append(append(s.code[:0], ch.Code...), s.reads...)
	c.startTrace(&ir.Trace{PC: ch.PC, Code: s.code}, ch.Facts)
	c.startState(len(ch.Code), &s.entries[at])
	c.pc, s.dispatched = ch.PC, 0
	for k := 1; k < len(ch.Code); k++ {
		c.state.k = int32(k)
		if !c.instr(ir.Value(k)) {
			return fmt.Errorf("jit: %s is for the interpreter", ch.Code[k].Op)
		}
		c.unpin()
	}
	return nil
}

// isNext reports whether some code is what comes next.
func (s *graphState) isNext(version int) bool {
	return s.version == 0 && version == versions*(s.n+1)
}

// branch is exitIf for a graph. Where it closes a loop, variables are moved ahead of it, so that the loop has one jump.
func (c *Compiler) branch(v ir.Value, i *ir.Instr) {
	s := c.graph
	c.dispatch(v)
	w := s.g.Chains[s.n].Way(v)
	version, e := outside, &exact
	if w != nil {
		version, e = c.versionOf(w.To)
	}
	if w != nil && w.Back {
		c.settle(e)
		c.pollAt(c.pc)
	}
	if w == nil || w.Back {
		c.chance()
	}
	jump := c.a.Jcc(c.condition(i.Args[0]))
	if w == nil {
		c.out(graphExit{jump: jump, op: ir.ExitIf, pc: i.Imm, polled: c.polled})
		return
	}
	if moves := c.moves(c.homes, e); len(moves) > 0 {
		s.outs = append(s.outs, graphExit{jump: jump, to: version, moves: moves})
		return
	}
	s.jumps = append(s.jumps, chainJump{jump, version})
}

// out adds a way out of the graph.
func (c *Compiler) out(e graphExit) {
	e.to, e.moves = outside, c.moves(&homes, &exact)
	c.graph.outs = append(c.graph.outs, e)
}

// goes compiles a jump to another chain. It reports false if i is none.
func (c *Compiler) goes(v ir.Value, i *ir.Instr) bool {
	s := c.graph
	w := s.g.Chains[s.n].Way(v)
	if w == nil || i.Op != ir.Goto {
		return false
	}
	version, e := c.versionOf(w.To)
	c.settle(e)
	if w.Back {
		c.pollAt(i.Imm)
		c.chanceAt(i.Imm)
	}
	c.goOn(version)
	return true
}

// follow goes on where call v has returned to if the flags are those of equality, and that is in the graph.
func (c *Compiler) follow(v ir.Value) bool {
	s := c.graph
	w := s.g.Chains[s.n].Way(v)
	if w == nil {
		return false
	}
	c.toStub(c.a.Jcc(amd64.NE), c.Stubs.Return)
	c.goOn(s.exact(w.To))
	return true
}

// goOn goes on with the code of a chain.
func (c *Compiler) goOn(version int) {
	if s := c.graph; !s.isNext(version) {
		s.jumps = append(s.jumps, chainJump{c.a.Jmp(), version})
	}
}

// pollAt leaves the graph, to go on at pc, if the interrupt word is up, unless it
// has been looked at since the chain has begun.
func (c *Compiler) pollAt(pc uint64) {
	if !polls || c.polled {
		return
	}
	c.out(graphExit{jump: c.a.Jcc(isUp(c.a)), op: Poll, pc: pc, polled: true})
}

// chance leaves the instruction to the interpreter if Context.Chance says so, and chanceAt the graph, to go on at pc. They
// are where other reasons to leave might be, so that tests find state that is not exact there.
func (c *Compiler) chance() {
	if c.graph != nil && c.Chance {
		c.a.MI(amd64.SUB, amd64.W32, amd64.At(ctxReg, offChance), 1)
		c.interpretIf(amd64.E)
	}
}

func (c *Compiler) chanceAt(pc uint64) {
	if c.Chance {
		c.a.MI(amd64.SUB, amd64.W32, amd64.At(ctxReg, offChance), 1)
		c.out(graphExit{jump: c.a.Jcc(amd64.E), op: Poll, pc: pc, polled: true}) // never linked
	}
}

// emitOuts appends what conditional jumps lead to where variables have to be moved.
func (c *Compiler) emitOuts() {
	for _, o := range c.graph.outs {
		c.a.SetRel32(o.jump, c.a.Len())
		c.emitMoves(o.moves)
		if o.to != outside {
			c.a.SetRel32(c.a.Jmp(), c.graph.starts[o.to])
			continue
		}
		c.alignJump(1)
		c.polled = o.polled
		c.addExit(o.op, o.pc, c.a.Jmp())
	}
}

// enterGraph moves variables from where they are outside to their homes in the graph.
func (c *Compiler) enterGraph() {
	for _, m := range c.graph.entering {
		if !m.fetch {
			c.deposit(slot(m.variable), m.home)
		}
	}
	for _, m := range c.graph.entering {
		if m.fetch {
			c.fetch(m.home, slot(m.variable))
		}
	}
}

// leaveGraph moves guest registers to where all code has them. It changes neither RAX nor the flags.
func (c *Compiler) leaveGraph() {
	if c.graph != nil {
		c.emitMoves(c.moves(&homes, &exact))
	}
}

// entering lists what is to be moved where a graph is entered.
func entering(g *ir.Graph, t *homeTable) (moves []homeMove) {
	for n := range uint64(ir.GuestVars) {
		here, outside := t.of(n), homes.of(n)
		switch {
		case here == outside:
		case here != amd64.NoReg: // from its home here
			moves = append(moves, homeMove{n, here, true})
		default:
			moves = append(moves, homeMove{n, outside, false})
		}
	}
	return moves
}
