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
// what may be the same bytes, but for who is alone, as in loads, and for pairs of numbers. If it faults, which it does if any of
// the loads would have, the interpreter executes the first of them, and goes on: the registers are those of that moment. Registers that hold bytes hold parts of the number now, which are computed where somebody
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
	joined   []joined                // in the block
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
	v     ir.Value
	loads []ir.Value // in the order in which they stand
	cell
	signed  bool // a word that is extended
	reverse bool

	seen  []step     // v and what it is made of
	mixed []ir.Value // loads of others between its own that may load the same bytes
	done  bool
}

// joined is a load that has been made, and before which instruction of the block.
type joined struct {
	load ir.Value
	cell
	at int
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
	j.before, j.joined = map[ir.Value][]ir.Value{}, j.joined[:0]
	refused := map[ir.Value]bool{}
	for again := true; again; { // where a number may not be joined, a part of it may
		again = false
		list := j.numbers(b, refused)
		for k := range list {
			if n := &list[k]; !j.join(b, n, list) {
				refused[n.v], again = true, true
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

// numbers are those whose bytes are loaded in a block, and may be where the first is as far as nothing is said
// of others that load; without those that are refused, and parts of others.
func (j *joiner) numbers(b *Block, refused map[ir.Value]bool) (list []wide) {
	part := map[ir.Value]bool{}
	for _, v := range slices.Backward(b.Code) { // what is made of all bytes before what is made of some
		if j.r.Code[v].Op != ir.Or || part[v] || refused[v] {
			continue
		}
		j.seen = j.seen[:0]
		p, ok := j.pieces(v)
		if !ok {
			continue
		}
		if n, ok := j.wide(p); ok && j.free(&n) {
			n.v, n.seen = v, slices.Clone(j.seen)
			n.mixed = j.between(b, &n, j.at[n.loads[0]], j.at[n.loads[len(n.loads)-1]])
			list = append(list, n)
			for _, s := range n.seen {
				part[s.v] = true
			}
		}
	}
	return list
}

// join has a number loaded at once, and the one whose loads are mixed with its own, if that is needed. It reports false if it may
// not be.
func (j *joiner) join(b *Block, n *wide, all []wide) bool {
	switch {
	case n.done:
		return true
	case !j.whole(n):
		return false
	case len(n.mixed) == 0 || j.r.Alone:
		j.r.Relied = j.r.Relied || len(n.mixed) > 0
		j.load(n, n.loads[0])
		return true
	}
	for k := range all {
		if m := &all[k]; m != n && !m.done && j.whole(m) && containsAll(m.loads, n.mixed) && containsAll(n.loads, m.mixed) {
			return j.pair(b, n, m)
		}
	}
	return false
}

// whole reports whether no load of n has become part of another number.
func (j *joiner) whole(n *wide) bool {
	return !slices.ContainsFunc(n.loads, func(v ir.Value) bool { _, ok := j.at[v]; return !ok })
}

func containsAll(list, part []ir.Value) bool {
	return !slices.ContainsFunc(part, func(v ir.Value) bool { return !slices.Contains(list, v) })
}

// pair has two numbers loaded whose bytes are loaded alternately, from what may be the same place. A later load of a byte
// must not give what was there before what an earlier one has given. So the first number is loaded again behind the second one: if
// it is the same, its bytes may have been loaded before or after those of the second, each as it should be. Else the
// interpreter executes the loads.
func (j *joiner) pair(b *Block, n, m *wide) bool {
	if j.at[m.loads[0]] < j.at[n.loads[0]] {
		n, m = m, n
	}
	first := n.loads[0]
	start, end := j.at[first], j.at[m.loads[len(m.loads)-1]]
	pc, ok := j.r.instAt(b, start)
	if !ok || j.barriers[start] != j.barriers[end] || slices.Contains(b.Code[start:], m.root) || !containsAll(n.loads, j.between(b, m, start, end)) {
		return false
	}
	one := j.load(n, first)
	j.load(m, first)
	again := j.insert(first, j.r.Code[one])
	changed := j.insert(first, ir.Instr{Op: ir.Ne, Args: [3]ir.Value{one, again}})
	j.insert(first, ir.Instr{Op: ir.InterpIf, Imm: pc, Args: [3]ir.Value{changed}})
	return true
}

// instAt is the address of the guest instruction that instruction k of a block is of, if that begins in the block.
func (r *Region) instAt(b *Block, k int) (pc uint64, ok bool) {
	for _, v := range slices.Backward(b.Code[:k]) {
		if i := &r.Code[v]; i.Op == ir.Inst {
			return i.Imm, true
		}
	}
	return 0, false
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

// free reports whether nothing else needs the bytes, and nothing but loads is between their loads that matters.
func (j *joiner) free(n *wide) bool {
	slices.SortFunc(n.loads, func(a, b ir.Value) int { return j.at[a] - j.at[b] })
	first, last := n.loads[0], n.loads[len(n.loads)-1]
	return j.barriers[j.at[first]] == j.barriers[j.at[last]] && !slices.ContainsFunc(n.loads, func(v ir.Value) bool { return j.uses[v] != 1 })
}

// between are the other loads from start to end that may load bytes of n.
func (j *joiner) between(b *Block, n *wide, start, end int) (list []ir.Value) {
	for _, v := range b.Code[start:end] {
		if j.r.Code[v].Op.Has(ir.Reads) && !slices.Contains(n.loads, v) && n.overlaps(j.r.cell(v)) {
			list = append(list, v)
		}
	}
	for _, w := range j.joined {
		if start <= w.at && w.at <= end && n.overlaps(w.cell) {
			list = append(list, w.load)
		}
	}
	return list
}

// load makes n before first, a load. Its loads become parts of it, and so does what leads from them to n. It returns what is
// loaded.
func (j *joiner) load(n *wide, first ir.Value) ir.Value {
	r, v := j.r, n.v
	n.done = true
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
	j.joined = append(j.joined, joined{whole, n.cell, j.at[first]})
	value := whole
	if n.reverse {
		value = j.reversed(n, whole, first)
	}
	for _, s := range n.seen {
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
	return whole
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

// reversed is a number whose bytes are in reverse, made before first.
func (j *joiner) reversed(n *wide, whole, first ir.Value) ir.Value {
	rev := j.insert(first, ir.Instr{Op: ir.Rev8, Args: [3]ir.Value{whole}})
	switch k := 64 - uint64(n.size)*8; {
	case k == 0:
		return rev
	case n.signed:
		return j.emit(first, ir.Sra, rev, k)
	default:
		return j.emit(first, ir.Srl, rev, k)
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
