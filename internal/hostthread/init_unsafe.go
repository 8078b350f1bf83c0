//go:build linux && amd64

package hostthread

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// runtimeClone is what the runtime's own code knows as clone. Naming it here makes
// the linker provide a wrapper for Go's calling convention, which calls the function.
//
//go:linkname runtimeClone runtime.clone
func runtimeClone(flags int32, stk, mp, gp, fn unsafe.Pointer) int32

// Offsets in the runtime's m and g; the code of clone, which Init looks at, has them.
const (
	procidOffset = 0x40
	tlsOffset    = 0x80
)

// cloneCode is the beginning of the function: it loads its arguments from the stack,
// and takes the address of an m's tls.
var cloneCode = []byte{
	0x8b, 0x7c, 0x24, 0x08, // MOVL 8(SP), DI: flags
	0x48, 0x8b, 0x74, 0x24, 0x10, // MOVQ 16(SP), SI: stk
	0x48, 0xc7, 0xc2, 0, 0, 0, 0, // MOVQ $0, DX
	0x49, 0xc7, 0xc2, 0, 0, 0, 0, // MOVQ $0, R10
	0x49, 0xc7, 0xc0, 0, 0, 0, 0, // MOVQ $0, R8
	0x4c, 0x8b, 0x6c, 0x24, 0x18, // MOVQ 24(SP), R13: mp
	0x4c, 0x8b, 0x4c, 0x24, 0x20, // MOVQ 32(SP), R9: gp
	0x4c, 0x8b, 0x64, 0x24, 0x28, // MOVQ 40(SP), R12: fn
	0x49, 0x83, 0xfd, 0x00, 0x74, 0x18, // CMPQ R13, $0; JEQ
	0x49, 0x83, 0xf9, 0x00, 0x74, 0x12, // CMPQ R9, $0; JEQ
	0x4d, 0x8d, 0x85, tlsOffset, 0, 0, 0, // LEAQ m_tls(R13), R8
	0x49, 0x83, 0xc0, 0x08, // ADDQ $8, R8
}

// procidCode is further on: how a new thread sets its m's procid, and g its m.
var procidCode = []byte{0x0f, 0x05, 0x49, 0x89, 0x45, procidOffset} // SYSCALL; MOVQ AX, m_procid(R13)

// cloneSize is how much of the function both are in.
const cloneSize = 0xa0

var errRuntime = errors.New("this version of Go makes its threads differently")

// Init makes the reserve what the runtime's threads come from. An error means that
// it has none.
var Init = sync.OnceValue(setUp)

func setUp() error {
	target := findClone()
	if target == 0 {
		return errRuntime
	}
	jump := [8]byte{0xe9} // JMP rel32; the rest of the word is never executed
	copy(jump[5:], cloneCode[5:8])
	distance := int64(cloneAddr()) - int64(target+5)
	if distance != int64(int32(distance)) || target%8 != 0 {
		return errRuntime
	}
	binary.LittleEndian.PutUint32(jump[1:], uint32(distance))
	return patch(target, binary.LittleEndian.Uint64(jump[:]))
}

// findClone returns the address of the runtime's function, or 0: the wrapper calls it.
func findClone() uintptr {
	f := runtimeClone
	wrapper := **(**uintptr)(unsafe.Pointer(&f))
	const call = 0xe8 // CALL rel32
	text := code(wrapper, 96)
	for i, b := range text[:len(text)-5] {
		target := wrapper + uintptr(i) + 5 + uintptr(int32(binary.LittleEndian.Uint32(text[i+1:])))
		if b == call && isClone(target) {
			return target
		}
	}
	return 0
}

// isClone looks at what is at an address, which may be anything.
func isClone(at uintptr) bool {
	f := runtime.FuncForPC(at)
	if f == nil || f.Entry() != at || f.Name() != "runtime.clone" {
		return false
	}
	text := code(at, cloneSize)
	return bytes.HasPrefix(text, cloneCode) && bytes.Contains(text, procidCode)
}

// code is memory that is not Go's.
func code(at uintptr, n int) []byte { return unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), n) }

// patch writes a word of code, at once for whoever executes it just now.
func patch(at uintptr, word uint64) error {
	const pageSize = 4096
	start := at &^ (pageSize - 1)
	page := code(start, int(at+8-start))
	if err := unix.Mprotect(page, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC); err != nil {
		return err
	}
	atomic.StoreUint64(*(**uint64)(unsafe.Pointer(&at)), word)
	return unix.Mprotect(page, unix.PROT_READ|unix.PROT_EXEC)
}

// cloneAddr is the address of the function that takes the place of the runtime's.
func cloneAddr() uintptr
