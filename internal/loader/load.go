package loader

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Image describes a loaded process. All addresses are the guest's.
type Image struct {
	Entry uint64 // where execution starts: in the interpreter if there is one
	SP    uint64 // initial stack pointer, a multiple of 16

	ProgramEntry uint64 // AT_ENTRY
	Bias         uint64 // what was added to the program's addresses; 0 unless position-independent
	InterpBase   uint64 // AT_BASE: the same for the interpreter; 0 without one
	Phdr         uint64 // AT_PHDR
	Brk          uint64 // where the heap starts
	VDSO         uint64 // AT_SYSINFO_EHDR
	SigReturn    uint64 // the vdso's rt_sigreturn: where signal handlers return to

	// Fields of /proc/pid/stat.
	StartCode, EndCode uint64
	StartData, EndData uint64

	StackStart, StackEnd uint64 // the area mapped for the stack at first
	ArgStart, ArgEnd     uint64 // argument strings (/proc/pid/cmdline)
	EnvStart, EnvEnd     uint64 // environment strings (/proc/pid/environ)
	AuxvAddr             uint64
	Auxv                 []byte // with AT_NULL (/proc/pid/auxv)

	Exe     string // absolute path of the ELF program as the guest sees it (/proc/self/exe)
	ExeHost string // the same on the host
	Argv    []string
}

// load is the state of one Program.Load.
type load struct {
	p    *Program
	as   *mem.Space
	page pageSize
	img  *Image
	vdso []byte
}

// Load makes the image of p in as, which must be empty and have the limit and
// page size that Probe was given. It closes p's files. The error is an *Error; as is in an
// undefined state then.
func (p *Program) Load(as *mem.Space) (*Image, error) {
	defer p.Close()
	l := &load{p: p, as: as, page: p.cfg.page(), img: &Image{Exe: p.main.path, ExeHost: p.main.host, Argv: p.argv}}
	l.vdso = p.cfg.Arch.VDSO(as)
	for _, step := range []func() error{l.mapStack, l.mapMain, l.mapInterp, l.mapVDSO, l.buildStack} {
		if err := step(); err != nil {
			return nil, &Error{Path: p.cfg.Path, Msg: err.Error(), Errno: loadErrno(err)}
		}
	}
	as.SetBrk(l.img.Brk, l.img.EndData-l.img.StartData)
	return l.img, nil
}

// loadErrno is the errno of a failed step: that of mmap, or EFAULT where memory
// that should be there could not be written.
func loadErrno(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return _EFAULT
}

// dynBase is where Linux puts position-independent programs (ELF_ET_DYN_BASE).
func dynBase(as *mem.Space) uint64 { return as.Top() / 3 * 2 }

// mapMain maps the program (load_elf_binary).
func (l *load) mapMain() error {
	b, img := l.p.main, l.img
	bias, flags := uint64(0), mem.MapFixedNoReplace|mem.MapLow
	if b.hdr.typ == elf.ET_DYN {
		var err error
		if bias, flags, err = l.placeMain(); err != nil {
			return err
		}
	}
	bias, err := l.mapObject(b, bias, flags)
	if err != nil {
		return err
	}
	for _, s := range b.segs {
		if isLoad(s) {
			l.noteSegment(s)
		}
	}
	img.Bias = bias
	for _, a := range []*uint64{&img.StartCode, &img.EndCode, &img.StartData, &img.EndData, &img.Phdr, &img.Brk} {
		*a += bias
	}
	img.Brk = l.page.up(img.Brk)
	if b.hdr.typ == elf.ET_DYN && l.p.interp == nil {
		// A static PIE lies in the mmap area, where a heap could not grow.
		img.Brk = l.page.up(dynBase(l.as))
	}
	img.Brk = pageSize(l.as.Granule()).up(img.Brk) // in host pages of its own
	img.ProgramEntry = b.hdr.entry + bias
	img.Entry = img.ProgramEntry
	if l.p.interp == nil && img.Entry >= l.as.Limit() {
		return fmt.Errorf("ELF entry point %#x lies outside the address space: %w", img.Entry, _EINVAL)
	}
	return nil
}

// placeMain chooses the bias of a position-independent program and how its first
// segment is to be mapped. With an interpreter it goes to dynBase; without one
// it is a static PIE or the interpreter itself, started by hand, and goes
// wherever mmap finds room, so that it is out of the way of what it may load.
func (l *load) placeMain() (bias uint64, flags mem.Flags, err error) {
	segs := l.p.main.segs
	align := maxAlign(segs, l.page)
	if l.p.interp != nil {
		first := segs[slices.IndexFunc(segs, isLoad)]
		return l.page.down(dynBase(l.as)&^(align-1) - first.vaddr), mem.MapFixedNoReplace, nil
	}
	base := l.p.main.base()
	if align <= uint64(l.page) {
		return -base, 0, nil
	}
	// Mmap knows no alignment: look for room with slack enough.
	size := mappingSize(segs, l.page)
	if size+align < size {
		return 0, 0, fmt.Errorf("ELF segment alignment %#x: %w", align, syscall.ENOMEM)
	}
	at, err := l.as.Mmap(mem.Request{Len: size + align, Flags: mem.MapNoReserve})
	if err != nil {
		return 0, 0, fmt.Errorf("no room for %#x bytes aligned to %#x: %w", size, align, err)
	}
	if err := l.as.Munmap(at, size+align); err != nil {
		return 0, 0, err
	}
	return (at+align)&^(align-1) - base, mem.MapFixedNoReplace, nil
}

// mapObject maps the segments of b, the first one as flags say and the others at
// their places after it. It returns the bias: for a position-independent object
// that follows from where the first segment has come to lie.
func (l *load) mapObject(b *object, bias uint64, flags mem.Flags) (uint64, error) {
	first, total := true, uint64(0)
	if b.hdr.typ == elf.ET_DYN {
		total = mappingSize(b.segs, l.page)
	}
	for i, s := range b.segs {
		if !isLoad(s) {
			continue
		}
		at, err := l.mapSegment(b, i, bias+s.vaddr, flags, total)
		if err != nil {
			return 0, err
		}
		if first && b.hdr.typ == elf.ET_DYN {
			bias = at - l.page.down(s.vaddr)
		}
		first, flags, total = false, mem.MapFixed|flags&mem.MapLow, 0
	}
	return bias, nil
}

// noteSegment extends the ranges that Image reports by a segment of the program,
// without the bias.
func (l *load) noteSegment(s segment) {
	img := l.img
	if phoff := l.p.main.hdr.phoff; s.off <= phoff && phoff-s.off < s.filesz {
		img.Phdr = phoff - s.off + s.vaddr
	}
	if s.flags&elf.PF_X != 0 {
		if img.EndCode == 0 || s.vaddr < img.StartCode {
			img.StartCode = s.vaddr
		}
		img.EndCode = max(img.EndCode, s.vaddr+s.filesz)
	}
	img.StartData = max(img.StartData, s.vaddr)
	img.EndData = max(img.EndData, s.vaddr+s.filesz)
	img.Brk = max(img.Brk, s.vaddr+s.memsz)
}

// mapInterp maps the interpreter and makes it the entry point (load_elf_interp).
func (l *load) mapInterp() error {
	b := l.p.interp
	if b == nil {
		return nil
	}
	bias, flags := uint64(0), mem.MapFixed
	if b.hdr.typ == elf.ET_DYN {
		bias, flags = -b.base(), 0
	}
	bias, err := l.mapObject(b, bias, flags)
	if err != nil {
		return fmt.Errorf("interpreter %s: %w", b.name, err)
	}
	l.img.InterpBase = bias
	l.img.Entry = b.hdr.entry + bias
	if l.img.Entry >= l.as.Limit() {
		return fmt.Errorf("interpreter %s: ELF entry point %#x lies outside the address space: %w", b.name, l.img.Entry, _EINVAL)
	}
	return nil
}
