// Package symbols finds the function that a place in an ELF file belongs to.
package symbols

import (
	"cmp"
	"debug/elf"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"
)

// Table has the functions of a file.
type Table struct {
	segments []elf.ProgHeader // what is loaded to be executed
	funcs    []function       // by address
}

// function is code from start up to end. An end of start means that the size is not
// known: it ends where the next one begins.
type function struct {
	start, end uint64
	name       string
}

// Read reads the symbols of an ELF file: those of its symbol table, or of the dynamic one
// if it is stripped. There may be none.
func Read(r io.ReaderAt) (*Table, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			t.segments = append(t.segments, p.ProgHeader)
		}
	}
	list, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) || err == nil && len(list) == 0 {
		list, err = f.DynamicSymbols()
	}
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	for _, s := range list {
		if isFunction(&s) {
			t.funcs = append(t.funcs, function{s.Value, s.Value + s.Size, s.Name})
		}
	}
	// Of several names for one place the one with a size counts, then the shortest.
	slices.SortFunc(t.funcs, func(a, b function) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	t.funcs = slices.CompactFunc(t.funcs, func(a, b function) bool { return a.start == b.start })
	return t, nil
}

// isFunction reports whether s names code: a function, or what assembly has left
// without a type. Marks of the linker and the assembler ("$x", ".L1") do not count.
func isFunction(s *elf.Symbol) bool {
	if s.Section == elf.SHN_UNDEF || s.Section >= elf.SHN_LORESERVE || s.Name == "" {
		return false
	}
	switch elf.ST_TYPE(s.Info) {
	case elf.STT_FUNC, elf.STT_GNU_IFUNC:
		return true
	case elf.STT_NOTYPE:
		return !strings.HasPrefix(s.Name, "$") && !strings.HasPrefix(s.Name, ".")
	}
	return false
}

// At returns the function that the byte at an offset in the file is code of, and how
// far into it that is.
func (t *Table) At(offset uint64) (name string, distance uint64, ok bool) {
	for i := range t.segments {
		if s := &t.segments[i]; offset >= s.Off && offset-s.Off < s.Filesz {
			return t.find(offset - s.Off + s.Vaddr)
		}
	}
	return "", 0, false
}

// Function is the function that has an address of the file's: where it begins, and ends, as far as
// that is known, and its name.
func (t *Table) Function(addr uint64) (start, end uint64, name string, ok bool) {
	name, distance, ok := t.find(addr)
	if !ok {
		return 0, 0, "", false
	}
	start = addr - distance
	i := sort.Search(len(t.funcs), func(i int) bool { return t.funcs[i].start > start })
	if end = t.funcs[i-1].end; end == start {
		end = addr + 1
		if i < len(t.funcs) {
			end = t.funcs[i].start
		}
	}
	return start, end, name, true
}

func (t *Table) find(addr uint64) (name string, distance uint64, ok bool) {
	i := sort.Search(len(t.funcs), func(i int) bool { return t.funcs[i].start > addr }) - 1
	if i < 0 {
		return "", 0, false
	}
	f := &t.funcs[i]
	if f.end != f.start && addr >= f.end {
		return "", 0, false
	}
	return f.name, addr - f.start, true
}
