//go:build linux && amd64

package engine

import (
	"bytes"
	"debug/elf"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
)

// hostVDSO returns the host's functions for those of the guest's vdso, by their addresses; none if there are none.
// vdso(7) has their names. Children of a fork have them at the same addresses.
var hostVDSO = sync.OnceValue(func() (at jit.Functions) {
	base := vdsoBase()
	if base == nil {
		return at
	}
	image := unsafe.Slice((*byte)(base), vdsoSize(base))
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return at
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return at
	}
	for f := range at {
		for _, s := range symbols {
			if ir.Function(f).OfVDSO() && s.Name == "__vdso_"+ir.Function(f).String() && s.Value < uint64(len(image)) {
				at[f] = uintptr(base) + uintptr(s.Value)
			}
		}
	}
	return at
})

// auxVDSO is AT_SYSINFO_EHDR, of linux/auxvec.h.
const auxVDSO = 33

// vdsoBase is where the kernel has put its vdso, or nil.
func vdsoBase() unsafe.Pointer {
	aux, _ := unix.Auxv()
	for _, v := range aux {
		if v[0] == auxVDSO {
			return *(*unsafe.Pointer)(unsafe.Pointer(&v[1]))
		}
	}
	return nil
}

// vdsoSize is the size of the vdso in bytes: it ends with its section headers, or its only segment.
func vdsoSize(base unsafe.Pointer) (size uintptr) {
	h := (*elf.Header64)(base)
	size = uintptr(h.Shoff) + uintptr(h.Shentsize)*uintptr(h.Shnum)
	for n := range h.Phnum {
		p := (*elf.Prog64)(unsafe.Add(base, uintptr(h.Phoff)+uintptr(n)*unsafe.Sizeof(elf.Prog64{})))
		if elf.ProgType(p.Type) == elf.PT_LOAD {
			size = max(size, uintptr(p.Off+p.Filesz))
		}
	}
	return size
}
