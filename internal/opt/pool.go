package opt

import "github.com/hospes-vm/hospes/internal/ir"

// pool has the constants that passes make, each once: they stand in the first block, and are known
// everywhere.
type pool struct {
	r  *Region
	at map[uint64]ir.Value
}

func newPool(r *Region) *pool {
	if r.mem.pool == nil {
		r.mem.pool = map[uint64]ir.Value{}
	}
	p := &pool{r: r, at: r.mem.pool}
	clear(p.at)
	for _, v := range r.Blocks[0].Code {
		if k, ok := r.ConstOf(v); ok {
			p.at[k] = v
		}
	}
	return p
}

// get returns a constant.
func (p *pool) get(k uint64) ir.Value {
	v, ok := p.at[k]
	if !ok {
		v = p.r.New(ir.Instr{Op: ir.Const, Imm: k})
		b := p.r.Blocks[0]
		b.Code = append(b.Code[:len(b.Code)-1], v, b.Last())
		p.at[k] = v
	}
	return v
}
