package unwind

import (
	"debug/elf"
	"encoding/binary"
	"sort"
)

// GoTable is the table of functions that Go's linker puts into each program (.gopclntab;
// runtime/symtab.go), stripped or not. It says how large the frame is at each instruction.
type GoTable struct {
	order   binary.ByteOrder
	text    uint64 // what addresses in the table count from
	quantum uint64 // of addresses
	funcs   []byte // pairs of entry and offset of what is known of the function, 4 bytes each
	n       int
	infos   []byte // what these offsets are in
	pctab   []byte
}

// Of the table's header since Go 1.20, and of _func.
const (
	goMagic      = 0xfffffff1
	goHeaderSize = 72
	goFuncPCSP   = 16 // offset of pcsp
)

// ReadGoTable reads that of a file; nil if it has none, or one of another format.
func ReadGoTable(f *elf.File) *GoTable {
	s, text := f.Section(".gopclntab"), f.Section(".text")
	if s == nil || text == nil || f.Class != elf.ELFCLASS64 {
		return nil
	}
	b, err := s.Data()
	if err != nil || len(b) < goHeaderSize || f.ByteOrder.Uint32(b) != goMagic || b[7] != 8 {
		return nil
	}
	word := func(i int) uint64 { return f.ByteOrder.Uint64(b[8+8*i:]) }
	n, pctab, funcs := word(0), word(6), word(7)
	size := uint64(len(b))
	if pctab > size || funcs > size || n > (size-funcs)/8 {
		return nil
	}
	return &GoTable{
		order: f.ByteOrder, text: text.Addr, quantum: uint64(b[6]),
		funcs: b[funcs:][:8*n+4], n: int(n), infos: b[funcs:], pctab: b[pctab:],
	}
}

func (t *GoTable) entry(i int) uint64 { return t.text + uint64(t.order.Uint32(t.funcs[8*i:])) }

// find is the number of the function that has addr.
func (t *GoTable) find(addr uint64) (i int, ok bool) {
	i = sort.Search(t.n, func(i int) bool { return t.entry(i) > addr }) - 1
	return i, i >= 0 && addr < t.entry(i+1) // behind the last one is the end of all
}

// Function is a function's code.
func (t *GoTable) Function(addr uint64) (start, end uint64, ok bool) {
	i, ok := t.find(addr)
	if !ok {
		return 0, 0, false
	}
	return t.entry(i), t.entry(i + 1), true
}

// frameSize is how much of the stack the function has taken at addr, without what its caller has.
func (t *GoTable) frameSize(i int, addr uint64) (size int64, ok bool) {
	info := uint64(t.order.Uint32(t.funcs[8*i+4:]))
	if info+goFuncPCSP+4 > uint64(len(t.infos)) {
		return 0, false
	}
	pcsp := uint64(t.order.Uint32(t.infos[info+goFuncPCSP:]))
	if pcsp == 0 || pcsp >= uint64(len(t.pctab)) {
		return 0, false
	}
	r := &reader{b: t.pctab[pcsp:], order: t.order}
	pc, value := t.entry(i), int64(-1)
	for first := true; !r.bad; first = false {
		delta := r.uleb()
		if delta == 0 && !first {
			return 0, false
		}
		value += int64(delta>>1) ^ -int64(delta&1)
		if pc += r.uleb() * t.quantum; addr < pc {
			return value, !r.bad
		}
	}
	return 0, false
}

// Step returns the caller: the return address lies at the end of the frame, or is in its register
// still.
func (t *GoTable) Step(m *Machine, f *Frame, addr uint64, read Memory) (up Frame, ok bool) {
	i, ok := t.find(addr)
	if !ok {
		return up, false
	}
	size, ok := t.frameSize(i, addr)
	sp, known := f.reg(m.SP)
	if !ok || !known || size < 0 || size > maxFrame {
		return up, false
	}
	up = Frame{R: append([]uint64(nil), f.R...), Known: 1 << m.SP}
	up.R[m.SP] = sp + uint64(size)
	if size == 0 {
		up.PC, ok = f.reg(m.RA)
	} else {
		up.PC, ok = read(sp)
	}
	return up, ok && up.PC != 0
}
