package libc

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/hospes-vm/hospes/internal/guest"
)

// Memory reads guest memory: code, and constants that code refers to. It reports false if
// not all of b can be read.
type Memory func(addr uint64, b []byte) bool

// maxInsts is how many instructions a function may have, together with those that it calls.
const maxInsts = 1024

// prefixLength is how many instructions are hashed for a first look, longPrefix how many for a
// second one.
const prefixLength, longPrefix = 4, 12

// walker goes through all code that a function can reach, functions that it calls included.
//
// hash tells code from other code: it is of all instructions in the order in which they are
// reached. What code refers to counts by what is there, not by where it is, so the same
// function is known wherever a linker has put it, and however far it is from what it calls.
// Constants in memory count by their values.
//
// A function may have a stack protector: what it calls when the stack is broken, and the
// number that it compares, are not its own. Code that calls what cannot be followed is
// therefore taken without that, and without constants, if there is enough of it to be sure.
type walker struct {
	read    Memory
	gp      uint64
	hash    uint64
	consts  uint64         // a hash of constants
	nested  bool           // this is only to see whether a call can be followed
	opaque  bool           // there is a call that cannot be followed
	seen    map[uint64]int // addresses of instructions, by when they were reached
	pending []uint64       // addresses that are yet to be followed
	spans   []guest.Span   // the code

	prefixes []uint64               // hashes of the first instructions: of some, and of some more if there are so many
	known    func(hash uint64) bool // if not nil, only code is gone on with that has such prefixes

	page   [pageSize]byte // some memory that has been read
	pageAt uint64

	// In straight code, for a jump by a table: the table, and the bits of its index.
	table uint64
	mask  int
}

func newWalker(read Memory, gp uint64) *walker {
	return &walker{pageAt: noPage, read: read, gp: gp, hash: seed, consts: seed, seen: map[uint64]int{}}
}

// newCallee returns a walker that finds out whether a call can be followed.
func newCallee(w *walker) *walker {
	c := newWalker(w.read, w.gp)
	c.nested = true
	return c
}

// walk reports whether everything that the code at pc does is known then. It is not if code
// makes system calls, jumps to computed addresses, or refers to memory in ways other than
// those that compilers use for constants.
func (w *walker) walk(pc uint64) bool {
	w.pending = append(w.pending, pc)
	for len(w.pending) > 0 {
		at := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if !w.straight(at) {
			return false
		}
	}
	if w.opaque {
		return len(w.seen) >= minOpaque
	}
	w.add(w.consts)
	return true
}

// minOpaque is how many instructions of a function suffice if it calls what cannot be followed.
const minOpaque = 150

// straight follows code from at to where it ends, or has been before.
func (w *walker) straight(at uint64) bool {
	start := at
	w.table, w.mask = 0, 0
	for {
		if n, known := w.seen[at]; known {
			w.add(uint64(n))
			break
		}
		if len(w.seen) == maxInsts {
			return false
		}
		w.seen[at] = len(w.seen)
		var code [8]byte
		if !w.fetch(at, code[:4]) {
			return false
		}
		i := decode(binary.LittleEndian.Uint32(code[:]))
		if i.kind == pcRelative && w.fetch(at+4, code[4:]) {
			i = i.with(decode(binary.LittleEndian.Uint32(code[4:])))
		}
		if !w.inst(at, i) || !w.promising() {
			return false
		}
		ends := i.kind == jump || i.kind == ret || i.kind == indirect || i.kind == call && !w.call(at+uint64(i.offset))
		if at += uint64(i.size); ends {
			break
		}
	}
	if w.table != 0 {
		return false // an address that is used for something else
	}
	if at > start {
		w.spans = append(w.spans, guest.Span{Start: start, End: at})
	}
	return true
}

// inst adds the instruction at an address to the hash, and what it leads to to the list.
func (w *walker) inst(at uint64, i inst) bool {
	w.add(i.hashed())
	if i.mask != 0 {
		w.mask = i.mask
	}
	switch i.kind {
	case plain, ret, call:
		return true
	case branch, jump:
		w.pending = append(w.pending, at+uint64(i.offset))
		return true
	case loadPC:
		return w.constant(at+uint64(i.offset), i.access)
	case loadGP:
		return w.constant(w.gp+uint64(i.offset), i.access)
	case address:
		w.table = at + uint64(i.offset)
		return true
	case indirect:
		return w.jumps()
	}
	return false
}

// jumps adds the places that a jump by a table leads to: C's switch on some bits of a
// number. The entries are 32 bits each, relative to the table.
func (w *walker) jumps() bool {
	if w.table == 0 || w.mask == 0 || w.mask >= maxTable {
		return false
	}
	for n := 0; n <= w.mask; n++ {
		var b [4]byte
		if !w.fetch(w.table+uint64(n)*4, b[:]) {
			return false
		}
		w.pending = append(w.pending, w.table+uint64(int64(int32(binary.LittleEndian.Uint32(b[:])))))
	}
	w.table = 0
	return true
}

// maxTable is the greatest number of entries of a table.
const maxTable = 16

// promising reports whether it is worth going on.
func (w *walker) promising() bool {
	if n := len(w.seen); n != prefixLength && n != longPrefix {
		return true
	}
	w.prefixes = append(w.prefixes, w.hash)
	return w.known == nil || w.known(w.hash)
}

// pageSize is how much memory is read at a time: a power of two.
const pageSize = 256

// fetch reads memory.
func (w *walker) fetch(addr uint64, b []byte) bool {
	at := addr &^ (pageSize - 1)
	if addr+uint64(len(b)) > at+pageSize {
		return w.read(addr, b)
	}
	if w.pageAt != at {
		if w.pageAt = at; !w.read(at, w.page[:]) {
			w.pageAt = noPage
			return w.read(addr, b)
		}
	}
	copy(b, w.page[addr-at:])
	return true
}

// noPage is no address of a page.
const noPage = 1

// constant adds size bytes of memory to the hash. The address of libgcc's table of lengths, which is in
// a global offset table, counts by what is there.
func (w *walker) constant(addr uint64, size int) bool {
	var b [8]byte
	if !w.fetch(addr, b[:size]) {
		return false
	}
	v := binary.LittleEndian.Uint64(b[:])
	if size == 8 && w.lengths(v) {
		v = lengthsHere
	}
	w.consts = mix(w.consts, v)
	return true
}

// lengthsHere is in place of an address where lengths holds.
const lengthsHere = 0x62697420_6c656e73

// lengths reports whether there is a table of how many bits each byte has, up to the highest that is set.
func (w *walker) lengths(addr uint64) bool {
	var b [256]byte
	if !w.read(addr, b[:]) {
		return false
	}
	for n, k := range b {
		if int(k) != bits.Len(uint(n)) {
			return false
		}
	}
	return true
}

// call adds a function that is called. It reports false if that cannot be followed: such a
// one is taken not to come back.
func (w *walker) call(pc uint64) bool {
	if w.nested || newCallee(w).walk(pc) {
		w.pending = append(w.pending, pc)
		return true
	}
	w.opaque = true
	return false
}

// seed is the hash of nothing.
const seed = 0xcbf29ce484222325

func (w *walker) add(v uint64) { w.hash = mix(w.hash, v) }

// mix adds v to a hash. Different values make different hashes of the same one.
func mix(hash, v uint64) uint64 {
	hash = (hash ^ v) * 0x9e3779b97f4a7c15
	return hash ^ hash>>32
}

// merged is spans in the order of their addresses, with those that touch made one. The part
// of one that begins at pc comes first.
func merged(spans []guest.Span, pc uint64) []guest.Span {
	slices.SortFunc(spans, func(a, b guest.Span) int { return cmp.Compare(a.Start, b.Start) })
	var list []guest.Span
	for _, s := range spans {
		if n := len(list); n > 0 && s.Start <= list[n-1].End && s.Start != pc {
			list[n-1].End = max(list[n-1].End, s.End)
			continue
		}
		list = append(list, s)
	}
	first := slices.IndexFunc(list, func(s guest.Span) bool { return s.Start == pc })
	list[0], list[first] = list[first], list[0]
	return list
}
