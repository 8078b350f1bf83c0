//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
)

// Translation is generated code, as Options.Translated gets to see it. What it refers to
// is valid during the call only.
type Translation struct {
	PC    uint64 // guest address
	Name  string // that Options.Symbol gives it
	Guest []byte // guest code; nil for what is a translation of nothing, or of more than one piece
	Trace *ir.Trace
	// Function is the library function that the host code is for; Trace then has no operations.
	Function ir.Function
	Region   bool      // of an optimised region; Trace is nil
	Host     uintptr   // host address
	Code     []byte    // host code, before any exit is linked
	TailHost uintptr   // host address
	Tail     []byte    // of what is seldom executed of it, if that is elsewhere
	Made     *jit.Code // with offsets that are Made.Start for the first byte of Code; nil without Trace
	Stubs    jit.Stubs
}

// Optimisation is a region that has been optimised, as Options.Optimised gets to see it. What
// it refers to is valid during the call only.
type Optimisation struct {
	// Translation is what has been made of it. Made has marks of operations, or is nil: there is
	// no host code.
	*Translation
	Sources []opt.Source // what it was made of
	Names   []string     // by source
	History *opt.History // what it was like after each pass
	Graph   *ir.Graph    // what it was lowered to, or nil
}

// described describes a block as far as it is kept.
func (m *Machine) described(b *codecache.Block, name string) *Translation {
	code, tail := m.cache.CodeOf(b)
	return &Translation{
		PC: b.PC, Name: name, Guest: b.Code, Function: ir.Function(b.Function), Region: b.Region, Stubs: m.comp.Stubs,
		Host: m.cache.Host(b.Entry), Code: code, TailHost: m.cache.Host(b.Tail), Tail: tail,
	}
}

// tellStubs tells of the code that is of no block.
func (m *Machine) tellStubs() {
	m.tell(&Translation{Name: "[hospes stubs]", Host: m.cache.Host(0), Code: m.cache.Reserved()})
}

func (m *Machine) tell(t *Translation) {
	if m.opts.Translated != nil {
		m.opts.Translated(t)
	}
}

// tellRegion tells of a region, with mu held. made is nil if it could not be compiled, as b then is.
func (m *Machine) tellRegion(r *region, b *codecache.Block, made *jit.Code) {
	t := &Translation{PC: r.survey.head.PC, Name: r.name}
	if b != nil {
		t = m.described(b, r.name)
		m.tell(t)
		t.Made = made
		t.Code = t.Code[:made.Instructions()[0].End-made.Start]
	}
	if m.opts.Optimised != nil {
		m.opts.Optimised(&Optimisation{Translation: t, Sources: r.sources, Names: r.names, History: r.history, Graph: r.graph})
	}
}

// symbol is the name of guest code if anybody wants to know. The caller holds no lock.
func (m *Machine) symbol(pc uint64) string {
	if m.opts.Translated == nil && m.opts.Optimised == nil || m.opts.Symbol == nil {
		return ""
	}
	return m.opts.Symbol(pc)
}

// tellAll tells of all translations again, in a process that a fork has made.
func (m *Machine) tellAll() {
	if m.opts.Translated == nil {
		return
	}
	m.tellStubs()
	for _, b := range m.cache.Blocks() {
		m.tell(m.described(b, m.symbol(b.PC)))
	}
}
