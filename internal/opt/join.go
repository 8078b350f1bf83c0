package opt

import (
	"math"
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// Compilers take it that loads of addresses that are no multiples of their size are slow, or trap, as they may on RISC-V. So
// programs that read a number from anywhere load its bytes, shift them to their places, and unite them. The host loads the
// number at once.
//
// That load is where the first of the bytes was loaded. Nothing in between stores, orders accesses, leaves, or loads
// what may be the same bytes, but for who is alone, as in loads. If it faults, which it does if any of the loads would have, the
// interpreter executes the first of them, and goes on: the
// registers are those of that moment. Registers that hold bytes hold parts of the number now, which are computed where somebody
// looks.

// join has numbers of which the bytes are loaded loaded at once.
func join(r *Region) {
	j := joiner{r: r}
	for _, b := range r.Blocks {
		if !b.Reads {
			j.block(b)
		}
	}
	r.Replace(j.by)
}

// joiner is the state of join.
type joiner struct {
	r    *Region
	uses []int32    // by value: by what computes; nil as long as there are no loads to join
	by   []ir.Value // by value: what is in its place, or 0
	pool *pool

	at       map[ir.Value]int        // by load of the block that may be joined: its index there
	barriers []int                   // how many instructions store, order accesses or may leave, before each
	before   map[ir.Value][]ir.Value // what is to come before an instruction
	seen     []step                  // what has been looked at, to find of which bytes a value is made
}

// maxJoined is of how many operations a number may be made.
const maxJoined = 40

// piece is a byte of what a load gives. If there is none, it is 0, or what signOf says.
type piece struct {
	load ir.Value
	n    int8
}

// signOf is a copy of the highest bit of byte 3.
var signOf = piece{n: sign}

// pieces are the bytes of a value, from the lowest on.
type pieces [8]piece

// wide is what several loads make: the bytes of a cell, in the host's order or in reverse.
type wide struct {
	loads []ir.Value
	cell
	signed  bool // a word that is extended
	reverse bool
}

func (j *joiner) block(b *Block) {
	j.findLoads(b)
	if len(j.at) < 2 {
		return
	}
	if j.uses == nil {
		j.uses = j.r.countNeeds(j.r.mem.numbers.take(len(j.r.Code)), false)
		j.by, j.pool = make([]ir.Value, len(j.r.Code)), newPool(j.r)
	}
	j.before = map[ir.Value][]ir.Value{}
	for _, v := range slices.Backward(b.Code) { // what is made of all bytes before what is made of some
		if j.r.Code[v].Op != ir.Or {
			continue
		}
		j.seen = j.seen[:0]
		if p, ok := j.pieces(v); ok {
			if n, ok := j.wide(p); ok && j.free(b, &n) {
				j.load(v, &n)
			}
		}
	}
	if len(j.before) == 0 {
		return
	}
	code := j.r.mem.lasts.room(len(b.Code) + 4*len(j.before))
	for _, v := range b.Code {
		code = append(append(code, j.before[v]...), v)
	}
	b.Code = code
}

// findLoads finds the loads of a block of which several may make a number.
func (j *joiner) findLoads(b *Block) {
	if j.at == nil {
		j.at = map[ir.Value]int{}
	}
	clear(j.at)
	j.barriers = j.barriers[:0]
	n := 0
	for k, v := range b.Code {
		j.barriers = append(j.barriers, n)
		switch op := j.r.Code[v].Op; {
		case op == ir.LoadU8 || op == ir.LoadU16 || op == ir.LoadU32:
			j.at[v] = k
		case op.Has(ir.Writes) || op.Has(ir.Atomic) || op == ir.Fence || op == ir.ExitIf || op == ir.InterpIf:
			n++
		}
	}
}

// step is a value that others are made of, and its bytes.
type step struct {
	v ir.Value
	p pieces
}

// pieces are the bytes of v, if all of them are known.
func (j *joiner) pieces(v ir.Value) (p pieces, ok bool) {
	if len(j.seen) == maxJoined {
		return p, false
	}
	if p, ok = j.made(v); ok {
		j.seen = append(j.seen, step{v, p})
	}
	return p, ok
}

func (j *joiner) made(v ir.Value) (p pieces, ok bool) {
	if _, ok := j.at[v]; ok {
		for n := range j.r.Code[v].Op.Info().Size {
			p[n] = piece{v, int8(n)}
		}
		return p, true
	}
	i := &j.r.Code[v]
	switch i.Op {
	case ir.Or:
		return j.union(i)
	case ir.Sll, ir.Sll32:
		if k, isConst := j.r.ConstOf(i.Args[1]); isConst && k%8 == 0 && k < widthOf(i.Op) {
			return j.shifted(i, int(k/8))
		}
	case ir.Zext8, ir.Zext16, ir.Zext32, ir.Sext32:
		if p, ok = j.pieces(i.Args[0]); !ok {
			return p, false
		}
		clear(p[extendsFrom(i.Op)/8:])
		return p.signed(i.Op == ir.Sext32), true
	}
	return p, false
}

// signed is p if that is a word that is zero-extended, or its sign extension.
func (p pieces) signed(is bool) pieces {
	if is && p[3] != (piece{}) {
		for n := 4; n < 8; n++ {
			p[n] = signOf
		}
	}
	return p
}

// union is what the two arguments of i make, if they have no byte in common.
func (j *joiner) union(i *ir.Instr) (p pieces, ok bool) {
	p, ok = j.pieces(i.Args[0])
	if !ok {
		return p, false
	}
	q, ok := j.pieces(i.Args[1])
	for n, b := range q {
		switch {
		case b == piece{}:
		case p[n] != piece{}:
			return p, false
		default:
			p[n] = b
		}
	}
	return p, ok
}

// shifted is what i, a shift to the left, makes of the bytes of its argument.
func (j *joiner) shifted(i *ir.Instr, by int) (p pieces, ok bool) {
	q, ok := j.pieces(i.Args[0])
	size := int(widthOf(i.Op)) / 8
	if !ok || slices.Contains(q[:size-by], signOf) {
		return p, false
	}
	copy(p[by:size], q[:])
	return p.signed(size == 4), true
}

// wide is the number that p is, if it is one that is loaded byte by byte.
func (j *joiner) wide(p pieces) (n wide, ok bool) {
	size := 0
	for size < 8 && p[size].load != 0 {
		size++
	}
	n.signed = size == 4 && p[4] == signOf
	for _, b := range p[size:] {
		if b != (piece{}) && !n.signed {
			return n, false
		}
	}
	if size != 2 && size != 4 && size != 8 {
		return n, false
	}
	first, last := j.place(p[0]), j.place(p[size-1])
	step := int64(1)
	n.cell = cell{first.root, first.offset, uint8(size)}
	if last.offset < first.offset {
		step, n.offset, n.reverse = -1, last.offset, true
	}
	for k, b := range p[:size] {
		if at := j.place(b); at.root != first.root || at.offset != first.offset+step*int64(k) {
			return n, false
		}
		if !slices.Contains(n.loads, b.load) {
			n.loads = append(n.loads, b.load)
		}
	}
	return n, len(n.loads) > 1
}

// place is where a byte is loaded from.
func (j *joiner) place(b piece) cell {
	c := j.r.cell(b.load)
	c.offset += int64(b.n)
	return c
}

// free reports whether nothing else needs the bytes, and all of them may be loaded where the first is.
func (j *joiner) free(b *Block, n *wide) bool {
	slices.SortFunc(n.loads, func(a, b ir.Value) int { return j.at[a] - j.at[b] })
	first, last := n.loads[0], n.loads[len(n.loads)-1]
	if j.barriers[j.at[first]] != j.barriers[j.at[last]] || slices.ContainsFunc(n.loads, func(v ir.Value) bool { return j.uses[v] != 1 }) {
		return false
	}
	mixed := j.mixed(b, n)
	j.r.Relied = j.r.Relied || mixed && j.r.Alone
	return !mixed || j.r.Alone
}

// mixed reports whether others between the loads of n may load bytes of it.
func (j *joiner) mixed(b *Block, n *wide) bool {
	first, last := n.loads[0], n.loads[len(n.loads)-1]
	return slices.ContainsFunc(b.Code[j.at[first]:j.at[last]], func(v ir.Value) bool {
		return j.r.Code[v].Op.Has(ir.Reads) && !slices.Contains(n.loads, v) && n.overlaps(j.r.cell(v))
	})
}

// load makes n, which is v, where the first of its loads stands. These become parts of it, and so does what leads from them to v.
func (j *joiner) load(v ir.Value, n *wide) {
	r, first := j.r, n.loads[0]
	addr := n.root
	switch {
	case addr == 0:
		addr = j.pool.get(uint64(n.offset))
	case n.offset != 0:
		addr = j.emit(first, ir.Add, addr, uint64(n.offset))
	}
	op := map[uint8]ir.Op{2: ir.LoadU16, 4: ir.LoadU32, 8: ir.Load64}[n.size]
	if n.signed {
		op = ir.LoadS32
	}
	whole := j.insert(first, ir.Instr{Op: op, Args: [3]ir.Value{addr}})
	value := whole
	if n.reverse {
		value = j.reversed(n, whole)
	}
	for _, s := range j.seen {
		switch _, loaded := j.at[s.v]; {
		case s.v == v:
			j.by[v] = value
		case loaded:
			delete(j.at, s.v)
			c, part := r.cell(s.v), whole
			if k := uint64(c.offset-n.offset) * 8; k > 0 {
				part = j.emit(s.v, ir.Srl, whole, k)
			}
			r.Code[s.v] = ir.Instr{Op: zeroExtensions[c.size], Args: [3]ir.Value{part}}
		case s.p[4] == signOf && !n.signed:
			r.Code[s.v] = ir.Instr{Op: ir.Sext32, Args: [3]ir.Value{j.emit(s.v, ir.And, value, s.p.mask()&math.MaxUint32)}}
		default:
			r.Code[s.v] = ir.Instr{Op: ir.And, Args: [3]ir.Value{value, j.pool.get(s.p.mask())}}
		}
	}
}

// mask has the bits of those bytes that may be other than 0.
func (p pieces) mask() (m uint64) {
	for n, b := range p {
		if b != (piece{}) {
			m |= 0xff << (8 * n)
		}
	}
	return m
}

// reversed is a number whose bytes are in reverse.
func (j *joiner) reversed(n *wide, whole ir.Value) ir.Value {
	rev := j.insert(n.loads[0], ir.Instr{Op: ir.Rev8, Args: [3]ir.Value{whole}})
	switch k := 64 - uint64(n.size)*8; {
	case k == 0:
		return rev
	case n.signed:
		return j.emit(n.loads[0], ir.Sra, rev, k)
	default:
		return j.emit(n.loads[0], ir.Srl, rev, k)
	}
}

// emit makes x op k before an instruction.
func (j *joiner) emit(before ir.Value, op ir.Op, x ir.Value, k uint64) ir.Value {
	return j.insert(before, ir.Instr{Op: op, Args: [3]ir.Value{x, j.pool.get(k)}})
}

func (j *joiner) insert(before ir.Value, i ir.Instr) ir.Value {
	v := j.r.New(i)
	j.before[before] = append(j.before[before], v)
	return v
}

// zeroExtensions are those of so many bytes.
var zeroExtensions = map[uint8]ir.Op{1: ir.Zext8, 2: ir.Zext16, 4: ir.Zext32}
