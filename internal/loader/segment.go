package loader

import (
	"debug/elf"
	"fmt"

	"github.com/hospes-vm/hospes/internal/mem"
)

// segmentProt is the protection that a segment's flags ask for.
func segmentProt(flags elf.ProgFlag) mem.Prot {
	prot := mem.None
	if flags&elf.PF_R != 0 {
		prot |= mem.Read
	}
	if flags&elf.PF_W != 0 {
		prot |= mem.Write
	}
	if flags&elf.PF_X != 0 {
		prot |= mem.Exec
	}
	return prot
}

// mapSegment maps segment i of b at addr, which need not be page-aligned, and
// returns the address of its first page (elf_load in Linux's fs/binfmt_elf.c).
// A total that is not 0 is the size of the whole image: so much room is looked
// for, though only this segment is mapped.
//
// The part of the segment that the file does not have reads as zero: the rest
// of the last page is cleared, what follows is anonymous memory.
func (l *load) mapSegment(b *object, i int, addr uint64, flags mem.Flags, total uint64) (uint64, error) {
	s := b.segs[i]
	prot := segmentProt(s.flags)
	inPage := l.page.offset(s.vaddr)
	page := l.page.down(addr)
	if s.filesz > 0 {
		at, err := l.mapFile(b, s, page, prot, flags, total)
		if err != nil {
			return 0, fmt.Errorf("cannot map ELF segment %d (%#x bytes at %#x): %w", i, s.memsz, addr, err)
		}
		page = at
	}
	if s.memsz == s.filesz {
		return page, nil
	}
	fileEnd, end := page+inPage+s.filesz, page+inPage+s.memsz
	if rest := l.page.offset(fileEnd); s.filesz > 0 && rest != 0 {
		// A segment without write permission cannot be cleared, and need not be.
		if f := l.as.Zero(fileEnd, uint64(l.page)-rest); f != nil && prot&mem.Write != 0 {
			return 0, fmt.Errorf("cannot clear the end of ELF segment %d, the file may be truncated: %w", i, f)
		}
	}
	start := l.page.up(fileEnd)
	if s.filesz == 0 {
		start = page
	}
	if n := l.page.up(end) - start; n > 0 {
		// As the kernel has it: writable whatever the segment's flags say.
		req := mem.Request{Addr: start, Len: n, Prot: mem.Read | mem.Write | prot&mem.Exec, Flags: mem.MapFixed | flags&mem.MapLow}
		if _, err := l.as.Mmap(req); err != nil {
			return 0, fmt.Errorf("cannot map %#x zero bytes of ELF segment %d at %#x: %w", n, i, start, err)
		}
	}
	return page, nil
}

// mapFile maps the pages of s that the file has (elf_map).
func (l *load) mapFile(b *object, s segment, page uint64, prot mem.Prot, flags mem.Flags, total uint64) (uint64, error) {
	inPage := l.page.offset(s.vaddr)
	size := l.page.up(s.filesz + inPage)
	req := mem.Request{
		Addr: page, Len: max(size, l.page.up(total)), Prot: prot, Flags: flags,
		File: b.file, Offset: s.off - inPage,
	}
	at, err := l.as.Mmap(req)
	if err != nil {
		return 0, err
	}
	if req.Len > size {
		err = l.as.Munmap(at+size, req.Len-size)
	}
	return at, err
}
