package opt

import "github.com/hospes-vm/hospes/internal/ir"

// dropUnused removes what is computed for nothing: operations without other effects whose values
// no instruction needs, and phis that only phis need. Registers that such a phi would be are
// unknown then.
func dropUnused(r *Region) {
	needed := r.mem.flags.take(len(r.Code))
	phis := r.mem.phis.take(len(r.Code))
	list := r.mem.values.room(len(r.Code))
	need := func(v ir.Value) {
		if v != 0 && !needed[v] {
			needed[v] = true
			list = append(list, v)
		}
	}
	for _, b := range r.Blocks {
		for k := range b.Phis {
			phis[b.Phis[k].Value] = &b.Phis[k]
			if Variable(&r.Code[b.Phis[k].Value]) >= NumRegs {
				need(b.Phis[k].Value)
			}
		}
		for _, v := range b.Code {
			if !removable(r.Code[v].Op) {
				need(v)
			}
		}
	}
	for len(list) > 0 {
		v := list[len(list)-1]
		list = list[:len(list)-1]
		if p := phis[v]; p != nil {
			for _, a := range p.Args {
				need(a)
			}
			continue
		}
		for _, a := range r.Code[v].Args {
			need(a)
		}
	}
	for _, b := range r.Blocks {
		b.keep(needed)
	}
}

// removable reports whether an operation is for its value only. Reads of registers stay: they say
// what registers are where a region is entered.
func removable(op ir.Op) bool {
	return op.Has(ir.Pure) || op == ir.GetFlags || op == ir.GetRound
}

// keep drops what is not needed.
func (b *Block) keep(needed []bool) {
	code := b.Code[:0]
	for _, v := range b.Code {
		if needed[v] {
			code = append(code, v)
		}
	}
	b.Code = code
	phis := b.Phis[:0]
	for _, p := range b.Phis {
		if needed[p.Value] {
			phis = append(phis, p)
		}
	}
	b.Phis = phis
	for n, v := range b.In {
		if !needed[v] {
			b.In[n] = 0
		}
	}
}
