package unwind

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// CFI is the call frame information of a file.
type CFI struct {
	order   binary.ByteOrder
	entries []entry // by start
	rows    map[uint64]*row
}

// entry is an FDE: how to unwind the code from start up to end.
type entry struct {
	start, end uint64
	code       []byte // instructions
	cie        *cie
}

// cie is what entries have in common.
type cie struct {
	code       []byte
	codeAlign  uint64
	dataAlign  int64
	ra         int
	encoding   uint8 // of addresses
	augmented  bool  // entries have augmentation data
	signal     bool  // of a signal handler's frame
	unreadable bool
}

// ReadCFI reads that of a file; nil if it has none. What is malformed is left out.
func ReadCFI(f *elf.File) *CFI {
	c := &CFI{order: f.ByteOrder, rows: map[uint64]*row{}}
	for _, name := range []string{".eh_frame", ".debug_frame"} {
		s := f.Section(name)
		if s == nil || s.Type == elf.SHT_NOBITS || f.Class != elf.ELFCLASS64 {
			continue
		}
		data, err := s.Data()
		if err == nil {
			c.section(data, s.Addr, name == ".eh_frame")
		}
	}
	if len(c.entries) == 0 {
		return nil
	}
	slices.SortStableFunc(c.entries, func(a, b entry) int { return cmp.Compare(a.start, b.start) })
	return c
}

// section reads a section that lies at base. eh tells .eh_frame from .debug_frame, which differ in details.
func (c *CFI) section(data []byte, base uint64, eh bool) {
	cies := map[int]*cie{}
	r := &reader{b: data, order: c.order}
	for r.off < len(data) {
		at := r.off
		n, wide := uint64(r.u32()), false
		if n == 0xffffffff {
			n, wide = r.u64(), true
		}
		if n == 0 {
			if eh {
				return
			}
			continue
		}
		begin := r.off
		if r.bad || n > uint64(len(data)-begin) {
			return
		}
		end := begin + int(n)
		body := &reader{b: data[:end], order: c.order, off: begin}
		id := c.id(body, wide)
		if isCIE := id == 0 && eh || !eh && (id == 0xffffffff && !wide || id == ^uint64(0)); isCIE {
			cies[at] = readCIE(body, eh)
		} else {
			if eh {
				id = uint64(begin) - id
			}
			if e, ok := readFDE(body, cies[int(id)], base); ok {
				c.entries = append(c.entries, e)
			}
		}
		r.off = end
	}
}

func (c *CFI) id(r *reader, wide bool) uint64 {
	if wide {
		return r.u64()
	}
	return uint64(r.u32())
}

func readCIE(r *reader, eh bool) *cie {
	c := &cie{}
	version := r.u8()
	augmentation := r.cstring()
	if version >= 4 && !eh {
		r.take(2) // sizes of addresses and segment selectors
	}
	c.codeAlign, c.dataAlign = r.uleb(), r.sleb()
	if version == 1 {
		c.ra = int(r.u8())
	} else {
		c.ra = int(r.uleb())
	}
	if augmentation != "" {
		c.augment(r, augmentation)
	}
	c.code = r.b[r.off:]
	c.unreadable = c.unreadable || r.bad
	return c
}

// augment reads augmentation data.
func (c *cie) augment(r *reader, augmentation string) {
	if augmentation[0] != 'z' {
		c.unreadable = true
		return
	}
	c.augmented = true
	n := r.uleb()
	if n > uint64(len(r.b)-r.off) {
		c.unreadable = true
		return
	}
	end := r.off + int(n)
	for _, what := range augmentation[1:] {
		switch what {
		case 'R':
			c.encoding = r.u8()
		case 'L':
			r.u8()
		case 'P':
			r.pointer(r.u8()&^peRelative, 0)
		case 'S':
			c.signal = true
		case 'B', 'G':
		default:
			r.off = end // what is behind it is not known
			return
		}
	}
	r.off = end
}

func readFDE(r *reader, c *cie, base uint64) (e entry, ok bool) {
	if c == nil || c.unreadable {
		return e, false
	}
	e.cie = c
	e.start = r.pointer(c.encoding, base)
	e.end = e.start + r.pointer(c.encoding&peFormat, 0)
	if c.augmented {
		r.take(int(min(r.uleb(), uint64(len(r.b)))))
	}
	e.code = r.b[r.off:]
	return e, !r.bad && e.start < e.end
}

// find is the entry for an address, or nil.
func (c *CFI) find(addr uint64) *entry {
	i, found := slices.BinarySearchFunc(c.entries, addr, func(e entry, a uint64) int { return cmp.Compare(e.start, a) })
	if !found {
		i--
	}
	// Of several for one address the first: .eh_frame's.
	for i > 0 && c.entries[i-1].start == c.entries[max(i, 0)].start {
		i--
	}
	if i < 0 || addr >= c.entries[i].end {
		return nil
	}
	return &c.entries[i]
}

// Function is the code that one entry is about.
func (c *CFI) Function(addr uint64) (start, end uint64, ok bool) {
	e := c.find(addr)
	if e == nil {
		return 0, 0, false
	}
	return e.start, e.end, true
}
