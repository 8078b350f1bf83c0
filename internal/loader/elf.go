package loader

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	ehdrSize = 64 // sizeof(Elf64_Ehdr)
	phdrSize = 56 // sizeof(Elf64_Phdr)

	pathMax = 4096 // PATH_MAX
)

// header is what the loader needs of an Elf64_Ehdr.
type header struct {
	class   elf.Class
	data    elf.Data
	typ     elf.Type
	machine elf.Machine
	flags   uint32
	entry   uint64
	phoff   uint64
	phnum   int
	phent   int
}

// segment is an Elf64_Phdr.
type segment struct {
	typ    elf.ProgType
	flags  elf.ProgFlag
	off    uint64
	vaddr  uint64
	filesz uint64
	memsz  uint64
	align  uint64
}

func isELF(head []byte) bool { return len(head) >= 4 && string(head[:4]) == elf.ELFMAG }

// parseHeader reads an ELF header; what lies behind the end of b counts as zero,
// as it does for the kernel. In the header of a 32-bit or big-endian file only
// class, data, typ and machine are meaningful.
func parseHeader(b []byte) header {
	var full [ehdrSize]byte
	copy(full[:], b)
	b = full[:]
	h := header{class: elf.Class(b[elf.EI_CLASS]), data: elf.Data(b[elf.EI_DATA])}
	var order binary.ByteOrder = binary.LittleEndian
	if h.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	h.typ = elf.Type(order.Uint16(b[16:]))
	h.machine = elf.Machine(order.Uint16(b[18:]))
	h.entry = order.Uint64(b[24:])
	h.phoff = order.Uint64(b[32:])
	h.flags = order.Uint32(b[48:])
	h.phent = int(order.Uint16(b[54:]))
	h.phnum = int(order.Uint16(b[56:]))
	return h
}

// readSegments reads the program headers of a little-endian 64-bit file.
func readSegments(r io.ReaderAt, h *header, page pageSize) ([]segment, error) {
	maxPhdrs := min(int(page), 1<<16) / phdrSize // the kernel wants them to fit into a page
	switch {
	case h.phent != phdrSize:
		return nil, fmt.Errorf("ELF program headers of %d bytes, not %d", h.phent, phdrSize)
	case h.phnum == 0:
		return nil, errors.New("no ELF program headers")
	case h.phnum > maxPhdrs:
		return nil, fmt.Errorf("%d ELF program headers, more than Linux's %d", h.phnum, maxPhdrs)
	}
	b := make([]byte, h.phnum*phdrSize)
	if err := readFull(r, b, h.phoff); err != nil {
		return nil, fmt.Errorf("%w ELF program headers", err)
	}
	segs := make([]segment, h.phnum)
	for i := range segs {
		segs[i] = parseSegment(b[i*phdrSize:])
	}
	return segs, nil
}

func parseSegment(b []byte) segment {
	le := binary.LittleEndian
	return segment{
		typ:    elf.ProgType(le.Uint32(b)),
		flags:  elf.ProgFlag(le.Uint32(b[4:])),
		off:    le.Uint64(b[8:]),
		vaddr:  le.Uint64(b[16:]),
		filesz: le.Uint64(b[32:]),
		memsz:  le.Uint64(b[40:]),
		align:  le.Uint64(b[48:]),
	}
}

var (
	errTruncated  = errors.New("truncated")
	errUnreadable = errors.New("unreadable")
)

// readFull fills b from offset off. The error is errTruncated or errUnreadable.
func readFull(r io.ReaderAt, b []byte, off uint64) error {
	if off+uint64(len(b)) < off || int64(off) < 0 {
		return errTruncated
	}
	switch n, err := r.ReadAt(b, int64(off)); {
	case n == len(b):
		return nil
	case err == io.EOF:
		return errTruncated
	}
	return errUnreadable
}

// interpreter returns the path in the first PT_INTERP segment, or "".
func interpreter(r io.ReaderAt, segs []segment) (string, *Error) {
	for _, s := range segs {
		if s.typ != elf.PT_INTERP {
			continue
		}
		if s.filesz < 2 || s.filesz > pathMax {
			return "", &Error{Msg: fmt.Sprintf("interpreter path of %d bytes in PT_INTERP", s.filesz), Errno: _ENOEXEC}
		}
		b := make([]byte, s.filesz)
		if err := readFull(r, b, s.off); err != nil {
			return "", &Error{Msg: fmt.Sprintf("%v interpreter path in PT_INTERP", err), Errno: _EIO}
		}
		if b[len(b)-1] != 0 {
			return "", &Error{Msg: "interpreter path in PT_INTERP does not end in NUL", Errno: _ENOEXEC}
		}
		return cString(b), nil
	}
	return "", nil
}

// cString is the part of b before the first NUL.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// mappingSize is the distance from the first to behind the last byte of all
// PT_LOAD segments, starting at a page; 0 if there are none.
func mappingSize(segs []segment, page pageSize) uint64 {
	lo, hi := ^uint64(0), uint64(0)
	for _, s := range segs {
		if s.typ == elf.PT_LOAD {
			lo = min(lo, page.down(s.vaddr))
			hi = max(hi, s.vaddr+s.memsz)
		}
	}
	if hi <= lo {
		return 0
	}
	return hi - lo
}

// maxAlign is the largest p_align of the PT_LOAD segments, at least a page.
// Values that are no power of two are invalid and ignored.
func maxAlign(segs []segment, page pageSize) uint64 {
	align := uint64(page)
	for _, s := range segs {
		if s.typ == elf.PT_LOAD && s.align&(s.align-1) == 0 {
			align = max(align, s.align)
		}
	}
	return align
}

// checkLoads refuses what could never be mapped into an address space that ends
// at limit. Addresses count from base.
func checkLoads(segs []segment, base, limit uint64, page pageSize) error {
	loads := 0
	for i, s := range segs {
		if s.typ != elf.PT_LOAD {
			continue
		}
		loads++
		addr := s.vaddr - base
		switch {
		case s.filesz > s.memsz:
			return fmt.Errorf("ELF segment %d is larger in the file (%#x) than in memory (%#x)", i, s.filesz, s.memsz)
		case s.memsz > limit || addr > limit-s.memsz || addr >= limit:
			return fmt.Errorf("ELF segment %d (%#x bytes at %#x) lies outside the address space", i, s.memsz, s.vaddr)
		case s.filesz > 0 && page.offset(s.off) != page.offset(s.vaddr):
			return fmt.Errorf("ELF segment %d: file offset %#x and address %#x differ within a page of %#x bytes", i, s.off, s.vaddr, uint64(page))
		}
	}
	if loads == 0 || mappingSize(segs, page) == 0 {
		return errors.New("no ELF segments to load")
	}
	return nil
}

// stackExec reports whether the program asks for an executable stack.
func stackExec(segs []segment) bool {
	exec := false
	for _, s := range segs {
		if s.typ == elf.PT_GNU_STACK {
			exec = s.flags&elf.PF_X != 0
		}
	}
	return exec
}

// pageSize is the guest's page size, a power of two.
type pageSize uint64

// maxPage is the largest page size there is.
const maxPage pageSize = 64 << 10

func (p pageSize) down(n uint64) uint64   { return n &^ (uint64(p) - 1) }
func (p pageSize) up(n uint64) uint64     { return p.down(n + uint64(p) - 1) }
func (p pageSize) offset(n uint64) uint64 { return n & (uint64(p) - 1) }
