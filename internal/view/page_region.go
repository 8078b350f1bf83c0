//go:build linux && amd64

package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
)

// What page.js reads. Addresses are text, since numbers of JavaScript lack some bits. Values,
// guest instructions and variables have numbers from 1 on; 0 is none.
type (
	pageRegion struct {
		Name    string            `json:"name"`
		PC      string            `json:"pc"`
		Heat    uint64            `json:"heat"`  // guest instructions executed in it, about
		Bytes   int               `json:"bytes"` // of host code
		Guest   []pageGuest       `json:"guest"` // each instruction once, by address; the first is a place holder
		Sources []pageSource      `json:"sources"`
		Instrs  []json.RawMessage `json:"instrs"` // a pageInstr for each that is in any step, once
		Vars    map[int]string    `json:"vars"`   // names of variables
		Steps   []pageStep        `json:"steps"`
		Chains  []pageChain       `json:"chains,omitempty"`
		Homes   []pageHome        `json:"homes,omitempty"`
		Host    []pageHost        `json:"host,omitempty"`
	}
	pageGuest struct {
		PC   string `json:"pc"`
		Text string `json:"text"`
	}
	pageSource struct {
		Name   string      `json:"name"`
		Groups []pageGroup `json:"groups"` // guest instructions
	}
	pageGroup struct { // code that becomes part of the same blocks
		Blocks []int `json:"blocks,omitempty"` // keys
		Code   []int `json:"code"`             // indices, of guest instructions or of pageRegion.Instrs
	}
	pageInstr struct {
		Value  ir.Value   `json:"v"`
		Op     string     `json:"op"`
		Result bool       `json:"result,omitempty"`
		Args   []ir.Value `json:"args,omitempty"`
		Imm    string     `json:"imm,omitempty"`
		Var    int        `json:"var,omitempty"` // the variable that is read or written
		Guest  int        `json:"g,omitempty"`   // the guest instruction that it was made for
	}
	pageStep struct {
		Name   string      `json:"name"`
		Took   string      `json:"took,omitempty"`
		Blocks []pageBlock `json:"blocks,omitempty"` // none: as in the step before
		Dead   []ir.Value  `json:"dead,omitempty"`
	}
	pageBlock struct {
		Key   int        `json:"key"` // the same in all steps
		PC    string     `json:"pc"`
		Count uint64     `json:"count"`
		Depth int        `json:"depth"`
		Head  int        `json:"head,omitempty"` // key of the innermost loop's head
		Preds []int      `json:"preds,omitempty"`
		Phis  []int      `json:"phis,omitempty"` // indices in pageRegion.Instrs
		Code  []int      `json:"code"`
		Next  []pageEdge `json:"next,omitempty"`
	}
	pageEdge struct {
		To    int    `json:"to"` // key, or -1: outside
		PC    string `json:"pc"`
		Count uint64 `json:"count"`
	}
	pageChain struct {
		PC      string      `json:"pc"`
		Weight  uint64      `json:"weight"`
		Entered bool        `json:"entered,omitempty"` // from outside
		Groups  []pageGroup `json:"groups"`
		Ways    []pageWay   `json:"ways,omitempty"`
	}
	pageWay struct {
		From int `json:"from"` // place in the chain, of all groups
		To   int `json:"to"`   // index of the chain
	}
	pageHome struct {
		Var    int    `json:"var"`
		Reg    string `json:"reg,omitempty"` // none: in memory
		Weight uint64 `json:"weight"`
		Set    bool   `json:"set,omitempty"`
	}
	pageHost struct {
		Addr   string     `json:"addr"`
		Text   string     `json:"text"`
		Label  string     `json:"label,omitempty"`
		Block  int        `json:"block"` // key, or -1
		Guest  int        `json:"g,omitempty"`
		Values []ir.Value `json:"values,omitempty"`
	}
)

func newPageRegion(t *engine.Optimisation, o Options) *pageRegion {
	w := pageWriter{
		t: t, o: o, guest: map[uint64]int{}, origin: map[ir.Value]int{}, instrs: map[string]int{}, in: map[ir.Value]int{},
		r: &pageRegion{Name: t.Name, PC: address(t.PC), Bytes: len(t.Code), Vars: map[int]string{}},
	}
	w.guestCode()
	for n := range t.History.Steps {
		w.step(&t.History.Steps[n])
	}
	w.sources(&t.History.Steps[0])
	w.findBlocks(&t.History.Steps[len(t.History.Steps)-1])
	if t.Graph != nil {
		w.chains()
		w.homes()
	}
	if t.Made != nil {
		w.host()
	}
	return w.r
}

// pageWriter makes the data of one region.
type pageWriter struct {
	t *engine.Optimisation
	o Options
	r *pageRegion

	guest  map[uint64]int   // indices of guest instructions by address
	origin map[ir.Value]int // the guest instruction that a value was made for
	instrs map[string]int   // indices of instructions by their text in JSON
	blocks []pageBlock      // of the last step that is another one than that before
	in     map[ir.Value]int // keys of the blocks that values are in at last
}

func address(pc uint64) string { return fmt.Sprintf("%#x", pc) }

// guestCode disassembles the guest instructions.
func (w *pageWriter) guestCode() {
	text := map[uint64]string{}
	for _, s := range w.t.Sources {
		for _, i := range s.Trace.Code {
			if at := i.Imm - s.Trace.PC; i.Op == ir.Inst && at < uint64(len(s.Guest)) {
				asm, _ := w.o.Disassemble(s.Guest[at:], i.Imm)
				text[i.Imm] = strings.ReplaceAll(asm, "\t", " ")
			}
		}
	}
	w.r.Guest = make([]pageGuest, 1, 1+len(text))
	for _, pc := range slices.Sorted(maps.Keys(text)) {
		w.guest[pc] = len(w.r.Guest)
		w.r.Guest = append(w.r.Guest, pageGuest{address(pc), text[pc]})
	}
}

// sources adds the guest instructions of each source, by the blocks that they become part of.
func (w *pageWriter) sources(formed *opt.Step) {
	blocks := map[int][]int{} // keys by guest instruction
	for n, b := range formed.Region.Blocks {
		for _, v := range b.Code {
			if i := &formed.Region.Code[v]; i.Op == ir.Inst {
				g := w.guest[i.Imm]
				blocks[g] = append(blocks[g], formed.Keys[n])
			}
		}
	}
	for n, s := range w.t.Sources {
		src := pageSource{Name: w.t.Names[n]}
		for _, i := range s.Trace.Code {
			if g := w.guest[i.Imm]; i.Op == ir.Inst && g != 0 {
				src.Groups = addTo(src.Groups, blocks[g], g)
			}
		}
		w.r.Sources = append(w.r.Sources, src)
	}
}

// addTo adds code to the last group, or to a new one if that is not of the same blocks.
func addTo(list []pageGroup, blocks []int, code int) []pageGroup {
	if len(list) == 0 || !slices.Equal(list[len(list)-1].Blocks, blocks) {
		list = append(list, pageGroup{Blocks: blocks})
	}
	g := &list[len(list)-1]
	g.Code = append(g.Code, code)
	return list
}

// findBlocks notes where values are at last.
func (w *pageWriter) findBlocks(s *opt.Step) {
	for n, b := range s.Region.Blocks {
		for _, v := range b.Code {
			w.in[v] = s.Keys[n]
		}
	}
}

// step adds a step of the history.
func (w *pageWriter) step(s *opt.Step) {
	r := s.Region
	w.findOrigins(r)
	blocks := make([]pageBlock, len(r.Blocks))
	times := executions(r)
	w.r.Heat = 0
	for n, b := range r.Blocks {
		blocks[n] = w.block(s, b, times[n])
		w.r.Heat += times[n] * uint64(count(r, b, ir.Inst))
	}
	step := pageStep{Name: s.Name}
	if s.Took > 0 {
		step.Took = s.Took.Round(time.Microsecond).String()
	}
	if !reflect.DeepEqual(blocks, w.blocks) {
		step.Blocks, step.Dead, w.blocks = blocks, dead(r), blocks
	}
	w.r.Steps = append(w.r.Steps, step)
}

// executions estimates how often each block is executed where no count is known: as often as the ways to it
// are taken, and a way without a count as often as its block is left by no other.
func executions(r *opt.Region) []uint64 {
	n := make([]uint64, len(r.Blocks))
	for k, b := range r.Blocks {
		for _, p := range b.Preds {
			left := n[p.ID]
			for _, e := range p.Next {
				left -= min(left, e.Count)
			}
			for _, e := range p.Next {
				if e.To == b && e.Count > 0 {
					n[k] += e.Count
				} else if e.To == b {
					n[k] += left
				}
			}
		}
		if b.Count > 0 {
			n[k] = b.Count
		}
	}
	return n
}

// count is how many instructions of a block are op.
func count(r *opt.Region, b *opt.Block, op ir.Op) (n int) {
	for _, v := range b.Code {
		if r.Code[v].Op == op {
			n++
		}
	}
	return n
}

// findOrigins notes which guest instruction the values are for that have not been seen before: the
// one whose marker is before them.
func (w *pageWriter) findOrigins(r *opt.Region) {
	for _, b := range r.Blocks {
		g := 0
		for _, v := range b.Code {
			if i := &r.Code[v]; i.Op == ir.Inst {
				g = w.guest[i.Imm]
			}
			if _, known := w.origin[v]; !known {
				w.origin[v] = g
			}
		}
	}
}

func (w *pageWriter) block(s *opt.Step, b *opt.Block, times uint64) pageBlock {
	p := pageBlock{Key: keyOf(s, b), PC: address(b.PC), Count: times, Depth: b.Depth(), Code: []int{}}
	if b.Loop != nil {
		p.Head = keyOf(s, b.Loop.Head)
	}
	for _, pred := range b.Preds {
		p.Preds = append(p.Preds, keyOf(s, pred))
	}
	for _, phi := range b.Phis {
		p.Phis = append(p.Phis, w.instr(pageInstr{Value: phi.Value, Op: "phi", Result: true, Args: phi.Args, Var: w.variable(&s.Region.Code[phi.Value])}))
	}
	for _, v := range b.Code {
		p.Code = append(p.Code, w.operation(v, s.Region.Code[v]))
	}
	for _, e := range b.Next {
		p.Next = append(p.Next, pageEdge{keyOf(s, e.To), address(e.PC), e.Count})
	}
	return p
}

// keyOf is the key of a block, or -1 if that is not in the region: where an edge leads outside, or a pass
// has left something behind.
func keyOf(s *opt.Step, b *opt.Block) int {
	if b == nil {
		return -1
	}
	return s.Keys[b.ID]
}

// operation is the index of the instruction that makes v.
func (w *pageWriter) operation(v ir.Value, i ir.Instr) int {
	info := i.Op.Info()
	p := pageInstr{Value: v, Op: info.Name, Result: info.Result != ir.None, Args: i.Args[:len(info.Args)], Var: w.variable(&i), Guest: w.origin[v]}
	if i.Op.Has(ir.HasImm) && p.Var == 0 {
		p.Imm = i.ImmText()
	}
	return w.instr(p)
}

func (w *pageWriter) instr(p pageInstr) int {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // no value of these types is without a text
	}
	n, ok := w.instrs[string(text)]
	if !ok {
		n = len(w.r.Instrs)
		w.instrs[string(text)] = n
		w.r.Instrs = append(w.r.Instrs, text)
	}
	return n
}

// variable is the one that an instruction reads or writes, if it does; it has a name from then on.
func (w *pageWriter) variable(i *ir.Instr) int {
	n := opt.Variable(i)
	if n < 0 {
		return 0
	}
	if w.r.Vars[n] == "" {
		w.r.Vars[n] = w.name(n)
	}
	return n
}

func (w *pageWriter) name(n int) string {
	if n < opt.NumRegs {
		return w.o.Register(n)
	}
	return fmt.Sprintf("var%d", n)
}

// dead are the values that nothing depends on that has an effect.
func dead(r *opt.Region) (list []ir.Value) {
	made := map[ir.Value][]ir.Value{} // their arguments
	live := map[ir.Value]bool{}
	var use func(v ir.Value)
	use = func(v ir.Value) {
		if !live[v] {
			live[v] = true
			for _, a := range made[v] {
				use(a)
			}
		}
	}
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			made[p.Value] = p.Args
		}
		for _, v := range b.Code {
			made[v] = r.Code[v].Args[:]
		}
	}
	for _, b := range r.Blocks {
		for _, v := range b.Code {
			if i := &r.Code[v]; !i.Op.Has(ir.Pure) && i.Op != ir.GetX && i.Op != ir.GetF {
				use(v)
			}
		}
	}
	for v := range made {
		if !live[v] {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	return list
}

// chains adds what the region was lowered to, in terms of the region's values.
func (w *pageWriter) chains() {
	for n, c := range w.t.Graph.Chains {
		p := pageChain{PC: address(c.PC), Weight: c.Weight, Entered: c.Entered}
		for k, i := range c.Code[1:] {
			for n, a := range i.Args {
				i.Args[n] = c.Origins[a]
			}
			var blocks []int
			if b := w.blockOf(n, ir.Value(k+1)); b >= 0 {
				blocks = []int{b}
			}
			p.Groups = addTo(p.Groups, blocks, w.operation(c.Origins[k+1], i))
		}
		for _, way := range c.Ways {
			p.Ways = append(p.Ways, pageWay{int(way.From) - 1, way.To})
		}
		w.r.Chains = append(w.r.Chains, p)
	}
}

// blockOf is the key of the block that an instruction of a chain is there for, or -1. Constants and
// accesses to variables are there for what follows: their values may come from anywhere.
func (w *pageWriter) blockOf(chain int, v ir.Value) int {
	c := w.t.Graph.Chains[chain]
	for ; int(v) < len(c.Code); v++ {
		if i := &c.Code[v]; i.Op == ir.Const || opt.Variable(i) >= 0 {
			continue
		}
		if b, ok := w.in[c.Origins[v]]; ok {
			return b
		}
	}
	return -1
}

// homes adds where variables are, those first that are used most.
func (w *pageWriter) homes() {
	reg := map[int]string{}
	for _, h := range jit.HomesOf(w.t.Graph) {
		reg[int(h.Variable)] = h.Reg.String()
	}
	for n, v := range w.t.Graph.Vars {
		if v.Weight > 0 {
			w.r.Vars[n] = w.name(n)
			w.r.Homes = append(w.r.Homes, pageHome{n, reg[n], v.Weight, v.Set})
		}
	}
	slices.SortStableFunc(w.r.Homes, func(a, b pageHome) int { return cmp.Compare(b.Weight, a.Weight) })
}

// host adds the host code, each instruction with the values and the guest instruction that it is
// there for.
func (w *pageWriter) host() {
	t := w.t.Translation
	text := writer{t: t, o: w.o, labels: labels(t)}
	for k, m := range t.Made.Ops {
		if k == 0 || t.Made.Ops[k-1].Chain != m.Chain {
			text.labels[uint64(t.Host)+uint64(m.Offset-t.Made.Start)] = fmt.Sprintf("chain %d", m.Chain)
		}
	}
	ops, next := t.Made.Ops, 0 // the one for the code at offset at is before next
	for at := 0; at < len(t.Code); {
		pc := uint64(t.Host) + uint64(at)
		asm, n := text.host(t.Code[at:], pc)
		h := pageHost{Addr: fmt.Sprintf("%x", pc), Text: asm, Label: text.labels[pc], Block: -1}
		for next < len(ops) && ops[next].Offset-t.Made.Start <= at {
			next++
		}
		if next > 0 {
			w.attribute(&h, &ops[next-1])
		}
		w.r.Host = append(w.r.Host, h)
		at += n
	}
}

// attribute says what host code is there for: an operation of the graph.
func (w *pageWriter) attribute(h *pageHost, m *jit.OpMark) {
	for _, v := range m.Values {
		if v = w.t.Graph.Chains[m.Chain].Origins[v]; !slices.Contains(h.Values, v) {
			h.Values = append(h.Values, v)
		}
	}
	if len(h.Values) > 0 {
		h.Guest, h.Block = w.origin[h.Values[0]], w.blockOf(m.Chain, m.Values[0])
	}
}
