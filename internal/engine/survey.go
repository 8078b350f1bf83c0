//go:build linux && amd64

package engine

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
)

// survey is what is known of the code around a block: which other blocks it leads to, by the
// exits that have been taken. It is made with Machine.mu held, and used without: what it has
// of blocks does not change.
type survey struct {
	head    *codecache.Block // of tier 1
	called  bool             // the head is the beginning of a function
	blind   bool             // there are to be no looks ahead of loops
	counted bool             // there are counts
	sampled bool             // the head has been found by samples
	blocks  map[uint64]*surveyed
}

// surveyed is a block of a survey, with its exits to guest code, in their order.
type surveyed struct {
	block *codecache.Block
	count uint64 // how often it has been executed, about, while there was a look at that
	exits []surveyedExit
	known bool // its instructions are
}

// surveyedExit is an exit: where it leads, and whether it has been taken, and how often meanwhile.
type surveyedExit struct {
	number uint32 // among those of the block
	pc     uint64
	taken  bool
	count  uint64

	targets []codecache.Target // of a computed jump
}

// Bounds of a survey, in blocks.
const (
	maxSurvey   = 160 // around the head
	maxFunction = 16  // of a function that is called
	maxInline   = 3   // calls within each other that are inlined
)

// survey looks at the code around a block of tier 1, whose profile is p, if there is one. It is nil if the
// block is not valid any more.
func (m *Machine) survey(head *codecache.Block, p *profile) *survey {
	m.mu.Lock()
	defer m.mu.Unlock()
	var counts map[uint32]uint64
	if p != nil {
		counts = p.end(m)
	}
	s := m.surveyAround(head)
	if s != nil {
		m.count(s, counts)
	}
	return s
}

// minCounted is how often a head has to have been executed for counts to say anything.
const minCounted = 64

// count notes how often blocks and exits have been executed, with mu held.
func (m *Machine) count(s *survey, counts map[uint32]uint64) {
	linked := map[uint64]float64{}
	for number, n := range counts {
		linked[m.cache.Exit(number).PC] += float64(n)
	}
	for _, b := range s.blocks {
		n, _ := m.cache.ExitsOf(b.block)
		for k := range b.exits {
			b.exits[k].count = counts[n+b.exits[k].number]
		}
	}
	s.spread(linked)
	s.counted = s.blocks[s.head.PC].count >= minCounted
	if s.counted {
		return
	}
	for _, b := range s.blocks {
		b.count = 0
		for k := range b.exits {
			b.exits[k].count = 0
		}
	}
}

// Executions are followed through maxSpread computed jumps one after the other, unless no more than 1/fewSpread come together by one more.
const maxSpread, fewSpread = 32, 128

// spread makes the counts of blocks of how often exits that are linked have led to each, by address. Computed jumps are not
// counted, but it is known how often each block is left by none of its other exits, and where its jump then goes.
func (s *survey) spread(linked map[uint64]float64) {
	var jumping []*surveyed
	now := linked
	for _, pc := range slices.Sorted(maps.Keys(s.blocks)) {
		b := s.blocks[pc]
		if n := len(b.exits); n > 0 && len(b.exits[n-1].targets) > 0 {
			jumping = append(jumping, b)
		}
	}
	all := 0.0
	for range maxSpread {
		next, before := maps.Clone(linked), all
		all = 0
		for _, b := range jumping {
			all += b.jumps(now[b.block.PC], next)
		}
		now = next
		if all-before <= all/fewSpread {
			break
		}
	}
	for pc, b := range s.blocks {
		b.count = uint64(now[pc])
	}
}

// jumps adds to counts where the computed jump goes that a block ends with, which is executed n times. It returns how often that is.
func (b *surveyed) jumps(n float64, counts map[uint64]float64) float64 {
	targets := b.exits[len(b.exits)-1].targets
	for _, e := range b.exits {
		n -= float64(e.count)
	}
	var all uint64
	for _, t := range targets {
		all += t.Count
	}
	if n <= 0 || all == 0 {
		return 0
	}
	for _, t := range targets {
		counts[t.PC] += n * float64(t.Count) / float64(all)
	}
	return n
}

// surveyAround is a survey without counts, with mu held.
func (m *Machine) surveyAround(head *codecache.Block) *survey {
	if !head.Valid() {
		return nil
	}
	s := &survey{head: head, called: m.cache.Called(head), sampled: m.opt.sampling, blind: head.Under().NoLooks, blocks: map[uint64]*surveyed{}}
	found, calls, _ := m.surveyFrom(head, maxSurvey)
	s.add(found)
	for depth := 0; depth < maxInline; depth++ {
		calls = m.surveyCalls(s, calls)
	}
	return s
}

// surveyCalls adds functions that are small. It returns those that they call.
func (m *Machine) surveyCalls(s *survey, functions []*codecache.Block) (calls []*codecache.Block) {
	for _, b := range functions {
		if s.blocks[b.PC] != nil {
			continue
		}
		if found, further, all := m.surveyFrom(b, maxFunction); all {
			s.add(found)
			calls = append(calls, further...)
		}
	}
	return calls
}

func (s *survey) add(list []*surveyed) {
	for _, b := range list {
		s.blocks[b.block.PC] = b
	}
}

// surveyFrom finds a block and those that it leads to without a call, limit of them at most. It
// reports whether these are all, and returns those that they call.
func (m *Machine) surveyFrom(first *codecache.Block, limit int) (found []*surveyed, calls []*codecache.Block, all bool) {
	seen := map[uint64]bool{}
	for level := []*codecache.Block{first}; len(level) > 0; level = level[1:] {
		b := level[0].Under()
		if seen[b.PC] || !b.Valid() || b.Checked || opaque(b) || b.Interpreted() {
			continue
		}
		if len(found) == limit {
			return found, calls, false
		}
		seen[b.PC] = true
		known := &surveyed{block: b}
		found = append(found, known)
		first, end := m.cache.ExitsOf(b)
		known.exits = make([]surveyedExit, 0, end-first)
		for n, e := range m.cache.Exits(b) {
			to := m.surveyed(e)
			switch {
			case e.Kind == codecache.ToBlock && to != nil:
				level = append(level, to)
			case (e.Kind == codecache.ToCall || e.Kind == codecache.ToGuess) && to != nil:
				calls = append(calls, to.Under())
			}
			switch {
			case e.Kind <= codecache.ToGuess:
				known.exits = append(known.exits, surveyedExit{number: n - first, pc: e.PC, taken: to != nil})
			case e.Kind == codecache.ToJump:
				targets := slices.Clone(m.cache.Targets(n))
				known.exits = append(known.exits, surveyedExit{number: n - first, targets: targets})
				level = append(level, m.blocksOf(targets, b.Mode)...)
			}
		}
	}
	return found, calls, true
}

// opaque reports whether a block is a library function's, of which there is host code only.
func opaque(b *codecache.Block) bool { return b.Function != 0 && !ir.Function(b.Function).Pure() }

// blocksOf are the translations of targets, with mu held.
func (m *Machine) blocksOf(targets []codecache.Target, mode uint8) (list []*codecache.Block) {
	for _, t := range targets {
		if b := m.cache.Lookup(codecache.Key{PC: t.PC, Mode: mode}); b != nil {
			list = append(list, b)
		}
	}
	return list
}

// minProfile is how often code has to have been executed for its exits to tell what it does.
const minProfile = 16

// surveyed is the block that an exit leads to, if it has been taken, with mu held. Where blocks are
// optimised so early that few exits have been, it is enough that there is such a block.
func (m *Machine) surveyed(e *codecache.Exit) *codecache.Block {
	if to := e.To(); to != nil || m.opts.Optimise >= minProfile {
		return to
	}
	return m.cache.Lookup(codecache.Key{PC: e.PC, Mode: e.Block.Mode})
}

// valid reports whether all code still is what it was.
func (s *survey) valid() bool {
	for _, b := range s.blocks {
		if !b.block.Valid() {
			return false
		}
	}
	return true
}

// inst is a guest instruction in a survey.
type inst struct {
	pc, next uint64
	code     []byte
	way      ir.Op  // what may lead elsewhere than to next: ExitIf or one that ends a trace; or 0
	to       uint64 // where that leads, if it is known
	taken    bool   // it has
	returned bool   // of a call: it has come back
	count    uint64 // how often i has been executed, about
	away     uint64 // and has not gone on at next
	jumps    []jump // where a computed jump has gone to

	fn   ir.Function       // i is all of a pure library function, as it were; or ir.NoFunction
	more []codecache.Range // then code is that at pc, and the rest is there

	mark int // of former
	n    int // number, in the order in which instructions have been found

	after, target *inst // at next and to, once former has reached them
}

// jump is where a computed jump has gone to, and how often, about.
type jump struct {
	to     uint64
	count  uint64
	target *inst // at to, once former has reached it
}

// insts are instructions by address.
type insts struct {
	at   map[uint64]*inst
	free []inst
}

// add adds the instruction at pc if it is not there.
func (s *insts) add(pc uint64) *inst {
	i := s.at[pc]
	if i == nil {
		if len(s.free) == 0 {
			s.free = make([]inst, 64)
		}
		i, s.free = &s.free[0], s.free[1:]
		i.pc, i.n = pc, len(s.at)
		s.at[pc] = i
	}
	return i
}

// falls reports whether execution may go on at next.
func (i *inst) falls() bool { return i.way == 0 || i.way == ir.ExitIf }

// calls reports whether i calls a function.
func (i *inst) calls() bool { return i.way == ir.CallTo || i.way == ir.Call }

// after is the instruction behind i, or nil.
func (s *insts) after(i *inst) *inst {
	if i.after == nil {
		return s.at[i.next]
	}
	return i.after
}

// instsOf adds the instructions of a block. Its exits are in the order of the operations that
// they are of. A function that is one instruction stays one, also where others lead into it.
func (b *surveyed) instsOf(l guest.Lifter, all *insts) {
	code, pc := b.block.Code, b.block.PC
	fn := ir.Function(b.block.Function)
	t, size := liftedAs(l, fn, code, pc, guest.Path(b.block.Path))
	exits, count := b.exits, b.count
	take := func() (e surveyedExit) {
		if len(exits) > 0 {
			e, exits = exits[0], exits[1:]
		}
		return e
	}
	var last *inst
	var on uint64 // where the trace goes on behind it, unless it is a jump
	for v, i := range t.Code[1:] {
		switch {
		case i.Op == ir.Inst:
			if last != nil && i.Imm != on {
				last.goesTo(ir.Goto, i.Imm, count)
			}
			if last = all.add(i.Imm); last.fn != fn && last.fn != ir.NoFunction {
				return
			}
			last.fn, last.more = fn, b.block.More
			last.count += count
			n := size
			if fn == ir.NoFunction {
				n = l.Size(code[i.Imm-pc:])
			}
			last.is(code[i.Imm-pc:][:n])
			on = last.next
		case i.Op == ir.Goto && i.Imm == on: // the trace was long enough
		case i.Op == ir.ExitIf && i.Imm == last.next: // the trace goes the other way
			e := take()
			count -= min(e.count, count)
			on = nextInst(t.Code[v+2:])
			last.goesTo(ir.ExitIf, on, count)
		case i.Op == ir.ExitIf, i.Op.Has(ir.Ends):
			e := last.leads(&i, take)
			last.away += e.count
			count -= min(e.count, count)
			last.jumpsTo(e.targets, count)
		}
	}
}

// goesTo notes that the trace has followed an instruction to an address, n times.
func (i *inst) goesTo(way ir.Op, to, n uint64) {
	i.way, i.to, i.target, i.taken = way, to, nil, true
	i.away += n
}

// nextInst is the address of the instruction that a trace goes on with, or would.
func nextInst(code []ir.Instr) uint64 {
	for _, i := range code {
		if i.Op == ir.Inst || i.Op == ir.Goto {
			return i.Imm
		}
	}
	panic("engine: a trace that has no end")
}

// liftedAs is the trace of code, of which size bytes are in it, or of a pure library function, whose code it is.
func liftedAs(l guest.Lifter, fn ir.Function, code []byte, pc uint64, path guest.Path) (t *ir.Trace, size int) {
	if fn != ir.NoFunction {
		return l.Function(fn, pc), len(code)
	}
	t, _, size = l.Lift(code, pc, path)
	return t, size
}

// is notes the code of an instruction.
func (i *inst) is(code []byte) {
	i.next, i.after, i.code = i.pc+uint64(len(code)), nil, code
}

// leads notes what is known of an operation that may lead elsewhere, with exits that take returns. It
// returns the exit.
func (i *inst) leads(op *ir.Instr, take func() surveyedExit) (e surveyedExit) {
	i.way, i.target = op.Op, nil
	switch op.Op {
	case ir.ExitIf, ir.Goto, ir.CallTo:
		i.to = op.Imm
		e = take()
		i.taken = e.taken || i.taken
	case ir.Jump:
		e = take()
	case ir.Call, ir.JumpSame:
		if e = take(); e.taken {
			i.to, i.taken = e.pc, true
		}
	}
	if i.calls() {
		i.returned = take().taken || i.returned
	}
	return e
}

// jumpsTo notes where a computed jump, which has been executed n times, has gone to.
func (i *inst) jumpsTo(targets []codecache.Target, n uint64) {
	var all uint64
	for _, t := range targets {
		all += t.Count
	}
	for _, t := range targets {
		k := slices.IndexFunc(i.jumps, func(j jump) bool { return j.to == t.PC })
		if k < 0 {
			k = len(i.jumps)
			i.jumps = append(i.jumps, jump{to: t.PC})
		}
		if all == 0 { // nobody has looked
			i.jumps[k].count += n / uint64(len(targets))
		} else {
			i.jumps[k].count += uint64(float64(n) * part(t.Count, all))
		}
	}
}

// Targets of a computed jump in a region. Few are compared with, one after the other, more are looked up in a table.
const (
	maxWays  = 64
	leastWay = 256 // how often they are taken at least, of all executions: 1/leastWay
)

// likely are the most frequent targets of a computed jump.
func (i *inst) likely() []jump {
	slices.SortStableFunc(i.jumps, func(a, b jump) int { return cmp.Compare(b.count, a.count) })
	n := min(len(i.jumps), maxWays)
	for n > 0 && i.jumps[n-1].count*leastWay < i.count {
		n--
	}
	return i.jumps[:n]
}

// rare is the fraction of executions that is left out of a region: 1/rare.
const rare = 128

// goesOn reports whether execution goes on at next, and more than rarely if there are counts.
func (i *inst) goesOn() bool { return i.falls() && !seldom(i.count-min(i.away, i.count), i.count) }

// goesAway reports the same of where else it leads.
func (i *inst) goesAway() bool { return i.taken && !seldom(i.away, i.count) }

// seldom reports whether n of all is rare.
func seldom(n, all uint64) bool { return all >= rare && n*rare < all }
