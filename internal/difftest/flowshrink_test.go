package difftest

import "slices"

// shrink returns the least program that still differs that it finds: without blocks, steps,
// fuel, or what else is not needed. differs says which of some candidates still do.
func (f *flow) shrink(differs func([]*flow) ([]bool, error)) (*flow, error) {
	for {
		candidates := f.smaller()
		fails, err := differs(candidates)
		if err != nil {
			return f, err
		}
		i := slices.Index(fails, true)
		if i < 0 {
			return f, nil
		}
		f = candidates[i]
	}
}

// smaller are variants of a flow, those that lack most first.
func (f *flow) smaller() (list []*flow) {
	add := func(change func(*flow)) {
		g := f.clone()
		change(g)
		list = append(list, g)
	}
	n := len(f.Blocks)
	for size := n / 2; size >= 1; size /= 2 {
		for i := 0; i+size <= n; i += size {
			add(func(g *flow) { g.removeBlocks(i, size) })
		}
	}
	for b := range f.Blocks {
		steps := len(f.Blocks[b])
		for size := steps; size >= 1; size /= 2 {
			for i := 0; i+size <= steps; i += size {
				add(func(g *flow) { g.Blocks[b] = slices.Delete(g.Blocks[b], i, i+size) })
			}
		}
	}
	fuel := f.In.X[seqCount]
	for _, less := range []uint64{1, fuel / 2, fuel - 1} {
		if less > 0 && less < fuel {
			add(func(g *flow) { g.In.X[seqCount] = less })
		}
	}
	for i := range 32 {
		if f.In.X[i] != 0 && i != seqCount {
			add(func(g *flow) { g.In.X[i] = 0 })
		}
		if f.In.F[i] != 0 {
			add(func(g *flow) { g.In.F[i] = 0 })
		}
	}
	if f.In.FCSR != 0 {
		add(func(g *flow) { g.In.FCSR = 0 })
	}
	if f.In.Scratch != [128]byte{} {
		add(func(g *flow) { clear(g.In.Scratch[:]) })
	}
	return list
}

// removeBlocks takes n blocks out; what jumps to them goes to the one behind.
func (f *flow) removeBlocks(first, n int) {
	f.Blocks = slices.Delete(f.Blocks, first, first+n)
	moved := func(t int) int {
		switch {
		case t >= first+n:
			return t - n
		case t > first:
			return first
		}
		return t
	}
	for _, b := range f.Blocks {
		for i := range b {
			for j, t := range b[i].targets {
				b[i].targets[j] = moved(t)
			}
		}
	}
	f.starts = [2]int{moved(f.starts[0]), moved(f.starts[1])}
}

func (f *flow) clone() *flow {
	g := *f
	g.Blocks = make([][]step, len(f.Blocks))
	for i, b := range f.Blocks {
		g.Blocks[i] = slices.Clone(b)
		for j := range b {
			g.Blocks[i][j].targets = slices.Clone(b[j].targets)
		}
	}
	return &g
}
