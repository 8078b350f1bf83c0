//go:build linux && amd64

package engine

import (
	"cmp"
	"iter"
	"slices"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// region is code that is to be optimised as a whole: a loop, from its head on, or a function, with
// small functions that it calls.
type region struct {
	survey  *survey
	sources []opt.Source      // entered at the first
	code    []codecache.Range // that it is made of
	insts   int
	work    work
	alone   bool // it relies on that: see alone.go

	name    string       // for observers
	names   []string     // of sources, for who wants the history
	history *opt.History // nil if nobody wants to know
	graph   *ir.Graph    // what it was lowered to, for views
}

// Bounds of a region, in guest instructions.
const (
	maxRegion  = 500
	maxLong    = 2500 // if it is a loop that does not come back sooner: block ciphers and hashes, unrolled
	maxInlined = 60   // of a function in the place of a call, with those in it
	maxSource  = 64   // a lifter takes no more at once
)

// former finds a region in a survey.
type former struct {
	s      *survey
	insts  insts // of blocks that have been reached
	known  int   // blocks
	head   uint64
	loop   bool // else a function
	lifter guest.Lifter
	starts []start
	mark   int
	list   []*inst // of next
}

// start is where a source begins.
type start struct {
	in    *frame
	first *inst
}

// frame is code of one function in a region. A function that is inlined in two places has two.
type frame struct {
	caller *frame // nil of the code that the region is made for
	entry  uint64
	ret    uint64  // where it returns to in caller
	share  float64 // of the function's executions are these

	kept    []*inst           // in the order in which they have been found
	inlined map[uint64]*frame // by address of the call
	sources []int32           // by number of an instruction, once kept is final: that of the source that it begins, plus 1
}

// within is in place of the number of a source for instructions that are kept, but begin none.
const within = -1

// has reports whether a frame keeps i, starts whether a source begins there.
func (fr *frame) has(i *inst) bool    { return fr.source(i) != 0 }
func (fr *frame) starts(i *inst) bool { return fr.source(i) > 0 }

// source is what sources says of i, which may be nil, or have been found later: ways that a region was too large to follow
// are looked at again.
func (fr *frame) source(i *inst) int32 {
	if i == nil || i.n >= len(fr.sources) {
		return 0
	}
	return fr.sources[i.n]
}

// form finds the region of the survey's head. It is nil if there is none: the head is in no loop, as
// far as exits have been taken, and no function. Short functions without loops gain nothing that
// would pay: they get regions only where calls are counted, which is so in tests.
func (s *survey) form(l guest.Lifter) *region {
	f := &former{s: s, insts: insts{at: map[uint64]*inst{}}, head: s.head.PC, loop: !s.called, lifter: l}
	root := &frame{entry: f.head, share: 1}
	all := f.reach(root, maxRegion)
	if f.loop && !f.keepLoop(root) && (all || !f.keepLong(root)) {
		return nil
	}
	if !f.loop && !all && s.sampled {
		f.reach(root, maxLong)
	}
	f.inline(root, maxRegion)
	f.cut(root)
	r := &region{survey: s, sources: f.lift(), work: f.work()}
	r.code, r.insts = f.code()
	return r
}

// follows reports whether the region stays in it when i takes its way, which is no call. A loop has
// no way back to before its head: that is another loop, around it.
func (f *former) follows(fr *frame, i *inst) bool {
	switch i.way {
	case ir.ExitIf, ir.Goto, ir.JumpSame:
		return i.goesAway() && f.mayGo(fr, i, i.to)
	}
	return false
}

// mayGo reports whether a way from i to an address is one of the region's.
func (f *former) mayGo(fr *frame, i *inst, to uint64) bool {
	return !f.loop || fr.caller != nil || to >= f.head || to > i.pc
}

// jumps are where a computed jump leads to in the region, and how often it has.
func (f *former) jumps(fr *frame, i *inst) iter.Seq2[*inst, uint64] {
	return func(yield func(*inst, uint64) bool) {
		if i.way != ir.Jump {
			return
		}
		likely := i.likely()
		for k := range likely {
			j := &likely[k]
			if !f.mayGo(fr, i, j.to) {
				continue
			}
			if j.target == nil {
				j.target = f.at(j.to)
			}
			if j.target != nil && !yield(j.target, j.count) {
				return
			}
		}
	}
}

// at is the instruction at an address, or nil. Blocks are lifted when they are reached.
func (f *former) at(pc uint64) *inst {
	if b := f.s.blocks[pc]; b != nil && !b.known {
		b.known = true
		b.instsOf(f.lifter, &f.insts)
		f.known++
	}
	return f.insts.at[pc]
}

// next are the instructions that i leads to in its frame, until the next call; some may be nil.
func (f *former) next(fr *frame, i *inst) []*inst {
	list := f.list[:0]
	if i.goesOn() || i.returned {
		if i.after == nil {
			i.after = f.at(i.next)
		}
		list = append(list, i.after)
	}
	if f.follows(fr, i) {
		if i.target == nil {
			i.target = f.at(i.to)
		}
		list = append(list, i.target)
	}
	for to := range f.jumps(fr, i) {
		list = append(list, to)
	}
	f.list = list
	return list
}

// returns reports whether a frame has a way back to its caller.
func (fr *frame) returns() bool {
	return slices.ContainsFunc(fr.kept, func(i *inst) bool { return i.way == ir.Ret })
}

// reach keeps the instructions that the frame's entry leads to, the nearest first, and limit of them at
// most. It reports whether these are all.
func (f *former) reach(fr *frame, limit int) bool {
	for {
		known := f.known
		all := f.reachOnce(fr, limit)
		if f.known == known { // else more may be known of instructions that were there before
			return all
		}
	}
}

func (f *former) reachOnce(fr *frame, limit int) bool {
	f.mark++
	first := f.at(fr.entry)
	first.mark = f.mark
	fr.kept = append(fr.kept[:0], first)
	for k := 0; k < len(fr.kept); k++ {
		for _, to := range f.next(fr, fr.kept[k]) {
			if to == nil || to.mark == f.mark {
				continue
			}
			if len(fr.kept) >= limit {
				return false
			}
			to.mark = f.mark
			fr.kept = append(fr.kept, to)
		}
	}
	return true
}

// keepLoop keeps what leads back to the head. It reports whether anything does.
func (f *former) keepLoop(fr *frame) bool {
	f.mark++
	head := f.insts.at[f.head]
	for changed := true; changed; {
		changed = false
		for _, i := range slices.Backward(fr.kept) {
			if i.mark == f.mark {
				continue
			}
			for _, to := range f.next(fr, i) {
				if to != nil && (to == head || to.mark == f.mark) {
					i.mark, changed = f.mark, true
				}
			}
		}
	}
	fr.kept = slices.DeleteFunc(fr.kept, func(i *inst) bool { return i.mark != f.mark })
	return head.mark == f.mark
}

// keepLong is keepLoop for a loop that does not come back to its head within maxRegion instructions.
func (f *former) keepLong(fr *frame) bool {
	f.reach(fr, maxLong)
	return f.keepLoop(fr)
}

// inline gives small functions that the frame calls frames of their own, as long as no more than
// limit instructions come together. It returns how many do.
func (f *former) inline(fr *frame, limit int) (n int) {
	n = len(fr.kept)
	for _, i := range fr.kept {
		if !i.calls() || !i.taken || !i.returned || seldom(fr.scaled(i.count), f.insts.at[f.head].count) || !f.mayInline(fr, i.to) {
			continue
		}
		in := &frame{caller: fr, entry: i.to, ret: i.next, share: fr.share * part(i.count, f.at(i.to).count)}
		room := min(limit-n, maxInlined)
		if room > 0 && f.reach(in, room) && in.returns() {
			if fr.inlined == nil {
				fr.inlined = map[uint64]*frame{}
			}
			fr.inlined[i.pc] = in
			n += f.inline(in, room)
		}
	}
	return n
}

// part is n / all, and at most 1, or 1 if nothing is known.
func part(n, all uint64) float64 {
	if n >= all {
		return 1
	}
	return float64(n) / float64(all)
}

// scaled is how many of n executions of code in a frame are there.
func (fr *frame) scaled(n uint64) uint64 { return uint64(fr.share * float64(n)) }

// mayInline reports whether a function can be part of a frame: if it is not in itself, or too
// deep.
func (f *former) mayInline(fr *frame, entry uint64) bool {
	if f.s.blocks[entry] == nil || entry == f.head {
		return false
	}
	depth := 0
	for in := fr; in != nil; in = in.caller {
		if in.entry == entry {
			return false
		}
		depth++
	}
	return depth <= maxInline
}

// cut divides the code of a frame, and of those in it, into sources: they begin where the frame
// does, where it is jumped to, behind calls, and where a function is that is one instruction.
func (f *former) cut(fr *frame) {
	fr.sources = make([]int32, len(f.insts.at))
	for _, i := range fr.kept {
		fr.sources[i.n] = within
	}
	f.add(fr, f.insts.at[fr.entry])
	for _, i := range fr.kept {
		if f.follows(fr, i) {
			f.add(fr, f.insts.at[i.to])
		}
		for to := range f.jumps(fr, i) {
			f.add(fr, to)
		}
		if i.returned {
			f.add(fr, f.insts.after(i))
		}
		if i.fn != ir.NoFunction {
			f.add(fr, i)
		}
	}
	for _, i := range fr.kept {
		if fr.starts(i) {
			f.cutLong(fr, i)
		}
	}
	for _, i := range fr.kept {
		if in := fr.inlined[i.pc]; in != nil {
			f.cut(in)
		}
	}
}

// add adds a source of code that a frame keeps.
func (f *former) add(fr *frame, i *inst) {
	if fr.has(i) && !fr.starts(i) {
		f.starts = append(f.starts, start{fr, i})
		fr.sources[i.n] = int32(len(f.starts))
	}
}

// cutLong adds sources in the straight code from i on so that none is too long.
func (f *former) cutLong(fr *frame, i *inst) {
	for n := 1; f.goesOn(fr, i); n++ {
		i = f.insts.after(i)
		if n == maxSource {
			f.add(fr, i)
			n = 0
		}
	}
}

// goesOn reports whether a source goes on behind i.
func (f *former) goesOn(fr *frame, i *inst) bool {
	if !i.goesOn() {
		return false
	}
	next := f.insts.after(i)
	return fr.has(next) && !fr.starts(next)
}

// lift makes the sources.
func (f *former) lift() []opt.Source {
	list := make([]opt.Source, len(f.starts))
	for n, s := range f.starts {
		list[n].Guest = f.codeFrom(s)
		t, _ := liftedAs(f.lifter, s.first.fn, list[n].Guest, s.first.pc, 0)
		list[n].Trace = &ir.Trace{PC: t.PC, Code: slices.Clone(t.Code)}
		list[n].Ways = f.ways(s.in, list[n].Trace)
		list[n].Count = s.in.scaled(s.first.count)
	}
	return list
}

// codeFrom is the code of a source.
func (f *former) codeFrom(s start) (code []byte) {
	i := s.first
	code = append(code, i.code...)
	for f.goesOn(s.in, i) {
		i = f.insts.after(i)
		code = append(code, i.code...)
	}
	return code
}

// work is what is done in a region while executions are counted.
type work struct {
	insts uint64 // guest instructions, about
	ways  uint64 // how often it is entered, or come back to from a call
	loops bool   // it leads back to its head
}

// leastStay is how many guest instructions are to be executed in a region, on average, from one time that it is entered, or come back to from a
// call, to the next. Where they are fewer, what moving registers takes is more than what it saves.
const leastStay = 16

// leastCalled is the same of a function that is no loop.
const leastCalled = 96

// leftSoon reports whether a region would not pay, as far as counts tell.
func (r *region) leftSoon() bool {
	least := uint64(leastStay)
	if r.survey.called && !r.work.loops {
		least = leastCalled
	}
	return r.survey.counted && r.work.insts < least*r.work.ways
}

// work is found once there are the sources.
func (f *former) work() (w work) {
	head := f.insts.at[f.head].count
	frames := map[*frame]bool{}
	for _, s := range f.starts {
		if frames[s.in] {
			continue
		}
		frames[s.in] = true
		for _, i := range s.in.kept {
			w.insts += s.in.scaled(i.count)
			w.ways += s.in.scaled(i.leaves(s.in.inlined[i.pc] != nil))
			if s.in.caller == nil {
				backs := f.backs(s.in, i)
				w.loops = w.loops || backs > 0
				head -= min(backs, head)
			}
		}
	}
	w.ways += head
	return w
}

// leaves is how often i leaves the region for a call that it comes back from.
func (i *inst) leaves(inlined bool) uint64 {
	switch {
	case !i.calls() || !i.returned:
		return 0
	case inlined:
		return i.count - min(i.away, i.count)
	}
	return i.count
}

// backs is how often i leads to the head, as part of the region.
func (f *former) backs(fr *frame, i *inst) (n uint64) {
	if f.follows(fr, i) && i.to == f.head {
		n += i.away
	}
	if i.falls() && i.next == f.head {
		n += i.count - min(i.away, i.count)
	}
	for to, count := range f.jumps(fr, i) {
		if to.pc == f.head {
			n += count
		}
	}
	return n
}

// code is the guest memory that the region is made of, and the number of guest instructions in it,
// those that are inlined twice counted twice.
func (f *former) code() (list []codecache.Range, insts int) {
	frames := map[*frame]bool{}
	for _, s := range f.starts {
		if frames[s.in] {
			continue
		}
		frames[s.in] = true
		insts += len(s.in.kept)
		for _, i := range s.in.kept {
			list = append(append(list, codecache.Range{Start: i.pc, End: i.next}), i.more...)
		}
	}
	slices.SortFunc(list, func(a, b codecache.Range) int { return cmp.Compare(a.Start, b.Start) })
	merged := list[:1]
	for _, r := range list[1:] {
		if last := &merged[len(merged)-1]; r.Start <= last.End {
			last.End = max(last.End, r.End)
		} else {
			merged = append(merged, r)
		}
	}
	return merged, insts
}

// ways are those of a trace that stay in the region.
func (f *former) ways(fr *frame, t *ir.Trace) (list []opt.Way) {
	var i *inst
	for v, op := range t.Code[1:] {
		add := func(to *inst, in *frame, count uint64, returns bool) {
			if in.starts(to) {
				list = append(list, opt.Way{From: ir.Value(v + 1), To: int(in.sources[to.n]) - 1, Return: returns, Count: fr.scaled(count)})
			}
		}
		switch {
		case op.Op == ir.Inst:
			i = f.insts.at[op.Imm]
		case op.Op == ir.Goto && i.goesOn(): // the code has been cut here
			add(f.insts.at[i.next], fr, i.count-min(i.away, i.count), false)
		case op.Op != i.way:
		case op.Op == ir.Ret && fr.caller != nil:
			add(f.insts.at[fr.ret], fr.caller, i.count, false)
		case fr.inlined[i.pc] != nil:
			add(f.insts.at[i.to], fr.inlined[i.pc], i.away, false)
		case f.follows(fr, i):
			add(f.insts.at[i.to], fr, i.away, false)
		case i.returned:
			add(f.insts.at[i.next], fr, i.count, true)
		default:
			for to, count := range f.jumps(fr, i) {
				add(to, fr, count, false)
			}
		}
	}
	return list
}
