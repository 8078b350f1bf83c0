package riscv

import (
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
)

func init() { execTable[opNote] = execNote }

// followed is what Follow executes: blocks of its own.
type followed struct {
	pieces map[pieceKey]*piece
	before func(addr uint64, size int)
}

// pieceKey is the address of a piece and the most instructions that it may have.
type pieceKey struct {
	pc uint64
	n  int
}

// piece is a block of which an operation stands before each instruction that writes to
// memory, which tells of that.
type piece struct {
	block
	insts    []inst
	writable bool // the guest could write to it without a system call
}

// maxPieces is the number of pieces after which Follow forgets those it has made.
const maxPieces = 1 << 17

// Follow executes the next n instructions, as long as each is at the address behind the one
// before, and tells of what they may write to.
func (c *CPU) Follow(n int, before func(addr uint64, size int)) (e guest.Exit) {
	e.Kind = guest.ExitHot
	c.followed.before = before
	defer func(hot uint32) { c.hot = hot }(c.hot)
	c.hot = 0
	stop := block{entry: &stopInst, first: &stopInst, gen: c.gen - 1}
	for n > 0 {
		if c.stale.Load() && c.stale.Swap(false) {
			c.gen++
		}
		p := c.piece(n)
		if p == nil {
			return c.fetchFault()
		}
		p.taken, p.fall, c.single = nil, nil, &stop
		before := c.retired
		e = c.run(&p.block)
		c.single = nil
		done := int(c.retired - before)
		if e.Kind != guest.ExitHot || c.pc != p.behind(done) {
			break
		}
		n -= done // fewer than there are when code is flushed, or an access is slow
	}
	return e
}

// behind is the address behind the first n instructions of p.
func (p *piece) behind(n int) uint64 {
	if n == int(p.n) {
		return p.end
	}
	pc := p.pc
	for _, in := range p.insts {
		if in.len > 0 && n > 0 { // others are not of the guest
			pc += uint64(in.len)
			n--
		}
	}
	return pc
}

// stopInst is that of a block that is hot.
var stopInst = inst{op: opNext}

// piece returns the piece of at most n instructions at the pc. It returns nil, with c.fault
// set, when there is no code.
func (c *CPU) piece(n int) *piece {
	k := pieceKey{c.pc, n}
	p := c.followed.pieces[k]
	if p == nil || (p.gen != c.gen || p.writable) && !c.current(p) {
		if p = c.newPiece(n); p == nil {
			return nil
		}
		if len(c.followed.pieces) >= maxPieces {
			clear(c.followed.pieces)
		}
		if c.followed.pieces == nil {
			c.followed.pieces = map[pieceKey]*piece{}
		}
		c.followed.pieces[k] = p
	}
	return p
}

// current reports whether memory still holds p, which then is of this generation.
func (c *CPU) current(p *piece) bool {
	p.gen = c.gen
	return c.writable(p.pc) == p.writable && c.unchanged(&p.block)
}

// newPiece makes a piece.
func (c *CPU) newPiece(n int) *piece {
	var buf [4 * maxBlock]byte
	n = min(n, maxBlock)
	got, fault := c.as.Fetch(c.pc, buf[:4*n])
	p := &piece{block: block{pc: c.pc, last: c.pc, end: c.pc, gen: c.gen}, writable: c.writable(c.pc)}
	for ends := false; int(p.n) < n && !ends; p.n++ {
		var in inst
		if size := int(p.end - p.pc); size+2 > got || !decode(buf[size:got], p.end, &in) {
			break
		}
		if size := writes(&in); size > 0 {
			p.insts = append(p.insts, inst{op: opNote, rs1: in.rs1, rs2: size, imm: in.imm})
		}
		p.insts = append(p.insts, in)
		ends = endsBlock[in.op]
		p.last, p.end = p.end, p.end+uint64(in.len)
	}
	if p.n == 0 {
		c.fault = fault
		return nil
	}
	p.insts = append(p.insts, inst{op: opNext})
	p.entry, p.first, p.code = &p.insts[0], &p.insts[0], append([]byte(nil), buf[:p.end-p.pc]...)
	return p
}

// writes is how many bytes an instruction may write: 0 if it does not write to memory.
func writes(in *inst) uint8 {
	if in.op < firstOp {
		return 0
	}
	switch row := &rows[in.op-firstOp]; {
	case row.Kind&encoding.Store == 0:
		return 0
	case in.op == opCboZero:
		return cboBlock
	default: // which have the logarithm of the size in field funct3
		return 1 << (row.Match >> 12 & 7)
	}
}

// execNote tells what the next instruction may write to, if it is there.
func execNote(c *CPU, i *inst) {
	addr := c.r[i.rs1] + i.imm
	if i.rs2 == cboBlock {
		addr &^= cboBlock - 1
	}
	c.followed.before(addr, int(i.rs2))
}
