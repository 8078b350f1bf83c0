package unwind

import (
	"encoding/binary"
	"maps"
)

// row says where the caller's registers are for one address.
type row struct {
	cfa    rule // register and offset, or an expression
	rules  map[int]rule
	ra     int
	signal bool
}

// rule is how a register of the caller's is found.
type rule struct {
	kind ruleKind
	reg  int
	off  int64
	expr []byte
}

type ruleKind uint8

const (
	sameValue  ruleKind = iota
	undefined           // it is lost
	atOffset            // in memory at CFA + off
	isOffset            // CFA + off
	inRegister          // reg, of the CFA with off added
	atExpr              // in memory where expr says
	isExpr              // what expr says
)

// DW_CFA (DWARF 5, section 7.24).
const (
	cfaAdvance        = 0x40
	cfaOffset         = 0x80
	cfaRestore        = 0xc0
	cfaNop            = 0x00
	cfaSetLoc         = 0x01
	cfaAdvance1       = 0x02
	cfaAdvance2       = 0x03
	cfaAdvance4       = 0x04
	cfaOffsetExt      = 0x05
	cfaRestoreExt     = 0x06
	cfaUndefined      = 0x07
	cfaSameValue      = 0x08
	cfaRegister       = 0x09
	cfaRemember       = 0x0a
	cfaRestoreState   = 0x0b
	cfaDefCFA         = 0x0c
	cfaDefCFAReg      = 0x0d
	cfaDefCFAOffset   = 0x0e
	cfaDefCFAExpr     = 0x0f
	cfaExpr           = 0x10
	cfaOffsetExtSF    = 0x11
	cfaDefCFASF       = 0x12
	cfaDefCFAOffsetSF = 0x13
	cfaValOffset      = 0x14
	cfaValOffsetSF    = 0x15
	cfaValExpr        = 0x16
	cfaGNUArgsSize    = 0x2e
	cfaGNUNegOffset   = 0x2f
)

// program executes the instructions of an entry.
type program struct {
	cie     *cie
	loc     uint64
	cfa     rule
	rules   map[int]rule
	initial map[int]rule // by the CIE
	saved   []program    // by remember_state: cfa and rules
}

// rowAt is the row for an address, or nil.
func (c *CFI) rowAt(addr uint64) *row {
	if r, ok := c.rows[addr]; ok {
		return r
	}
	var made *row
	if e := c.find(addr); e != nil {
		p := &program{cie: e.cie, loc: e.start, rules: map[int]rule{}}
		if p.run(e.cie.code, c.order, addr) {
			p.initial = maps.Clone(p.rules)
			if p.run(e.code, c.order, addr) {
				made = &row{cfa: p.cfa, rules: p.rules, ra: e.cie.ra, signal: e.cie.signal}
			}
		}
	}
	c.rows[addr] = made
	return made
}

// run executes instructions as long as they are for addresses up to addr. It
// reports whether they are well-formed.
func (p *program) run(code []byte, order binary.ByteOrder, addr uint64) bool {
	r := &reader{b: code, order: order}
	for r.off < len(code) && !r.bad {
		op := r.u8()
		low := int(op & 0x3f)
		switch op & 0xc0 {
		case cfaAdvance:
			p.loc += uint64(low) * p.cie.codeAlign
		case cfaOffset:
			p.rules[low] = rule{kind: atOffset, off: int64(r.uleb()) * p.cie.dataAlign}
		case cfaRestore:
			p.restore(low)
		default:
			if !p.extended(op, r) {
				return false
			}
		}
		if p.loc > addr {
			return true
		}
	}
	return !r.bad
}

func (p *program) restore(reg int) {
	if r, ok := p.initial[reg]; ok {
		p.rules[reg] = r
	} else {
		delete(p.rules, reg)
	}
}

// extended executes an instruction that has no operand in its first byte.
func (p *program) extended(op uint8, r *reader) bool {
	align := p.cie.dataAlign
	switch op {
	case cfaNop:
	case cfaSetLoc:
		p.loc = r.u64()
	case cfaAdvance1:
		p.loc += uint64(r.u8()) * p.cie.codeAlign
	case cfaAdvance2:
		p.loc += uint64(r.u16()) * p.cie.codeAlign
	case cfaAdvance4:
		p.loc += uint64(r.u32()) * p.cie.codeAlign
	case cfaRemember:
		p.saved = append(p.saved, program{cfa: p.cfa, rules: maps.Clone(p.rules)})
	case cfaRestoreState:
		n := len(p.saved) - 1
		if n < 0 {
			return false
		}
		p.cfa, p.rules, p.saved = p.saved[n].cfa, p.saved[n].rules, p.saved[:n]
	case cfaDefCFA:
		p.cfa = rule{kind: inRegister, reg: int(r.uleb())}
		p.cfa.off = int64(r.uleb())
	case cfaDefCFASF:
		p.cfa = rule{kind: inRegister, reg: int(r.uleb())}
		p.cfa.off = r.sleb() * align
	case cfaDefCFAReg:
		p.cfa.kind, p.cfa.reg = inRegister, int(r.uleb()) // GNU as for RISC-V begins so
	case cfaDefCFAOffset:
		p.cfa.off = int64(r.uleb())
	case cfaDefCFAOffsetSF:
		p.cfa.off = r.sleb() * align
	case cfaDefCFAExpr:
		p.cfa = rule{kind: isExpr, expr: r.take(int(min(r.uleb(), uint64(len(r.b)))))}
	case cfaGNUArgsSize:
		r.uleb()
	default:
		return p.register(op, r)
	}
	return true
}

// register executes an instruction that says where a register is.
func (p *program) register(op uint8, r *reader) bool {
	align := p.cie.dataAlign
	reg := int(r.uleb())
	var n rule
	switch op {
	case cfaOffsetExt:
		n = rule{kind: atOffset, off: int64(r.uleb()) * align}
	case cfaOffsetExtSF:
		n = rule{kind: atOffset, off: r.sleb() * align}
	case cfaGNUNegOffset:
		n = rule{kind: atOffset, off: -int64(r.uleb()) * align}
	case cfaValOffset:
		n = rule{kind: isOffset, off: int64(r.uleb()) * align}
	case cfaValOffsetSF:
		n = rule{kind: isOffset, off: r.sleb() * align}
	case cfaUndefined:
		n = rule{kind: undefined}
	case cfaSameValue:
		n = rule{kind: sameValue}
	case cfaRegister:
		n = rule{kind: inRegister, reg: int(r.uleb())}
	case cfaExpr, cfaValExpr:
		n = rule{kind: atExpr, expr: r.take(int(min(r.uleb(), uint64(len(r.b)))))}
		if op == cfaValExpr {
			n.kind = isExpr
		}
	case cfaRestoreExt:
		p.restore(reg)
		return true
	default:
		return false
	}
	p.rules[reg] = n
	return true
}
