package opt

import "slices"

// order puts the blocks that can be reached from the first one in reverse postorder, and
// notes the predecessors of each.
func (r *Region) order(first *Block) {
	post := r.mem.lists.room(max(len(r.Blocks), 64))
	var visit func(b *Block)
	visit = func(b *Block) {
		b.seen = true
		for k := len(b.Next) - 1; k >= 0; k-- {
			if to := b.Next[k].To; to != nil && !to.seen {
				visit(to)
			}
		}
		post = append(post, b)
	}
	visit(first)
	slices.Reverse(post)
	r.Blocks = post
	for k, b := range post {
		b.ID, b.Preds, b.seen = k, nil, false
	}
	r.findPreds()
}

// findPreds notes the predecessors of each block.
func (r *Region) findPreds() {
	count := r.mem.numbers.take(len(r.Blocks))
	for _, b := range r.Blocks {
		for _, e := range b.Next {
			if e.To != nil {
				count[e.To.ID]++
			}
		}
	}
	for k, b := range r.Blocks {
		b.Preds = r.mem.lists.room(int(count[k]))
	}
	for _, b := range r.Blocks {
		for _, e := range b.Next {
			if e.To != nil {
				e.To.Preds = append(e.To.Preds, b)
			}
		}
	}
}

// Analyse finds dominators and loops. Cooper, Harvey, Kennedy: A Simple, Fast Dominance
// Algorithm, 2001. A loop with more than one entry is not found; it is executed all the same.
func (r *Region) Analyse() {
	for _, b := range r.Blocks {
		b.idom, b.Loop = nil, nil
	}
	for changed := true; changed; {
		changed = false
		for _, b := range r.Blocks[1:] {
			var dom *Block
			for _, p := range b.Preds {
				if p.idom == nil && p.ID != 0 {
					continue
				}
				if dom == nil {
					dom = p
					continue
				}
				dom = meet(dom, p)
			}
			if b.idom != dom {
				b.idom, changed = dom, true
			}
		}
	}
	r.findLoops()
}

// meet is the nearest common dominator.
func meet(a, b *Block) *Block {
	for a != b {
		for a.ID > b.ID {
			a = a.idom
		}
		for b.ID > a.ID {
			b = b.idom
		}
	}
	return a
}

// findLoops finds natural loops: outer ones first, since their heads come first.
func (r *Region) findLoops() {
	in := r.mem.numbers.take(len(r.Blocks)) // by block: the last loop that it has been found in, by its head's ID, plus 1
	var body []*Block
	for _, head := range r.Blocks {
		body = body[:0]
		for _, p := range head.Preds {
			if head.Dominates(p) {
				body = append(body, p)
			}
		}
		if len(body) == 0 {
			continue
		}
		l := &Loop{Head: head, Outer: head.Loop, Depth: head.Depth() + 1}
		mark := int32(head.ID + 1)
		in[head.ID] = mark
		l.Blocks = append(l.Blocks, head)
		for len(body) > 0 {
			b := body[len(body)-1]
			body = body[:len(body)-1]
			if in[b.ID] != mark {
				in[b.ID] = mark
				l.Blocks = append(l.Blocks, b)
				body = append(body, b.Preds...)
			}
		}
		for _, b := range l.Blocks {
			b.Loop = l
		}
	}
}
