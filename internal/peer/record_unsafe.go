//go:build linux && amd64

package peer

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapRecord makes memory for the record at its place, or returns nil if something
// else is there.
func mapRecord() *record {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE | unix.MAP_FIXED_NOREPLACE
	p, _, e := syscall.RawSyscall6(unix.SYS_MMAP, Addr, unsafe.Sizeof(record{}), unix.PROT_READ|unix.PROT_WRITE, flags, ^uintptr(0), 0)
	if e != 0 {
		return nil
	}
	if p != Addr { // Linux before 4.17 takes the flag for a hint
		_, _, _ = syscall.RawSyscall(unix.SYS_MUNMAP, p, unsafe.Sizeof(record{}), 0)
		return nil
	}
	return (*record)(*(*unsafe.Pointer)(unsafe.Pointer(&p)))
}

// bytesOf is the memory of v, which holds no pointers.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// slots makes room for n threads, and returns them as bytes too.
func slots(n uint32) ([]Thread, []byte) {
	s := make([]Thread, n)
	return s, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), uintptr(n)*unsafe.Sizeof(Thread{}))
}

// listBytes is the memory of runs.
func listBytes(list []run) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), uintptr(len(list))*unsafe.Sizeof(run{}))
}
