//go:build linux && amd64

package explore

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/prof"
	"github.com/hospes-vm/hospes/stats"
)

// snapshot is what is known now. Nothing is locked while others are asked.
func (r *Recorder) snapshot(ended bool) *Snapshot {
	s := &Snapshot{PID: r.Process.Pid(), Args: r.Process.Argv, Period: r.Period.Seconds(), Ended: ended}
	var places map[uint64]int64
	s.Function, places = r.Profile.Summary()
	var now stats.Translator
	if r.Arch != nil {
		now = r.Arch.Stats()
		s.Block = r.blocks(places)
	}
	for _, v := range r.Process.Mem.VMAs() {
		s.Map = append(s.Map, area(&v))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Elapsed = time.Since(r.start).Seconds()
	r.note(s.Elapsed, now, s.Function)
	s.Time = slices.Clone(r.moments)
	for _, c := range r.calls {
		s.Call = append(s.Call, *c)
	}
	slices.SortFunc(s.Call, func(a, b Call) int { return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name)) })
	return s
}

// note adds a moment, with mu held.
func (r *Recorder) note(at float64, now stats.Translator, functions []prof.FunctionTime) {
	tiers := map[string]int64{}
	for i := range functions {
		for tier, n := range functions[i].Tiers {
			tiers[tier] += n
		}
	}
	was := &r.last
	m := Moment{
		At: at, Translated: now.Translated - was.Translated, Regions: now.Optimiser.Regions - was.Optimiser.Regions,
		Chained: now.Chained - was.Chained, Unchained: now.Unchained - was.Unchained,
		Invalidated: now.Invalidated - was.Invalidated, Refused: now.Refused - was.Refused, Tiers: map[string]int64{},
	}
	for tier, n := range tiers {
		if d := n - r.tiers[tier]; d > 0 {
			m.Tiers[tier] = d
		}
	}
	r.last, r.tiers = now, tiers
	r.moments = append(r.moments, m)
	if len(r.moments) > maxMoments {
		r.moments = halved(r.moments)
	}
}

// halved makes one moment of two each.
func halved(list []Moment) (half []Moment) {
	for i := 0; i+1 < len(list); i += 2 {
		a, b := &list[i], list[i+1]
		b.Translated += a.Translated
		b.Regions += a.Regions
		b.Chained += a.Chained
		b.Unchained += a.Unchained
		b.Invalidated += a.Invalidated
		b.Refused += a.Refused
		for tier, n := range a.Tiers {
			b.Tiers[tier] += n
		}
		half = append(half, b)
	}
	return half
}

// blocks are the translations, those with the most samples if there are many. Samples count for the nearest block
// that begins before them, a region if there is one in its place.
func (r *Recorder) blocks(places map[uint64]int64) []Block {
	all := r.Arch.Blocks()
	sort.SliceStable(all, func(i, j int) bool { return all[i].PC < all[j].PC })
	samples := make([]int64, len(all))
	for pc, n := range places {
		i := sort.Search(len(all), func(i int) bool { return all[i].PC > pc }) - 1
		if i < 0 {
			continue
		}
		for i > 0 && all[i-1].PC == all[i].PC && !all[i].Region {
			i--
		}
		samples[i] += n
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return samples[order[i]] > samples[order[j]] })
	list := make([]Block, 0, min(len(all), maxBlocks))
	for _, i := range order[:min(len(order), maxBlocks)] {
		list = append(list, r.block(&all[i], samples[i]))
	}
	return list
}

func (r *Recorder) block(b *engine.BlockInfo, samples int64) Block {
	d := Block{PC: hex(b.PC), Name: r.Process.Symbol(b.PC), Function: r.Profile.Function(b.PC), Kind: "translated", Insts: b.Insts, Bytes: b.HostBytes, Samples: samples}
	switch {
	case b.Region:
		d.Kind = "optimised"
	case b.Function:
		d.Kind = "native"
	}
	for _, e := range b.Exits {
		d.Exits = append(d.Exits, Exit{e.Kind, hex(e.PC), e.Linked})
	}
	return d
}

func area(v *mem.VMA) Area {
	prot := []byte("---p")
	for i, p := range []mem.Prot{mem.Read, mem.Write, mem.Exec} {
		if v.Prot&p != 0 {
			prot[i] = "rwx"[i]
		}
	}
	if v.Shared {
		prot[3] = 's'
	}
	name := v.Name
	if v.File != nil {
		name = v.File.Path
	}
	return Area{hex(v.Start), hex(v.End), string(prot), name}
}
