//go:build linux

// Package self keeps the program's own executable at hand, so that it can be
// started anew whatever becomes of its name: the file may be replaced, /proc may be
// missing, the root directory may be another.
package self

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/reserved"
)

// file is the executable; nil if it is not open.
var file *reserved.Descriptor

// link leads to the executable where /proc is mounted.
const link = "/proc/self/exe"

// FD returns a descriptor of the executable for execveat(2), one of hospes, or -1 if
// the file cannot be found.
func FD() int {
	if file == nil {
		return -1
	}
	return file.Int()
}

// Open makes FD valid, if it is not. It is for the start of the program, before
// anything changes the root directory or the working directory.
func Open() {
	if file != nil {
		return
	}
	exe, err := unix.Open(link, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		if exe = openByName(); exe < 0 {
			return
		}
	}
	keep(exe)
}

// Adopt takes over the descriptor that [Pass] has made in the program before. One
// that is no such file is left alone.
func Adopt(exe int) {
	if isSelf(exe) {
		keep(exe)
	}
}

// keep moves a descriptor out of the guest's way.
func keep(exe int) {
	if d, err := reserved.Keep(exe); err == nil {
		file = d
	}
}

// Address is where the executable has been linked to, or loaded.
func Address() uint64 { return uint64(aux(atPhdr)) &^ 4095 }

// Pass returns a descriptor of the executable that the program which is started next
// gets, for its Adopt, or -1 if that can find the file by itself.
func Pass() int {
	if file == nil || unix.Access(link, unix.X_OK) == nil {
		return -1
	}
	n, err := unix.FcntlInt(uintptr(file.Int()), unix.F_DUPFD, reserved.Base)
	if err != nil {
		return -1
	}
	return n
}

// openByName opens the file by the name with which the kernel has started it, which
// is good until the working directory changes. It returns -1 if that is another one:
// an interpreter gets the name of what it interprets.
func openByName() int {
	exe, err := unix.Open(StartName(), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1
	}
	if !isSelf(exe) {
		_ = unix.Close(exe)
		return -1
	}
	return exe
}

// isSelf reports whether a file is the executable: its first page, which is in memory
// too, has the build ID.
func isSelf(exe int) bool {
	const pageSize = 4096
	phdr := aux(atPhdr)
	if phdr == 0 {
		return false
	}
	start := phdr &^ (pageSize - 1)
	var page [pageSize]byte
	n, err := unix.Pread(exe, page[:], 0)
	if err == unix.EBADF { // or O_PATH
		return isOpenPath(exe)
	}
	return err == nil && n == pageSize && bytes.Equal(page[:], unsafe.Slice((*byte)(pointer(start)), pageSize))
}

// isOpenPath reports whether a descriptor is an O_PATH one of an executable file:
// there is no more to be found out about it.
func isOpenPath(exe int) bool {
	flags, err := unix.FcntlInt(uintptr(exe), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_PATH == 0 {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(exe, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0
}

// pointer is a pointer to what the kernel has put into memory.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }
