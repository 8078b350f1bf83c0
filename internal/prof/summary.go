//go:build linux && amd64

package prof

import (
	"cmp"
	"slices"
)

// FunctionTime is how many samples there are of a function.
type FunctionTime struct {
	Name, File string
	Flat, Cum  int64            // in itself, and with what it has called
	Tiers      map[string]int64 // those in itself, by tier
}

// function is the name of the function that a place is in.
func (p place) function() string {
	if p.obj == nil {
		return "[code without a file]"
	}
	return p.obj.symbol(p.addr)
}

// Function is the name of the function that guest code is in, as Summary has it.
func (p *Profile) Function(pc uint64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	obj, addr, _ := p.objs.at(pc)
	return place{obj: obj, addr: addr}.function()
}

// Summary is the samples by function, the hottest first, and those in each place, by guest address.
func (p *Profile) Summary() (functions []FunctionTime, places map[uint64]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	type key struct{ name, file string }
	byName := map[key]*FunctionTime{}
	places = map[uint64]int64{}
	of := func(at place) *FunctionTime {
		k := key{at.function(), ""}
		if at.obj != nil {
			k.file = at.obj.name
		}
		f := byName[k]
		if f == nil {
			f = &FunctionTime{Name: k.name, File: k.file, Tiers: map[string]int64{}}
			byName[k] = f
		}
		return f
	}
	for _, s := range p.samples {
		seen := map[*FunctionTime]bool{}
		for i, at := range s.stack {
			f := of(at)
			if i == 0 {
				f.Flat += s.number
				f.Tiers[s.tier] += s.number
				places[at.pc] += s.number
			}
			if !seen[f] {
				seen[f] = true
				f.Cum += s.number
			}
		}
	}
	for _, f := range byName {
		functions = append(functions, *f)
	}
	slices.SortFunc(functions, func(a, b FunctionTime) int {
		return cmp.Or(cmp.Compare(b.Flat, a.Flat), cmp.Compare(b.Cum, a.Cum), cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
	return functions, places
}
