//go:build amd64

package jit

import (
	"encoding/binary"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
)

// A value that is compared with several constants, one after the other, to go to a chain for each, is looked up in
// a table before that, as for a switch statement: how many cases there are, and how often one is
// like the last, does not count then. Whatever is not in the table is left to the comparisons.

const (
	minCases = 4
	maxSpan  = 4096 // between the least and the greatest constant
)

// oneCase is where a graph goes for a constant.
type oneCase struct {
	k  uint64
	to int // chain; in tables its code, as starts are numbered
}

const entrySize = 4

// caseTable is a table behind the code: where to go, relative to its own beginning, for each number from 0 on.
type caseTable struct {
	base  int // offset of the displacement that leads to it
	miss  int // offset of the code for numbers that are no cases
	cases []oneCase
	least uint64 // is what 0 stands for
	size  int    // entries
}

// dispatch precedes branch v if that is the first of comparisons for a table.
func (c *Compiler) dispatch(v ir.Value) {
	s := c.graph
	if v < s.dispatched {
		return
	}
	of, cases, back := c.cases(v)
	if len(cases) < minCases {
		return
	}
	t := caseTable{cases: cases, least: cases[0].k}
	most, e := t.least, entry{words: ^uint32(0)}
	for _, k := range cases {
		t.least, most = min(t.least, k.k), max(most, k.k)
		e.words &= s.g.Chains[k.to].Loose
	}
	if most-t.least >= maxSpan {
		return
	}
	t.size = int(most-t.least) + 1
	for n := range cases {
		cases[n].to = s.exact(cases[n].to)
	}
	c.settle(&e)
	if back {
		c.pollAt(c.pc)
	}
	c.jumpByTable(of, &t)
	s.tables = append(s.tables, t)
}

// jumpByTable looks a value up.
func (c *Compiler) jumpByTable(of ir.Value, t *caseTable) {
	c.claim(amd64.RAX)
	c.claim(amd64.RCX)
	r := c.reg(of)
	if k := int64(t.least); k == int64(int32(k)) {
		c.a.RM(amd64.LEA, amd64.W64, amd64.RAX, amd64.At(r, -int32(k)))
	} else {
		c.a.MovImm(amd64.RCX, -t.least)
		c.a.RM(amd64.LEA, amd64.W64, amd64.RAX, amd64.AtIndex(r, amd64.RCX, 1, 0))
	}
	c.a.RI(amd64.CMP, amd64.W64, amd64.RAX, int32(t.size))
	miss := c.a.Jcc(amd64.AE)
	t.base = c.a.LeaRel(amd64.RCX)
	c.a.RM(amd64.MOVSXD, amd64.W64, amd64.RAX, amd64.AtIndex(amd64.RCX, amd64.RAX, entrySize, 0))
	c.a.RR(amd64.ADD, amd64.W64, amd64.RAX, amd64.RCX)
	c.a.JmpR(amd64.RAX)
	c.a.SetRel32(miss, c.a.Len())
	t.miss = c.a.Len()
	c.unpin()
}

// cases are those of the comparisons that begin with branch v: of which value, and whether a loop is
// closed by any.
func (c *Compiler) cases(v ir.Value) (of ir.Value, list []oneCase, back bool) {
	s := c.graph
	ch := s.g.Chains[s.n]
	for k := v; int(k) < len(ch.Code); k++ {
		switch i := &ch.Code[k]; i.Op {
		case ir.Const, ir.Eq:
		case ir.ExitIf:
			is, way := c.t.Code[i.Args[0]], ch.Way(k)
			value, isConst := c.t.ConstOf(is.Args[1])
			if is.Op != ir.Eq || way == nil || !isConst || of != 0 && is.Args[0] != of {
				return of, list, back
			}
			of = is.Args[0]
			list = append(list, oneCase{value, way.To})
			back = back || way.Back
			s.dispatched = k + 1
		default:
			return of, list, back
		}
	}
	return of, list, back
}

// emitTables appends the tables.
func (c *Compiler) emitTables() {
	for _, t := range c.graph.tables {
		c.a.Align(4, 0)
		start := c.a.Len()
		c.a.SetRel32(t.base, start)
		for range t.size {
			c.a.Buf = binary.LittleEndian.AppendUint32(c.a.Buf, uint32(t.miss-start))
		}
		for _, k := range t.cases {
			at := start + entrySize*int(k.k-t.least)
			binary.LittleEndian.PutUint32(c.a.Buf[at:], uint32(c.graph.starts[k.to]-start))
		}
	}
}
