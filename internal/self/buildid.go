//go:build linux

package self

import (
	"debug/elf"
	"unsafe"
)

// Types of entries of the auxiliary vector.
const (
	atPhent = 4
	atPhnum = 5
)

// BuildID tells this executable from all that were built from other source text, or otherwise: it is the notes that its linker has
// made of that. It is nil if there are none (-ldflags=-buildid=). The caller must not change it.
func BuildID() []byte {
	phdr := aux(atPhdr)
	if phdr == 0 || aux(atPhent) != unsafe.Sizeof(elf.Prog64{}) {
		return nil
	}
	var bias, at, size uintptr
	for _, p := range unsafe.Slice((*elf.Prog64)(pointer(phdr)), int(aux(atPhnum))) {
		switch elf.ProgType(p.Type) {
		case elf.PT_PHDR:
			bias = phdr - uintptr(p.Vaddr)
		case elf.PT_NOTE:
			at, size = uintptr(p.Vaddr), uintptr(p.Filesz)
		}
	}
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(bias+at)), int(size))
}
