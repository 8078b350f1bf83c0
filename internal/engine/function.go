//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/ir"
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
	if m.opts.NoNativeLib || m.comp.Table || m.comp.Metered || m.counts != nil {
		return f
	}
	fn, spans := c.Function(pc, begin)
	if fn == ir.NoFunction || fn.OfVDSO() && m.comp.HostVDSO[fn] == 0 {
		return f
	}
	for n, s := range spans {
		code, ok := m.executable(s, c)
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
func (m *Machine) executable(s guest.Span, c *CPU) ([]byte, bool) {
	as, code := c.space.as, make([]byte, s.End-s.Start)
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
	m.comp.Detours = false
	made := m.comp.Native(&m.asm, f.fn, k.PC)
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
		d.Trace, d.Made = &ir.Trace{PC: k.PC}, made
		m.tell(d)
	}
	return b
}
