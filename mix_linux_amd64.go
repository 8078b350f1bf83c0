package hospes

import (
	"cmp"
	"slices"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
)

// mix is what has been counted, or nil if nothing has.
func (o *observer) mix() *MixStats {
	a, ok := o.arch.(*engine.Arch)
	if !ok || o.wanted == (Mix{}) {
		return nil
	}
	m := &MixStats{}
	counts := map[uint64]uint64{}
	blocks := map[uint64]*BlockCount{}
	var block *BlockCount
	a.Counts(func(pc, n uint64, begins bool) {
		counts[pc] += n
		m.Executed += n
		if begins || block == nil {
			if block = blocks[pc]; block == nil {
				block = &BlockCount{PC: pc}
				blocks[pc] = block
			}
			block.Times += n
		}
		block.N += n
	})
	if o.wanted.Kinds {
		o.kinds(m, counts)
	}
	for _, b := range blocks {
		m.Blocks = append(m.Blocks, *b)
	}
	slices.SortFunc(m.Blocks, func(a, b BlockCount) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.PC, b.PC)) })
	m.Blocks = m.Blocks[:min(len(m.Blocks), o.wanted.Blocks)]
	for i := range m.Blocks {
		m.Blocks[i].Name = o.p.Symbol(m.Blocks[i].PC)
	}
	return m
}

// kinds counts the kinds of executed instructions. Code that is no longer there is of none.
func (o *observer) kinds(m *MixStats, counts map[uint64]uint64) {
	kinds, extensions := map[string]uint64{}, map[string]uint64{}
	for pc, n := range counts {
		var code [4]byte
		got, _ := o.p.Mem.Fetch(pc, code[:])
		kind, extension, length := "gone", "gone", 0
		if got >= 2 {
			if k, e, l, ok := riscv.Class(code[:got]); ok {
				kind, extension, length = k, e, l
			}
		}
		kinds[kind] += n
		extensions[extension] += n
		if length == 2 {
			m.Compressed += n
		}
	}
	m.Kinds, m.Extensions = counted(kinds), counted(extensions)
}
