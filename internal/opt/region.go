package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Variables are what values are kept in from one block to another: guest registers, and those
// that passes make. Getx and setx with an immediate n mean variable n, getf and setf
// variable firstF + n.
const (
	firstF  = ir.FirstVarF
	NumRegs = ir.GuestVars
	MaxVars = 128
)

// Region is guest code of many blocks in SSA form.
type Region struct {
	PC      uint64     // guest address at which it is entered
	Code    []ir.Instr // by value; the first is a place holder
	Blocks  []*Block   // in reverse postorder: the first is entered, from outside only
	Vars    int        // variables, guest registers included
	Counted bool       // blocks and edges have counts
	BoxedIn []BoxedIn  // what has been looked at ahead of loops
	Facts   []ir.Fact  // by value; what is missing is 0
	narrow  []ir.Value // phis of loops of which has been looked at ahead whether they are sign-extended
	mem     *Memory
	// NoLooks has nothing looked at ahead of loops for them to rely on: where that fails each time, it
	// costs more than it saves.
	NoLooks bool
	// Alone says that nobody else sees the memory: it does not matter in which order loads of one place read. Relied
	// says that a pass has made use of that.
	Alone, Relied bool
}

// Block is straight code. Its last instruction, and no other, is exitif or one that ends a trace.
type Block struct {
	ID    int    // index in Region.Blocks
	PC    uint64 // guest address
	Phis  []Phi
	Code  []ir.Value
	Next  []Edge // of exitif: where it goes if its argument holds, and if not; of goto: where it goes; else none
	Preds []*Block
	Count uint64            // how often it has been executed, about
	Cold  bool              // it is seldom executed
	Reads bool              // it reads the guest registers that are needed, which may have any values: where a region is entered
	In    [NumRegs]ir.Value // what guest registers are at its beginning
	Loop  *Loop             // the innermost that it is in, or nil
	idom  *Block            // immediate dominator; nil of the first
	seen  bool              // of order
}

// BoxedIn says that a value is a NaN-boxed binary32 in a loop.
type BoxedIn struct {
	Value ir.Value
	Head  *Block
}

// Phi is a value that depends on where its block is entered from. It is a getx or getf:
// what a variable holds at the beginning of the block.
type Phi struct {
	Value ir.Value
	Args  []ir.Value // by predecessor, as in Block.Preds
}

// Edge is a way from a block.
type Edge struct {
	To    *Block // nil: the region is left
	PC    uint64 // guest address that it leads to
	Count uint64 // how often it has been taken, about
}

// Loop is a natural loop.
type Loop struct {
	Head   *Block
	Outer  *Loop
	Depth  int      // 1 for one that is in no other
	Blocks []*Block // those of inner loops included
}

// Type is that of a value.
func (r *Region) Type(v ir.Value) ir.Type { return r.Code[v].Op.Info().Result }

// ConstOf returns the constant that v is.
func (r *Region) ConstOf(v ir.Value) (uint64, bool) {
	i := &r.Code[v]
	return i.Imm, i.Op == ir.Const
}

// New adds an instruction, which is in no block yet.
func (r *Region) New(i ir.Instr) ir.Value {
	r.Code = append(r.Code, i)
	return ir.Value(len(r.Code) - 1)
}

// NewVar returns the number of a new variable, or false if there are too many.
func (r *Region) NewVar() (n int, ok bool) {
	if r.Vars == MaxVars {
		return 0, false
	}
	r.Vars++
	return r.Vars - 1, true
}

// Last is the instruction that ends a block.
func (b *Block) Last() ir.Value { return b.Code[len(b.Code)-1] }

// Dominates reports whether each way from the beginning of the region to c leads through b.
func (b *Block) Dominates(c *Block) bool {
	for c != nil && c.ID > b.ID {
		c = c.idom
	}
	return c == b
}

// Depth is how many loops a block is in.
func (b *Block) Depth() int {
	if b.Loop == nil {
		return 0
	}
	return b.Loop.Depth
}

// Within reports whether b is in l, or in a loop inside of it.
func (b *Block) Within(l *Loop) bool {
	for in := b.Loop; in != nil; in = in.Outer {
		if in == l {
			return true
		}
	}
	return false
}

// Replace has uses of each value be uses of another one, for those that have one: by[v],
// unless it is 0. Chains of replacements are followed.
func (r *Region) Replace(by []ir.Value) {
	if !slices.ContainsFunc(by, func(v ir.Value) bool { return v != 0 }) {
		return
	}
	find := func(v ir.Value) ir.Value {
		for int(v) < len(by) && by[v] != 0 {
			v = by[v]
		}
		return v
	}
	for _, b := range r.Blocks {
		for _, p := range b.Phis {
			for k, a := range p.Args {
				p.Args[k] = find(a)
			}
		}
		for _, v := range b.Code {
			i := &r.Code[v]
			for k, a := range i.Args {
				i.Args[k] = find(a)
			}
		}
		for n, v := range b.In {
			b.In[n] = find(v)
		}
	}
}

// Variable is the number of the variable that an instruction reads or writes, or -1.
func Variable(i *ir.Instr) int {
	switch i.Op {
	case ir.GetX, ir.SetX:
		return int(i.Imm)
	case ir.GetF, ir.SetF:
		return firstF + int(i.Imm)
	}
	return -1
}
