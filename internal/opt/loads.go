package opt

import (
	"slices"

	"github.com/hospes-vm/hospes/internal/ir"
)

// A load gives what the thread has stored or loaded there before, if nothing in between may have changed
// that: no store to what may be the same place, no fence, no atomic access, no way that joins. RVWMO
// lets a load be satisfied by the thread's own store, and two loads of a place by one, but for another load of that place in between, which
// might have seen a newer value (same-address load-load ordering, RVWMO rule 2): only who is alone cannot tell. A loop loads anew
// each time it goes round, so it sees what other threads do.

// loads replaces loads whose value is known.
func loads(r *Region) {
	by := r.mem.values.room(2 * len(r.Code))[:len(r.Code)]
	clear(by)
	ends := make([]memory, len(r.Blocks))
	for _, b := range r.Blocks {
		var before memory
		if len(b.Preds) == 1 && !b.Reads {
			before = ends[b.Preds[0].ID]
		}
		m := append(memory(r.mem.contents.room(len(before)+len(b.Code))), before...)
		kept := r.mem.lasts.room(len(b.Code) + 4)
		for _, v := range b.Code {
			x, made := m.step(r, v)
			if made != 0 {
				kept = append(kept, made)
			}
			if x != 0 {
				by = append(by, make([]ir.Value, len(r.Code)-len(by))...)
				by[v] = x
				continue
			}
			kept = append(kept, v)
		}
		b.Code = kept
		ends[b.ID] = m
	}
	r.Replace(by)
}

// cell is guest memory: an address, as a root and an offset, and a number of bytes.
type cell struct {
	root   ir.Value // 0 if the address is constant
	offset int64
	size   uint8
}

// overlaps reports whether two places may have bytes in common.
func (p cell) overlaps(q cell) bool {
	return p.root != q.root || p.offset < q.offset+int64(q.size) && q.offset < p.offset+int64(p.size)
}

// memory is what is known to be in memory, each place once.
type memory []content

// content is a value that has been stored, or loaded by an operation.
type content struct {
	cell
	value ir.Value
	load  ir.Op // 0 if it has been stored
	aged  bool  // another load may have read the place since
}

// find is the index of what is known of a place, or -1.
func (m memory) find(p cell) int {
	return slices.IndexFunc(m, func(c content) bool { return c.cell == p })
}

// step goes on behind instruction v of a block. It returns the value that it is, if it is a load that is not
// needed, and what has to be computed for that, if need be.
func (m *memory) step(r *Region, v ir.Value) (known, made ir.Value) {
	i := &r.Code[v]
	switch {
	case i.Op.Has(ir.Atomic) || i.Op == ir.Fence:
		*m = (*m)[:0]
	case i.Op.Has(ir.Writes):
		p := r.cell(v)
		*m = slices.DeleteFunc(*m, func(c content) bool { return p.overlaps(c.cell) })
		*m = append(*m, content{cell: p, value: i.Args[1]})
	case i.Op.Has(ir.Reads):
		p := r.cell(v)
		n := m.find(p)
		if n >= 0 && m.serves(r, n, i.Op) {
			c := &(*m)[n]
			if c.load == 0 {
				return r.loaded(i.Op, c.value)
			}
			return c.value, 0
		}
		m.age(p)
		if n < 0 {
			*m = append(*m, content{})
			n = len(*m) - 1
		}
		(*m)[n] = content{cell: p, value: v, load: i.Op}
	}
	return 0, 0
}

// serves reports whether entry n can take the place of a load of the same place.
func (m memory) serves(r *Region, n int, load ir.Op) bool {
	c := &m[n]
	if c.load != 0 && c.load != load || c.aged && !r.Alone {
		return false
	}
	r.Relied = r.Relied || c.aged
	return true
}

// age is for a load of a place: what is known of others that may have bytes in common with it is as old as it was.
func (m memory) age(p cell) {
	for k := range m {
		if c := &m[k]; c.cell != p && p.overlaps(c.cell) {
			c.aged = true
		}
	}
}

// cell is what instruction v accesses.
func (r *Region) cell(v ir.Value) cell {
	i := &r.Code[v]
	root, offset := r.rootOf(i.Args[0])
	if k, ok := r.ConstOf(root); ok {
		root, offset = 0, offset+int64(k)
	}
	return cell{root, offset, i.Op.Info().Size}
}

// loaded is what a load gives of a value stored in the same place.
func (r *Region) loaded(load ir.Op, v ir.Value) (known, made ir.Value) {
	op, ok := extensions[load]
	if !ok {
		return v, 0
	}
	made = r.New(ir.Instr{Op: op, Args: [3]ir.Value{v}})
	return made, made
}

// extensions are what loads do with the bytes that they read.
var extensions = map[ir.Op]ir.Op{
	ir.LoadS8: ir.Sext8, ir.LoadU8: ir.Zext8, ir.LoadS16: ir.Sext16, ir.LoadU16: ir.Zext16, ir.LoadS32: ir.Sext32, ir.LoadU32: ir.Zext32,
}
