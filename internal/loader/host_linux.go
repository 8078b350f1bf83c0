package loader

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// mayExecute reports whether the caller has execute permission for f, which
// includes that its file system is not mounted noexec.
func mayExecute(f File, mode os.FileMode) bool {
	host, ok := f.(*os.File)
	if !ok {
		return mode&0o111 != 0
	}
	switch unix.Faccessat(int(host.Fd()), "", unix.X_OK, unix.AT_EMPTY_PATH|unix.AT_EACCESS) {
	case nil:
		return true
	case unix.EACCES:
		return false
	}
	return mode&0o111 != 0 // a kernel before 5.8, or a sandbox, refuses the question
}

// realPath is the path of f as the kernel knows it: absolute and without symbolic
// links, as /proc/pid/exe gives it. name is what f was opened by.
func realPath(f *os.File, name string) string {
	if path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); err == nil && filepath.IsAbs(path) {
		return path
	}
	return absPath(name)
}

// identify describes f for mappings of it; path is the guest's name for it.
func identify(f *os.File, path string) (*mem.File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, err
	}
	return &mem.File{FD: int(f.Fd()), Path: path, Dev: st.Dev, Ino: st.Ino}, nil
}
