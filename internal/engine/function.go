//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/mem"
)

// function is a library function of the guest that is executed by host code for it.
type function struct {
	fn   ir.Function
	code []byte       // what begins at its address
	more []guest.Span // the rest of its code
}

// function returns the library function whose code, with begin, is at pc, if it is executed so. Code that
// can change unnoticed is not; constants that code refers to are taken not to change.
// The caller holds no lock.
func (m *Machine) function(pc uint64, begin []byte, c *CPU) (f function) {
	if m.opts.NoNativeLib || m.comp.Metered || m.counts != nil {
		return f
	}
	fn, spans := c.Function(pc, begin)
	if fn == ir.NoFunction || fn.OfVDSO() && m.comp.HostVDSO[fn] == 0 || m.comp.Table && !fn.Pure() {
		return f
	}
	for n, s := range spans {
		code, ok := m.executable(s, c.space.as)
		if !ok {
			return f
		}
		if n == 0 {
			f.code = code
		}
	}
	f.fn, f.more = fn, spans[1:]
	return f
}

// executable returns guest code. It reports false if some of it may not be executed, as where there is a breakpoint,
// if it can change unnoticed, or if it is not the Machine's.
func (m *Machine) executable(s guest.Span, as *mem.Space) ([]byte, bool) {
	code := make([]byte, s.End-s.Start)
	if as.MayChange(s.Start, s.End-s.Start) || len(m.clip(s.Start, code)) < len(code) {
		return nil, false
	}
	n, _ := as.Fetch(s.Start, code)
	return code, n == len(code)
}

// translateFunction is translate for a library function.
func (m *Machine) translateFunction(k codecache.Key, f function, name string) *codecache.Block {
	if b := m.cache.ReviveFunction(k, uint8(f.fn)); b != nil {
		return b
	}
	w := m.watch()
	m.asm.Buf = m.cache.Buffer()
	t, made := m.compileFunction(k, f.fn)
	w.lap(&m.stages.compile)
	if !m.cache.Fits(m.asm.Buf) {
		return nil
	}
	b := &codecache.Block{
		Key: k, Code: f.code, Function: uint8(f.fn),
		Entry: uint32(made.Start), Body: uint32(made.Body), End: uint32(made.End),
	}
	for _, s := range f.more {
		b.More = append(b.More, codecache.Range(s))
	}
	m.add(b, made)
	m.storeFunction(k)
	w.lap(&m.stages.install)
	if m.opts.Translated != nil {
		d := m.described(b, name)
		d.Trace, d.Made = t, made
		m.tell(d)
	}
	return b
}

// compileFunction appends host code for a library function to m.asm: its own, or that of a trace if the function is pure.
func (m *Machine) compileFunction(k codecache.Key, f ir.Function) (*ir.Trace, *jit.Code) {
	m.comp.Round, m.comp.FirstExit, m.comp.Detours = k.Mode, m.cache.NextExit(), false
	if f.Pure() {
		t := m.lifter.Function(f, k.PC)
		made, _ := m.comp.Compile(&m.asm, t, nil) // nothing in it is left to the interpreter
		return t, made
	}
	return &ir.Trace{PC: k.PC}, m.comp.Native(&m.asm, f, k.PC)
}
