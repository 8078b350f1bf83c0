package opt

import "slices"

// chains puts the blocks in chains: one that is entered only from the end of another goes behind it.
// Chains stand in the order of their heads, but those that are executed seldom come last.
func (r *Region) chains() (list [][]*Block) {
	placed := make([]bool, len(r.Blocks))
	for _, b := range r.Blocks {
		if placed[b.ID] {
			continue
		}
		var chain []*Block
		for b != nil {
			placed[b.ID] = true
			chain = append(chain, b)
			b = b.follower(placed)
		}
		list = append(list, chain)
	}
	slices.SortStableFunc(list[1:], func(a, b []*Block) int { return r.rank(a[0]) - r.rank(b[0]) })
	return list
}

// rank is the place of a chain among others: those out of loops come last.
func (r *Region) rank(head *Block) int {
	switch {
	case head.Cold, r.Counted && head.Count == 0:
		return 2
	case head.Loop == nil:
		return 1
	}
	return 0
}

// follower is the block that comes best behind b, or nil. It is entered from b only. Where a computed jump
// goes to another place than expected is none: a loop's branch back then is where its instruction is
// done, and the interrupt word is looked at there.
func (b *Block) follower(placed []bool) (best *Block) {
	for k := len(b.Next) - 1; k >= 0; k-- { // not taken first
		to := b.Next[k].To
		if to == nil || placed[to.ID] || len(to.Preds) > 1 || to.Reads || to.Cold {
			continue
		}
		if best == nil || to.Depth() > best.Depth() || to.Depth() == best.Depth() && to.Count > best.Count {
			best = to
		}
	}
	return best
}
