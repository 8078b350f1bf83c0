//go:build !linux

package loader

import (
	"os"
	"runtime"

	"github.com/hospes-vm/hospes/internal/mem"
)

// mayExecute reports whether f has an execute permission bit. Windows has none.
func mayExecute(_ File, mode os.FileMode) bool {
	return runtime.GOOS == "windows" || mode&0o111 != 0
}

// realPath is the absolute path of f; name is what it was opened by.
func realPath(_ *os.File, name string) string { return absPath(name) }

// identify describes f for mappings of it; path is the guest's name for it.
func identify(f *os.File, path string) (*mem.File, error) {
	return &mem.File{FD: int(f.Fd()), Path: path}, nil
}
