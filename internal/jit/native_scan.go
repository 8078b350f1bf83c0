//go:build amd64

package jit

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// scan finds the first byte of a kind from arg0 on.
func (n *native) scan(f ir.Function) {
	s := scanner{native: n, from: arg0, byte: arg1}
	switch f {
	case ir.Strlen, ir.Strnlen:
		s.byte = none
	case ir.Index:
		s.byte = arg2
	}
	s.nul = f != ir.Memchr && f != ir.Rawmemchr && f != ir.Index
	s.bound = map[ir.Function]amd64.Reg{ir.Memchr: arg2, ir.Strnlen: arg1, ir.Index: arg1}[f]
	n.inside(arg0)
	s.find()
	switch f { // RAX is where it is
	case ir.Strlen, ir.Strnlen, ir.Index:
		n.a.RR(amd64.SUB, amd64.W64, amd64.RAX, arg0)
		n.mov(arg0, amd64.RAX)
	case ir.Strchr:
		n.fetchAt(1, amd64.RCX, amd64.RAX, 0)
		n.mov(arg0, amd64.RAX)
		n.a.RR(amd64.CMP, amd64.W8, amd64.RCX, arg1)
		found := n.a.JccShort(amd64.E)
		n.zero()
		n.a.SetRel8(found, n.a.Len())
	default:
		n.mov(arg0, amd64.RAX)
	}
	n.ret()
	if !s.bounded() {
		return
	}
	n.bind(&s.end)
	switch f {
	case ir.Strnlen:
		n.mov(arg0, s.bound)
	case ir.Index:
		n.a.MovImm(arg0, ^uint64(0))
	default:
		n.zero()
	}
	n.ret()
}

// none stands for no register where one has a meaning.
const none = amd64.RAX

// scanner finds a byte. It loads whole aligned vectors, which are within a page.
type scanner struct {
	*native
	from  amd64.Reg // where to begin
	byte  amd64.Reg // stop at the byte in it, if any
	nul   bool      // stop at 0
	bound amd64.Reg // give up behind so many bytes, if any
	end   label     // where to go on then
}

func (s *scanner) bounded() bool { return s.bound != none }

// find makes RAX the address of the first byte looked for.
func (s *scanner) find() {
	var loop, found label
	n := s.native
	if s.bounded() {
		n.a.RR(amd64.TEST, amd64.W64, s.bound, s.bound)
		n.jcc(amd64.E, &s.end)
	}
	if s.byte != none {
		n.spread(amd64.X13, s.byte)
	}
	if s.nul {
		n.a.RR(amd64.PXOR, amd64.W64, amd64.X12, amd64.X12)
	}
	n.mov(amd64.RAX, s.from)
	n.a.RI(amd64.AND, amd64.W64, amd64.RAX, -vector)
	s.match()
	n.a.RR(amd64.MOV, amd64.W32, amd64.RCX, s.from)
	n.a.RI(amd64.AND, amd64.W32, amd64.RCX, vector-1)
	n.a.R(amd64.SHR, amd64.W32, amd64.RDX) // what comes before it does not count
	n.a.R(amd64.SHL, amd64.W32, amd64.RDX)
	n.a.RR(amd64.TEST, amd64.W32, amd64.RDX, amd64.RDX)
	n.jcc(amd64.NE, &found)
	s.limit()
	n.bind(&loop)
	n.addI(amd64.RAX, vector)
	n.a.RR(amd64.CMP, amd64.W64, amd64.RAX, amd64.RCX)
	if s.bounded() {
		past := n.a.Jcc(amd64.AE)
		defer s.past(past)
	} else {
		n.c.interpretIf(amd64.AE)
	}
	s.match()
	n.a.RR(amd64.TEST, amd64.W32, amd64.RDX, amd64.RDX)
	n.jcc(amd64.E, &loop)
	n.bind(&found)
	n.a.RR(amd64.BSF, amd64.W32, amd64.RDX, amd64.RDX)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RAX, amd64.RDX)
	if s.bounded() {
		n.mov(amd64.RCX, amd64.RAX)
		n.a.RR(amd64.SUB, amd64.W64, amd64.RCX, s.from)
		n.a.RR(amd64.CMP, amd64.W64, amd64.RCX, s.bound)
		n.jcc(amd64.AE, &s.end)
	}
}

// limit makes RCX the address up to which to look.
func (s *scanner) limit() {
	n := s.native
	if !s.bounded() {
		n.a.RM(amd64.LEA, amd64.W64, amd64.RCX, amd64.At(s.from, maxNative))
		return
	}
	n.a.MovImm(amd64.RCX, maxNative)
	n.a.RR(amd64.CMP, amd64.W64, s.bound, amd64.RCX)
	n.a.CMov(amd64.B, amd64.W64, amd64.RCX, s.bound)
	n.a.RR(amd64.ADD, amd64.W64, amd64.RCX, s.from)
}

// past appends what the jump at offset at leads to, when nothing has been found up to the limit.
func (s *scanner) past(at int) {
	n := s.native
	over := n.a.Jmp()
	n.a.SetRel32(at, n.a.Len())
	n.cmpI(s.bound, maxNative)
	n.c.interpretIf(amd64.A)
	n.jmp(&s.end)
	n.a.SetRel32(over, n.a.Len())
}

// match makes EDX the bits of the bytes looked for among those at RAX.
func (s *scanner) match() {
	a := s.a
	s.mayFault()
	a.RM(amd64.MOVAPS, amd64.W64, amd64.X14, s.at(amd64.RAX, 0))
	switch {
	case s.byte != none && s.nul:
		a.RR(amd64.MOVAPS, amd64.W64, amd64.X15, amd64.X14)
		a.RR(amd64.PCMPEQB, amd64.W64, amd64.X15, amd64.X13)
		a.RR(amd64.PCMPEQB, amd64.W64, amd64.X14, amd64.X12)
		a.RR(amd64.POR, amd64.W64, amd64.X14, amd64.X15)
	case s.byte != none:
		a.RR(amd64.PCMPEQB, amd64.W64, amd64.X14, amd64.X13)
	default:
		a.RR(amd64.PCMPEQB, amd64.W64, amd64.X14, amd64.X12)
	}
	a.RR(amd64.PMOVMSKB, amd64.W32, amd64.RDX, amd64.X14)
}

// copyString is strcpy, which returns where it began, and stpcpy, which returns the end.
func (n *native) copyString(end bool) {
	n.inside(arg1)
	s := scanner{native: n, from: arg1, nul: true}
	s.find()
	n.save()
	n.a.RR(amd64.SUB, amd64.W64, amd64.RAX, arg1)
	n.a.RM(amd64.LEA, amd64.W64, arg2, amd64.At(amd64.RAX, 1))
	n.copy(false, func() {
		if end {
			n.sum(arg0, arg0, arg2, -1)
		}
	})
}
