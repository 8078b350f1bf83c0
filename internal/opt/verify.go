package opt

import (
	"fmt"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Verify reports what makes r no region: an instruction that cannot stand where it does, a value
// that is not known where it is used, blocks that do not fit together, a register that a
// block takes to be something else than it has been set to.
func (r *Region) Verify() error {
	c := checker{r: r, at: make([]place, len(r.Code))}
	if err := c.graph(); err != nil {
		return err
	}
	for _, b := range r.Blocks {
		if err := c.define(b); err != nil {
			return fmt.Errorf("b%d: %w", b.ID, err)
		}
	}
	c.flow()
	c.outs = make([][NumRegs]ir.Value, len(r.Blocks))
	for _, b := range r.Blocks {
		c.outs[b.ID] = r.out(b)
	}
	for _, b := range r.Blocks {
		if err := c.block(b); err != nil {
			return fmt.Errorf("b%d: %w", b.ID, err)
		}
	}
	return nil
}

// place is where a value is made: by the instruction with a number in its block, phis before 0.
type place struct {
	b *Block
	n int
}

// checker verifies a region.
type checker struct {
	r    *Region
	at   []place // by value
	outs [][NumRegs]ir.Value

	in, made []valueSet // by block: values known at its beginning, and those that it makes
}

// valueSet is a set of values.
type valueSet []uint64

func (s valueSet) has(v ir.Value) bool { return s[v/64]>>(v%64)&1 != 0 }

// flow finds the values that are known at the beginning of each block: on each way there they
// have been made, and the region has not been left since then.
func (c *checker) flow() {
	words := len(c.r.Code)/64 + 1
	for range c.r.Blocks {
		c.in = append(c.in, slices.Repeat(valueSet{^uint64(0)}, words))
		c.made = append(c.made, make(valueSet, words))
	}
	for v, at := range c.at {
		if at.b != nil {
			c.made[at.b.ID][v/64] |= 1 << (v % 64)
		}
	}
	for changed := true; changed; {
		changed = false
		for n, b := range c.r.Blocks {
			for k := range words {
				known := ^uint64(0)
				for _, p := range b.Preds {
					known &= c.in[p.ID][k] | c.made[p.ID][k]
				}
				if b.Reads {
					known = 0
				}
				changed = changed || known != c.in[n][k]
				c.in[n][k] = known
			}
		}
	}
}

// graph looks at the order of blocks and the edges between them.
func (c *checker) graph() error {
	preds := map[*Block][]*Block{}
	for n, b := range c.r.Blocks {
		if b.ID != n {
			return fmt.Errorf("b%d is in place %d", b.ID, n)
		}
		if err := c.next(b); err != nil {
			return fmt.Errorf("b%d: %w", n, err)
		}
		for _, e := range b.Next {
			if e.To == nil {
				continue
			}
			if k := e.To.ID; k >= len(c.r.Blocks) || c.r.Blocks[k] != e.To {
				return fmt.Errorf("b%d: an edge to what is in no region", n)
			}
			preds[e.To] = append(preds[e.To], b)
		}
	}
	for n, b := range c.r.Blocks {
		forward := n == 0
		count := map[*Block]int{}
		for _, p := range preds[b] {
			count[p]++
			forward = forward || p.ID < n
		}
		for _, p := range b.Preds {
			count[p]--
		}
		for p, k := range count {
			if k != 0 {
				return fmt.Errorf("b%d: edges and predecessors do not agree on b%d", n, p.ID)
			}
		}
		if !forward || n == 0 && len(b.Preds) > 0 {
			return fmt.Errorf("b%d is not in reverse postorder", n)
		}
	}
	return nil
}

// next looks at the end of a block.
func (c *checker) next(b *Block) error {
	if len(b.Code) == 0 {
		return fmt.Errorf("no code")
	}
	for n, v := range b.Code {
		if v <= 0 || int(v) >= len(c.r.Code) {
			return fmt.Errorf("no value v%d", v)
		}
		op := c.r.Code[v].Op
		if ends, last := op == ir.ExitIf || op.Has(ir.Ends), n == len(b.Code)-1; ends != last {
			return fmt.Errorf("v%d: an end where none may be, or none where one must be", v)
		}
	}
	want := 0
	switch c.r.Code[b.Last()].Op {
	case ir.ExitIf:
		want = 2
	case ir.Goto:
		want = 1
	case ir.Call, ir.CallTo:
		if len(b.Next) == 1 && b.Next[0].To != nil && b.Next[0].To.Reads {
			return nil
		}
	}
	if len(b.Next) != want {
		return fmt.Errorf("%d edges, not %d", len(b.Next), want)
	}
	return nil
}

// define notes where values are made.
func (c *checker) define(b *Block) error {
	set := func(v ir.Value, n int) error {
		if v <= 0 || int(v) >= len(c.at) {
			return fmt.Errorf("no value v%d", v)
		}
		if c.at[v].b != nil {
			return fmt.Errorf("v%d is made twice", v)
		}
		c.at[v] = place{b, n}
		return nil
	}
	for _, p := range b.Phis {
		if err := set(p.Value, -1); err != nil {
			return err
		}
	}
	for n, v := range b.Code {
		if err := set(v, n); err != nil {
			return err
		}
	}
	return nil
}

// known reports whether v is known before the instruction with a number in b. Constants are made
// wherever they are needed.
func (c *checker) known(v ir.Value, b *Block, n int) bool {
	if v <= 0 || int(v) >= len(c.at) {
		return false
	}
	at := c.at[v]
	if at.b == b {
		return at.n < n
	}
	if _, isConst := c.r.ConstOf(v); isConst {
		return at.b != nil && at.b.Dominates(b)
	}
	return c.in[b.ID].has(v)
}

func (c *checker) block(b *Block) error {
	for n := range b.Phis {
		if err := c.phi(b, &b.Phis[n]); err != nil {
			return err
		}
	}
	for n, v := range b.Code {
		i := &c.r.Code[v]
		if err := i.Verify(c.r.Code); err != nil {
			return fmt.Errorf("v%d: %s: %w", v, i.Op, err)
		}
		for k := range i.Op.Info().Args {
			if !c.known(i.Args[k], b, n) {
				return fmt.Errorf("v%d: %s: v%d is not known", v, i.Op, i.Args[k])
			}
		}
		if err := c.variable(b, i); err != nil {
			return fmt.Errorf("v%d: %s: %w", v, i.Op, err)
		}
	}
	for n := 1; n < NumRegs; n++ {
		if err := c.register(b, n); err != nil {
			return fmt.Errorf("%s: %w", register(n), err)
		}
	}
	return nil
}

func (c *checker) phi(b *Block, p *Phi) error {
	i := &c.r.Code[p.Value]
	if i.Op != ir.GetX && i.Op != ir.GetF {
		return fmt.Errorf("v%d: a phi is no %s", p.Value, i.Op)
	}
	if err := c.variable(nil, i); err != nil {
		return fmt.Errorf("v%d: %w", p.Value, err)
	}
	if len(p.Args) != len(b.Preds) || len(p.Args) == 0 {
		return fmt.Errorf("v%d: %d arguments, not %d", p.Value, len(p.Args), len(b.Preds))
	}
	for k, a := range p.Args {
		from := b.Preds[k]
		if !c.known(a, from, len(from.Code)) {
			return fmt.Errorf("v%d: v%d is not known in b%d", p.Value, a, from.ID)
		}
		if first := p.Args[predIndex(b, from)]; first != a {
			return fmt.Errorf("v%d: v%d and v%d on ways from b%d", p.Value, first, a, from.ID)
		}
		if c.r.Type(a) != i.Op.Info().Result {
			return fmt.Errorf("v%d: v%d is of another type", p.Value, a)
		}
	}
	return nil
}

// variable looks at what i, of block b or a phi, reads or writes. Not all blocks read.
func (c *checker) variable(b *Block, i *ir.Instr) error {
	n := Variable(i)
	read := i.Op == ir.GetX || i.Op == ir.GetF
	switch {
	case n < 0:
		return nil
	case read && b != nil && !b.Reads:
		return fmt.Errorf("a read in the midst")
	case n == 0 || n >= c.r.Vars || i.Imm >= firstF && n < NumRegs:
		return fmt.Errorf("variable %d", n)
	}
	return nil
}

// register looks whether guest register n is what b takes it to be.
func (c *checker) register(b *Block, n int) error {
	v := b.In[n]
	if v == 0 {
		return nil
	}
	if b.Reads {
		if Variable(&c.r.Code[v]) != n || c.at[v].b != b {
			return fmt.Errorf("v%d does not read it", v)
		}
		return nil
	}
	if !c.known(v, b, 0) {
		return fmt.Errorf("v%d is not known", v)
	}
	for k, p := range b.Preds {
		want := v
		for _, phi := range b.Phis {
			if phi.Value == v {
				want = phi.Args[k]
			}
		}
		if out := c.outs[p.ID][n]; out != want && !c.same(out, want) {
			return fmt.Errorf("v%d in b%d, v%d at the end of b%d", v, b.ID, out, p.ID)
		}
	}
	return nil
}

// same reports whether both values are the same constant.
func (c *checker) same(v, w ir.Value) bool {
	x, ok := c.r.ConstOf(v)
	y, also := c.r.ConstOf(w)
	return ok && also && x == y
}

// out is what guest registers are at the end of b.
func (r *Region) out(b *Block) [NumRegs]ir.Value {
	regs := b.In
	for _, v := range b.Code {
		i := &r.Code[v]
		n := Variable(i)
		if n >= 0 && n < NumRegs && !b.Reads {
			regs[n] = i.Args[0]
		}
	}
	return regs
}

// register is the name of variable n: of a guest register, or of another one.
func register(n int) string {
	switch {
	case n < firstF:
		return fmt.Sprintf("x%d", n)
	case n < NumRegs:
		return fmt.Sprintf("f%d", n-firstF)
	}
	return fmt.Sprintf("t%d", n)
}
