package loader

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hospes-vm/hospes/internal/mem"
)

// sigReturnNames are what architectures call the return path of signal handlers.
var sigReturnNames = []string{"__vdso_rt_sigreturn", "__kernel_rt_sigreturn"}

// mapVDSO puts the architecture's vdso into the address space. Its image is part
// of hospes: file offsets in it are addresses.
func (l *load) mapVDSO() error {
	image := l.vdso
	if len(image) == 0 {
		return nil
	}
	sigReturn, err := sigReturnOffset(image)
	if err != nil {
		return err
	}
	n := uint64(len(image))
	r := mem.Request{Len: n, Prot: mem.Read | mem.Write, Name: "[vdso]"}
	if l.p.cfg.Compact {
		r.Addr, r.Flags = l.img.StackEnd, mem.MapFixedNoReplace
	}
	at, err := l.as.Mmap(r)
	if err != nil {
		return fmt.Errorf("cannot map the vdso: %w", err)
	}
	if f := l.as.CopyOut(at, image); f != nil {
		return fmt.Errorf("cannot write the vdso: %w", f)
	}
	if err := l.as.Mprotect(at, n, mem.Read|mem.Exec); err != nil {
		return fmt.Errorf("cannot protect the vdso: %w", err)
	}
	l.img.VDSO = at
	l.img.SigReturn = at + sigReturn
	return nil
}

// lastVDSO is what sigReturnOffset has found last. Most programs get the same image.
var lastVDSO atomic.Pointer[struct {
	image  []byte
	offset uint64
}]

// sigReturnOffset finds the function that returns from signal handlers.
func sigReturnOffset(image []byte) (uint64, error) {
	if last := lastVDSO.Load(); last != nil && bytes.Equal(last.image, image) {
		return last.offset, nil
	}
	offset, err := findSigReturn(image)
	if err == nil {
		lastVDSO.Store(&struct {
			image  []byte
			offset uint64
		}{bytes.Clone(image), offset})
	}
	return offset, err
}

func findSigReturn(image []byte) (uint64, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, fmt.Errorf("vdso: %w", err)
	}
	syms, err := f.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("vdso: %w", err)
	}
	for _, s := range syms {
		if slices.Contains(sigReturnNames, s.Name) {
			return s.Value, nil
		}
	}
	return 0, fmt.Errorf("vdso: no %s", sigReturnNames[0])
}
