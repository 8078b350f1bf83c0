package opt

import "github.com/hospes-vm/hospes/internal/ir"

// dropPhis replaces phis that are always the same value: those of registers that a loop does not
// change, also where several loops and branches pass them on to each other. It begins with no
// phi being a value of its own, and takes that back where values differ.
func dropPhis(r *Region) {
	d := phiDropper{r: r, is: r.mem.values.take(len(r.Code)), pool: newPool(r)}
	for v := range d.is {
		d.is[v] = ir.Value(v)
	}
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			d.is[p.Value] = 0
		}
	}
	for changed := true; changed; {
		changed = false
		for _, b := range r.Blocks {
			for k := range b.Phis {
				p := &b.Phis[k]
				if v := d.meet(p); v != d.is[p.Value] {
					d.is[p.Value], changed = v, true
				}
			}
		}
	}
	d.replace()
}

// phiDropper knows what phis are.
type phiDropper struct {
	r    *Region
	pool *pool
	is   []ir.Value // by value: itself; what a phi is, or 0 if that is not known yet
}

// meet is what a phi is as far as its arguments are known. Once it is a value of its own it
// stays one.
func (d *phiDropper) meet(p *Phi) ir.Value {
	if d.is[p.Value] == p.Value {
		return p.Value
	}
	var v ir.Value
	for _, a := range p.Args {
		x := d.is[a]
		if k, ok := d.r.ConstOf(x); ok {
			x = d.pool.get(k)
		}
		if v == 0 {
			v = x
		} else if x != 0 && x != v {
			return p.Value
		}
	}
	return v
}

// replace drops the phis that are something else.
func (d *phiDropper) replace() {
	by := d.r.mem.values.take(len(d.is))
	for _, b := range d.r.Blocks {
		kept := b.Phis[:0]
		for _, p := range b.Phis {
			if d.is[p.Value] == p.Value {
				kept = append(kept, p)
			} else {
				by[p.Value] = d.is[p.Value]
			}
		}
		b.Phis = kept
	}
	d.r.Replace(by)
}
