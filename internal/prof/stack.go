//go:build linux && amd64

package prof

import (
	"bytes"
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/unwind"
)

// place is a guest instruction.
type place struct {
	obj  *object // nil for code of no file
	addr uint64  // in obj, or the guest's own
	pc   uint64
}

// maxDepth is the number of frames that a stack has at most.
const maxDepth = 512

// stack is the places at which functions are: the one of f first.
func (o *objects) stack(m *unwind.Machine, f unwind.Frame) (list []place) {
	read := func(addr uint64) (uint64, bool) {
		v, fault := o.space.Load(addr, 8)
		return v, fault == nil
	}
	for len(list) < maxDepth {
		handled := o.atSigReturn(m, f.PC)
		f.Exact = f.Exact || handled
		p, ok := o.place(&f)
		if !ok {
			break
		}
		list = append(list, p)
		var up unwind.Frame
		if handled {
			up, ok = interrupted(m, &f, read)
		} else {
			up, ok = o.caller(m, &f, p, read)
		}
		if !ok || up.PC == f.PC && up.R[m.SP] == f.R[m.SP] {
			break
		}
		f = up
	}
	return list
}

// place is where a frame is: a return address is taken back into the instruction that calls.
func (o *objects) place(f *unwind.Frame) (p place, ok bool) {
	pc := f.PC
	if !f.Exact {
		pc--
	}
	obj, addr, ok := o.at(pc)
	return place{obj, addr, pc}, ok
}

// caller is the frame of the function that has called the one of f, which is at p.
func (o *objects) caller(m *unwind.Machine, f *unwind.Frame, p place, read unwind.Memory) (up unwind.Frame, ok bool) {
	isCode := func(pc uint64) bool { _, _, ok := o.at(pc - 1); return ok }
	if p.obj == nil {
		return m.Guess(f, read, isCode)
	}
	for _, t := range p.obj.tables {
		if _, _, known := t.Function(p.addr); known {
			up, ok = t.Step(m, f, p.addr, read)
			return up, ok && isCode(up.PC)
		}
	}
	if p.obj.symbols != nil {
		if start, _, _, known := p.obj.symbols.Function(p.addr); known {
			code := make([]byte, f.PC-(p.pc-(p.addr-start)))
			if n, fault := o.space.Fetch(p.pc-(p.addr-start), code); fault == nil && n == len(code) {
				if up, ok = m.Scanned(f, code, read); ok && isCode(up.PC) {
					return up, true
				}
			}
		}
	}
	return m.Guess(f, read, isCode)
}

// atSigReturn reports whether pc is what a signal handler returns to.
func (o *objects) atSigReturn(m *unwind.Machine, pc uint64) bool {
	code := make([]byte, len(m.SigReturn))
	n, _ := o.space.Fetch(pc, code)
	return n == len(code) && bytes.Equal(code, m.SigReturn)
}

// interrupted is the frame that a signal handler returns to, where f is at what it returns to.
func interrupted(m *unwind.Machine, f *unwind.Frame, read unwind.Memory) (up unwind.Frame, ok bool) {
	up = unwind.Frame{R: make([]uint64, m.Registers), Known: 1<<m.Registers - 1, Exact: true}
	at := f.R[m.SP] + m.SigRegs
	up.PC, ok = read(at)
	for i := 1; i < m.Registers && ok; i++ {
		up.R[i], ok = read(at + uint64(8*i))
	}
	return up, ok
}

// frame is that of a CPU with a set of registers as NT_PRSTATUS has it: pc, then registers from 1 on.
func frame(m *unwind.Machine, set []byte, exact bool) unwind.Frame {
	f := unwind.Frame{R: make([]uint64, m.Registers), Known: 1<<m.Registers - 1, Exact: exact}
	f.PC = binary.LittleEndian.Uint64(set)
	for i := 1; i < m.Registers; i++ {
		f.R[i] = binary.LittleEndian.Uint64(set[8*i:])
	}
	return f
}

// earlier makes stack that of a moment a little earlier, when the instruction at pc was executed. On the way from there
// no function can have called one and that have gone on: the sample would have been taken.
func (o *objects) earlier(stack []place, pc uint64) []place {
	p := place{pc: pc}
	var ok bool
	if p.obj, p.addr, ok = o.at(pc); !ok {
		return stack
	}
	switch {
	case len(stack) == 0:
		return []place{p}
	case o.same(stack[0], p):
		stack[0] = p
		return stack
	case len(stack) > 1 && o.same(stack[1], p): // it has called
		stack[1] = p
		return stack[1:]
	case o.begins(stack[0]): // it has jumped to another function
		stack[0] = p
		return stack
	}
	return append([]place{p}, stack...) // it has returned
}

// same reports whether two places are in one function.
func (o *objects) same(a, b place) bool {
	if a.obj != b.obj {
		return false
	}
	if a.obj == nil {
		return a.addr == b.addr
	}
	s, _, ok1 := a.obj.function(a.addr)
	r, _, ok2 := b.obj.function(b.addr)
	return ok1 && ok2 && s == r
}

// begins reports whether p is the first instruction of a function.
func (o *objects) begins(p place) bool {
	if p.obj == nil {
		return false
	}
	start, _, ok := p.obj.function(p.addr)
	return ok && start == p.addr
}
